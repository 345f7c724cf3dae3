"""A scan, further scans and a mask as the page shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.pages.slice_pictures import Segment, busiest_point
from neurospineseg.viewer.gray_slices import GrayLevels, gray_levels, gray_slice, label_slice
from neurospineseg.viewer.slice_planes import SlicePlane, slice_planes

SAME_MM = 0.01
MOST_LOOKED_AT = 4_000_000
"""Voxels of a mask by which the first slices are chosen; of a larger one every second, third, ... is."""
MOST_POINTS = 200_000


def nothing_measured() -> Measurements:
    raise InputError("There is no mask to measure.")


@dataclass(frozen=True, eq=False)
class ShownCase:
    """What is shown.

    Attributes:
        title: for people.
        scans: by name; the first gives the slices, the others are interpolated at its pixels.
        labels: the mask, uint16 on any grid in the same space; None for none.
        segments: of the mask.
        notes: sentences for the user.
        measure: measures the mask; raises InputError where there is nothing to measure.
        mask_file: the mask's file, for the page to save; None for none.
    """

    title: str
    scans: Mapping[str, Volume]
    labels: Volume | None = None
    segments: tuple[Segment, ...] = ()
    notes: tuple[str, ...] = ()
    measure: Callable[[], Measurements] = nothing_measured
    mask_file: Path | None = None

    @property
    def reference(self) -> Volume:
        return next(iter(self.scans.values()))

    @cached_property
    def planes(self) -> tuple[SlicePlane, ...]:
        return slice_planes(self.reference.grid)

    @cached_property
    def levels(self) -> dict[str, GrayLevels]:
        return {name: gray_levels(scan) for name, scan in self.scans.items()}

    @cached_property
    def _own(self) -> dict[str, bool]:
        """Which scans lie on the reference's grid."""
        return {name: scan.grid.same_as(self.reference.grid, SAME_MM) for name, scan in self.scans.items()}

    @cached_property
    def labels_own(self) -> bool:
        """Whether the mask lies on the reference's grid."""
        return self.labels is not None and self.labels.grid.same_as(self.reference.grid, SAME_MM)

    def slice_bytes(self, plane: int, index: int, scan: str) -> bytes:
        """Gray values, then label values, row by row from the top left, each as uint16 in little-endian order.

        Raises:
            IndexError, KeyError: there is no such plane, slice or scan.
        """
        shown = self.planes[plane]
        gray = gray_slice(shown, index, self.scans[scan], self.levels[scan], self._own[scan])
        if self.labels is None:
            return gray.tobytes() + bytes(gray.nbytes)
        return gray.tobytes() + label_slice(shown, index, self.labels, self.labels_own).tobytes()

    def as_json(self) -> dict[str, Any]:
        """What the page is told of it first."""
        start = self.reference.grid.center if self.labels is None else _first_point(self.labels)
        return {
            "title": self.title,
            "planes": [plane.as_json() for plane in self.planes],
            "corners": self.reference.grid.corners().tolist(),
            "start": start.tolist(),
            "scans": [{"name": name, **self.levels[name].as_json()} for name in self.scans],
            "segments": self.segment_facts,
            "notes": [*self.notes, *self._notes_on_mask()],
            "mask": self.mask_file is not None,
        }

    @cached_property
    def segment_facts(self) -> list[dict[str, Any]]:
        """Of each segment its name, color, volume in mL and a point in its middle (RAS mm); None for one without a voxel."""
        if self.labels is None:
            return []
        boxes = ndimage.find_objects(self.labels.voxels)
        return [
            {"label": each.label, "name": each.name, "color": each.hex_color, **_facts(self.labels, each.label, boxes)}
            for each in self.segments
        ]

    def _notes_on_mask(self) -> list[str]:
        if self.labels is None:
            return []
        if not any(each["mL"] for each in self.segment_facts):
            return ["The mask holds no segment."]
        if self.labels_own:
            return []
        kji = self.reference.affine.kji_of(_some_points(self.labels))
        if not ((kji > -0.5) & (kji < np.array(self.reference.shape) - 0.5)).all(-1).any():
            return ["The mask lies beside the scan; are both of the same patient and visit?"]
        return ["The mask lies on other voxels than the scan; each pixel shows the segment that is nearest to it."]


def _facts(labels: Volume, label: int, boxes: list[tuple[slice, slice, slice] | None]) -> dict[str, Any]:
    box = boxes[label - 1] if 0 < label <= len(boxes) else None
    if box is None:
        return {"mL": 0.0, "middle": None}
    mask = labels.voxels[box] == label
    count = int(np.count_nonzero(mask))
    step = max(1, round((count / MOST_POINTS) ** (1 / 3)))
    points = np.argwhere(mask[::step, ::step, ::step]) * step
    if not len(points):
        points = np.argwhere(mask)[:MOST_POINTS]
    nearest = points[np.abs(points - points.mean(0)).sum(-1).argmin()] + [side.start for side in box]
    return {"mL": count * labels.grid.voxel_volume_ml, "middle": labels.affine.apply_kji(nearest).tolist()}


def _some_points(labels: Volume) -> np.ndarray:
    """RAS mm of some voxels of a mask, (N, 3)."""
    some = coarser(labels, MOST_LOOKED_AT)
    kji = np.argwhere(some.voxels)
    return some.affine.apply_kji(kji[:: 1 + len(kji) // MOST_POINTS])


def _first_point(labels: Volume) -> np.ndarray:
    return busiest_point(coarser(labels, MOST_LOOKED_AT))


def coarser(labels: Volume, most: int) -> Volume:
    """Every voxel of a mask, or every second, third, ... along each axis, so that there are not more than ``most``."""
    step = 1
    while np.prod([-(-count // step) for count in labels.shape]) > most:
        step += 1
    if step == 1:
        return labels
    return Volume(labels.voxels[::step, ::step, ::step], labels.affine @ Affine.of(np.diag([step] * 3)))
