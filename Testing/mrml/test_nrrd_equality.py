"""``.seg.nrrd`` as this library writes it, beside what Slicer's own writer makes of the same label map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from neurospineseg.images.nrrd_file import read_header
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.mrml import node_from_volume, segmentation_from_labels
from neurospineseg.mrml import write_segmentation as write_by_slicer
from neurospineseg.mrml.segment_masks import own_mask, tag
from neurospineseg.tasks.anatomy import structure, structures_of
from neurospineseg.tasks.structure import Code, Structure, segment_tags

NUMERIC = ("space directions", "space origin")
SHAPE = (6, 9, 11)
TURNED = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
FOREIGN = Structure("ménisque", "Größe \\n µ | Ménisque: links", 7, Code("SCT", "1", "Ménisque"), (1, 128, 254))


def matrix(axes: np.ndarray, spacing: tuple[float, float, float], origin: tuple[float, float, float]) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = np.asarray(axes, float) * spacing, origin
    return result


GRIDS = {
    "identity": np.eye(4),
    "anisotropic": matrix(np.eye(3), (0.3333333333333333, 0.7, 4.4), (-90.123456789, 126, -72.5)),
    "permuted": matrix([[0, 0, 1], [-1, 0, 0], [0, 1, 0]], (3.3, 0.9, 0.9), (12, -7, 1e-7)),
    "left-handed": matrix(np.diag([-1, 1, 1]), (1, 2, 3), (80, -100, 20)),
    "oblique": matrix(TURNED, (0.8, 1.1, 3.0), (-31.25, 17.125, 210.3)),
    "sheared": matrix([[1, 0.2, 0], [0, 0.98, 0.1], [0, 0, 0.99]], (1, 1, 2), (0, 0, 0)),
    "almost straight": matrix([[1, 6.1e-17, 0], [0, 1, 1.5e-7], [2e-12, 0, 1]], (0.5, 0.5, 0.5), (1e-9, 0, -3)),
}


def painted(structures: tuple[Structure, ...]) -> np.ndarray:
    """A few voxels of each structure, uint16 of ``SHAPE``."""
    labels = np.zeros(SHAPE, np.uint16)
    for number, each in enumerate(structures):
        labels.ravel()[5 * number : 5 * number + 4] = each.label
    return labels


def written(folder: Path, labels: Volume, structures: tuple[Structure, ...]) -> tuple[Path, Path]:
    """The files of this library and of Slicer."""
    scene = slicer.vtkMRMLScene()
    scan = node_from_volume(Volume(labels.voxels.astype(np.float32), labels.ijk_to_ras), scene, "Scan")
    own, slicers = folder / "own.seg.nrrd", folder / "slicers.seg.nrrd"
    write_by_slicer(segmentation_from_labels(labels, structures, scene, "Mask", scan), slicers)
    write_segmentation(labels, [FileSegment(s.key, s.name, s.label, s.color, segment_tags(s)) for s in structures], own)
    return own, slicers


def geometry_of(header: dict[str, Any]) -> list[str]:
    """The reference grid; beside it stand, where the application registered its rules of conversion, their usual settings and explanations."""
    parameters = [parameter.split("|") for parameter in header["Segmentation_ConversionParameters"].split("&")]
    return [parameter[1] for parameter in parameters if parameter[0] == "Reference image geometry"]


def fields_of(path: Path) -> dict[str, Any]:
    header = read_header(path)
    header["Segmentation_ConversionParameters"] = geometry_of(header)
    return {name: list(value) if isinstance(value, np.ndarray) else value for name, value in header.items() if name not in NUMERIC}


def loaded(path: Path) -> Any:
    """The segmentation node that Slicer makes of a file."""
    scene = slicer.vtkMRMLScene()
    node, storage = (scene.AddNewNodeByClass(f"vtkMRMLSegmentation{kind}Node") for kind in ("", "Storage"))
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return node


SETS = {"one": structures_of("tumor")[:1], "all": structures_of("tumor"), "spine": structures_of("spine")[:60], "foreign": (FOREIGN,)}


@pytest.mark.parametrize("structures", SETS.values(), ids=SETS)
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_header_and_voxels_are_slicers(grid: np.ndarray, structures: tuple[Structure, ...], tmp_path: Path) -> None:
    labels = Volume(painted(structures), grid)
    own, slicers = written(tmp_path, labels, structures)
    assert list(read_header(own)) == list(read_header(slicers))
    assert fields_of(own) == fields_of(slicers)
    for name in NUMERIC:
        np.testing.assert_allclose(read_header(own)[name], read_header(slicers)[name], rtol=0, atol=1e-12)
    assert np.array_equal(read_volume(own).voxels, labels.voxels)
    assert np.array_equal(read_volume(slicers).voxels, labels.voxels)


def test_structures_without_a_voxel_are_left_out_by_both(tmp_path: Path) -> None:
    some = structures_of("spine")[3:9:2]
    own, slicers = written(tmp_path, Volume(painted(some), GRIDS["oblique"]), structures_of("spine"))
    assert fields_of(own) == fields_of(slicers)
    assert fields_of(own)["Segment2_ID"] == some[2].key
    assert "Segment3_ID" not in fields_of(own)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_slicer_reads_the_same_segments_back(grid: np.ndarray, tmp_path: Path) -> None:
    structures = (structure("vertebra_L4"), structure("disc_L3_L4"), FOREIGN)
    labels = painted(structures)
    own, _ = written(tmp_path, Volume(labels, grid), structures)
    segmentation = loaded(own).GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 3
    for found in structures:
        segment = segmentation.GetSegment(found.key)
        mask, start, ijk_to_ras = own_mask(segment)
        assert segment.GetName() == found.name
        assert {name: tag(segment, name) for name in segment_tags(found)} == segment_tags(found)
        np.testing.assert_allclose(segment.GetColor(), np.array(found.color) / 255, atol=1e-6)
        assert start == (0, 0, 0)
        assert np.array_equal(mask, labels == found.label)
        np.testing.assert_allclose(ijk_to_ras, grid, rtol=0, atol=1e-9)


def test_slicer_completes_the_settings_of_conversion(tmp_path: Path) -> None:
    own, slicers = written(tmp_path, Volume(painted(SETS["all"]), GRIDS["oblique"]), SETS["all"])
    mine, theirs = (loaded(path).GetSegmentation().SerializeAllConversionParameters() for path in (own, slicers))
    assert mine == theirs
    assert "Smoothing factor" in mine


def test_slicer_reads_an_empty_segmentation(tmp_path: Path) -> None:
    write_segmentation(Volume(np.zeros(SHAPE, np.uint16), GRIDS["oblique"]), [], tmp_path / "none.seg.nrrd")
    assert loaded(tmp_path / "none.seg.nrrd").GetSegmentation().GetNumberOfSegments() == 0


def test_slicerio_reads_names_codes_and_voxels_back(tmp_path: Path) -> None:
    slicerio = pytest.importorskip("slicerio", reason="slicerio is not installed")
    structures = (structure("vertebra_L4"), structure("disc_L3_L4"))
    own, slicers = written(tmp_path, Volume(painted(structures), GRIDS["oblique"]), structures)
    mine, theirs = (slicerio.read_segmentation(str(path)) for path in (own, slicers))
    assert mine["segments"] == theirs["segments"]
    assert [segment["name"] for segment in mine["segments"]] == ["L4 vertebra", "L3-L4 disc"]
    assert np.array_equal(mine["voxels"], theirs["voxels"])
    np.testing.assert_allclose(mine["ijkToLPS"], theirs["ijkToLPS"], rtol=0, atol=1e-12)
