"""A batch of several channels whose scans are DICOM series: told by their descriptions, the choice named, or one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurospineseg.images.volume import read_volume
from neurospineseg.pipeline.batch import run_batch
from Testing.dicom_scans import slices, write_series

DESCRIBED = {"t1c": "t1_mprage_tra +KM", "flair": "t2 tirm dark-fluid", "t2": "T2 TSE ax", "loc": "localizer"}


def series(folder: Path, number: int, description: str, **more: object) -> Path:
    """A series, beside others in the folder."""
    folder.mkdir(parents=True, exist_ok=True)

    def tags(k: int) -> dict[str, object]:
        uid = f"1.2.{number}"
        return {
            "SeriesDescription": description,
            "SeriesNumber": number,
            "SeriesInstanceUID": uid,
            "SOPInstanceUID": f"{uid}.{k + 1}",
            **more,
        }

    for file in write_series(folder / "made", slices(count=5, seed=number), tags).iterdir():
        file.rename(folder / f"{number}-{file.name}")
    (folder / "made").rmdir()
    return folder


def outcome_of(cases: Path, output: Path) -> tuple[dict[str, str], dict[str, Path], list[str]]:
    """Outcomes of a batch, the scans that were to be segmented and what the user was told."""
    given: dict[str, Path] = {}
    told: list[str] = []

    def segment(scans, target: Path) -> None:
        given.update(scans)
        target.write_text("mask")

    return run_batch("tumor", cases, output, segment, warn=told.append), given, told


@pytest.mark.parametrize("layout", ["one folder", "a folder each", "named folders"])
def test_series_are_told_by_their_descriptions_or_folders(tmp_path: Path, layout: str) -> None:
    for number, (key, description) in enumerate(DESCRIBED.items(), 1):
        inner = {"one folder": "", "a folder each": f"S{number}", "named folders": key}[layout]
        series(tmp_path / "cases" / "case" / inner, number, "" if layout == "named folders" else description)
    outcomes, given, told = outcome_of(tmp_path / "cases", tmp_path / "masks")
    assert outcomes == {"case": "done"}
    assert set(given) == {"t1c", "flair", "t2"}
    for number, key in enumerate(DESCRIBED, 1):
        if key in given:
            expected = read_volume(tmp_path / "cases" / "case", volume=f"series={number}").voxels
            assert (read_volume(given[key]).voxels == expected).all()
    assert "t1c is series 1" in told[0]
    assert "flair is series 2" in told[0]
    assert "mprage" not in told[0], "what the scanner says stays in its files"
    assert "case,done,Told by the descriptions of the DICOM series: t1c is series 1" in (
        tmp_path / "masks" / "summary.csv"
    ).read_text().replace('"', "")


def test_two_series_of_one_contrast_are_one_sentence(tmp_path: Path) -> None:
    for number in (3, 7):
        series(tmp_path / "cases" / "case", number, "t2 flair")
    outcomes, given, _ = outcome_of(tmp_path / "cases", tmp_path / "masks")
    assert outcomes["case"] == "2 DICOM series in 'case' are described as the scan flair (series 3, series 7); keep one of them there."
    assert given == {}


def test_series_that_say_nothing_are_one_sentence(tmp_path: Path) -> None:
    for number in (3, 7):
        series(tmp_path / "cases" / "case", number, "")
    outcomes, _, _ = outcome_of(tmp_path / "cases", tmp_path / "masks")
    assert outcomes["case"].startswith(
        "None of the 2 DICOM series in 'case' is described as one of t1c, t1, t2, flair; give each scan a folder"
    )
