"""The volumes of a segmentation's segments."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.geometry.affine import Affine
from neurospineseg.mrml.pieces import PIECE_VOXELS, Pieces, at_once
from neurospineseg.mrml.segment_masks import BINARY, layer_of

_COUNTS: OrderedDict[tuple[str, int], Mapping[int, int]] = OrderedDict()
"""Voxels by label value of the layers that were counted last, each as it was at one modified time."""
_KEPT = 256


def remember_counts(image: Any, counts: Mapping[int, int]) -> None:
    """Keeps how many voxels each label value has in a layer, until the layer is modified."""
    _COUNTS[image.__this__, image.GetMTime()] = counts
    while len(_COUNTS) > _KEPT:
        _COUNTS.popitem(last=False)


def counting(node: Any) -> Pieces[None]:
    """Counts the voxels of all segments that were modified since they were counted, so that their volumes are known at once."""
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(number) for number in range(segmentation.GetNumberOfSegments())]
    for layer in dict.fromkeys(segment.GetRepresentation(BINARY) for segment in segments):
        if layer is not None:
            yield from _counts_of(layer)


def _counts_of(image: Any) -> Pieces[Mapping[int, int]]:
    key = (image.__this__, image.GetMTime())
    if key in _COUNTS:
        return _COUNTS[key]
    scalars, counts = image.GetPointData().GetScalars(), dict[int, int]()
    values = np.zeros(0, np.uint8) if scalars is None else vtk_to_numpy(scalars)
    for first in range(0, len(values), PIECE_VOXELS):
        for label, count in _counted(values[first : first + PIECE_VOXELS]):
            counts[label] = counts.get(label, 0) + count
        yield
    if key == (image.__this__, image.GetMTime()):
        remember_counts(image, counts)
    return counts


def _counted(values: np.ndarray) -> list[tuple[int, int]]:
    """Label values and how often each is there; zero may be among them."""
    if values.dtype == np.uint8:
        counts = np.bincount(values)
        labels = np.flatnonzero(counts)
        return list(zip(labels.tolist(), counts[labels].tolist()))
    labels, counts = np.unique(values[values != 0], return_counts=True)
    return [(int(label), int(count)) for label, count in zip(labels, counts)]


def voxels_of(segment: Any) -> int:
    """How many voxels a segment has on its own grid."""
    found = layer_of(segment)
    return 0 if found is None else at_once(_counts_of(found[1])).get(segment.GetLabelValue(), 0)


def segment_ml(segment: Any) -> float:
    """A segment's volume in mL, from its own voxels."""
    found = layer_of(segment)
    return 0.0 if found is None else voxels_of(segment) * Affine(found[0]).voxel_volume_ml


def volumes_table(node: Any) -> list[tuple[str, str, float]]:
    """ID, name and volume in mL of each segment, in the node's order; parent transforms are not counted."""
    segmentation = node.GetSegmentation()
    return [
        (segmentation.GetNthSegmentID(n), segmentation.GetNthSegment(n).GetName(), segment_ml(segmentation.GetNthSegment(n)))
        for n in range(segmentation.GetNumberOfSegments())
    ]


def volumes_table_node(node: Any, scene: Any) -> Any:
    """A new ``vtkMRMLTableNode`` with the columns Segment and Volume (mL)."""
    names, volumes = vtk.vtkStringArray(), vtk.vtkDoubleArray()
    names.SetName("Segment")
    volumes.SetName("Volume (mL)")
    for _, name, ml in volumes_table(node):
        names.InsertNextValue(name)
        volumes.InsertNextValue(round(ml, 4))
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{node.GetName()} volumes")
    table.AddColumn(names)
    table.AddColumn(volumes)
    return table
