"""``neurospineseg measure``: from masks in files to tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume, write_volume
from neurospineseg.measurements.measurement import measurements_of
from neurospineseg.tasks.anatomy import structure

GRAY = (128, 128, 128)
HEIGHT, DEPTH, WIDTH = 24.0, 30.0, 42.0


def two_boxes() -> Volume:
    """Two bodies as boxes of known size, 34 mm from middle to middle; the canal behind them."""
    k, j, i = np.meshgrid(np.arange(84), np.arange(70), np.arange(60), indexing="ij")
    x, y, z = i - 29.5, j - 44.5, k - 41.5
    labels = np.zeros(x.shape, np.uint16)
    for label, middle in ((22, -17.0), (21, 17.0)):
        labels[(np.abs(x) < WIDTH / 2) & (np.abs(y) < DEPTH / 2) & (np.abs(z - middle) < HEIGHT / 2)] = label
    labels[(x**2 + (y + 25.5) ** 2 < 8.0**2)] = 60
    return Volume(labels, np.eye(4))


def segmentation(path: Path, names: dict[int, str]) -> Path:
    segments = [FileSegment(f"Segment_{label}", name, label, GRAY) for label, name in names.items()]
    write_segmentation(two_boxes(), segments, path)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A mask of another program, with names of its own."""
    return segmentation(tmp_path / "mask.seg.nrrd", {21: "vertebrae_L2", 22: "vertebrae_L3", 60: "canal"})


def values_in(path: Path) -> dict[str, str]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        return {f"{row['place']} {row['key']}": row["value"] for row in csv.DictReader(file)}


def test_a_segmentation_of_another_program(mask: Path, tmp_path: Path) -> None:
    assert main(["measure", str(mask), "-o", str(tmp_path / "table.csv")]) == DONE
    found = values_in(tmp_path / "table.csv")
    sizes = [float(found[f"L3 {key}"]) for key in ("body_height_middle", "body_depth", "body_width")]
    np.testing.assert_allclose(sizes, [HEIGHT, DEPTH, WIDTH], atol=0.3)


def test_a_label_map_of_a_kind_that_is_only_read(tmp_path: Path) -> None:
    labels = two_boxes()
    sitk.WriteImage(sitk.GetImageFromArray(labels.voxels), tmp_path / "mask.mhd")
    assert main(["measure", str(tmp_path / "mask.mhd"), "--task", "spine", "-o", str(tmp_path / "table.csv")]) == DONE


def test_json(mask: Path, tmp_path: Path) -> None:
    assert main(["measure", str(mask), "-o", str(tmp_path / "table.json")]) == DONE
    found = measurements_of(json.loads((tmp_path / "table.json").read_text(encoding="utf-8")))
    disc = found.find("disc_height_middle", "disc_L2_L3")
    assert abs(float(getattr(disc, "value", 0)) - (34.0 - HEIGHT)) < 0.3


def test_a_label_map_needs_the_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_volume(two_boxes(), tmp_path / "mask.nii.gz")
    arguments = ["measure", str(tmp_path / "mask.nii.gz"), "-o", str(tmp_path / "table.csv")]
    assert main(arguments) == BAD_INPUT
    assert "--task" in capsys.readouterr().err
    assert main([*arguments, "--task", "spine"]) == DONE
    assert structure("vertebra_L2").label == 21
    assert "L2 body_depth" in values_in(tmp_path / "table.csv")


def test_several_masks_make_a_wide_table(mask: Path, tmp_path: Path) -> None:
    other = segmentation(tmp_path / "other.seg.nrrd", {21: "L4", 22: "L5"})
    assert main(["measure", str(mask), str(other), "-o", str(tmp_path / "wide.csv")]) == DONE
    with open(tmp_path / "wide.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["mask.seg.nrrd", "other.seg.nrrd"]
    assert [bool(row["vertebra_L5.body_depth [mm]"]) for row in rows] == [False, True]


def test_one_bad_mask_of_several_is_named(mask: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = segmentation(tmp_path / "bad.seg.nrrd", {21: "liver"})
    assert main(["measure", str(mask), str(bad), "-o", str(tmp_path / "wide.csv")]) == BAD_INPUT
    assert "'liver'" in capsys.readouterr().err
    assert (tmp_path / "wide.csv").exists()


def test_a_mask_that_is_given_twice_is_refused(mask: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(mask), str(mask), "-o", str(tmp_path / "wide.csv")]) == BAD_INPUT
    assert "given twice" in capsys.readouterr().err


def test_options_of_a_scan_without_one_are_refused(mask: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(mask), "-o", str(tmp_path / "table.csv"), "--frame", "1"]) == BAD_INPUT
    assert "--scan" in capsys.readouterr().err


def test_label_values_that_do_not_fit_are_not_taken_for_others(tmp_path: Path) -> None:
    labels = two_boxes()
    write_volume(Volume(labels.voxels + np.int32(65536) * (labels.voxels > 0), labels.affine), tmp_path / "mask.nii.gz")
    assert main(["measure", str(tmp_path / "mask.nii.gz"), "--task", "spine", "-o", str(tmp_path / "table.csv")]) == BAD_INPUT


@pytest.mark.parametrize("name", ["table.xlsx", "missing/table.csv"])
def test_a_table_that_cannot_be_written_is_refused(mask: Path, tmp_path: Path, name: str) -> None:
    assert main(["measure", str(mask), "-o", str(tmp_path / name)]) == BAD_INPUT


def test_the_mask_is_not_overwritten(mask: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("mine")
    assert main(["measure", str(mask), "-o", str(tmp_path / "table.csv")]) == BAD_INPUT
    assert (tmp_path / "table.csv").read_text() == "mine"


def test_a_mask_of_several_volumes_is_not_told_to_take_options_of_a_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6, 2), np.uint8), np.eye(4)), tmp_path / "four.nii.gz")
    assert main(["measure", str(tmp_path / "four.nii.gz"), "--task", "spine", "-o", str(tmp_path / "table.csv")]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "holds several volumes" in said
    assert "--" not in said
