"""Renumbering changes names, codes and colors of the chain, and no voxel."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.mrml import (
    has_levels,
    renumber,
    renumbering_as,
    rival_numberings,
    segment_at,
    segmentation_from_labels,
    vertebrae_of,
)
from neurospineseg.mrml.pieces import at_once
from neurospineseg.mrml.segment_masks import BINARY, own_mask, structure_of_segment, tag
from neurospineseg.tasks.anatomy import structure, structures_of, terminology_entry
from neurospineseg.tasks.spine.renumbering import Variant

KEYS = ("vertebra_3", "disc_2", "vertebra_2", "disc_1", "vertebra_1", "sacrum", "spinal_canal")


@pytest.fixture
def node():
    labels = np.zeros((28, 6, 6), np.uint16)
    for number, key in enumerate(KEYS[:-1]):
        labels[24 - 4 * number : 28 - 4 * number, :4, 1:5] = structure(key).label
    labels[:, 5, 2:4] = structure("spinal_canal").label
    scene = slicer.vtkMRMLScene()
    volume = Volume(labels, np.diag([5.0, 5.0, 8.0, 1.0]))
    found = segmentation_from_labels(volume, structures_of("spine"), scene, "Spine")
    found.kept_scene = scene
    return found


def test_names_codes_and_colors_follow(node) -> None:
    segmentation = node.GetSegmentation()
    masks = {key: own_mask(segmentation.GetSegment(key))[0].copy() for key in KEYS}
    order = [segmentation.GetNthSegmentID(n) for n in range(len(KEYS))]
    assert renumber(node, "vertebra_2", "L4") == []
    expected = ("vertebra_L3", "disc_L3_L4", "vertebra_L4", "disc_L4_L5", "vertebra_L5", "sacrum", "spinal_canal")
    for key, now in zip(KEYS, expected):
        segment = segmentation.GetSegment(key)
        assert structure_of_segment(segment) == structure(now)
        assert segment.GetName() == structure(now).name
        assert tag(segment, "TerminologyEntry") == terminology_entry(structure(now))
        np.testing.assert_allclose(np.array(segment.GetColor()) * 255, structure(now).color, atol=1e-3)
        np.testing.assert_array_equal(own_mask(segment)[0], masks[key])
    assert [segmentation.GetNthSegmentID(n) for n in range(len(KEYS))] == order
    assert {name for _, name in vertebrae_of(node)} == {"L3 vertebra", "L4 vertebra", "L5 vertebra"}


def test_what_does_not_fit_changes_nothing(node) -> None:
    before = vertebrae_of(node)
    with pytest.raises(InputError):
        renumber(node, "vertebra_2", "L4", Variant.FOUR_LUMBAR)
    assert vertebrae_of(node) == before


def test_a_segment_without_a_label_map_is_passed_over(node) -> None:
    node.GetSegmentation().GetSegment("sacrum").RemoveRepresentation(BINARY)
    assert renumber(node, "vertebra_2", "L4") == []
    assert {name for _, name in vertebrae_of(node)} == {"L3 vertebra", "L4 vertebra", "L5 vertebra"}


def test_up_is_up_in_the_world(node) -> None:
    transform = node.kept_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    turned = vtk.vtkMatrix4x4()
    turned.SetElement(1, 1, -1)
    turned.SetElement(2, 2, -1)
    transform.SetMatrixTransformToParent(turned)
    node.SetAndObserveTransformNodeID(transform.GetID())
    renumber(node, "vertebra_2", "L3")
    assert node.GetSegmentation().GetSegment("vertebra_3").GetName() == "L4 vertebra"


def test_the_segment_at_a_place(node) -> None:
    assert segment_at(node, (10.0, 5.0, 8.0 * 25)) == structure("vertebra_3").name
    assert segment_at(node, (500.0, 0.0, 0.0)) is None


def test_rivals_are_told_from_the_names(node) -> None:
    lowest, rivals = rival_numberings(node)
    assert lowest == "vertebra_1"
    assert (rivals[0].lowest, round(rivals[0].likelihood, 2)) == ("L5", 0.84)


def test_what_the_run_saw_counts_while_its_vertebrae_are_there(node) -> None:
    record = {"sacrum": True, "vertebrae": 3, "vertebrae_below_c2": None, "lumbar_type": 4}
    assert rival_numberings(node, record)[1][0].lowest == "L4"
    node.GetSegmentation().RemoveSegment("vertebra_3")
    assert rival_numberings(node, record)[1][0].lowest == "L5"


def test_without_a_sacrum_there_are_no_rivals(node) -> None:
    node.GetSegmentation().RemoveSegment("sacrum")
    assert rival_numberings(node) == ("vertebra_1", ())


def test_levels_of_another_segmentation_come_through_its_transform(node) -> None:
    labels = np.zeros((12, 6, 6), np.uint16)
    labels[4:8, :4, 1:5] = structure("vertebra_L2").label
    other = segmentation_from_labels(Volume(labels, np.diag([5.0, 5.0, 8.0, 1.0])), structures_of("spine"), node.kept_scene, "Localizer")
    moved = node.kept_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    shift = vtk.vtkMatrix4x4()
    shift.SetElement(2, 3, 8.0 * 12)
    moved.SetMatrixTransformToParent(shift)
    other.SetAndObserveTransformNodeID(moved.GetID())
    notes = at_once(renumbering_as(node, other))
    assert notes[0].startswith("1 of 1 vertebrae")
    assert node.GetSegmentation().GetSegment("vertebra_2").GetName() == "L2 vertebra"


def test_only_names_of_levels_are_levels(node) -> None:
    assert not has_levels(node)
    renumber(node, "vertebra_1", "L5")
    assert has_levels(node)
