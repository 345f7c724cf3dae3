"""The classes that spine models have, brought to those that numbering works with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from neurospineseg.tasks.class_scores import argmax

PARTS = ("background", "vertebra_body", "vertebra_arch", "disc", "canal", "sacrum")


def standard_parts(probabilities: torch.Tensor, classes: Sequence[str]) -> torch.Tensor:
    """Probabilities of ``PARTS`` from those of a model's own classes; a part that the model does not have is never likely.

    A class ``vertebra`` is body in front of the canal's middle and arch behind it; where no canal was found it is all body.

    Args:
        probabilities: (C, K, J, I), k along S and j along A.
        classes: their names; any of ``PARTS``, or ``vertebra`` in place of its two parts.

    Returns:
        (6, K, J, I).
    """
    if tuple(classes) == PARTS:
        return probabilities
    channel = {name: number for number, name in enumerate(classes)}
    zeros = torch.zeros_like(probabilities[0])
    result = torch.stack([probabilities[channel[name]] if name in channel else zeros for name in PARTS])
    if "vertebra" in channel:
        front = torch.from_numpy(_in_front(probabilities, channel)).to(probabilities.device)
        whole = probabilities[channel["vertebra"]]
        result[1] += whole * front
        result[2] += whole * ~front
    return result


def _in_front(probabilities: torch.Tensor, channel: dict[str, int]) -> np.ndarray:
    """Which voxels lie before the middle of the canal in their slice or the nearest that shows it: bool (K, J, 1)."""
    depth, height = probabilities.shape[1:3]
    canal = (argmax(probabilities) == channel.get("canal", -1)).any(2).cpu().numpy()
    shown = np.flatnonzero(canal.any(1))
    if not len(shown):
        return np.ones((depth, height, 1), bool)
    middles = [np.flatnonzero(canal[k]).mean() for k in shown]
    border = np.interp(np.arange(depth), shown, middles)
    return (np.arange(height)[None, :] > border[:, None])[..., None]
