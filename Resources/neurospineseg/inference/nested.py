"""Networks whose output channels are nested regions, each the union of a class and of those that lie further in."""

from __future__ import annotations

import torch

from neurospineseg.models.bundle import ModelSpec


def with_background(scores: torch.Tensor) -> torch.Tensor:
    """Scores (B, C, ...) of regions with a background of score 0 before them, so that they can be blended as classes' scores are."""
    return torch.cat([torch.zeros_like(scores[:, :1]), scores], 1)


def class_probabilities(scores: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """The probabilities of ``spec.network_classes`` from scores (C, ...) that begin with the background's.

    Regions that hold each other cannot be likelier than what holds them, so the running minimum from the outermost is taken; a
    class is likely by what its region has over the next one further in. The classes' probabilities add up to 1.
    """
    if not spec.nested:
        return torch.softmax(scores, 0)
    regions = torch.sigmoid(scores[1:] - scores[:1])
    result = torch.empty_like(scores)
    outer = torch.ones_like(regions[0])
    for number, region in zip((0, *(spec.classes.index(name) for name in spec.nested[:-1])), regions):
        inner = torch.minimum(outer, region)
        result[number] = outer - inner
        outer = inner
    result[spec.classes.index(spec.nested[-1])] = outer
    return result
