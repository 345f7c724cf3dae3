"""Normalized scans of spines with their targets, drawn or real, from which the spine models' examples are cut."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import background_value, normalize
from neurospineseg.images.normalization import Normalization
from Training.synthetic.acquisition import artifacts, bias_field, gamma, rician_noise
from Training.synthetic.deform import random_linear
from Training.synthetic.spine import chu2015
from Training.synthetic.spine.canvas import ARCH, BACKGROUND, SACRUM
from Training.synthetic.spine.contrast import paint_spine
from Training.synthetic.spine.curve import LEVELS
from Training.synthetic.spine.drawing import draw_spine
from Training.synthetic.spine.label_map import draw_from_label_map, shapes
from Training.training.partial_labels import any_of, only

BLANKED_SHARE = 0.3
Scan = tuple[torch.Tensor, torch.Tensor]
"""Image float32 and bit masks int64, both (K, J, I)."""


def drawn_scan(rng: np.random.Generator, spacing: tuple[float, float, float], kind: Normalization, artifact_share: float) -> Scan:
    """A drawn field of view: lumbar in half of the cases, anywhere from sacrum to neck otherwise."""
    extent = np.array([rng.uniform(50, 110), rng.uniform(100, 250), rng.uniform(120, 320)])
    form = rng.random()
    if form < 0.15:
        extent = np.array([rng.uniform(90, 150), rng.uniform(90, 150), rng.uniform(90, 200)])
    elif form < 0.3:
        extent = rng.uniform(60, 120, 3)
    shape = tuple(int(n) for n in np.round(extent / spacing)[::-1])
    middle = rng.uniform(10, 130) if rng.random() < 0.55 else rng.uniform(-20, 24 * LEVELS)
    turn = random_linear(rng, 10, scale=0.0, shear=0.0)
    if rng.random() < 0.1:
        turn = random_linear(rng, 30, scale=0.0, shear=0.0)
    spine = draw_spine(rng, shape, spacing, middle, forward=float(rng.uniform(-10, 45)), sideways=float(rng.normal(0, 10)), turn=turn)
    image = paint_spine(rng, spine.tissue, spacing, artifact_share=artifact_share)
    return normalize(image[None], kind)[0], only(torch.from_numpy(spine.classes.astype(np.int64)))


def label_map_scan(rng: np.random.Generator, spacing: tuple[float, float, float], kind: Normalization, artifact_share: float) -> Scan:
    """A spine drawn from a real one's label map; what lies beside the map may be background, arch or sacrum."""
    extent = np.array([rng.uniform(40, 58), rng.uniform(90, 200), rng.uniform(110, 270)])
    if rng.random() < 0.25:
        extent[1:] = rng.uniform(60, 120, 2)
    tissue, classes, unknown = draw_from_label_map(rng, tuple(int(n) for n in np.round(extent / spacing)[::-1]), spacing)
    image = paint_spine(rng, tissue, spacing, artifact_share=artifact_share)
    masks = only(torch.from_numpy(classes.astype(np.int64)))
    masks[torch.from_numpy(unknown) & (masks == any_of(BACKGROUND))] = any_of(BACKGROUND, ARCH, SACRUM)
    return normalize(image[None], kind)[0], masks


def real_scan(
    rng: np.random.Generator,
    case: tuple[torch.Tensor, torch.Tensor, Grid],
    spacing: tuple[float, float, float],
    kind: Normalization,
    artifact_share: float,
) -> Scan:
    """A real scan, slightly turned, scaled, mirrored and cut, its gray values changed."""
    voxels, target, grid = case
    extent = np.minimum(np.array(grid.shape[::-1]) * grid.spacing, [200, rng.uniform(130, 390), rng.uniform(150, 390)])
    middle = grid.center + np.array([0, rng.uniform(-30, 30), rng.uniform(-1, 1) * (grid.shape[0] - extent[2]) / 2])
    axes = random_linear(rng, 8, scale=0.0, shear=0.0)
    step = np.array(spacing) * np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.04, 3))
    place = Grid.canonical(middle, extent, step, axes)
    image = resample(voxels[None], grid, place, fill=background_value(voxels))[0]
    masks = resample(target.float()[None], grid, place, mode="nearest", fill=0)[0].round().long()
    masks[masks == 0] = any_of(BACKGROUND)
    if rng.random() < 0.5:
        image, masks = image.flip(-1), masks.flip(-1)
    sample = image.flatten()[:: max(1, image.numel() // 200_000)]
    foreground = sample[sample > 0.08 * torch.quantile(sample, 0.99)]
    if rng.random() < 0.55:
        image = _remapped(rng, image, foreground)
    noise = float(rng.uniform(0, 0.1)) * float(foreground.median())
    image = artifacts(gamma(bias_field(image, rng, 0.3, 4), rng, 0.25), rng, spacing[::-1], artifact_share)
    image = rician_noise(image, rng, noise)
    return normalize(image[None], kind)[0], masks


def _remapped(rng: np.random.Generator, image: torch.Tensor, foreground: torch.Tensor) -> torch.Tensor:
    """Gray values through a random curve between quantiles of the foreground, so that other contrasts have real texture too."""
    knots = torch.quantile(foreground, torch.tensor([0.1, 0.35, 0.6, 0.85, 0.99])).numpy()
    values = np.concatenate([[0.0], rng.uniform(0.15, 1.0, 5)])
    return torch.from_numpy(np.interp(image.clamp_min(0).numpy(), np.concatenate([[0.0], knots]), values).astype(np.float32)) * float(
        knots[2]
    )


def blank(rng: np.random.Generator, image: torch.Tensor, masks: torch.Tensor) -> None:
    """Zeros, which are background, in place beyond one or two planes near the faces, as where a turned or cropped scan ends."""
    axes = [torch.linspace(-1, 1, n) for n in image.shape]
    for _ in range(int(rng.integers(1, 3))):
        normal = rng.normal(0, 0.12, 3)
        normal[int(rng.integers(3))] = rng.choice([-1.0, 1.0])
        height = sum(axis.view([-1 if a == n else 1 for n in range(3)]) * float(normal[a]) for a, axis in enumerate(axes))
        beyond = height > float(rng.uniform(0.5, 1.0))
        image[beyond], masks[beyond] = 0.0, any_of(BACKGROUND)


class ScanPool:
    """A few scans kept at hand and slowly renewed, so that drawing does not hold up training.

    Args:
        real_share, map_share: chance of a real scan, and of one drawn from a label map, where the data is there.
        artifact_share: of all scans, see ``acquisition.artifacts``.
        size, uses: how many scans are kept, and how many examples are cut for each new one.
    """

    def __init__(
        self,
        spacing: tuple[float, float, float],
        kind: Normalization,
        real_share: float = 0.4,
        map_share: float = 0.3,
        artifact_share: float = 0.15,
        size: int = 16,
        uses: int = 8,
    ) -> None:
        self.spacing, self.kind, self.artifact_share, self.size, self.uses = spacing, kind, artifact_share, size, uses
        self.map_share = map_share if shapes() is not None else 0.0
        self.cases = [chu2015.load(name) for name in chu2015.cases()]
        self.real_share = real_share if self.cases else 0.0
        self.scans: list[Scan] = []
        self.taken = 0

    def take(self, rng: np.random.Generator) -> Scan:
        """One of the scans at hand."""
        if len(self.scans) < self.size or self.taken % self.uses == 0:
            source, given = rng.random(), (self.spacing, self.kind, self.artifact_share)
            if source < self.real_share:
                new = real_scan(rng, self.cases[int(rng.integers(len(self.cases)))], *given)
            elif source < self.real_share + self.map_share:
                new = label_map_scan(rng, *given)
            else:
                new = drawn_scan(rng, *given)
            if rng.random() < BLANKED_SHARE:
                blank(rng, *new)
            self.scans = [*self.scans, new][-self.size :]
        self.taken += 1
        return self.scans[int(rng.integers(len(self.scans)))]


def cut(rng: np.random.Generator, scan: Scan, patch: tuple[int, int, int]) -> Scan:
    """A patch (K, J, I) of a scan, mostly on the spine; zeros, which are background, where the scan ends before it."""
    image, masks = scan
    lacking = [max(0, n - m) for n, m in zip(patch, image.shape)]
    padding = [side for n in lacking[::-1] for side in (n // 2, n - n // 2)]
    image, masks = F.pad(image, padding), F.pad(masks, padding, value=any_of(BACKGROUND))
    size = np.array(image.shape)
    start = rng.integers(0, size - patch + 1)
    spine = ((masks & 1) == 0).nonzero()
    if len(spine) and rng.random() < 0.75:
        place = spine[int(rng.integers(len(spine)))].numpy()
        start = np.clip(place - rng.uniform(0.2, 0.8, 3) * patch, 0, size - patch).astype(int)
    where = tuple(slice(int(a), int(a) + n) for a, n in zip(start, patch))
    return _varied(rng, image[where]), masks[where]


def _varied(rng: np.random.Generator, image: torch.Tensor) -> torch.Tensor:
    """A normalized patch with another gain, offset and noise; what is exactly 0 stays so."""
    noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32)) * float(rng.uniform(0, 0.15))
    return (image * float(np.exp(rng.normal(0, 0.12))) + float(rng.normal(0, 0.12)) + noise).masked_fill(image == 0, 0.0)
