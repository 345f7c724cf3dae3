"""The voxels of a segment, its structure, and whether it may be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from neurospineseg.anatomy import Structure, structure, structures_of, terminology_entry
from neurospineseg.mrml.volume_node import to_numpy, to_vtk, to_world

STRUCTURE_TAG = "NeuroSpineSeg.Structure"
BINARY = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
SURFACE = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
Box = tuple[slice, slice, slice]


def tag(segment: Any, name: str) -> str:
    """The value of a segment's tag; empty where it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def is_locked(segment: Any) -> bool:
    """Whether the user marked a segment as completed, which is the lock that Slicer's segment list offers."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    return logic.GetSegmentStatus(segment) == logic.Completed


def structure_of_segment(segment: Any) -> Structure | None:
    """What a segment shows: by its tag, else by its terminology and name; None for a segment of something else."""
    key = tag(segment, STRUCTURE_TAG)
    if key:
        try:
            return structure(key)
        except KeyError:
            return None
    entry, name = tag(segment, "TerminologyEntry"), segment.GetName()
    known = [found for task in ("tumor", "spine", "subcortical") for found in structures_of(task)]
    alike = [found for found in known if entry and _codes(terminology_entry(found)) == _codes(entry)]
    if len(alike) == 1:
        return alike[0]
    return next((found for found in alike or known if found.name == name), None)


def _codes(entry: str) -> list[str]:
    """Category, type and side of a serialized terminology entry, as scheme and value."""
    return ["^".join(part.split("^")[:2]) for part in entry.split("~")[1:4]]


def describe(segment: Any, found: Structure) -> None:
    """Gives a segment its name, color, terminology and tag."""
    segment.SetName(found.name)
    segment.SetColor(*(channel / 255 for channel in found.color))
    segment.SetTag("TerminologyEntry", terminology_entry(found))
    segment.SetTag(STRUCTURE_TAG, found.key)


def image_of(mask: np.ndarray, start: tuple[int, int, int], matrix: np.ndarray) -> Any:
    """A ``vtkOrientedImageData`` whose extent begins at ``start`` (k, j, i) and whose ijk lie in space by ``matrix`` (4x4)."""
    image = slicer.vtkOrientedImageData()
    (k, j, i), (depth, height, width) = start, mask.shape
    image.SetExtent(i, i + width - 1, j, j + height - 1, k, k + depth - 1)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(mask, np.uint8).ravel(), deep=True))
    image.SetImageToWorldMatrix(to_vtk(matrix))
    return image


def lattice_of(segment: Any) -> tuple[np.ndarray, Any] | None:
    """4x4 ijk to the node's RAS mm of a segment's label map, and the image; None where it is empty."""
    image = segment.GetRepresentation(BINARY)
    if image is None or image.GetPointData().GetScalars() is None or min(image.GetDimensions()) < 1:
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return to_numpy(matrix), image


def own_mask(segment: Any) -> tuple[np.ndarray, tuple[int, int, int], np.ndarray] | None:
    """A segment's mask on its own lattice: bool (K, J, I), the first voxel (k, j, i), 4x4 ijk to the node's RAS mm; None where empty."""
    found = lattice_of(segment)
    if found is None:
        return None
    matrix, image = found
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    extent = image.GetExtent()
    return values == segment.GetLabelValue(), (extent[4], extent[2], extent[0]), matrix


def same_lattice(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two ijk to RAS matrices agree to a thousandth of a voxel over a thousand voxels."""
    steps = np.linalg.norm(other[:3, :3], axis=0)
    return bool(
        np.allclose(one[:3, :3] / steps, other[:3, :3] / steps, atol=1e-6) and np.allclose(one[:3, 3], other[:3, 3], atol=1e-3 * steps.min())
    )


def mask_in_box(segment: Any, box: Box, matrix: np.ndarray) -> np.ndarray:
    """A segment's mask in a box of another lattice: bool, of the box's shape; nearest neighbor where the lattices differ.

    Args:
        box: slices (k, j, i) of the lattice that ``matrix`` (4x4, ijk to the node's RAS mm) describes.
    """
    shape = tuple(part.stop - part.start for part in box)
    found = own_mask(segment)
    result = np.zeros(shape, bool)
    if found is None:
        return result
    mask, start, own = found
    if not same_lattice(own, matrix):
        return _resampled(mask, start, own, box, matrix)
    low = [max(part.start, at) for part, at in zip(box, start)]
    high = [min(part.stop, at + size) for part, at, size in zip(box, start, mask.shape)]
    if all(a < b for a, b in zip(low, high)):
        there = tuple(slice(a - at, b - at) for a, b, at in zip(low, high, start))
        here = tuple(slice(a - part.start, b - part.start) for a, b, part in zip(low, high, box))
        result[here] = mask[there]
    return result


def _resampled(mask: np.ndarray, start: tuple[int, int, int], own: np.ndarray, box: Box, matrix: np.ndarray) -> np.ndarray:
    """Nearest neighbor, plane by plane of the box."""
    to_own = np.linalg.inv(own) @ matrix
    k, j, i = (np.arange(part.start, part.stop) for part in box)
    result = np.zeros((len(k), len(j), len(i)), bool)
    limits = np.array(mask.shape)[:, None, None]
    for n, plane in enumerate(k):
        places = [to_own[row, 2] * plane + to_own[row, 3] + to_own[row, 1] * j[:, None] + to_own[row, 0] * i[None, :] for row in (2, 1, 0)]
        index = np.floor(np.array(places) + 0.5).astype(int) - np.array(start)[:, None, None]
        inside = ((index >= 0) & (index < limits)).all(0)
        result[n][inside] = mask[tuple(index[:, inside])]
    return result


def segment_at(node: Any, ras: Sequence[float]) -> str | None:
    """The name of the segment that has a voxel at a place (world RAS mm); None where there is none."""
    place = np.linalg.inv(to_world(node)) @ np.array([*ras, 1.0])
    segmentation = node.GetSegmentation()
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        found = lattice_of(segment)
        if found is None:
            continue
        matrix, image = found
        i, j, k = (int(np.floor(x + 0.5)) for x in (np.linalg.inv(matrix) @ place)[:3])
        low_i, high_i, low_j, high_j, low_k, high_k = image.GetExtent()
        inside = low_i <= i <= high_i and low_j <= j <= high_j and low_k <= k <= high_k
        if inside and image.GetScalarComponentAsDouble(i, j, k, 0) == segment.GetLabelValue():
            return segment.GetName()
    return None
