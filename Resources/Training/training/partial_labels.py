"""Dice and cross-entropy where some voxels are known only to be one of several classes.

A voxel's target is a bit mask of the classes it may be. Cross-entropy is taken
of the sum of the allowed classes' probabilities (Shi et al., "Marginal loss and
exclusion loss for partially supervised multi-organ segmentation", Medical Image
Analysis 2021); Dice of a class is taken over the voxels that are decided for it.
"""

from __future__ import annotations

import torch
from torch import nn


def only(labels: torch.Tensor) -> torch.Tensor:
    """The target of fully known labels: bit ``label`` set, int64 of the same shape."""
    return torch.bitwise_left_shift(torch.ones_like(labels, dtype=torch.int64), labels.long())


def any_of(*classes: int) -> int:
    """The target value of a voxel that may be any of ``classes``."""
    return sum(1 << c for c in set(classes))


class PartialDiceCE(nn.Module):
    """Sum of the Dice loss (background left out) and the marginal cross-entropy.

    Args:
        class_weights: optional cross-entropy weight per class, applied where the class is certain.
    """

    def __init__(self, class_weights: list[float] | None = None) -> None:
        super().__init__()
        self.register_buffer("class_weights", torch.tensor(class_weights) if class_weights else None)

    def forward(self, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Args: ``scores`` (B, C, ...) logits; ``target`` (B, ...) int64 bit masks. Returns a scalar."""
        classes = scores.shape[1]
        certain = (target & (target - 1)) == 0
        if bool((certain | (target == (1 << classes) - 1)).all()):
            return self._of_labels(scores, target, certain)
        bits = torch.arange(classes, device=scores.device).view(1, -1, *[1] * (target.ndim - 1))
        allowed = (target[:, None] >> bits) & 1
        log_probability = torch.log_softmax(scores.float(), 1)
        certain = allowed.sum(1, keepdim=True) == 1
        cross_entropy = -torch.logsumexp(log_probability.masked_fill(allowed == 0, -1e4), 1)
        if self.class_weights is not None:
            weight = (allowed * self.class_weights.view(1, -1, *[1] * (target.ndim - 1))).amax(1)
            cross_entropy = cross_entropy * torch.where(certain[:, 0], weight, torch.ones_like(weight))
        decided = (certain | (allowed == 0)).float()[:, 1:]
        truth = (allowed * certain).float()[:, 1:]
        probability = log_probability.exp()[:, 1:] * decided
        axes = [0, *range(2, scores.ndim)]
        overlap = (probability * truth).sum(axes)
        total = probability.sum(axes) + truth.sum(axes)
        present = truth.sum(axes) > 0
        dice = 1 - (2 * overlap + 1.0) / (total + 1.0)
        dice_loss = (dice * present).sum() / present.sum().clamp_min(1)
        return dice_loss + cross_entropy.mean()

    def _of_labels(self, scores: torch.Tensor, target: torch.Tensor, certain: torch.Tensor) -> torch.Tensor:
        """The same in a fraction of the time, where every voxel is known (``certain``, bool (B, ...)) or may be anything."""
        classes = scores.shape[1]
        labels = torch.where(certain, torch.log2(target.float()).round().long(), 0)
        log_probability = torch.log_softmax(scores.float(), 1)
        own = log_probability.gather(1, labels[:, None])[:, 0]
        weight = certain.float() if self.class_weights is None else self.class_weights[labels] * certain
        cross_entropy = -(own * weight).mean()
        known = certain.float()
        voxels = torch.zeros(classes, device=scores.device).index_add(0, labels.flatten(), known.flatten())
        overlap = torch.zeros(classes, device=scores.device).index_add(0, labels.flatten(), (own.exp() * known).flatten())
        found = torch.einsum("bcn,bn->c", log_probability.exp().flatten(2), known.flatten(1))
        present = voxels[1:] > 0
        dice = 1 - (2 * overlap[1:] + 1.0) / (found[1:] + voxels[1:] + 1.0)
        return (dice * present).sum() / present.sum().clamp_min(1) + cross_entropy
