"""Examples to train on: patches of a data set's cases, or drawn ones.

A patch is decided by the seed, the epoch and its number. So the same seed gives the same patches with any number of loading
processes, and a training that goes on after a kill sees what it would have seen. Most drawn examples are cut from a pool of
scans that a process draws and slowly renews; they are the same only for a training of as many processes that was not stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
)
from torch.utils.data import Dataset, Sampler

from neurospineseg.errors import InputError
from neurospineseg.inference.predict import with_coordinates
from neurospineseg.models.bundle import ModelSpec
from Training.training.bilateral import middle_of_half, one_sided_bits
from Training.training.recipe import Augmentation, Recipe
from Training.training.working_cases import WorkingCase

Key = tuple[int, int]
VALIDATION_EPOCH = 2**31
"""The epoch whose examples validate."""


class EpochBatches(Sampler[list[Key]]):
    """Batches of (epoch, number) in which every number below ``count`` comes once an epoch, over all processes together.

    All processes get equally many batches; where the count does not divide, some batches are smaller by one. Batches of one are
    then larger by one, since no process may be left without.

    Args:
        count: examples an epoch.
        batch: largest size.
        rank, world: this process and how many there are.
        shuffle: whether the order differs from epoch to epoch.

    Raises:
        InputError: there are fewer examples than processes.
    """

    def __init__(self, count: int, batch: int, seed: int, rank: int = 0, world: int = 1, shuffle: bool = True) -> None:
        self.count, self.seed, self.rank, self.world, self.shuffle = count, seed, rank, world, shuffle
        if count < world:
            raise InputError(f"There are {count} examples for {world} processes; raise loop.patches_per_case or use fewer processes.")
        self.total = world * min(-(-count // (world * batch)), count // world)
        self.epoch = 0

    @property
    def sampler(self) -> EpochBatches:
        """Itself: Lightning tells the epoch to a batch sampler's ``sampler``, and to nothing else of it."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        order = np.arange(self.count)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        epoch = self.epoch if self.shuffle else VALIDATION_EPOCH
        for numbers in np.array_split(order, self.total)[self.rank :: self.world]:
            yield [(epoch, int(number)) for number in numbers]

    def __len__(self) -> int:
        return self.total // self.world


class Patches(Dataset):
    """Patches of cases on the working grid.

    An item is the image, float32 (C, K, J, I) or, of a 2D network, (C * slices, J, I) without the sliced axis; the bit masks of
    the classes each voxel may be, int64 of the patch's shape; and the example's number. Numbers go round the cases.

    Args:
        cases: at least one.
        augment: None for patches as they are, as validation takes them.
    """

    def __init__(self, cases: Sequence[WorkingCase], spec: ModelSpec, recipe: Recipe, augment: bool) -> None:
        self.cases, self.spec, self.loop, self.seed = cases, spec, recipe.loop, recipe.loop.seed
        self.settings = recipe.augmentation
        self.plane = [axis for axis in range(3) if axis != spec.slice_axis]
        patch = spec.patch if spec.bilateral or recipe.loop.patch is None else np.minimum(spec.patch, recipe.loop.patch)
        self.size = np.array([patch[axis] for axis in self.plane])
        self.augment = augment
        self.bend = bending(self.settings, tuple(int(n) for n in self.size))
        self.shade = shading(self.settings, self.plane)

    def __len__(self) -> int:
        return len(self.cases) * self.loop.patches_per_case

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor, int]:
        epoch, number = key
        rng = np.random.default_rng([self.seed, epoch, number])
        case = self.cases[number % len(self.cases)]
        bent = self.augment and rng.random() < self.settings.chance
        size = 2 * np.ceil(self.size * 0.65).astype(int) if bent else self.size
        middle, lookup, side = self.middle(case, rng), case.lookup, None
        if self.spec.bilateral:
            side = int(rng.integers(2))
            middle = middle_of_half(case.labels.shape, self.spec.patch, side, rng)
            lookup = one_sided_bits(lookup, side)
        image, labels = self.cut(case, middle, size)
        if side == 0:
            image, labels = image[..., ::-1].copy(), labels[..., ::-1].copy()
        data: dict[str, Any] = {"image": torch.from_numpy(image), "labels": torch.from_numpy(labels)[None]}
        if self.augment:
            steps = Compose([*([self.bend] if bent else []), self.shade])
            steps.set_random_state(int(rng.integers(2**31)))
            data = steps(data)
        image, labels = (torch.as_tensor(data[name]) for name in ("image", "labels"))
        bits = torch.from_numpy(lookup)[labels[0].long()]
        image = with_coordinates(image.float()) if self.spec.coordinates else image.float()
        return image.contiguous(), bits.contiguous(), number

    def middle(self, case: WorkingCase, rng: np.random.Generator) -> np.ndarray:
        """The voxel (k, j, i) in the middle of the patch: at or near a labeled one, or anywhere."""
        shape = np.array(case.labels.shape)
        if case.places and rng.random() < self.loop.foreground_share:
            values = sorted(case.places)
            places = case.places[values[int(rng.integers(len(values)))]]
            middle = places[int(rng.integers(len(places)))].copy()
            middle[self.plane] += np.round(rng.uniform(-0.25, 0.25, len(self.plane)) * self.size).astype(int)
        else:
            middle = rng.integers(shape)
        low, high = np.zeros(3, int), np.ones(3, int)
        low[self.plane], high[self.plane] = self.size // 2, self.size - self.size // 2
        return np.where(shape > 2 * low, np.clip(middle, low, np.maximum(shape - high, low)), shape // 2)

    def cut(self, case: WorkingCase, middle: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Image float32 and labels int64 around a voxel, zeros outside the scan."""
        low, high = middle.copy(), middle + 1
        low[self.plane] = middle[self.plane] - size // 2
        high[self.plane] = low[self.plane] + size
        shape = np.array(case.labels.shape)
        inside = tuple(slice(max(0, a), max(0, min(b, n))) for a, b, n in zip(low, high, shape))
        padding = [(max(0, -a), max(0, b - n)) for a, b, n in zip(low, high, shape)]
        labels = np.pad(np.asarray(case.labels[inside], np.int64), padding)
        axis = self.spec.slice_axis
        if axis is None:
            return np.pad(np.asarray(case.image[(slice(None), *inside)], np.float32), [(0, 0), *padding]), labels
        reach = self.spec.slices // 2
        slices = np.clip(np.arange(middle[axis] - reach, middle[axis] + reach + 1), 0, shape[axis] - 1)
        part = [slice(None), *inside]
        part[axis + 1] = slices
        image = np.moveaxis(np.asarray(case.image[tuple(part)], np.float32), axis + 1, 0)
        image = image.reshape(-1, *image.shape[2:])
        return np.pad(image, [(0, 0), *(padding[n] for n in self.plane)]), labels.squeeze(axis)


def bending(settings: Augmentation, size: tuple[int, ...]) -> RandAffined:
    """A random rotation and scaling, cropped to ``size``."""
    turn = np.deg2rad(settings.rotate_degrees)
    return RandAffined(
        keys=("image", "labels"),
        prob=1.0,
        rotate_range=[turn] * (3 if len(size) == 3 else 1),
        scale_range=[settings.scale] * len(size),
        spatial_size=size,
        mode=("bilinear", "nearest"),
        padding_mode="border",
    )


def shading(settings: Augmentation, plane: Sequence[int]) -> Compose:
    """Random mirroring along the axes allowed, noise, blur, gain and gamma."""
    some = settings.chance / 2
    return Compose(
        [
            *(RandFlipd(("image", "labels"), prob=0.5, spatial_axis=plane.index(axis)) for axis in settings.flip if axis in plane),
            RandGaussianNoised("image", prob=some, std=settings.noise),
            RandGaussianSmoothd("image", prob=some, **{f"sigma_{axis}": (0.3, max(0.31, settings.blur)) for axis in "xyz"[: len(plane)]}),
            RandScaleIntensityd("image", factors=settings.contrast, prob=settings.chance),
            RandAdjustContrastd("image", prob=settings.chance, gamma=(1 - settings.contrast, 1 + settings.contrast)),
        ]
    )


class Drawn(Dataset):
    """Drawn examples, ``count`` an epoch; items as those of ``Patches``.

    Args:
        source: has ``example(rng)``, which gives an image and its bit masks.
    """

    def __init__(self, source: Any, count: int, seed: int) -> None:
        self.source, self.count, self.seed = source, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor, int]:
        epoch, number = key
        image, bits = self.source.example(np.random.default_rng([self.seed, epoch, number]))
        return torch.as_tensor(image, dtype=torch.float32), torch.as_tensor(bits, dtype=torch.int64), number


class Kept(Dataset):
    """Examples that are drawn once and then the same in every epoch; those cut from a pool would change with it."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.kept: dict[Key, tuple[torch.Tensor, torch.Tensor, int]] = {}

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor, int]:
        if key not in self.kept:
            self.kept[key] = self.drawn[key]
        return self.kept[key]
