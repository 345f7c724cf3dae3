"""Vertebral bodies, discs and arches of plain shapes, drawn in the coordinates of the spine's line (see ``synthetic.spine``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.bounding_box import bounding_slices
from Training.synthetic.spine.canvas import (
    ANNULUS,
    ARCH,
    BACKGROUND,
    BODY,
    BONE,
    CANAL,
    CORTICAL,
    DISC,
    LIGAMENT,
    MARROW,
    NUCLEUS,
    SACRUM,
    VESSEL,
    Canvas,
    Place,
)
from Training.synthetic.spine.curve import LEVELS, Levels


@dataclass(frozen=True)
class Build:
    """What the vertebrae of one spine have in common.

    Attributes:
        waist: by how much the bodies narrow halfway up; ``hollow`` how deep their endplates are, mm; ``square`` how angular they are.
        spine_length, spread: of the spinous and of the transverse processes, 1 as usual.
        transitional: whether the lowest has tall transverse processes that reach the sacrum's wings.
    """

    waist: float
    hollow: float
    square: float
    spine_length: float
    spread: float
    transitional: bool


@dataclass(frozen=True)
class Vertebra:
    """One level, from L5 (``number`` 0) upward; mm.

    Attributes:
        below, start, end: arc lengths of the next endplate below it, of its own lower and of its upper one.
        width, depth: half of the body's; ``height`` is left to it by a fracture as the share ``crush`` in front.
    """

    number: int
    below: float
    start: float
    end: float
    width: float
    depth: float
    crush: float

    @property
    def height(self) -> float:
        return self.end - self.start

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2

    @property
    def lumbar(self) -> bool:
        return self.number < 5

    @property
    def cervical(self) -> bool:
        return self.number > 16

    @property
    def wall(self) -> float:
        """Where the body ends and the canal begins, along v."""
        return -self.depth

    @property
    def canal_deep(self) -> float:
        return 17.0 if self.lumbar else 15.5

    @property
    def canal_half(self) -> float:
        return 13.0 if self.lumbar or self.cervical else 10.5

    @property
    def pedicle_half(self) -> float:
        return 4.5 if self.lumbar else 3.5


def draw_vertebrae(rng: np.random.Generator, canvas: Canvas, place: Place, levels: Levels, spacing: np.ndarray) -> None:
    """Draws all levels but the uppermost; ``spacing`` in mm along R, A, S."""
    slip_level = int(rng.integers(0, 4)) if rng.random() < 0.15 else -1
    fractured = set(rng.integers(0, 12, 2).tolist()) if rng.random() < 0.2 else set()
    waist, hollow, square = rng.uniform(0.04, 0.14), rng.uniform(0.5, 2.6), rng.uniform(2.1, 2.9)
    spine_length, spread = rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15)
    build = Build(waist, hollow, square, spine_length, spread, bool(rng.random() < 0.1))
    lower = levels.lower
    for n in range(LEVELS - 1):
        start, end = float(lower[n]), float(lower[n] + levels.body[n])
        if not ((place.s > start - 40) & (place.s < end + 12)).any():
            continue
        low_k, high_k = (np.flatnonzero(((place.s > start - 45) & (place.s < end + 20)).any((1, 2)))[[0, -1]] + (0, 1)).tolist()
        part = slice(low_k, high_k)
        here, around = canvas.part(part), place.part(part, slip=rng.uniform(3, 9) if n == slip_level else 0.0)
        crush = rng.uniform(0.3, 0.75) if n in fractured else rng.uniform(0.93, 1.0)
        vertebra = Vertebra(n, float(lower[n] - levels.disc[n]), start, end, levels.width[n], levels.depth[n], crush)
        _arch(rng, here, around, vertebra, build)
        _body(rng, here, around, vertebra, build)
        _disc(rng, here, around, vertebra, spacing)


def _body(rng: np.random.Generator, canvas: Canvas, place: Place, vertebra: Vertebra, build: Build) -> None:
    s, u, v, width, depth = place.s, place.u, place.v, vertebra.width, vertebra.depth
    half = vertebra.height / 2
    radial = (u / width) ** 2 + (v / depth) ** 2
    dip = build.hollow * np.clip(1 - radial, 0, 1)
    top = vertebra.end - dip - (1 - vertebra.crush) * vertebra.height * np.clip((v + depth) / (2 * depth), 0, 1)
    bottom = vertebra.start + dip
    f = (s - vertebra.middle) / half
    narrowing = 1 - build.waist * (1 - np.clip(f**2, 0, 1))
    flat = np.where(v < 0, 0.9, 1.0)
    level = (np.abs(u) / (width * narrowing)) ** build.square + (np.abs(v) / (depth * narrowing * flat)) ** build.square
    inside = (s > bottom) & (s < top) & (level < 1)
    canvas.put(inside, MARROW, BODY, vertebra.number + 1)
    shell = inside & ((level > 0.87) | (s < bottom + 1.1) | (s > top - 1.1))
    canvas.put(shell, CORTICAL)
    vein = inside & (np.abs(f) < 0.16) & (v < -0.3 * depth) & (np.abs(u) < 3.5)
    if rng.random() < 0.5:
        canvas.put(vein, VESSEL)


def _disc(rng: np.random.Generator, canvas: Canvas, place: Place, vertebra: Vertebra, spacing: np.ndarray) -> None:
    """The disc below a body: the gap between the endplates, narrower than the bodies, with a nucleus unless worn.

    Beside it and at the endplates the gap holds dark tissue that is no disc.
    """
    s, u, v, width, depth, level = place.s, place.u, place.v, vertebra.width, vertebra.depth, vertebra.number + 1
    start, end = vertebra.below, vertebra.start
    radial = (np.abs(u) / (width * rng.uniform(0.84, 0.97))) ** 2.4 + (np.abs(v) / (depth * rng.uniform(0.88, 1.02))) ** 2.4
    free = (s > start - 3.2) & (s < end + 3.2) & (canvas.classes != BODY) & (canvas.classes != SACRUM)
    free &= ~((canvas.classes == DISC) & (canvas.level != level)) & (canvas.classes != CANAL)
    canvas.put(free & (radial < rng.uniform(1.0, 1.5)), LIGAMENT)
    gap = free & (radial < 1)
    plate = min(rng.uniform(0.5, 1.4), 0.2 * (end - start))
    if plate > 0.35 * spacing[2] and gap.any():
        box = bounding_slices(gap, 2)
        bone = (canvas.classes[box] == BODY) | (canvas.classes[box] == SACRUM)
        gap[box] &= ndimage.distance_transform_edt(~bone, sampling=spacing[::-1]) >= plate + 0.5 * spacing[2]
    canvas.put(gap, ANNULUS, DISC, level)
    if rng.random() < 0.8:
        thick = (end - start) / 2 + 1
        core = gap & ((u / (0.62 * width)) ** 2 + ((v + 0.08 * depth) / (0.6 * depth)) ** 2 + ((s - (start + end) / 2) / thick) ** 2 < 1)
        canvas.put(core, NUCLEUS)


def _arch(rng: np.random.Generator, canvas: Canvas, place: Place, vertebra: Vertebra, build: Build) -> None:
    """Pedicles, laminae, articular, transverse and spinous processes around the canal."""
    level = vertebra.number + 1
    free = ((canvas.classes == BACKGROUND) | (canvas.classes == ARCH)) & (canvas.classes != CANAL) & (canvas.classes != SACRUM)
    root = _pedicles(place, vertebra) | _laminae(place, vertebra)
    processes = _spinous(rng, place, vertebra, build) | _transverse(place, vertebra, build) | _articular(place, vertebra)
    arch = (root | processes) & free
    arch &= ~((canvas.classes == ARCH) & (canvas.level != level) & ~root)
    canvas.put(arch, BONE, ARCH, level)
    shell = arch & ~ndimage.binary_erosion(arch)
    canvas.put(shell & (_three_quarters(shell, rng)), CORTICAL)


def _pedicles(place: Place, vertebra: Vertebra) -> np.ndarray:
    thick, wall, height = vertebra.pedicle_half, vertebra.wall, vertebra.height
    return (
        (np.abs(np.abs(place.u) - vertebra.canal_half - thick) < thick)
        & (place.v < wall + 6)
        & (place.v > wall - vertebra.canal_deep * 0.75)
        & (np.abs(place.s - vertebra.middle - 0.2 * height) < 0.27 * height)
    )


def _laminae(place: Place, vertebra: Vertebra) -> np.ndarray:
    wall, deep, height = vertebra.wall, vertebra.canal_deep, vertebra.height
    wide = vertebra.canal_half + vertebra.pedicle_half + 2
    ring = (place.u / wide) ** 2 + ((place.v - wall + deep / 2) / (deep / 2 + 5.5)) ** 2 < 1
    return ring & (place.v < wall - deep * 0.5) & (place.s > vertebra.start - 0.12 * height) & (place.s < vertebra.middle + 0.22 * height)


def _spinous(rng: np.random.Generator, place: Place, vertebra: Vertebra, build: Build) -> np.ndarray:
    lumbar, cervical, behind = vertebra.lumbar, vertebra.cervical, vertebra.wall - vertebra.canal_deep
    tip = behind - (32 if lumbar else 26 if not cervical else (16 + 10 * (vertebra.number == 17))) * build.spine_length
    slope = (0.12 if lumbar else 0.75 if not cervical else 0.35) * rng.uniform(0.7, 1.3)
    along = np.clip((behind - place.v) / 30, 0, 2)
    axis = vertebra.middle - 0.32 * vertebra.height - slope * 30 * along
    tall = vertebra.height * (0.36 if lumbar else 0.24) * rng.uniform(0.75, 1.1)
    root = behind + 3
    outward = (place.v - (root + tip) / 2) / ((root - tip) / 2)
    thin = np.abs(place.u) < 2.0 + rng.uniform(0.6, 2.0) * along
    return thin & (np.abs((place.s - axis) / tall) ** 2.5 + np.abs(outward) ** 4 < 1)


def _transverse(place: Place, vertebra: Vertebra, build: Build) -> np.ndarray:
    """Those of a transitional vertebra are tall and reach the sacrum's wings."""
    lumbar, cervical, side, half = vertebra.lumbar, vertebra.cervical, np.abs(place.u), vertebra.canal_half
    tall = build.transitional and vertebra.number == 0
    reach = (38 if lumbar else 32 if not cervical else 24) * build.spread
    root = vertebra.wall - (4 if lumbar else 12 if not cervical else 2)
    backward = 0.1 if lumbar else 0.45
    return (
        (side > half)
        & (side < reach)
        & (np.abs(place.v - root + backward * (side - half)) < 5)
        & (np.abs(place.s - vertebra.middle - 0.2 * vertebra.height + 8 * tall) < 5.5 + 9 * tall)
    )


def _articular(place: Place, vertebra: Vertebra) -> np.ndarray:
    s, v, side, height = place.s, place.v, np.abs(place.u), vertebra.height
    facet_u, facet_v = vertebra.canal_half + 5.5, vertebra.wall - vertebra.canal_deep * 0.85
    upper = ((side - facet_u - 2) / 5.5) ** 2 + ((v - facet_v - 3) / 5) ** 2 + (
        (s - vertebra.end - 0.05 * height) / (0.42 * height)
    ) ** 2 < 1
    under = ((side - facet_u + 1) / 5.5) ** 2 + ((v - facet_v + 4) / 5) ** 2 + (
        (s - vertebra.start + 0.15 * height) / (0.5 * height)
    ) ** 2 < 1
    return upper | under


def _three_quarters(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random three quarters of a mask's voxels: cortical bone as thin as half a voxel shows up only here and there."""
    return mask & (rng.random(mask.shape, dtype=np.float32) < 0.75)
