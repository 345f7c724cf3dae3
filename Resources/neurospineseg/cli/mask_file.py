"""Reading a mask of this or another program, with the segments that its header or the record beside it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.images.nrrd_file import read_header
from neurospineseg.images.segmentation_file import FileSegment, read_segmentation
from neurospineseg.images.volume import Volume, read_volume

MOST_LABELS = 400


def read_mask(path: Path) -> tuple[Volume, list[FileSegment]]:
    """A mask, whose notes say where segments overlap, and the segments that its header describes where it is a ``.seg.nrrd``.

    Raises:
        InputError: it cannot be read, or holds no label values.
    """
    mask, stated = _read(path)
    values = np.unique(mask.voxels)
    if len(values) > MOST_LABELS or not np.isfinite(values).all() or (values != values.round()).any() or values.min() < 0:
        raise InputError(f"'{path.name}' is no label map; give a mask that `neurospineseg segment` wrote.")
    return Volume(mask.voxels.astype(np.uint16), mask.ijk_to_ras, mask.notes), stated


def named_segments(path: Path, stated: list[FileSegment]) -> tuple[str | None, list[FileSegment]]:
    """The task and the segments of a mask, by its header or else by the record beside it."""
    record = read_sidecar(path) if path.is_file() else {}
    recorded = [FileSegment(s["key"], s["name"], s["label"], tuple(s["color"])) for s in record.get("segments", [])]
    return record.get("task"), stated or recorded


def _read(path: Path) -> tuple[Volume, list[FileSegment]]:
    if path.suffix.lower() == ".nrrd" and path.is_file():
        try:
            described = "Segment0_ID" in read_header(path)
        except InputError:
            described = False  # what is wrong with it is told where its voxels are read
        if described:
            return read_segmentation(path)
    return read_volume(path), []
