"""Segments of one layer are painted at once, with the same voxels and counts as one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import slicer

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import node_from_array, painting_in, segmentation_from_labels
from neurospineseg.mrml.label_map import _painting
from neurospineseg.mrml.pieces import at_once
from neurospineseg.mrml.segment_masks import structure_of_segment
from neurospineseg.mrml.volume_node import geometry_in
from neurospineseg.tasks.anatomy import structures_of

SHAPE = (12, 14, 16)


@pytest.fixture
def node() -> Iterator[Any]:
    """Three structures and a stranger in one layer, then one of a layer of its own over them, then one more that shares its layer."""
    scene, rng = slicer.vtkMRMLScene(), np.random.default_rng(2)
    labels = Volume(rng.integers(0, 5, SHAPE).astype(np.uint16), np.diag([1.0, 1.0, 2.0, 1.0]))
    made = segmentation_from_labels(labels, structures_of("subcortical"), scene, "Mine")
    other = segmentation_from_labels(
        Volume(rng.integers(0, 8, SHAPE).astype(np.uint16), labels.ijk_to_ras), structures_of("subcortical"), scene, "Other"
    )
    for identifier in list(other.GetSegmentation().GetSegmentIDs())[4:]:
        made.GetSegmentation().AddSegment(other.GetSegmentation().GetSegment(identifier), identifier)
    stranger = made.GetSegmentation().GetNthSegment(1)
    stranger.SetName("Mine")
    for name in ("NeuroSpineSeg.Structure", "TerminologyEntry"):
        stranger.RemoveTag(name)
    yield made
    scene.Clear(0)


@pytest.mark.parametrize("shift", [0, 3], ids=["the same grid", "a part of it"])
def test_at_once_is_as_one_after_the_other(node: Any, shift: int) -> None:
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[0, 3] = shift
    volume = node_from_array(np.zeros(SHAPE, np.int16), affine, node.GetScene(), "Scan")
    matrix = geometry_in(node, volume)
    one, other = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.uint16)
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetSegment(identifier) for identifier in segmentation.GetSegmentIDs()]
    painted = at_once(painting_in(node, matrix, one, lambda identifier, segment: structure_of_segment(segment)))
    singly = [at_once(_painting(segment, structure_of_segment(segment), other, matrix)) for segment in segments]
    np.testing.assert_array_equal(one, other)
    assert painted == singly
    assert any(each.covered for each in painted)
    assert any(each.structure is None for each in painted)
    assert any(each.outside for each in painted) == bool(shift)
