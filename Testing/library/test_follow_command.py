"""``neurospineseg follow``: masks of one patient in files become a table by date and maps of the change."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.images.segmentation_file import read_segmentation
from neurospineseg.images.volume import Volume, write_volume
from neurospineseg.tasks.anatomy import structure


def mask_file(path: Path, radius: float) -> Path:
    k, j, i = np.meshgrid(*(np.arange(30) - 14.5,) * 3, indexing="ij")
    write_volume(Volume((3 * (k**2 + j**2 + i**2 < radius**2)).astype(np.uint8), np.eye(4)), path)
    return path


@pytest.fixture
def masks(tmp_path: Path) -> list[str]:
    return [str(mask_file(tmp_path / f"{name}.nii.gz", radius)) for name, radius in (("early", 8.0), ("late", 10.0))]


def test_a_table_by_date_is_written(masks: list[str], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    done = main(["follow", *masks, "--task", "tumor", "--dates", "2024-01-31", "2024-06-30", "-o", str(table)])
    with open(table, encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["place_key"] == "whole_tumor"]
    assert (done, [row["study"] for row in rows]) == (DONE, ["2024-01-31", "2024-06-30"])
    assert float(rows[1]["from_first_percent"]) == pytest.approx(95, abs=5)


def test_maps_of_the_change_are_written(masks: list[str], tmp_path: Path) -> None:
    done = main(["follow", *masks, "--task", "tumor", "-o", str(tmp_path / "table.csv"), "--maps"])
    labels, segments = read_segmentation(tmp_path / "late_change.seg.nrrd")
    assert (done, [segment.name for segment in segments]) == (DONE, ["Grown"])
    assert np.count_nonzero(labels.voxels) == pytest.approx(4 / 3 * np.pi * (10**3 - 8**3), rel=0.05)


def test_masks_alone_are_said_to_be_compared_as_they_lie(masks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["follow", *masks, "--task", "tumor", "-o", str(tmp_path / "table.csv")])
    assert "late: taken to lie where the first study lies" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--dates", "2024"], "2 masks but 1 --dates"),
        (["--of", "liver"], "no structure 'liver'"),
        (["--dates", "a/b", "c"], "cannot be part"),
        (["--dates", ".", ".."], "cannot be part"),
        (["--plot", "late_change.svg", "-o", "late_change.svg"], "give each another name"),
        (["--dates", "2024-06-30", "2024-01-31"], "2024-01-31 is given after a later date"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    more: list[str], sentence: str, masks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = main(["follow", *masks, "--task", "tumor", "-o", str(tmp_path / "table.csv"), *more])
    assert (done, sentence in capsys.readouterr().err) == (BAD_INPUT, True)


def test_a_plot_lies_in_the_folder_that_its_path_names(masks: list[str], tmp_path: Path) -> None:
    plot = tmp_path / "plots" / "plot.svg"
    plot.parent.mkdir()
    main(["follow", *masks, "--task", "tumor", "-o", str(tmp_path / "table.csv"), "--plot", str(plot)])
    assert (plot.exists(), (tmp_path / "plot.svg").exists()) == (True, False)


def test_one_mask_is_refused(masks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["follow", masks[0], "--task", "tumor", "-o", str(tmp_path / "table.csv")]) == BAD_INPUT
    assert "two or more" in capsys.readouterr().err


def test_a_tumor_that_is_gone_is_nothing_of_it(masks: list[str], tmp_path: Path) -> None:
    empty, table = mask_file(tmp_path / "gone.nii.gz", 0.0), tmp_path / "table.csv"
    done = main(["follow", masks[1], str(empty), masks[0], "--task", "tumor", "-o", str(table), "--maps"])
    with open(table, encoding="utf-8-sig") as file:
        rows = {row["study"]: row for row in csv.DictReader(file) if row["place_key"] == "whole_tumor"}
    assert done == DONE
    assert [float(rows[name]["value"]) for name in ("late", "gone")] == [pytest.approx(4.2, abs=0.2), 0.0]
    assert float(rows["gone"]["from_first_percent"]) == -100
    assert float(rows["early"]["from_lowest"]) == pytest.approx(2.1, abs=0.1)
    labels, segments = read_segmentation(tmp_path / "gone_change.seg.nrrd")
    assert [segment.name for segment in segments] == ["Shrunk"]
    assert np.count_nonzero(labels.voxels) == pytest.approx(4200, rel=0.05)


@pytest.mark.parametrize("task", ["tumor", "spine"])
def test_masks_that_tell_nothing_are_named(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = [str(mask_file(tmp_path / name, 0.0)) for name in ("gone.nii.gz", "too.nii.gz")]
    assert main(["follow", *empty, "--task", task, "-o", str(tmp_path / "table.csv")]) == BAD_INPUT
    assert "'gone.nii.gz' is empty" in capsys.readouterr().err


def test_scans_that_show_nothing_are_refused(masks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black = str(mask_file(tmp_path / "black.nii.gz", 0.0))
    done = main(["follow", *masks, "--scans", black, black, "--task", "tumor", "-o", str(tmp_path / "table.csv")])
    assert (done, "could not be registered" in capsys.readouterr().err) == (BAD_INPUT, True)


def test_the_change_is_seen_on_a_narrow_terminal(
    masks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["follow", *masks, "--task", "tumor", "-o", str(tmp_path / "table.csv")])
    assert "(+94 %)" in capsys.readouterr().out


def test_heights_of_vertebrae_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voxels = np.zeros((30, 36, 40), np.uint8)
    voxels[8:20, 8:26, 6:34] = structure("vertebra_L3").label
    masks = [tmp_path / "early.nii.gz", tmp_path / "late.nii.gz"]
    for height, path in zip((2.0, 1.8), masks):
        write_volume(Volume(voxels, np.diag([1.5, 1.5, height, 1.0])), path)
    assert main(["follow", *map(str, masks), "--task", "spine", "-o", str(tmp_path / "table.csv")]) == DONE
    assert "L3: Body height, middle" in capsys.readouterr().out


def test_a_core_that_is_gone_is_none_and_edema_is_no_focus_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    k, j, i = np.meshgrid(*(np.arange(30) - 14.5,) * 3, indexing="ij")
    away = (k**2 + j**2 + i**2) ** 0.5
    masks = [tmp_path / f"{number}.nii.gz" for number in range(3)]
    for radius, path in zip((7.0, 0.0, 5.0), masks):
        write_volume(Volume(np.where(away < radius, 3, 2 * (away < 12)).astype(np.uint8), np.eye(4)), path)
    assert main(["follow", *map(str, masks), "--task", "tumor", "-o", str(tmp_path / "table.csv")]) == DONE
    with open(tmp_path / "table.csv", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["study"] for row in rows if (row["place_key"], row["key"]) == ("matched_focus_A", "volume")] == ["0", "2"]
    sums = [
        (row["study"], float(row["value"]), row["from_lowest"]) for row in rows if (row["key"], row["group"]) == ("sum_of_products", "Foci")
    ]
    assert [study for study, _value, _lowest in sums] == ["0", "1", "2"]
    assert sums[1][1] == 0.0
    assert float(sums[2][2]) == sums[2][1], "the lowest before is nothing"
    assert "1: there is no tumor core" in capsys.readouterr().err
