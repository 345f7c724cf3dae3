"""What is measured on a glioma: volumes, separate foci with side and place, their longest diameters; never a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.diameters import Diameters, longest_diameters, plane_name, slice_axis
from neurospineseg.measurements.foci import LEAST_ML, Focus, foci
from neurospineseg.measurements.measurement import CUT, FEW_VOXELS, Measurement, Measurements, as_points, spread
from neurospineseg.measurements.measuring import MeasuredMask
from neurospineseg.measurements.midline import MidPlane, mid_plane, middle_shift
from neurospineseg.measurements.probabilities import probability_on
from neurospineseg.measurements.structure_box import around_structures, edge_flags
from neurospineseg.measurements.volumes import LEVELS, volume_bar, volume_ml
from neurospineseg.tasks.tumor.declaration import ENHANCING_TUMOR, TASK

COARSE = "coarse voxels"
"""Flag where one voxel along a line is longer than ``COARSE_MM``."""
COARSE_MM = 2.0
FEW = 50
NO_ENHANCEMENT = "no enhancing part"
AROUND_VOXELS = 4
NO_MIDDLE = "the brain's middle mirrors in no plane"
SHIFT_ERROR_MM, SHIFT_ERROR_SHARE = 1.0, 0.2
"""A mean over a box is smaller than the shift at its center, by a fifth for those tried."""
CORE = next(composite for composite in TASK.composites if composite.key == "tumor_core").parts
DIAMETERS = (("longest_diameter", "Longest diameter, enhancing"), ("perpendicular_diameter", "Longest perpendicular to it, enhancing"))
SOURCE = "the product of both as Macdonald et al. (J Clin Oncol 1990;8:1277) and RANO (Wen et al., J Clin Oncol 2010;28:1963) take it"


@dataclass(frozen=True)
class _Tumor:
    """A mask with what several measures need of it.

    Attributes:
        parts: bool (K, J, I) by structure's key.
        likely: probabilities (K, J, I) of the same; empty without any.
        plane: the head's mid-plane, where it was found.
    """

    grid: Grid
    parts: dict[str, np.ndarray]
    likely: dict[str, np.ndarray]
    plane: MidPlane | None

    def union(self, keys: Sequence[str]) -> np.ndarray:
        """Where any of some structures is, bool (K, J, I)."""
        return np.logical_or.reduce([self.parts[key] for key in keys])

    def likely_union(self, keys: Sequence[str]) -> np.ndarray | None:
        """The probability that any of them is there (K, J, I); None without those of all."""
        return sum(self.likely[key] for key in keys) if all(key in self.likely for key in keys) else None  # type: ignore[return-value]


def measure_tumor(measured: MeasuredMask) -> Measurements:
    """Volumes of the parts and their unions in mL, then each focus of the tumor core.

    A focus is a 26-connected piece of the core (necrosis and enhancing tumor) of at least ``LEAST_ML``; of the whole tumor, where there is no
    core. Its diameters are those of its enhancing part in the slices that the scan was taken in.
    """
    keys = [structure.key for structure in TASK.structures]
    measured = around_structures(measured)
    grid = measured.labels.grid
    parts = {key: measured.mask(key) for key in keys}
    likely = {key: probability_on(measured.probabilities[key], grid) for key in keys if key in measured.probabilities}
    whole = np.logical_or.reduce(list(parts.values()))
    labeled = Volume(whole.astype(np.uint8), grid.affine)
    plane = None if measured.scan is None else mid_plane(measured.scan, labeled)
    shift = None if measured.scan is None or plane is None else middle_shift(measured.scan, plane, labeled)
    tumor = _Tumor(grid, parts, likely, plane)
    core = tumor.union(CORE)
    pieces = foci(core if core.any() else whole, grid)
    axis = slice_axis(grid)
    items = [*_volumes(tumor), *([] if plane is None else [_midline_shift(shift, plane)])]
    for number, focus in enumerate(pieces, 1):
        items += _focus(tumor, focus, number, axis)
    return Measurements("tumor", tuple(items), tuple(_notes(tumor, pieces, axis, bool(core.any()))))


def _volumes(tumor: _Tumor) -> Iterator[Measurement]:
    singles = [(structure.key, structure.name, (structure.key,)) for structure in TASK.structures]
    for key, name, parts in [*singles, *((each.key, each.name, each.parts) for each in TASK.composites)]:
        mask = tumor.union(parts)
        low, high = volume_bar(mask, tumor.grid, tumor.likely_union(parts))
        yield Measurement(
            "volume", "Volume", key, name, "mL", volume_ml(mask, tumor.grid), low, high, flags=edge_flags(mask), group="Volumes"
        )


def _midline_shift(shift: float | None, plane: MidPlane) -> Measurement:
    """How far the brain's middle lies to the right of the head's mid-plane; its error bar is what shifts of known size were off by."""
    base = Measurement("midline_shift", "Shift of the brain's middle to the right", "", "", "mm", None, flags=(NO_MIDDLE,), group="Midline")
    if shift is None:
        return base
    ends = as_points([plane.point, plane.point + shift * plane.normal])
    error = SHIFT_ERROR_MM + SHIFT_ERROR_SHARE * abs(shift)
    return replace(base, value=shift, low=shift - error, high=shift + error, shape="line", points=ends, flags=())


def _focus(tumor: _Tumor, focus: Focus, number: int, axis: int) -> Iterator[Measurement]:
    side = "" if tumor.plane is None else f", {tumor.plane.side(focus.centroid)}"
    few = (FEW_VOXELS,) if np.count_nonzero(focus.mask) < FEW else ()
    low, high = volume_bar(focus.mask, tumor.grid, _near(focus, tumor.likely_union(CORE)))
    place, place_name = f"focus_{number}", f"Focus {number}{side}"
    volume = Measurement(
        "volume", "Volume", place, place_name, "mL", focus.ml, low, high, flags=(*edge_flags(focus.mask), *few), group="Foci"
    )
    yield volume
    yield from _place(tumor, focus, volume)
    yield from _diameters(tumor, focus, volume, axis)


def _place(tumor: _Tumor, focus: Focus, base: Measurement) -> Iterator[Measurement]:
    """Where a focus' center lies, RAS mm, and how far to the right of the midline, where that was found."""
    step = float(tumor.grid.spacing.max()) / 2
    base = replace(base, unit="mm", shape="point", points=as_points([focus.centroid]))
    for key, value in zip("ras", focus.centroid.tolist()):
        yield replace(base, key=f"center_{key}", name=f"Center {key.upper()}", value=value, low=value - step, high=value + step)
    if tumor.plane is not None:
        off, foot = tumor.plane.distance(focus.centroid), tumor.plane.foot(focus.centroid)
        base = replace(base, shape="line", points=as_points([foot, focus.centroid]))
        yield replace(base, key="from_midline", name="Center to the right of the midline", value=off, low=off - step, high=off + step)


def _diameters(tumor: _Tumor, focus: Focus, base: Measurement, axis: int) -> Iterator[Measurement]:
    """Both diameters of a focus' enhancing part and their product."""
    box = triple(bounding_slices(focus.mask, AROUND_VOXELS) or ())
    grid = tumor.grid.crop(triple(part.start for part in box), triple(part.stop for part in box))
    enhancing = (tumor.parts[ENHANCING_TUMOR.key] & focus.mask)[box]
    found = longest_diameters(enhancing, grid, axis, within=focus.mask[box])
    base = replace(base, unit="mm", low=None, high=None, flags=tuple(flag for flag in base.flags if flag == CUT))
    if found is None:
        for key, name in DIAMETERS:
            yield replace(base, key=key, name=name, value=None, flags=(NO_ENHANCEMENT,))
        return
    others = _at_other_levels(tumor, focus, box, grid, axis)
    lines = [
        _diameter(base, DIAMETERS[0], grid, found.longest, [each.length for each in others]),
        _diameter(base, DIAMETERS[1], grid, found.across, [each.width for each in others]),
    ]
    yield from lines
    low, high = (float(np.prod([getattr(each, end) for each in lines])) for end in ("low", "high"))
    flags = tuple(dict.fromkeys(flag for each in lines for flag in each.flags))
    yield replace(base, key="product", name="Product of both", unit="mm2", value=found.product, low=low, high=high, flags=flags)


def _diameter(base: Measurement, named: tuple[str, str], grid: Grid, ends: np.ndarray, others: Sequence[float]) -> Measurement:
    """One line with its error bar: that of the other levels, or half a voxel at either end."""
    value, step = float(np.linalg.norm(ends[1] - ends[0])), voxel_along(grid, ends[1] - ends[0])
    low, high = spread(value, others) if others else (max(0.0, value - step), value + step)
    flags = (*base.flags, *((COARSE,) if step > COARSE_MM else ()))
    key, name = named
    return replace(base, key=key, name=name, value=value, low=low, high=high, shape="line", points=as_points(ends), flags=flags)


def voxel_along(grid: Grid, line: np.ndarray) -> float:
    """How far one goes along a line (3,) through the voxels of a grid, in mm, before the next plane of voxel centers."""
    unit = line / max(float(np.linalg.norm(line)), 1e-9)
    return 1 / float(np.abs(np.linalg.solve(grid.affine.linear, unit)).max())


def _near(focus: Focus, likely: np.ndarray | None) -> np.ndarray | None:
    """Probabilities within a few voxels of a focus, 0 elsewhere."""
    if likely is None:
        return None
    return np.where(ndimage.binary_dilation(focus.mask, iterations=AROUND_VOXELS), likely, 0)


def _at_other_levels(tumor: _Tumor, focus: Focus, box: tuple[slice, slice, slice], grid: Grid, axis: int) -> list[Diameters]:
    """The diameters where the enhancing part's probability reaches .3, .5 and .7; none without probabilities."""
    likely, core = tumor.likely.get(ENHANCING_TUMOR.key), tumor.likely_union(CORE)
    if likely is None or core is None:
        return []
    near = _near(focus, core)
    assert near is not None
    found = [longest_diameters(np.where(near[box] > 0, likely[box], 0), grid, axis, level, near[box] >= level) for level in LEVELS]
    return [each for each in found if each is not None]


def _notes(tumor: _Tumor, pieces: Sequence[Focus], axis: int, has_core: bool) -> Iterator[str]:
    if not pieces:
        yield f"There is no focus: no piece of the mask has {LEAST_ML} mL."
        return
    of = "tumor core" if has_core else "whole tumor, since there is no core"
    yield f"Foci are the 26-connected pieces of the {of} of at least {LEAST_ML} mL."
    yield f"Diameters are taken in {plane_name(tumor.grid, axis)} slices of the scan, {SOURCE}."
    if tumor.plane is None:
        yield "Sides are not told: no mid-plane of the head was found, or no scan was given."
