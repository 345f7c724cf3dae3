"""The shell on DICOM folders: a volume is chosen by name for one scan or all, in ``segment``, ``batch`` and ``view``; what is left out is said."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.pipeline.file_job import FileJob
from Testing.dicom_scans import SERIES, Slices, slices, write_series
from Testing.library.test_dicom_volumes import turned

SEGMENT = ["--model", "tiny_tumor", "--device", "cpu"]


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, list[Slices]]:
    """A folder with two series of different steps, named by a patient."""
    scans = [slices(step=4.0), slices(15.0, step=5.0, seed=1)]
    for n, scan in enumerate(scans):
        tags = dict(SeriesInstanceUID=f"{SERIES}.{n}", SeriesNumber=4 + n)
        write_series(tmp_path / "Marker Mary" / f"{n}", scan, lambda k, tags=tags: tags)
    return tmp_path / "Marker Mary", scans


def lies_on(mask: Path, scan: Slices) -> bool:
    image = nib.load(mask)
    far = [n - 1 for n in image.shape]
    return bool(np.abs(image.affine @ [*far, 1] - [*scan.ras(*far[::-1]), 1]).max() < 1e-2)


def test_a_study_asks_which_series(study, tmp_path: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "tumor", "--t1c", str(study[0]), "-o", str(tmp_path / "mask.nii.gz"), *SEGMENT]) == BAD_INPUT
    assert "choose one with --volume NAME: series=4 (24 slices), series=5 (24 slices)." in capsys.readouterr().err


@pytest.mark.parametrize("n, names", [(0, ["series=4"]), (1, ["5"]), (1, ["series=4", "t1c:series=5"])])
def test_a_series_is_chosen(study, tmp_path: Path, with_tiny_models: Path, n: int, names: list[str]) -> None:
    folder, scans = study
    options = [word for name in names for word in ("--volume", name)]
    assert main(["segment", "tumor", "--t1c", str(folder), "-o", str(tmp_path / "mask.nii.gz"), *options, *SEGMENT]) == DONE
    assert lies_on(tmp_path / "mask.nii.gz", scans[n])


def test_each_scan_has_a_choice_of_its_own(study, tmp_path: Path, with_tiny_models: Path) -> None:
    folder, scans = study
    chosen = ["--volume", "t1c:series=5", "--volume", "flair:series=4"]
    scan = ["--t1c", str(folder), "--flair", str(folder)]
    assert main(["segment", "tumor", *scan, "-o", str(tmp_path / "mask.nii.gz"), *chosen, *SEGMENT]) == DONE
    shapes = json.loads((tmp_path / "mask.json").read_text())["inputs"]
    assert [round(shapes[key]["spacing_mm"][2], 3) for key in ("t1c", "flair")] == [5.0, 4.0]


def test_what_is_left_out_is_warned_of_and_recorded(tmp_path: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_series(tmp_path / "Marker", slices())
    write_series(folder, turned(1, 90), first=25)
    assert main(["segment", "tumor", "--t1c", str(folder), "-o", str(tmp_path / "mask.nii.gz"), *SEGMENT]) == DONE
    sentence = "Of the 25 slices of the DICOM series, the 24 of plane=axial were taken; left out: plane=coronal (1 slice)."
    assert sentence in capsys.readouterr().err
    text = (tmp_path / "mask.json").read_text()
    assert f"The scan t1c: {sentence}" in json.loads(text)["warnings"]
    assert "marker" not in text.lower()


def test_places_are_given_on_the_command_line(tmp_path: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: dict(ImagePositionPatient=None))
    command = ["segment", "tumor", "--t1c", str(folder), "-o", str(tmp_path / "mask.nii.gz"), *SEGMENT]
    assert main(command) == BAD_INPUT
    assert "--orientation LPS --spacing" in capsys.readouterr().err
    assert main([*command, "--orientation", "LPS", "--spacing", "5,4,4.5"]) == DONE
    assert np.diag(nib.load(tmp_path / "mask.nii.gz").affine).round(4).tolist() == [-5, -4, 4.5, 1]


@pytest.mark.parametrize("spacing", ["1,1", "0,1,1", "-1,1,1", "a,b,c", "1,1,nan", "1,1,inf"])
def test_a_spacing_that_is_none(tmp_path: Path, spacing: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "tumor", "--t1c", "scan", "-o", str(tmp_path / "mask.nii.gz"), f"--spacing={spacing}"]) == BAD_INPUT
    assert "is no voxel size" in capsys.readouterr().err


def test_a_batch_of_folders_takes_the_same_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def steps(job: FileJob, *_: object, **__: object) -> SimpleNamespace:
        asked.append(job)
        return SimpleNamespace(read=lambda: None, segment=lambda: None, write=lambda: [], give_up=lambda: None)

    monkeypatch.setattr("neurospineseg.cli.batch.BatchSteps", steps)
    write_series(tmp_path / "cases" / "one", slices(count=3))
    command = ["batch", "spine", str(tmp_path / "cases"), "-o", str(tmp_path / "masks"), "--volume", "echo=2", "--spacing", "1,1,2"]
    assert main([*command, "--orientation", "LPS", "--frame", "3"]) == DONE
    (job,) = asked
    assert (job.volume_of("spine"), job.spacing, job.orientation, job.frame) == ("echo=2", (1.0, 1.0, 2.0), "LPS", 3)
    assert list(job.scans.values()) == [tmp_path / "cases" / "one"]


def test_a_page_of_a_chosen_volume(study, tmp_path: Path, with_tiny_models: Path) -> None:
    folder, _ = study
    assert main(["segment", "tumor", "--t1c", str(folder), "-o", str(tmp_path / "mask.nii.gz"), "--volume", "5", *SEGMENT]) == DONE
    assert main(["view", str(folder), str(tmp_path / "mask.nii.gz"), "-o", str(tmp_path / "page.html"), "--volume", "5"]) == DONE
    assert "marker" not in (tmp_path / "page.html").read_text().lower()
