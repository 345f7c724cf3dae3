"""Voxels into a segmentation: the new masks together in as few layers as hold them, as Slicer keeps an imported label map.

Each view of Slicer draws every layer on its own, so that one layer for eighteen structures is drawn in the time of one. No other segment's
voxels are touched. Images that are written get a new time, since the undo history takes one that is older than its last state for unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.mrml.found_structure import FoundStructure
from neurospineseg.mrml.pieces import PIECE_VOXELS, Box, Pieces, common_box, moved_box, slabs_of
from neurospineseg.mrml.segment_masks import BINARY, SURFACE, describe
from neurospineseg.mrml.volume_node import to_vtk
from neurospineseg.mrml.volumes import remember_counts
from neurospineseg.tasks.anatomy import Structure

LABELS = 255
_SPARSE = 4
"""A layer that is so many times larger than what it holds is not worth its memory, unless it is small."""


@dataclass(frozen=True)
class Drawn:
    """Where a segment's voxels are: the ``vtkOrientedImageData`` of a layer, the label value in it, and how many they are."""

    image: Any
    label: int
    voxels: int


def drawing(masks: Sequence[FoundStructure], matrix: np.ndarray) -> Pieces[list[Drawn]]:
    """Draws masks into new layers that belong to no segmentation yet; masks that overlap come into different ones.

    Args:
        matrix: 4x4 ijk of the masks' grid to the segmentation's RAS mm.
    """
    rooms: list[list[int]] = []
    for number in range(len(masks)):
        room = yield from _room_for(number, masks, rooms)
        room.append(number)
    drawn: dict[int, Drawn] = {}
    for room in rooms:
        image, counts = yield from _layer([masks[number] for number in room], matrix)
        drawn.update({number: Drawn(image, label, count) for label, (number, count) in enumerate(zip(room, counts), 1)})
    return [drawn[number] for number in range(len(masks))]


def _room_for(number: int, masks: Sequence[FoundStructure], rooms: list[list[int]]) -> Pieces[list[int]]:
    """The numbers of the masks in the first layer that has room for a mask, perhaps none yet."""
    for room in rooms:
        there = [masks[n] for n in room]
        if len(room) < LABELS and _is_dense([*there, masks[number]]) and (yield from _is_apart(masks[number], there)):
            return room
    rooms.append([])
    return rooms[-1]


def _is_dense(masks: Sequence[FoundStructure]) -> bool:
    return _size(_box_around(masks)) <= max(2 * PIECE_VOXELS, _SPARSE * sum(_size(mask.box) for mask in masks))


def _is_apart(one: FoundStructure, others: Sequence[FoundStructure]) -> Pieces[bool]:
    for other in others:
        box = common_box(one.box, other.box)
        for slab in slabs_of(box) if box is not None else ():
            yield
            if (one.within(slab) & other.within(slab)).any():
                return False
    return True


def _box_around(masks: Sequence[FoundStructure]) -> Box:
    return tuple(slice(min(part.start for part in parts), max(part.stop for part in parts)) for parts in zip(*(mask.box for mask in masks)))


def _size(box: Box) -> int:
    return int(np.prod([part.stop - part.start for part in box], dtype=np.int64))


def _layer(masks: Sequence[FoundStructure], matrix: np.ndarray) -> Pieces[tuple[Any, list[int]]]:
    """A ``vtkOrientedImageData``, uint8, as large as the masks need, with the label values 1, 2, ..., and how many voxels each has."""
    box = _box_around(masks)
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*[edge for part in reversed(box) for edge in (part.start, part.stop - 1)])
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.SetImageToWorldMatrix(to_vtk(matrix))
    start = [part.start for part in box]
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape([part.stop - part.start for part in box])
    for slab in slabs_of(box):
        values[moved_box(slab, np.negative(start))] = 0
        yield
    counts = [0] * len(masks)
    for label, mask in enumerate(masks, 1):
        for slab in slabs_of(mask.box):
            inside = mask.mask[moved_box(slab, np.negative(mask.start))] != 0
            np.copyto(values[moved_box(slab, np.negative(start))], np.uint8(label), where=inside)
            counts[label - 1] += int(np.count_nonzero(inside))
            yield
    return image, counts


def stamp(drawn: Sequence[Drawn]) -> None:
    """Gives the layers a new time, as is due when they go into a segmentation, and remembers what they hold."""
    for image in dict.fromkeys(one.image for one in drawn):
        image.Modified()
        remember_counts(image, {one.label: one.voxels for one in drawn if one.image is image})


def add_segment(segmentation: Any, found: Structure, drawn: Drawn, surface: Any = None) -> str:
    """Adds a segment of a structure and returns its ID: the structure's key, if that is free. Its name is unique.

    Args:
        surface: the segment's ``vtkPolyData``, where the segmentation shows surfaces; Slicer makes one where it is missing.
    """
    segment = slicer.vtkSegment()
    describe(segment, found)
    segment.SetName(_free_name(segmentation, found.name))
    segment.SetLabelValue(drawn.label)
    segment.AddRepresentation(BINARY, drawn.image)
    if surface is not None:
        segment.AddRepresentation(SURFACE, surface)
    wanted = found.key if segmentation.GetSegment(found.key) is None else segmentation.GenerateUniqueSegmentID(found.key)
    segmentation.AddSegment(segment, wanted)
    return wanted


def _free_name(segmentation: Any, name: str) -> str:
    taken = {segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())}
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def surface_of(segmentation: Any, mask: FoundStructure, matrix: np.ndarray) -> Pieces[Any]:
    """The ``vtkPolyData`` of a mask, made as a segmentation makes its own, beside it; one piece, since Slicer makes it at once."""
    (drawn,) = yield from drawing([mask], matrix)
    yield
    alone = slicer.vtkSegmentation()
    alone.SetSourceRepresentationName(BINARY)
    alone.CopyConversionParameters(segmentation)
    add_segment(alone, mask.structure, drawn)
    alone.CreateRepresentation(SURFACE)
    yield
    return alone.GetNthSegment(0).GetRepresentation(SURFACE)


def erasing(segmentation: Any, replaced: Collection[str]) -> Pieces[list[tuple[Any, Any]]]:
    """The layers that replaced segments (by ID) leave to others, each with a copy of its scalars in which they are no more.

    A replaced segment's label value is cleared from the layer it shared, because Slicer gives free values away again.
    """
    members: dict[Any, list[tuple[str, int]]] = {}
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        entry = (segmentation.GetNthSegmentID(number), segment.GetLabelValue())
        members.setdefault(segment.GetRepresentation(BINARY), []).append(entry)
    erased = []
    for layer, there in members.items():
        kept = {label for identifier, label in there if identifier not in replaced}
        gone = {label for identifier, label in there if identifier in replaced} - kept
        if layer is not None and kept and gone and layer.GetPointData().GetScalars() is not None:
            scalars = yield from _without(layer.GetPointData().GetScalars(), gone)
            erased.append((layer, scalars))
    return erased


def _without(former: Any, labels: set[int]) -> Pieces[Any]:
    """A copy of scalars with some label values set to zero."""
    scalars = former.NewInstance()
    scalars.SetName(former.GetName())
    scalars.SetNumberOfComponents(former.GetNumberOfComponents())
    scalars.SetNumberOfTuples(former.GetNumberOfTuples())
    values, old = vtk_to_numpy(scalars), vtk_to_numpy(former)
    for first in range(0, len(values), PIECE_VOXELS):
        part = old[first : first + PIECE_VOXELS]
        values[first : first + PIECE_VOXELS] = np.where(np.isin(part, sorted(labels)), 0, part)
        yield
    return scalars


def replace_voxels(segmentation: Any, drawn: Mapping[str, Drawn], erased: Sequence[tuple[Any, Any]]) -> None:
    """New voxels for segments, by ID; what is derived from the former ones (surfaces) is removed, since it is stale.

    Args:
        erased: what ``erasing`` gave.
    """
    for layer, scalars in erased:
        layer.GetPointData().SetScalars(scalars)
        layer.Modified()
    for identifier, new in drawn.items():
        segment = segmentation.GetSegment(identifier)
        segment.SetLabelValue(new.label)
        segment.AddRepresentation(BINARY, new.image)
    segmentation.InvalidateNonSourceRepresentations()
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
