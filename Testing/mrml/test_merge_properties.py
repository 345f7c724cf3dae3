"""On any grid, layout and rule: masks lie where the scan's voxels do, and what is not asked for stays as it is by a bit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import slicer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import (
    FoundStructure,
    Merge,
    MergeRule,
    RegionMerge,
    node_from_array,
    node_geometry,
    segmentation_from_labels,
    volumes_table,
    volumes_table_node,
)
from neurospineseg.mrml.segment_masks import BINARY, own_mask, tag
from neurospineseg.mrml.volume_node import to_vtk, to_world
from neurospineseg.tasks.anatomy import structures_of

SHAPE = (5, 6, 7)
KINDS = structures_of("subcortical")[:5]
STATUS = slicer.vtkSlicerSegmentationsModuleLogic


@st.composite
def affines(draw) -> np.ndarray:
    """Any direction, handedness and shear, well away from singular; 4x4."""
    numbers = st.floats(-1, 1)
    axes, _ = np.linalg.qr(np.array(draw(st.lists(numbers, min_size=9, max_size=9))).reshape(3, 3) + 3 * np.eye(3))
    shear = np.eye(3) + np.triu(np.array(draw(st.lists(numbers, min_size=9, max_size=9))).reshape(3, 3), 1) * 0.3
    sizes = np.array(draw(st.lists(st.floats(0.3, 4), min_size=3, max_size=3)))
    affine = np.eye(4)
    affine[:3, :3] = axes @ shear @ np.diag(sizes * draw(st.sampled_from([-1, 1])))
    affine[:3, 3] = draw(st.lists(st.floats(-200, 200), min_size=3, max_size=3))
    return affine


def under(node, matrix: np.ndarray | None) -> None:
    if matrix is not None:
        transform = node.GetScene().AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(to_vtk(matrix))
        node.SetAndObserveTransformNodeID(transform.GetID())


def world_places(node, segment_id: str) -> np.ndarray:
    """Centers of a segment's voxels in world RAS mm, shape (n, 3), in the order of k, j, i."""
    mask, start, matrix = own_mask(node.GetSegmentation().GetSegment(segment_id))
    ijk = (np.argwhere(mask) + start)[:, ::-1]
    matrix = to_world(node) @ matrix
    return ijk @ matrix[:3, :3].T + matrix[:3, 3]


@settings(max_examples=60, deadline=None)
@given(affines(), st.none() | affines(), st.none() | affines(), st.booleans())
def test_masks_lie_on_the_scan(grid, above_scan, above_target, existing) -> None:
    scene = slicer.vtkMRMLScene()
    scan = node_from_array(np.zeros(SHAPE, np.int16), grid, scene, "Scan")
    under(scan, above_scan)
    target = None
    if existing:
        labels = np.full((2, 2, 2), KINDS[0].label, np.uint16)
        target = segmentation_from_labels(Volume(labels, np.eye(4)), KINDS, scene, "There")
        under(target, above_target)
    mask = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    merge = Merge(scene, scan, target)
    merge.prepare(FoundStructure(KINDS[1], mask, (1, 2, 2)))
    node = merge.apply()
    to_ras = node_geometry(scan)
    expected = (np.argwhere(mask) + (1, 2, 2))[:, ::-1] @ to_ras[:3, :3].T + to_ras[:3, 3]
    np.testing.assert_allclose(world_places(node, KINDS[1].key), expected, atol=1e-6)
    determinant = abs(np.linalg.det(own_mask(node.GetSegmentation().GetSegment(KINDS[1].key))[2][:3, :3]))
    ml = {identifier: ml for identifier, _, ml in volumes_table(node)}[KINDS[1].key]
    assert ml == pytest.approx(mask.sum() * determinant / 1000)


def bits(node, but: set[str]) -> dict:
    segmentation, seen = node.GetSegmentation(), {}
    for number in range(segmentation.GetNumberOfSegments()):
        identifier, segment = segmentation.GetNthSegmentID(number), segmentation.GetNthSegment(number)
        if identifier not in but:
            image = segment.GetRepresentation(BINARY)
            mask, start, matrix = own_mask(segment)
            seen[identifier] = (
                np.packbits(mask).tobytes(),
                (image.GetExtent(), image.GetScalarType(), start, matrix.tobytes()),
                (segment.GetName(), segment.GetColor(), segment.GetLabelValue()),
                (tag(segment, "TerminologyEntry"), tag(segment, STATUS.GetStatusTagName()), tag(segment, "Mine")),
            )
    return seen


masks = arrays(np.uint8, (3, 4, 4), elements=st.integers(0, 1))
starts = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3))


@settings(max_examples=150, deadline=None)
@given(
    arrays(np.uint16, SHAPE, elements=st.sampled_from([0] + [kind.label for kind in KINDS[:4]])),
    st.lists(st.tuples(st.sampled_from(KINDS), masks, starts), min_size=1, max_size=3, unique_by=lambda entry: entry[0].key),
    st.sets(st.sampled_from([kind.key for kind in KINDS[:4]])),
    st.sampled_from(MergeRule),
    st.none() | masks,
    affines(),
)
def test_what_is_not_asked_for_stays_by_a_bit(labels, results, locked, rule, region, grid) -> None:
    scene = slicer.vtkMRMLScene()
    scan = node_from_array(np.zeros(SHAPE, np.int16), grid, scene, "Scan")
    node = segmentation_from_labels(Volume(labels, grid), KINDS, scene, "There", scan)
    segmentation = node.GetSegmentation()
    ids = list(segmentation.GetSegmentIDs())
    for identifier in ids:
        segmentation.GetSegment(identifier).SetTag("Mine", identifier)
        if identifier in locked:
            STATUS.SetSegmentStatus(segmentation.GetSegment(identifier), STATUS.Completed)
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(segmentation)
    may_change = {kind.key for kind, _, _ in results} - locked if rule is not MergeRule.ADD else set()
    merge = Merge(scene, scan, node, rule)
    inside = np.ones(SHAPE, bool)
    if region is not None:
        inside[:] = False
        inside[1:4, 1:5, 2:6] = region
        may_change = {kind.key for kind in KINDS} - locked
        merge = RegionMerge(scene, scan, node, region, (1, 1, 2), KINDS)
    all_before, before = bits(node, set()), bits(node, may_change)
    for kind, mask, start in results:
        merge.prepare(FoundStructure(kind, mask, start))
    merge.apply(history.SaveState)
    after = bits(node, may_change)
    assert {identifier: after[identifier] for identifier in before} == before
    assert list(segmentation.GetSegmentIDs())[: len(ids)] == ids
    layers = {segmentation.GetSegment(i).GetRepresentation(BINARY) for i in ids if i in after}
    for layer in layers:
        used = {segmentation.GetSegment(i).GetLabelValue() for i in ids if segmentation.GetSegment(i).GetRepresentation(BINARY) is layer}
        assert set(np.unique(vtk_to_numpy(layer.GetPointData().GetScalars()))) <= used | {0}
    if region is not None or rule is MergeRule.REPLACE:
        new = {kind.key: (mask, start) for kind, mask, start in results}
        for kind in KINDS:
            if kind.key in locked and kind.key in ids:
                continue
            expected = labels == kind.label
            if region is not None:
                expected &= ~inside
            if kind.key in new:
                mask, start = new[kind.key]
                whole = np.zeros(SHAPE, bool)
                whole[tuple(slice(a, a + n) for a, n in zip(start, mask.shape))] = mask
                expected = expected | (whole & inside) if region is not None else whole
            assert np.array_equal(on_scan(segmentation.GetSegment(kind.key)), expected), kind.key
    if history.GetNumberOfStates():
        assert history.RestorePreviousState()
        assert bits(node, set()) == all_before
        assert list(segmentation.GetSegmentIDs()) == ids


def on_scan(segment) -> np.ndarray:
    result = np.zeros(SHAPE, bool)
    if segment is not None:
        mask, start, _ = own_mask(segment)
        result[tuple(slice(a, a + n) for a, n in zip(start, mask.shape))] = mask
    return result


def test_the_table_of_volumes() -> None:
    scene = slicer.vtkMRMLScene()
    labels = np.zeros(SHAPE, np.uint16)
    labels[:2, :2, :2], labels[3, 3, 3] = KINDS[0].label, KINDS[1].label
    node = segmentation_from_labels(Volume(labels, np.diag([5.0, 5.0, 10.0, 1.0])), KINDS, scene, "There")
    table = volumes_table_node(node, scene)
    assert [table.GetTable().GetColumnName(n) for n in range(2)] == ["Segment", "Volume (mL)"]
    assert [table.GetCellText(row, 0) for row in range(2)] == [KINDS[0].name, KINDS[1].name]
    assert [table.GetTable().GetValue(row, 1).ToDouble() for row in range(2)] == [2.0, 0.25]


def test_nothing_that_slicer_does_not_ship_is_imported() -> None:
    barred = ("torch", "monai", "pydantic", "PySide6", "qt", "SimpleITK", "nibabel", "scipy", "rich", "matplotlib")
    code = f"import sys, neurospineseg.mrml; print([name for name in {barred!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
