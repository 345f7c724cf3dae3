"""Surfaces of structures: around the mask's volume, closed, where the mask is; STL and glTF read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from neurospineseg.cli.main import BAD_INPUT, CANCELED, DONE, main
from neurospineseg.exports.coded_segment import CodedSegment
from neurospineseg.exports.surface_files import stl_names
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("skimage")
from neurospineseg.exports.surface import surface_of  # noqa: E402

SHAPE = (28, 30, 32)
TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
GRIDS = {
    "upright": np.eye(3),
    "oblique, slices of 3 mm": TURN @ np.diag([0.7, 0.7, 3.0]),
    "left-handed": TURN @ np.diag([-1.0, 1.2, 0.9]),
    "sheared": np.array([[1.0, 0, 0.2], [0, 1.0, 0.3], [0, 0, 2.0]]),
}


def grid_of(linear: np.ndarray) -> Grid:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, (-20.0, 15.0, 40.0)
    return Grid(SHAPE, matrix)


def shapes() -> dict[str, np.ndarray]:
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    ball = (k - 13.2) ** 2 + (j - 14.6) ** 2 + (i - 15.1) ** 2 < 9.3**2
    shell = ball & ~((k - 13.2) ** 2 + (j - 14.6) ** 2 + (i - 15.1) ** 2 < 5**2)
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), 2) > 0.02
    return {
        "ball": ball,
        "shell": shell,
        "to the edge": k < 9,
        "small": (k - 13) ** 2 + (j - 14) ** 2 + (i - 15) ** 2 < 2.1**2,
        "branched": noise,
    }


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shape", shapes())
def test_a_surface_is_closed_and_around_the_volume_of_the_mask(shape: str, grid: str) -> None:
    mask, place = shapes()[shape], grid_of(GRIDS[grid])
    surface = surface_of(mask, place)
    assert surface.is_watertight
    assert abs(surface.volume / (1000 * place.voxel_volume_ml * mask.sum()) - 1) < 0.02


@pytest.mark.parametrize("grid", GRIDS)
def test_a_surface_lies_between_voxels_inside_and_outside(grid: str) -> None:
    mask, place = shapes()["ball"], grid_of(GRIDS[grid])
    kji = np.rint(place.affine.kji_of(surface_of(mask, place).vertices)).astype(int)
    edge = ndimage.binary_dilation(mask, np.ones((3, 3, 3))) & ~ndimage.binary_erosion(mask, np.ones((3, 3, 3)))
    assert edge[tuple(kji.T)].all()


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    labels = np.zeros(SHAPE, np.uint16)
    labels[2:12, 4:20, 5:25], labels[16:26, 6:22, 5:25] = 1, 2
    segments = [FileSegment("a", "L3 vertebra", 1, (200, 40, 20)), FileSegment("b", "L2/L1 (left)", 2, (10, 90, 240))]
    write_segmentation(Volume(labels, grid_of(GRIDS["oblique, slices of 3 mm"]).affine), segments, tmp_path / "mask.seg.nrrd")
    return tmp_path / "mask.seg.nrrd"


ML = {"L3 vertebra": 10 * 16 * 20 * 0.7 * 0.7 * 3, "L2/L1 (left)": 10 * 16 * 20 * 0.7 * 0.7 * 3}
"""In mm3."""


def test_stl_read_back(mask: Path, tmp_path: Path) -> None:
    assert main(["surfaces", str(mask), "-o", str(tmp_path / "surfaces")]) == DONE
    assert sorted(path.name for path in (tmp_path / "surfaces").iterdir()) == ["L2_L1_left.stl", "L3_vertebra.stl"]
    read = trimesh.load(tmp_path / "surfaces" / "L3_vertebra.stl")
    assert abs(read.volume / ML["L3 vertebra"] - 1) < 0.02
    middle = grid_of(GRIDS["oblique, slices of 3 mm"]).affine.apply_kji(np.array([6.5, 11.5, 14.5]))
    np.testing.assert_allclose(read.bounds.mean(0), middle, atol=0.2)
    assert b"SPACE=RAS" in (tmp_path / "surfaces" / "L3_vertebra.stl").read_bytes()[:80]


def test_glb_read_back(mask: Path, tmp_path: Path) -> None:
    assert main(["surfaces", str(mask), "-o", str(tmp_path / "all.glb")]) == DONE
    scene = trimesh.load(tmp_path / "all.glb")
    assert set(scene.geometry) == set(ML)
    assert b"not for clinical use" in (tmp_path / "all.glb").read_bytes()
    for name, mm3 in ML.items():
        assert abs(scene.geometry[name].volume / mm3 - 1) < 0.02
    assert scene.geometry["L3 vertebra"].visual.material.baseColorFactor.tolist() == [200, 40, 20, 255]


def test_glb_stands_upright_in_meters(mask: Path, tmp_path: Path) -> None:
    assert main(["surfaces", str(mask), "-o", str(tmp_path / "all.glb")]) == DONE
    scene = trimesh.load(tmp_path / "all.glb")
    to_world, name = scene.graph.get("L3 vertebra")
    r, a, s = scene.geometry[name].bounds.mean(0)
    np.testing.assert_allclose(to_world @ [r, a, s, 1], [-r / 1000, s / 1000, a / 1000, 1], atol=1e-6)


@pytest.mark.parametrize("output, words", [("surfaces.obj", ".glb"), ("missing/all.glb", "does not exist")])
def test_outputs_that_cannot_be_written(mask: Path, tmp_path: Path, output: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["surfaces", str(mask), "-o", str(tmp_path / output)]) == BAD_INPUT
    assert words in capsys.readouterr().err


def test_former_surfaces_are_kept(mask: Path, tmp_path: Path) -> None:
    (tmp_path / "surfaces").mkdir()
    (tmp_path / "surfaces" / "L3_vertebra.stl").write_text("mine")
    assert main(["surfaces", str(mask), "-o", str(tmp_path / "surfaces")]) == BAD_INPUT
    assert [path.name for path in (tmp_path / "surfaces").iterdir()] == ["L3_vertebra.stl"]


def test_a_missing_package_is_asked_for(
    mask: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["surfaces", str(mask), "-o", str(tmp_path / "all.glb")]) == BAD_INPUT
    assert "python -m pip install scikit-image" in capsys.readouterr().err


def test_file_names_are_plain_and_unique() -> None:
    segments = [CodedSegment(n, name, (1, 2, 3)) for n, name in enumerate(("Left/../a", "left a", "é", "b"), 1)]
    assert list(stl_names(segments).values()) == ["Left_a_1.stl", "left_a_2.stl", "label_3.stl", "b.stl"]


def test_a_run_that_ends_early_leaves_no_folder(mask: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurospineseg.cli.surfaces.surfaces_of", stop)
    assert main(["surfaces", str(mask), "-o", str(tmp_path / "new" / "folder")]) == CANCELED
    assert [path.name for path in tmp_path.iterdir()] == ["mask.seg.nrrd"]
