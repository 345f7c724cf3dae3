"""Training on nested regions: their loss, the classes that their scores mean, and a start from a network of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import nn

SMOOTHING = 100.0
"""Voxels added to both sides of Dice. A region that a batch lacks then costs what is found of it."""


def region_targets(labels: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """Nested regions of class numbers (B, ...): float32 (B, R, ...), region r where the class is ``order[r]`` or one after it."""
    return torch.stack([torch.isin(labels, torch.tensor(order[rank:], device=labels.device)) for rank in range(len(order))], 1).float()


def region_classes(scores: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
    """The class of each voxel from regions' scores (B, R, ...): the innermost of those likely that nothing further out denies; int64 (B, ...)."""
    depth = (scores > 0).long().cumprod(1).sum(1)
    return torch.tensor([0, *order], device=scores.device)[depth]


class NestedDiceBCE(nn.Module):
    """Sum of MONAI's Dice loss over the batch and binary cross-entropy, of regions' scores (B, R, ...) and class numbers (B, 1, ...).

    Args:
        order: class numbers from the outermost to the innermost.
    """

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = tuple(order)
        self.dice = DiceLoss(sigmoid=True, batch=True, smooth_nr=SMOOTHING, smooth_dr=SMOOTHING)

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        truth = region_targets(labels[:, 0], self.order)
        return self.dice(scores, truth) + F.binary_cross_entropy_with_logits(scores, truth)


class PartialNestedDiceBCE(nn.Module):
    """The same of bit masks (B, ...) of the classes each voxel may be; where that leaves open whether it is in a region, the region is not judged there.

    Args:
        order: class numbers from the outermost to the innermost.
    """

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.inside = [sum(1 << number for number in order[rank:]) for rank in range(len(order))]

    def forward(self, scores: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
        scores, inside = scores.float(), torch.tensor(self.inside, device=bits.device).view(1, -1, *[1] * (bits.ndim - 1))
        may, must = (bits[:, None] & inside) != 0, (bits[:, None] & ~inside) == 0
        known, truth = (must | ~may).float(), must.float()
        found, axes = scores.sigmoid() * known, [0, *range(2, scores.ndim)]
        dice = (2 * (found * truth).sum(axes) + SMOOTHING) / (found.sum(axes) + truth.sum(axes) + SMOOTHING)
        each = F.binary_cross_entropy_with_logits(scores, truth, weight=known, reduction="sum")
        return 1 - dice.mean() + each / known.sum().clamp_min(1)


def take_over(network: nn.Module, former: nn.Module, order: Sequence[int]) -> None:
    """Gives a DynUNet of regions the weights of one of classes, in place.

    The last layer's row of a region becomes the mean of its classes' rows less the mean of all others'.
    """
    state, last = dict(former.state_dict()), "output_block.conv.conv."
    for key in [key for key in state if key.endswith((last + "weight", last + "bias"))]:
        rows, regions = state[key].float(), []
        for rank in range(len(order)):
            inside = torch.zeros(len(rows), dtype=torch.bool)
            inside[list(order[rank:])] = True
            regions.append(rows[inside].mean(0) - rows[~inside].mean(0))
        state[key] = torch.stack(regions)
    network.load_state_dict(state)
