"""The voxels of a segment, its structure, and whether it may be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.pieces import Box, Pieces, at_once, moved_box, slabs_of
from neurospineseg.mrml.volume_node import to_numpy, to_world
from neurospineseg.tasks.anatomy import all_structures
from neurospineseg.tasks.structure import STRUCTURE_TAG, Structure, codes_of, segment_tags, terminology_entry

RUN_TAG = "NeuroSpineSeg.Run"
"""On a segment: the token of the run that wrote it. Slicer's undo brings the former one back."""
CONFIDENCE_TAG = "NeuroSpineSeg.Confidence"
"""On a segment: the share of the voxels that a run wrote in which the model was certain, 0 to 1; absent where that is not known."""
BINARY = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
SURFACE = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
TightMask = tuple[np.ndarray, tuple[int, int, int], np.ndarray]
"""A mask on its own grid: bool (K, J, I), the first voxel (k, j, i), 4x4 ijk to the node's RAS mm."""


def tag(segment: Any, name: str) -> str:
    """The value of a segment's tag; empty where it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def confidence_of(segment: Any) -> float | None:
    """In what share of a segment's voxels, 0 to 1, the model was certain when it wrote them; None where that is not known."""
    try:
        return float(tag(segment, CONFIDENCE_TAG))
    except ValueError:
        return None


def mark_run(segment: Any, token: str, confidence: float | None) -> None:
    """Tags a segment as written by a run."""
    segment.SetTag(RUN_TAG, token)
    if confidence is None:
        segment.RemoveTag(CONFIDENCE_TAG)
    else:
        segment.SetTag(CONFIDENCE_TAG, f"{confidence:.3f}")


def is_locked(segment: Any) -> bool:
    """Whether the user marked a segment as completed, which is the lock that Slicer's segment list offers."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    return logic.GetSegmentStatus(segment) == logic.Completed


def structure_of_segment(segment: Any) -> Structure | None:
    """What a segment shows; None for something else than our structures.

    The tag counts as long as neither the terminology nor the name has been changed into another structure's. Without it,
    terminology counts, together with the name where several structures share it (a vertebra without its level), then the name.
    """
    entry, name = tag(segment, "TerminologyEntry"), segment.GetName()
    known, codes = all_structures(), codes_of(entry)
    named = [found for found in known if found.name.lower() == name.strip().lower()]
    alike = [found for found in known if found.codes == codes]
    tagged = next((found for found in known if found.key == tag(segment, STRUCTURE_TAG)), None)
    if tagged is not None and (not entry or tagged in alike):
        return named[0] if named else tagged
    if len(alike) == 1:
        return alike[0]
    return next((found for found in named if found in alike), named[0] if named else None)


def state_of_segments(node: Any) -> tuple:
    """Equal as long as no segment of a segmentation node was changed, added or removed."""
    segmentation, parts = node.GetSegmentation(), []
    for identifier in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(identifier)
        image = segment.GetRepresentation(BINARY)
        parts.append((identifier, segment.GetMTime(), 0 if image is None else image.GetMTime()))
    return tuple(parts)


def run_tokens(node: Any) -> set[str]:
    """The tokens of the runs that wrote the segments of a segmentation node."""
    segmentation = node.GetSegmentation()
    return {tag(segmentation.GetNthSegment(number), RUN_TAG) for number in range(segmentation.GetNumberOfSegments())} - {""}


def describe(segment: Any, found: Structure) -> None:
    """Gives a segment its name, color, terminology and tag."""
    segment.SetName(found.name)
    segment.SetColor(*(channel / 255 for channel in found.color))
    for name, value in segment_tags(found).items():
        segment.SetTag(name, value)


def identify(segment: Any, found: Structure) -> None:
    """Gives a segment the tag and, unless it has its codes, the terminology of a structure; name and color stay."""
    if tag(segment, STRUCTURE_TAG) != found.key:
        segment.SetTag(STRUCTURE_TAG, found.key)
    if codes_of(tag(segment, "TerminologyEntry")) != found.codes:
        segment.SetTag("TerminologyEntry", terminology_entry(found))


def layer_of(segment: Any) -> tuple[np.ndarray, Any] | None:
    """4x4 ijk to the node's RAS mm of a segment's label map, and the image; None where it is empty."""
    image = segment.GetRepresentation(BINARY)
    if image is None or image.GetPointData().GetScalars() is None or min(image.GetDimensions()) < 1:
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return to_numpy(matrix), image


def own_values(segment: Any) -> tuple[np.ndarray, tuple[int, int, int], np.ndarray] | None:
    """A segment's layer: a view of its label values (K, J, I), its first voxel (k, j, i), 4x4 ijk to the node's RAS mm; None where empty."""
    found = layer_of(segment)
    if found is None:
        return None
    matrix, image = found
    extent = image.GetExtent()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    return values, (extent[4], extent[2], extent[0]), matrix


def own_mask(segment: Any) -> tuple[np.ndarray, tuple[int, int, int], np.ndarray] | None:
    """A segment's mask on its own grid: bool (K, J, I), the first voxel (k, j, i), 4x4 ijk to the node's RAS mm; None where empty."""
    found = own_values(segment)
    return None if found is None else (found[0] == segment.GetLabelValue(), *found[1:])


def tight_mask(segment: Any) -> TightMask | None:
    """``own_mask`` without its empty margins; a segment of a large shared layer takes little memory."""
    return at_once(tight_masking(segment))


def tight_masking(segment: Any) -> Pieces[TightMask | None]:
    """``tight_mask`` in pieces."""
    found = own_values(segment)
    if found is None:
        return None
    values, start, matrix = found
    label, lines = segment.GetLabelValue(), [np.zeros(size, bool) for size in values.shape]
    for slab in slabs_of(tuple(slice(0, size) for size in values.shape)):
        there = values[slab] == label
        if there.any():
            lines[0][slab[0]] = there.any((1, 2))
            lines[1] |= there.any((0, 2))
            lines[2] |= there.any((0, 1))
        yield
    if not lines[0].any():
        return None
    box = tuple(slice(int(places[0]), int(places[-1]) + 1) for places in map(np.flatnonzero, lines))
    mask = np.empty([part.stop - part.start for part in box], bool)
    for slab in slabs_of(box):
        np.equal(values[slab], label, out=mask[moved_box(slab, [-part.start for part in box])])
        yield
    return mask, triple(at + part.start for at, part in zip(start, box)), matrix


def shift_between(own: np.ndarray, matrix: np.ndarray) -> tuple[int, int, int] | None:
    """What to add to (k, j, i) of one grid for those of another that has the same voxels; None where the voxels differ.

    Args:
        own: 4x4 ijk to RAS mm, as is ``matrix``; they agree to a thousandth of a voxel over a thousand voxels.
    """
    step = Affine(np.linalg.solve(matrix, own))
    shift = np.round(step.offset)
    if not (np.allclose(step.linear, np.eye(3), atol=1e-6) and np.allclose(step.offset, shift, atol=1e-3)):
        return None
    return triple(int(n) for n in shift[::-1])


def box_on_grid(segment: Any, shape: Sequence[int], matrix: np.ndarray) -> Box | None:
    """The box of a grid of a shape (K, J, I) and a 4x4 ijk to the node's RAS mm outside which a segment has no voxel; None where there is none."""
    found = layer_of(segment)
    if found is None:
        return None
    own, image = found
    edges = np.reshape(image.GetExtent(), (3, 2)) + (-0.5, 0.5)
    corners = Affine(np.linalg.solve(matrix, own)).apply([[i, j, k] for i in edges[0] for j in edges[1] for k in edges[2]])
    low, high = np.floor(corners.min(0) + 1e-3)[::-1], np.ceil(corners.max(0) - 1e-3)[::-1]
    box = tuple(slice(max(0, int(a)), min(size, int(b) + 1)) for a, b, size in zip(low, high, shape))
    return box if all(part.start < part.stop for part in box) else None


def mask_in_box(segment: Any, box: Box, matrix: np.ndarray) -> np.ndarray:
    """A segment's mask in a box of another grid: bool, of the box's shape; nearest neighbor where the grids differ.

    Args:
        box: slices (k, j, i) of the grid that ``matrix`` (4x4, ijk to the node's RAS mm) describes.
    """
    result = np.zeros(tuple(part.stop - part.start for part in box), bool)
    found = own_values(segment)
    if found is None:
        return result
    values, start, own = found
    shift = shift_between(own, matrix)
    if shift is None:
        return _resampled(values, segment.GetLabelValue(), start, np.linalg.solve(own, matrix), box)
    start = triple(at + by for at, by in zip(start, shift))
    low = [max(part.start, at) for part, at in zip(box, start)]
    high = [min(part.stop, at + size) for part, at, size in zip(box, start, values.shape)]
    if all(a < b for a, b in zip(low, high)):
        there = tuple(slice(a - at, b - at) for a, b, at in zip(low, high, start))
        here = tuple(slice(a - part.start, b - part.start) for a, b, part in zip(low, high, box))
        result[here] = values[there] == segment.GetLabelValue()
    return result


def _resampled(values: np.ndarray, label: int, start: tuple[int, int, int], to_own: np.ndarray, box: Box) -> np.ndarray:
    """Nearest neighbor, plane by plane of the box; ``to_own`` (4x4) takes its ijk to those of the values, which begin at ``start``."""
    k, j, i = (np.arange(part.start, part.stop) for part in box)
    result = np.zeros((len(k), len(j), len(i)), bool)
    limits = np.array(values.shape)[:, None, None]
    for n, plane in enumerate(k):
        places = [to_own[row, 2] * plane + to_own[row, 3] + to_own[row, 1] * j[:, None] + to_own[row, 0] * i[None, :] for row in (2, 1, 0)]
        index = np.floor(np.array(places) + 0.5).astype(int) - np.array(start)[:, None, None]
        inside = ((index >= 0) & (index < limits)).all(0)
        result[n][inside] = values[tuple(index[:, inside])] == label
    return result


def segment_at(node: Any, ras: Sequence[float]) -> str | None:
    """The name of the segment that has a voxel at a place (world RAS mm); None where there is none."""
    place = Affine(to_world(node)).inverse.apply(ras)
    segmentation = node.GetSegmentation()
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        found = layer_of(segment)
        if found is None:
            continue
        matrix, image = found
        k, j, i = Affine(matrix).voxel_at(place)
        low_i, high_i, low_j, high_j, low_k, high_k = image.GetExtent()
        inside = low_i <= i <= high_i and low_j <= j <= high_j and low_k <= k <= high_k
        if inside and image.GetScalarComponentAsDouble(i, j, k, 0) == segment.GetLabelValue():
            return segment.GetName()
    return None
