"""Reading a mask of this or another program, with the segments that its header or the record beside it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurospineseg.cli.console import say
from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.images.nrrd_file import read_header
from neurospineseg.images.segmentation_file import FileSegment, read_segmentation
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.measurements.segment_names import shown_twice, structures_of_segments

MOST_LABELS = 400


def read_mask(path: Path) -> tuple[Volume, list[FileSegment]]:
    """A mask, whose notes say where segments overlap, and the segments that its header describes where it is a ``.seg.nrrd``.

    Raises:
        InputError: it cannot be read, or holds no label values.
    """
    mask, stated = _read(path)
    values = np.unique(mask.voxels)
    whole = np.isfinite(values).all() and (values == values.round()).all()
    if len(values) > MOST_LABELS or not whole or values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise InputError(f"'{path.name}' is no label map; give a mask that `neurospineseg segment` wrote.")
    return Volume(mask.voxels.astype(np.uint16), mask.ijk_to_ras, mask.notes), stated


def measurable_mask(path: Path, task: str | None) -> tuple[Volume, str, dict[int, str]]:
    """A mask, its task and its structures' keys by label value; what is to be known of it is said.

    Args:
        task: where the user tells it.

    Raises:
        InputError: it cannot be read, is empty, or holds no structure that is known.
    """
    return mask_with_segments(path, task)[:3]


def mask_of_study(path: Path, task: str | None) -> tuple[Volume, str | None, dict[int, str]]:
    """The same of a visit, whose mask may be empty: what was there may be gone. Its task is None where nothing tells it.

    Raises:
        InputError: it cannot be read, or holds segments but no structure that is known.
    """
    labels, stated = read_mask(path)
    if labels.voxels.any():
        return _with_segments(path, task, labels, stated)[:3]
    recorded, _ = named_segments(path, stated)
    return labels, task or recorded, {}


def mask_with_segments(path: Path, task: str | None) -> tuple[Volume, str, dict[int, str], list[FileSegment]]:
    """The same, with the segments of any name that its header or the record beside it tells.

    Raises:
        InputError: see ``measurable_mask``.
    """
    return _with_segments(path, task, *read_mask(path))


def _with_segments(
    path: Path, task: str | None, labels: Volume, stated: list[FileSegment]
) -> tuple[Volume, str, dict[int, str], list[FileSegment]]:
    for note in labels.notes:
        say(f"Warning: {path.name}: {note}")
    recorded, segments = named_segments(path, stated)
    values = [int(value) for value in np.unique(labels.voxels) if value > 0]
    if not values:
        raise InputError(f"The mask '{path.name}' is empty; give one that holds segments.")
    found, keys = structures_of_segments(segments, values, task or recorded)
    for sentence in shown_twice([segment for segment in segments if segment.label in values], keys):
        say(f"Warning: {path.name}: {sentence}")
    return labels, found, keys, segments


def levels_in_file(path: Path, task: str) -> dict[str, tuple[float, float, float]]:
    """Middles of the vertebrae and discs of a mask in RAS mm, by key, for ``Segmenter.run``.

    Raises:
        InputError: it cannot be read, is empty, or holds no structure that is known.
    """
    from neurospineseg.pipeline.known_levels import places_in

    labels, _, keys = measurable_mask(path, task)
    return places_in(labels, keys)


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
    try:
        return read_volume(path), []
    except InputError as error:
        if "--frame" not in str(error) and "--volume" not in str(error):
            raise
        raise InputError(f"'{path.name}' holds several volumes, but a mask is one; give a file that holds it alone.") from error
