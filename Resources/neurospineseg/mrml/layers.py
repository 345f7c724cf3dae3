"""Voxels into a segmentation: every new mask in a layer of its own, and no other segment's touched.

Images that are written get a new time, since the undo history takes one that is older than its last state for unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.mrml.segment_masks import BINARY, describe
from neurospineseg.tasks.anatomy import Structure

_SLAB = 2**22


def add_segment(segmentation: Any, found: Structure, image: Any) -> str:
    """Adds a segment of a structure and returns its ID: the structure's key, if that is free. Its name is unique."""
    segment = slicer.vtkSegment()
    describe(segment, found)
    segment.SetName(_free_name(segmentation, found.name))
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY, image)
    image.Modified()
    wanted = found.key if segmentation.GetSegment(found.key) is None else segmentation.GenerateUniqueSegmentID(found.key)
    segmentation.AddSegment(segment, wanted)
    return wanted


def _free_name(segmentation: Any, name: str) -> str:
    taken = {segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())}
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def replace_voxels(segmentation: Any, images: Mapping[str, Any]) -> None:
    """New voxels for segments, by ID; what is derived from the former ones (surfaces) is removed, since it is stale.

    A replaced segment's label value is cleared from the layer it shared, because Slicer gives free values away again.
    """
    members: dict[Any, list[tuple[str, Any]]] = {}
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        members.setdefault(segment.GetRepresentation(BINARY), []).append((segmentation.GetNthSegmentID(number), segment))
    for layer, there in members.items():
        kept = {segment.GetLabelValue() for identifier, segment in there if identifier not in images}
        gone = {segment.GetLabelValue() for identifier, segment in there if identifier in images} - kept
        if layer is not None and kept and gone:
            _erase(layer, gone)
    for identifier, image in images.items():
        image.Modified()
        segment = segmentation.GetSegment(identifier)
        segment.SetLabelValue(1)
        segment.AddRepresentation(BINARY, image)
    segmentation.InvalidateNonSourceRepresentations()
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)


def _erase(layer: Any, labels: set[int]) -> None:
    """Sets label values of a layer to zero, in a copy of its scalars, since other images may hold the same ones."""
    former = layer.GetPointData().GetScalars()
    if former is None:
        return
    scalars = former.NewInstance()
    scalars.DeepCopy(former)
    values, wanted = vtk_to_numpy(scalars), sorted(labels)
    for first in range(0, len(values), _SLAB):
        part = values[first : first + _SLAB]
        part[np.isin(part, wanted)] = 0
    layer.GetPointData().SetScalars(scalars)
    layer.Modified()
