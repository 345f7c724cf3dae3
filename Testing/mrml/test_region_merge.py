"""A result inside a region of an existing segmentation: which vertebra is which, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from neurospineseg.anatomy import structure, structures_of
from neurospineseg.mrml import FoundStructure, RegionMerge, node_from_array, segmentation_from_labels
from neurospineseg.mrml.segment_masks import mask_in_box
from neurospineseg.volume import Volume

SHAPE = (12, 14, 16)
OBLIQUE = np.array([[0.9, -0.3, 0.05, 11.0], [0.25, 1.1, 0.2, -7.0], [0.1, -0.2, -2.0, 5.0], [0, 0, 0, 1]])
EVERYWHERE = (np.ones(SHAPE, bool), (0, 0, 0))


@pytest.fixture
def scene():
    return slicer.vtkMRMLScene()


@pytest.fixture
def scan(scene):
    return node_from_array(np.zeros(SHAPE, np.int16), OBLIQUE, scene, "Scan")


def block(k: slice, j: slice, i: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[k, j, i] = True
    return mask


def found(kind, mask: np.ndarray) -> FoundStructure:
    return FoundStructure(kind, mask, (0, 0, 0))


def mask_of(node, segment_id: str) -> np.ndarray:
    return mask_in_box(node.GetSegmentation().GetSegment(segment_id), tuple(slice(0, n) for n in SHAPE), OBLIQUE)


def spine(scene, scan, *blocks: tuple[str, np.ndarray]):
    labels = np.zeros(SHAPE, np.uint16)
    for key, mask in blocks:
        labels[mask] = structure(key).label
    return segmentation_from_labels(Volume(labels, OBLIQUE), structures_of("spine"), scene, "Spine", scan)


def test_inside_a_region_what_was_not_looked_for_stays(scene, scan) -> None:
    upper, lower = block(slice(1, 4), slice(2, 8), slice(2, 8)), block(slice(6, 9), slice(2, 8), slice(2, 8))
    node = spine(scene, scan, ("vertebra_L3", upper), ("spinal_canal", lower))
    merge = RegionMerge(scene, scan, node, *EVERYWHERE, [structure("vertebra_L3")])
    merge.prepare(found(structure("vertebra_L3"), upper))
    merge.apply()
    np.testing.assert_array_equal(mask_of(node, "spinal_canal"), lower)


def test_inside_a_region_two_vertebrae_never_become_one(scene, scan) -> None:
    upper, lower = block(slice(7, 11), slice(2, 8), slice(2, 8)), block(slice(1, 5), slice(2, 8), slice(2, 8))
    node = spine(scene, scan, ("vertebra_L4", upper), ("vertebra_L5", lower))
    larger = {"vertebra_L3": block(slice(7, 11), slice(2, 14), slice(2, 16)), "vertebra_L4": block(slice(1, 5), slice(2, 14), slice(2, 16))}
    merge = RegionMerge(scene, scan, node, *EVERYWHERE, structures_of("spine"))
    for key, mask in larger.items():
        merge.prepare(found(structure(key), mask))
    merge.apply()
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), larger["vertebra_L3"])
    np.testing.assert_array_equal(mask_of(node, "vertebra_L5"), larger["vertebra_L4"])


def test_a_vertebra_that_is_none_of_a_renumbered_spine_gets_a_segment_and_a_note(scene, scan) -> None:
    upper, lower = block(slice(7, 11), slice(2, 8), slice(2, 8)), block(slice(1, 5), slice(2, 8), slice(2, 8))
    node = spine(scene, scan, ("vertebra_L4", upper))
    merge = RegionMerge(scene, scan, node, *EVERYWHERE, structures_of("spine"))
    merge.prepare(found(structure("vertebra_L3"), upper))
    merge.prepare(found(structure("vertebra_L4"), lower))
    merge.apply()
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), upper)
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2 and any("added as a new segment" in note for note in merge.notes)
    np.testing.assert_array_equal(mask_of(node, segmentation.GetNthSegmentID(1)), lower)


def test_an_emptied_vertebra_is_filled_again_by_its_name(scene, scan) -> None:
    upper, lower = block(slice(7, 11), slice(2, 8), slice(2, 8)), block(slice(1, 5), slice(2, 8), slice(2, 8))
    node = spine(scene, scan, ("vertebra_L3", upper), ("vertebra_L4", lower))
    slicer.vtkSlicerSegmentationsModuleLogic.ClearSegment(node, "vertebra_L4")
    merge = RegionMerge(scene, scan, node, *EVERYWHERE, structures_of("spine"))
    for key, mask in (("vertebra_L3", upper), ("vertebra_L4", lower)):
        merge.prepare(found(structure(key), mask))
    merge.apply()
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), lower)


def test_what_is_not_found_again_in_the_region_is_said(scene, scan) -> None:
    upper = block(slice(7, 11), slice(2, 8), slice(2, 8))
    node = spine(scene, scan, ("vertebra_L3", upper))
    merge = RegionMerge(scene, scan, node, *EVERYWHERE, structures_of("spine"))
    merge.apply()
    assert not mask_of(node, "vertebra_L3").any() and "not found again" in merge.notes[0]
