"""A result inside a region of an existing segmentation: which vertebra is which, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import FoundStructure, RegionMerge, node_from_array, segmentation_from_labels
from neurospineseg.mrml.layers import drawing
from neurospineseg.mrml.pieces import at_once
from neurospineseg.mrml.segment_masks import BINARY, describe, mask_in_box
from neurospineseg.tasks.anatomy import structure, structures_of

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


def test_a_new_vertebra_of_a_renumbered_spine_gets_the_name_that_the_user_would_give_it(scene, scan) -> None:
    upper, lower = block(slice(7, 11), slice(2, 8), slice(2, 8)), block(slice(1, 5), slice(2, 8), slice(2, 8))
    node = spine(scene, scan, ("vertebra_L4", upper))
    merge = RegionMerge(scene, scan, node, *EVERYWHERE, structures_of("spine"))
    merge.prepare(found(structure("vertebra_L3"), upper))
    merge.prepare(found(structure("vertebra_L4"), lower))
    merge.apply()
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), upper)
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    assert merge.notes == ["'L5 vertebra' was added; the model takes it for 'L4 vertebra'."]
    np.testing.assert_array_equal(mask_of(node, "vertebra_L5"), lower)


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
    assert not mask_of(node, "vertebra_L3").any()
    assert "not found again" in merge.notes[0]


def planes(low: int, high: int) -> np.ndarray:
    return block(slice(low, high), slice(2, 8), slice(2, 8))


def merged(scene, scan, node, results: dict[str, np.ndarray], sought: list[str] | None = None, inside=EVERYWHERE) -> RegionMerge:
    merge = RegionMerge(scene, scan, node, *inside, [structure(key) for key in sought] if sought else structures_of("spine"))
    for key, mask in results.items():
        merge.prepare(found(structure(key), mask))
    merge.apply()
    return merge


def add(node, segment_id: str, key: str, mask: np.ndarray, name: str, locked: bool = False, matrix: np.ndarray = OBLIQUE) -> None:
    segment = slicer.vtkSegment()
    describe(segment, structure(key))
    segment.SetName(name)
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY, at_once(drawing([found(structure(key), mask)], matrix))[0].image)
    if locked:
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        logic.SetSegmentStatus(segment, logic.Completed)
    node.GetSegmentation().AddSegment(segment, segment_id)


@pytest.mark.parametrize("crumb", [planes(3, 4) & block(slice(0, 12), slice(2, 4), slice(2, 4)), planes(4, 8)])
def test_a_vertebra_that_was_not_asked_for_is_never_written_to(scene, scan, crumb) -> None:
    node = spine(scene, scan, ("vertebra_L4", planes(1, 8)))
    merged(scene, scan, node, {"vertebra_L3": crumb}, ["vertebra_L3"])
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), planes(1, 8))


def test_asked_for_one_vertebra_of_a_renumbered_spine_nothing_is_guessed(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L4", planes(1, 5)), ("vertebra_L3", planes(7, 11)))
    merge = merged(scene, scan, node, {"vertebra_L3": planes(1, 5)}, ["vertebra_L3"])
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), planes(1, 5))
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), planes(7, 11))
    assert "look for all structures" in merge.notes[0]


def test_two_vertebrae_fused_by_mistake_are_parted_by_their_names(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L3", planes(3, 11)), ("vertebra_L4", planes(1, 3)))
    merged(scene, scan, node, {"vertebra_L3": planes(7, 11), "vertebra_L4": planes(1, 6)})
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), planes(7, 11))
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), planes(1, 6))


@pytest.mark.parametrize("locked", [True, False])
def test_a_backup_is_left_alone(scene, scan, locked: bool) -> None:
    node = spine(scene, scan, ("vertebra_L3", planes(6, 11)))
    add(node, "backup", "vertebra_L3", planes(7, 11), "L3 backup", locked)
    merge = merged(scene, scan, node, {"vertebra_L3": planes(7, 10)})
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), planes(7, 10))
    np.testing.assert_array_equal(mask_of(node, "backup"), planes(7, 11))
    assert "'L3 backup' shows the same structure" in merge.notes[0]


def test_a_completed_neighbor_on_another_grid_takes_no_result(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L3", planes(7, 8)))
    shifted = OBLIQUE.copy()
    shifted[:3, 3] += OBLIQUE[:3, 0] * 0.4
    add(node, "L4", "vertebra_L4", planes(1, 8), "L4 vertebra", True, shifted)
    merged(scene, scan, node, {"vertebra_L3": planes(7, 11)})
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), planes(7, 11))


def test_a_spine_with_a_thirteenth_thoracic_vertebra_keeps_its_names(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_T13", planes(7, 11)), ("vertebra_L1", planes(1, 5)))
    merged(scene, scan, node, {"vertebra_T12": planes(7, 10), "vertebra_L1": planes(1, 5)})
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    np.testing.assert_array_equal(mask_of(node, "vertebra_T13"), planes(7, 10))


def test_what_reaches_into_the_box_and_is_found_outside_only_is_said(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L4", planes(2, 9)))
    inside = np.zeros(SHAPE, bool)
    inside[:4] = True
    merge = merged(scene, scan, node, {"vertebra_L4": planes(5, 9)}, inside=(inside, (0, 0, 0)))
    np.testing.assert_array_equal(mask_of(node, "vertebra_L4"), planes(4, 9))
    assert "not found again inside the box" in merge.notes[0]


def below(count: int, number: int) -> np.ndarray:
    """The ``number``-th of ``count`` blocks of two planes, from below."""
    assert count * 3 <= SHAPE[0]
    return planes(3 * number, 3 * number + 2)


def test_what_the_renumbered_spine_has_no_level_for_is_left_out(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L5", below(4, 1)), ("vertebra_L4", below(4, 2)), ("vertebra_L3", below(4, 3)))
    results = {"vertebra_L3": below(4, 2), "vertebra_L4": below(4, 1), "vertebra_L5": below(4, 0), "vertebra_L2": below(4, 3)}
    merge = merged(scene, scan, node, results)
    for key, number in (("vertebra_L5", 1), ("vertebra_L4", 2), ("vertebra_L3", 3)):
        np.testing.assert_array_equal(mask_of(node, key), below(4, number))
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    assert merge.notes == ["'L5 vertebra' was left out: the renumbered spine has no level for it."]


def test_halves_of_two_vertebrae_never_become_one(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L5", below(4, 0)), ("vertebra_L3", below(4, 2)), ("vertebra_L2", below(4, 3)))
    inside = np.zeros(SHAPE, bool)
    inside[:7] = True
    merge = merged(scene, scan, node, {"vertebra_L3": below(4, 1)}, ["vertebra_L3"], (inside, (0, 0, 0)))
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), below(4, 2))
    assert "reaches beyond the box" in merge.notes[0]


def test_numbers_among_levels_are_left_alone(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L5", below(3, 0)), ("vertebra_2", below(3, 1)), ("vertebra_3", below(3, 2)))
    merge = merged(scene, scan, node, {f"vertebra_{n + 1}": below(3, n) for n in range(3)})
    for number, key in enumerate(("vertebra_L5", "vertebra_2", "vertebra_3")):
        np.testing.assert_array_equal(mask_of(node, key), below(3, number))
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    assert "renumber the spine first" in merge.notes[0]


def test_a_larger_backup_is_not_taken_for_the_segment(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L3", planes(7, 9)))
    add(node, "backup", "vertebra_L3", planes(6, 11), "L3 before correcting")
    merged(scene, scan, node, {"vertebra_L3": planes(7, 10)})
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), planes(7, 10))
    np.testing.assert_array_equal(mask_of(node, "backup"), planes(6, 11))


def test_new_discs_are_named_as_the_vertebrae_are(scene, scan) -> None:
    node = spine(scene, scan, ("vertebra_L4", below(3, 0)), ("vertebra_L3", below(3, 2)))
    merged(scene, scan, node, {"vertebra_L5": below(3, 0), "vertebra_L4": below(3, 2), "disc_L4_L5": below(3, 1)})
    np.testing.assert_array_equal(mask_of(node, "disc_L3_L4"), below(3, 1))
