"""The losses that recipes name, all on logits (B, C, ...) and bit masks (B, ...) of the classes each voxel may be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss, DiceLoss, FocalLoss, GeneralizedDiceLoss
from torch import nn

from neurospineseg.errors import InputError
from Training.training.nested_regions import NestedDiceBCE, PartialNestedDiceBCE
from Training.training.partial_labels import PartialDiceCE
from Training.training.recipe import Loss

UNKNOWN = -1


def known_classes(bits: torch.Tensor) -> torch.Tensor:
    """The class of each voxel of bit masks, int64 of the same shape; ``UNKNOWN`` where several are allowed."""
    certain = (bits & (bits - 1)) == 0
    return torch.where(certain, torch.log2(bits.float()).round().long(), UNKNOWN)


class FullLabelLoss(nn.Module):
    """A loss that needs to know the class of every voxel.

    Args:
        loss: of logits (B, C, ...) and class numbers (B, 1, ...).
        name: for messages.
    """

    def __init__(self, loss: nn.Module, name: str, classes: int) -> None:
        super().__init__()
        self.loss, self.name, self.classes = loss, name, classes

    def forward(self, scores: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
        labels = known_classes(bits)
        if bool((labels == UNKNOWN).any()):
            raise InputError(
                f"The loss '{self.name}' needs every voxel labeled, this data set leaves some open; set loss.name=marginal_dice_ce."
            )
        return self.loss(scores.float(), labels[:, None])


class BinaryCrossEntropy(nn.Module):
    """Binary cross-entropy of every class against all others."""

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        truth = F.one_hot(labels[:, 0], scores.shape[1]).movedim(-1, 1)
        return F.binary_cross_entropy_with_logits(scores, truth.float())


class CrossEntropy(nn.Module):
    """Cross-entropy over the voxels whose class is known."""

    def __init__(self, weights: torch.Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, scores: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
        labels = known_classes(bits)
        if not bool((labels != UNKNOWN).any()):
            return scores.float().sum() * 0.0
        return F.cross_entropy(scores.float(), labels, weight=self.weights, ignore_index=UNKNOWN)


class DiceFocal(nn.Module):
    """Sum of MONAI's Dice loss (background left out) and its categorical focal loss; MONAI's ``DiceFocalLoss`` has a sigmoid in the latter."""

    def __init__(self, gamma: float, weights: torch.Tensor | None) -> None:
        super().__init__()
        self.dice = DiceLoss(softmax=True, to_onehot_y=True, include_background=False, batch=True)
        self.focal = FocalLoss(use_softmax=True, to_onehot_y=True, gamma=gamma, weight=weights)

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.dice(scores, labels) + self.focal(scores, labels)


def make_loss(loss: Loss, classes: int, nested: Sequence[int] = ()) -> nn.Module:
    """The recipe's loss for a network of that many classes, or of regions of the ``nested`` class numbers, the outermost first.

    Raises:
        InputError: there are not as many class weights as classes.
    """
    weights = None if loss.class_weights is None else torch.tensor(loss.class_weights)
    if weights is not None and len(weights) != classes:
        raise InputError(f"loss.class_weights has {len(weights)} numbers for {classes} classes; give one for each, background first.")
    if loss.name == "marginal_dice_ce" and nested:
        return PartialNestedDiceBCE(nested)
    if loss.name == "marginal_dice_ce":
        return PartialDiceCE(None if weights is None else weights.tolist())
    if loss.name == "cross_entropy":
        return CrossEntropy(weights)
    if loss.name == "nested_dice_bce":
        return FullLabelLoss(NestedDiceBCE(nested), loss.name, classes)
    shared = {"softmax": True, "to_onehot_y": True, "include_background": False}
    made = {
        "bce": BinaryCrossEntropy,
        "dice": lambda: DiceLoss(**shared, batch=True),
        "dice_ce": lambda: DiceCELoss(**shared, batch=True, weight=weights),
        "dice_focal": lambda: DiceFocal(loss.focal_gamma, weights),
        "generalized_dice": lambda: GeneralizedDiceLoss(softmax=True, to_onehot_y=True),
    }[loss.name]()
    return FullLabelLoss(made, loss.name, classes)
