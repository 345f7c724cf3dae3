"""Slicer's segmentations, ``.seg.nrrd``: a label map whose header names, colors and codes its segments.

The fields are those of Slicer's ``vtkMRMLSegmentationStorageNode`` (5.12).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.nrrd_file import SMALL, read_header, read_voxels, write_nrrd
from neurospineseg.images.volume import Volume

BINARY = "Binary labelmap"


@dataclass(frozen=True)
class FileSegment:
    """What a header says of a segment.

    Attributes:
        key: its identifier, unique within the file.
        name: for people.
        label: of its voxels.
        color: RGB, 0 to 255.
        tags: further ones by name, such as ``TerminologyEntry``.
    """

    key: str
    name: str
    label: int
    color: tuple[int, int, int]
    tags: Mapping[str, str] = field(default_factory=dict)


def write_segmentation(labels: Volume, segments: Sequence[FileSegment], path: Path) -> None:
    """Writes a label map as ``.seg.nrrd``; segments without a voxel are left out.

    Raises:
        InputError: the file cannot be written.
    """
    voxels = labels.voxels if labels.voxels.dtype == np.uint16 else labels.voxels.astype(np.uint16)
    present = np.zeros(2**16, np.int64)
    for plane in voxels:
        present += np.bincount(plane.ravel(), minlength=len(present))
    notes = {
        "Segmentation_ContainedRepresentationNames": f"{BINARY}|",
        "Segmentation_ConversionParameters": f"Reference image geometry|{_geometry(labels)}|&",
        "Segmentation_MasterRepresentation": BINARY,
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for number, segment in enumerate(segment for segment in segments if present[segment.label]):
        notes |= {f"Segment{number}_{name}": value for name, value in _notes(segment, labels.shape).items()}
    try:
        write_nrrd(voxels, _as_slicer_holds_it(labels.ijk_to_ras), path, notes, SMALL)
    except OSError as error:
        raise writing_failed(error, path.name) from error


def read_segmentation(path: Path) -> tuple[Volume, list[FileSegment]]:
    """A ``.seg.nrrd`` as one label map of uint16, and the segments that its header describes.

    The voxels of several layers get new labels, 1 for the first segment; where segments overlap, the later one wins, and the volume's notes
    say how much that takes from others.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.
    """
    header = read_header(path)
    segments = [_segment(header, f"Segment{number}_") for number in range(_count(header))]
    array, affine = read_voxels(path, header)
    if array.dtype.kind not in "ui" or array.min() < 0 or array.max() >= 2**16:
        raise InputError(f"'{path.name}' is no label map; give a segmentation that Slicer or this program wrote.")
    if array.ndim == 3:
        return Volume(array.astype(np.uint16), affine), segments
    labels, hidden = np.zeros(array.shape[1:], np.uint16), 0
    for number, segment in enumerate(segments):
        layer = _whole(header.get(f"Segment{number}_Layer", str(number)), -1)
        if not 0 <= layer < len(array):
            raise InputError(f"'{path.name}' lacks the layer in which its header puts '{segment.name}'; save it in Slicer again.")
        own = array[layer] == segment.label
        hidden += int(np.count_nonzero(labels[own]))
        labels[own] = number + 1
    notes = (f"The segments overlap in {hidden} voxels; there each counts to the last of them alone.",) if hidden else ()
    return Volume(labels, affine, notes), [replace(segment, label=number + 1) for number, segment in enumerate(segments)]


def _count(header: Mapping[str, Any]) -> int:
    return next(number for number in count() if f"Segment{number}_ID" not in header)


def _segment(header: Mapping[str, Any], stem: str) -> FileSegment:
    """What a header says of the segment whose fields begin with ``stem``."""
    key, tags = header[f"{stem}ID"], (part.partition(":") for part in header.get(f"{stem}Tags", "").split("|") if ":" in part)
    label, color = _whole(header.get(f"{stem}LabelValue", "1"), 1), _color(header.get(f"{stem}Color", ""))
    return FileSegment(key, header.get(f"{stem}Name", key), label, color, {name: value for name, _, value in tags})


def _whole(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else default


def _color(text: str) -> tuple[int, int, int]:
    """RGB, 0 to 255; gray where the text is not three numbers."""
    try:
        red, green, blue = (min(255, max(0, round(255 * float(part)))) for part in text.split())
    except (ValueError, OverflowError):
        return (128, 128, 128)
    return red, green, blue


def _notes(segment: FileSegment, shape: tuple[int, int, int]) -> dict[str, str]:
    return {
        "ID": segment.key,
        "Name": segment.name,
        "NameAutoGenerated": "1",
        "Color": " ".join(f"{channel / 255:g}" for channel in segment.color),
        "ColorAutoGenerated": "1",
        "Extent": " ".join(f"0 {count - 1}" for count in shape[::-1]),
        "LabelValue": str(segment.label),
        "Layer": "0",
        "Tags": "".join(f"{name}:{segment.tags[name]}|" for name in sorted(segment.tags)),
    }


def _geometry(labels: Volume) -> str:
    """The grid as Slicer keeps it: the 16 numbers of the ijk to RAS matrix, then the extent."""
    numbers = [_number(value) for value in _as_slicer_holds_it(labels.ijk_to_ras).ravel()]
    extent = [str(end) for count in labels.shape[::-1] for end in (0, count - 1)]
    return "".join(f"{part};" for part in [*numbers, *extent])


def _number(value: float) -> str:
    """As ``vtkNumberToString`` writes it: with as few digits as name it exactly, small ones with up to 18."""
    if 0 < abs(value) < 1e-5:
        digits, exponent = f"{value:.17e}".split("e")
        return f"{digits.rstrip('0').rstrip('.')}e{exponent}"
    return repr(float(value)).removesuffix(".0")


def _as_slicer_holds_it(ijk_to_ras: np.ndarray) -> np.ndarray:
    """The matrix after Slicer has taken it apart into spacing and directions, rounded where they are nearly the identity's, and joined them."""
    affine, identity = Affine(ijk_to_ras), np.eye(3)
    directions = np.where(np.abs(affine.axes - identity) < np.finfo(float).eps, identity, affine.axes)
    return Affine.of(directions * affine.spacing, affine.offset + 0.0).matrix
