"""A model of nnU-Net's run as ``nnUNetv2_predict`` runs it: crop, scale, resample, windows, and the way back onto the scan's grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid
from neurospineseg.inference.monai_way import painted
from neurospineseg.inference.nnunet_resampling import new_shape, resample_channels
from neurospineseg.inference.nnunet_windows import stage_scores, window_count
from neurospineseg.models.recipe import Intensity, NnunetRecipe, Paint, Stage

LEAST_DEVIATION = 1e-8


def nnunet_classes(
    channels: Sequence[np.ndarray],
    grid: Grid,
    recipe: NnunetRecipe,
    networks: torch.nn.Module,
    device: torch.device,
    progress: Callable[[float], None] = lambda fraction: None,
) -> np.ndarray:
    """The numbers of the classes that the model finds, uint16 (K, J, I) on ``grid``.

    Args:
        channels: arrays (K, J, I) on ``grid``, in the order of the network's input channels.
        networks: a list of stages, each a list of folds, in evaluation mode.
        progress: called with the fraction done; an exception from it ends the run.

    Raises:
        InputError: the model cannot be run on this scan.
    """
    image = np.stack([np.asarray(channel, np.float32) for channel in channels])
    turn = _Turn(grid, recipe)
    data, spacing = turn.there(image), turn.spacing
    inside = ndimage.binary_fill_holes((data != 0).any(0))
    box = bounding_slices(inside)
    if box is None:
        raise InputError("Every voxel of the scan is 0, so that there is nothing to look at; check that the right image was given.")
    data, inside = data[(slice(None), *box)].copy(), inside[box]
    for channel, intensity in zip(data, recipe.intensities):
        channel[:] = scaled(channel, inside, intensity)
    case = _Case(data, inside, spacing, recipe, device, progress)
    labels = np.zeros(turn.shape, np.uint16)
    labels[box] = case.segmented(networks)
    return turn.back(labels)


def scaled(channel: np.ndarray, inside: np.ndarray, how: Intensity) -> np.ndarray:
    """A channel float32 on the scale that the network was trained on.

    Args:
        inside: bool, where any channel is not 0, filled.
    """
    channel = channel.astype(np.float32)
    if how.scheme == "NoNormalization":
        return channel
    if how.scheme == "CTNormalization":
        np.clip(channel, how.percentile_00_5, how.percentile_99_5, out=channel)
        return (channel - np.float32(how.mean)) / np.float32(max(how.std, LEAST_DEVIATION))
    if how.scheme == "RescaleTo01Normalization":
        channel -= channel.min()
        return channel / max(channel.max(), LEAST_DEVIATION)
    if how.masked:
        values = channel[inside]
        channel[inside] = (values - values.mean()) / max(values.std(), LEAST_DEVIATION)
        return channel
    mean, deviation = channel.mean(), channel.std()
    return (channel - mean) / max(deviation, LEAST_DEVIATION)


class _Turn:
    """Between the scan's axes and those of the plans."""

    def __init__(self, grid: Grid, recipe: NnunetRecipe) -> None:
        order, flips = [0, 1, 2], [False] * 3
        if recipe.reorient:
            from nibabel.orientations import io_orientation

            for axis, (target, sign) in enumerate(io_orientation(grid.ijk_to_ras)):
                order[2 - int(target)], flips[2 - int(target)] = 2 - axis, sign < 0
        self._order = [order[axis] for axis in recipe.transpose]
        self._flips = tuple(place for place, axis in enumerate(recipe.transpose) if flips[axis])
        self.spacing = [float(grid.spacing_kji[axis]) for axis in self._order]
        self.shape = tuple(grid.shape[axis] for axis in self._order)

    def there(self, image: np.ndarray) -> np.ndarray:
        """(C, K, J, I) with the plans' axes."""
        return np.flip(image.transpose(0, *(axis + 1 for axis in self._order)), tuple(axis + 1 for axis in self._flips))

    def back(self, labels: np.ndarray) -> np.ndarray:
        """Labels with the plans' axes as (K, J, I)."""
        return np.ascontiguousarray(np.flip(labels, self._flips).transpose(np.argsort(self._order)))


class _Case:
    """A scan that is cropped and scaled, on its way through the stages.

    Args:
        data: float32 (C, *axes).
        inside: bool (*axes), where any channel was not 0.
        spacing: mm along the axes.
    """

    def __init__(
        self,
        data: np.ndarray,
        inside: np.ndarray,
        spacing: list[float],
        recipe: NnunetRecipe,
        device: torch.device,
        progress: Callable[[float], None],
    ) -> None:
        self.data, self.inside, self.spacing, self.recipe, self.device = data, inside, spacing, recipe, device
        self._progress, self._done, self._count = progress, 0, 1

    def segmented(self, networks: torch.nn.Module) -> np.ndarray:
        """The numbers of classes (*axes)."""
        stages = [list(cast("Iterable[torch.nn.Module]", folds)) for folds in cast("Iterable[torch.nn.Module]", networks)]
        shapes = [new_shape(self.inside.shape, self.spacing, self._wanted(stage)) for stage in self.recipe.stages]
        self._count = sum(len(folds) * window_count(shape, stage) for folds, shape, stage in zip(stages, shapes, self.recipe.stages))
        self._progress(0.0)
        found: np.ndarray | None = None
        for folds, shape, stage in zip(stages, shapes, self.recipe.stages):
            found = self._stage(folds, shape, stage, found)
        assert found is not None
        return found

    def _wanted(self, stage: Stage) -> list[float]:
        return [*self.spacing[: 3 - len(stage.spacing)], *stage.spacing]

    def _stage(self, folds: list[torch.nn.Module], shape: tuple[int, ...], stage: Stage, before: np.ndarray | None) -> np.ndarray:
        wanted = self._wanted(stage)
        image = resample_channels(self.data, shape, self.spacing, wanted, stage.data)
        if stage.cascaded and before is not None:
            image = np.concatenate([image, self._one_hot(before, shape, wanted, stage, int(folds_inputs(folds)) - len(image))])
        logits = stage_scores(folds, torch.from_numpy(np.ascontiguousarray(image, np.float32)), stage, self.device, self._tell)
        full = resample_channels(logits.numpy(), self.inside.shape, wanted, self.spacing, stage.probabilities)
        return classes_of(full, self.recipe.paint)

    def _one_hot(self, before: np.ndarray, shape: tuple[int, ...], wanted: list[float], stage: Stage, count: int) -> np.ndarray:
        """What the stage before found, on this one's grid, float32: a channel for each class."""
        labels = before.astype(np.int16)
        labels[(labels == 0) & ~self.inside] = -1
        (moved,) = resample_channels(labels[None], shape, self.spacing, wanted, stage.labels, labels=True)
        return np.stack([moved == number + 1 for number in range(count)]).astype(np.float32)

    def _tell(self) -> None:
        self._done += 1
        self._progress(self._done / self._count)


def folds_inputs(folds: Sequence[torch.nn.Module]) -> int:
    """How many channels a stage's networks take."""
    return next(int(value.shape[1]) for value in folds[0].state_dict().values() if value.ndim > 2)


def classes_of(logits: np.ndarray, paint: Sequence[Paint]) -> np.ndarray:
    """The numbers of classes, uint16 (*axes), of logits (C, *axes): of the highest, or of regions whose sigmoids are over a half."""
    if not paint:
        return logits.argmax(0).astype(np.uint16)
    return painted(torch.sigmoid(torch.from_numpy(logits).float()).numpy(), paint)
