"""The shell's commands: what they write, what they print, how they end."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, CANCELED, DONE, FAULT, main
from neurospineseg.geometry.region import Region
from neurospineseg.images.nrrd_file import read_header
from neurospineseg.images.volume import read_volume
from Testing.small_scans import ball, oblique_affine, write_nifti

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
SEGMENT = ["--model", "tiny_tumor", "--device", "cpu"]


def python(*arguments: str, **environment: str) -> subprocess.Popen:
    """A process of this Python that finds the library."""
    path = os.pathsep.join([str(RESOURCES), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.Popen([sys.executable, *arguments], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def segmented(head: Path, tmp_path: Path, with_tiny_models: Path) -> Path:
    """The folder that a run with every output filled."""
    folder = tmp_path / "out"
    folder.mkdir()
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(folder / "mask.nii.gz"), "--page", *SEGMENT]) == DONE
    return folder


def test_the_mask_lies_on_the_scan(segmented: Path, head: Path) -> None:
    mask, scan = nib.load(segmented / "mask.nii.gz"), nib.load(head)
    assert mask.shape == scan.shape
    np.testing.assert_allclose(mask.affine, scan.affine, atol=1e-4)


def test_outputs_and_nothing_else(segmented: Path) -> None:
    assert sorted(path.name for path in segmented.iterdir()) == ["mask.html", "mask.json", "mask.nii.gz"]


def test_sidecar_tells_everything_but_names(segmented: Path, head: Path) -> None:
    text = (segmented / "mask.json").read_text(encoding="utf-8")
    report = json.loads(text)
    assert report["task"] == "tumor"
    assert report["model"]["name"] == "tiny_tumor"
    assert len(report["model"]["sha256"]) == 64
    assert {"device", "precision", "software", "settings", "volumes", "seconds", "warnings"} <= set(report)
    assert list(report["seconds"])[0] == "Reading files"
    assert list(report["seconds"])[-1] == "Writing files"
    assert head.name not in text
    assert str(head.parent) not in text
    mask = np.asarray(nib.load(segmented / "mask.nii.gz").dataobj)
    assert {entry["label"] for entry in report["segments"]} == set(np.unique(mask[mask > 0]))


def test_page_holds_all_it_shows(segmented: Path, head: Path) -> None:
    text = (segmented / "mask.html").read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 3
    assert "not for clinical use" in text
    assert 'src="http' not in text
    assert head.name not in text


def test_output_is_replaced_when_asked(segmented: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["segment", "tumor", "--t1c", str(head), "-o", str(segmented / "mask.nii.gz"), *SEGMENT]
    assert main(command) == BAD_INPUT
    assert main([*command, "--overwrite"]) == DONE


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha", ".seg.nrrd"])
def test_kinds_of_mask(ending: str, head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    mask = tmp_path / f"mask{ending}"
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(mask), "--no-sidecar", *SEGMENT]) == DONE
    assert mask.is_file()
    assert not (tmp_path / "mask.json").exists()


def test_seg_nrrd_needs_none_of_slicers_libraries(
    head: Path, tmp_path: Path, with_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "slicer", None)
    mask = tmp_path / "mask.seg.nrrd"
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(mask), *SEGMENT]) == DONE
    report = json.loads((tmp_path / "mask.json").read_text(encoding="utf-8"))
    header = read_header(mask)
    assert [header[f"Segment{n}_Name"] for n in range(len(report["segments"]))] == [entry["name"] for entry in report["segments"]]
    assert np.array_equal(read_volume(mask).ijk_to_ras, read_volume(head).ijk_to_ras)


def test_a_frame_of_a_4d_file(tmp_path: Path, with_tiny_models: Path) -> None:
    scan = write_nifti(tmp_path / "frames.nii.gz", np.stack([np.zeros_like(ball()), ball()]))
    assert main(["segment", "tumor", "--flair", str(scan), "--frame", "1", "-o", str(tmp_path / "mask.nii.gz"), *SEGMENT]) == DONE
    assert main(["segment", "tumor", "--flair", str(scan), "--frame", "0", "-o", str(tmp_path / "other.nii.gz"), *SEGMENT]) == BAD_INPUT


def test_stated_orientation(tmp_path: Path, with_tiny_models: Path) -> None:
    image = nib.Nifti1Image(ball().T, None)
    image.header.set_zooms((5, 5, 5))
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "plain.nii")
    mask = tmp_path / "mask.nii.gz"
    assert main(["segment", "tumor", "--t1c", str(tmp_path / "plain.nii"), "--orientation", "LAS", "-o", str(mask), *SEGMENT]) == DONE
    assert nib.aff2axcodes(nib.load(mask).affine) == ("L", "A", "S")


def test_a_region_with_negative_bounds_limits_the_mask(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    mask = tmp_path / "mask.nii.gz"
    assert main(["segment", "tumor", "--t1c", str(head), "--roi", "-90,0,-30,30,-30,30", "-o", str(mask), *SEGMENT]) == DONE
    image = nib.load(mask)
    found = np.argwhere(np.asarray(image.dataobj) > 0) @ image.affine[:3, :3].T + image.affine[:3, 3]
    assert (found[:, 0] <= 1e-3).all()
    assert (np.abs(found[:, 1:]) <= 30 + 1e-3).all()


def test_an_automatic_region_is_found_and_recorded(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    mask = tmp_path / "mask.nii.gz"
    assert main(["segment", "tumor", "--t1c", str(head), "--roi", "auto", "-o", str(mask), *SEGMENT]) == DONE
    region = Region.from_lists(json.loads((tmp_path / "mask.json").read_text(encoding="utf-8"))["settings"]["region"])
    written = read_volume(mask)
    inside = region.contains(written.grid)
    assert inside[ball() > 300].all()
    assert written.voxels.any()
    assert not written.voxels[~inside].any()


def test_help_tells_of_the_automatic_region(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["segment", "tumor", "--help"])
    assert "or auto for all that is not air" in " ".join(capsys.readouterr().out.split())


def test_kept_structures(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    mask = tmp_path / "mask.nii.gz"
    assert main(["segment", "tumor", "--t1c", str(head), "--structures", "edema", "-o", str(mask), *SEGMENT]) == DONE
    report = json.loads((tmp_path / "mask.json").read_text(encoding="utf-8"))
    assert {entry["key"] for entry in report["segments"]} <= {"edema"}


def test_view_of_a_mask(segmented: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = segmented / "page.html"
    assert main(["view", str(head), str(segmented / "mask.nii.gz"), "-o", str(page)]) == DONE
    assert "tiny_tumor" in page.read_text(encoding="utf-8")
    assert main(["view", str(head), str(segmented / "mask.nii.gz"), "-o", str(page)]) == BAD_INPUT


def changed_record(folder: Path, **changes: object) -> None:
    path = folder / "mask.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def test_view_needs_no_task_that_is_registered(segmented: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed_record(segmented, task="knee")
    page = segmented / "other.html"
    assert main(["view", str(head), str(segmented / "mask.nii.gz"), "-o", str(page)]) == DONE
    assert "tiny_tumor" in page.read_text(encoding="utf-8")
    assert "The task 'knee' of the record is not known here" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, value",
    [
        ("task", ["tumor"]),
        ("model", "tiny"),
        ("model", {"name": "tiny"}),
        ("volumes", {"edema": 3}),
        ("volumes", {"edema": {"name": "Edema", "mL": "much"}}),
        ("seconds", {"loading": None}),
        ("segments", [{"label": 1}]),
        ("segments", [{"label": 1, "key": "edema", "name": "Edema", "color": [1]}]),
        ("warnings", 5),
        ("reference", 3),
        ("software", []),
    ],
)
def test_view_of_a_malformed_record_is_refused_in_a_sentence(
    name: str, value: object, segmented: Path, head: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed_record(segmented, **{name: value})
    capsys.readouterr()
    assert main(["view", str(head), str(segmented / "mask.nii.gz"), "-o", str(segmented / "other.html")]) == BAD_INPUT
    said = capsys.readouterr().err.splitlines()
    assert said == [f"What 'mask.json' beside the mask says of '{name}' cannot be read; remove it or segment again."]
    assert not (segmented / "other.html").exists()


def test_view_ignores_the_record_of_another_program(segmented: Path, head: Path) -> None:
    changed_record(segmented, program="NeuroSpineSeg")
    assert main(["view", str(head), str(segmented / "mask.nii.gz"), "-o", str(segmented / "other.html")]) == DONE


def test_view_of_a_foreign_mask(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write_nifti(tmp_path / "labels.nii.gz", (ball() > 300).astype(np.uint8) * 5)
    assert main(["view", str(head), str(labels), "-o", str(tmp_path / "page.html")]) == DONE
    assert "Label 5" in (tmp_path / "page.html").read_text(encoding="utf-8")
    noise = write_nifti(tmp_path / "noise.nii.gz", ball() + 0.5)
    assert main(["view", str(head), str(noise), "-o", str(tmp_path / "other.html")]) == BAD_INPUT
    assert "no label map" in capsys.readouterr().err


def test_models_are_listed(with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == DONE
    assert "tiny_tumor" in capsys.readouterr().out


def test_doctor_reports(with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == DONE
    printed = capsys.readouterr().out
    assert "torch" in printed
    assert "million" in printed
    assert "Ready to segment." in printed


def test_doctor_notices_a_package_that_does_not_load(
    with_tiny_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    assert main(["doctor"]) == FAULT
    assert "The package SimpleITK cannot be imported" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = "import sys\nfrom neurospineseg.cli.main import main\ntry:\n main(['--help'])\nexcept SystemExit as end:\n print(end.code, 'torch' in sys.modules, 'numpy' in sys.modules)"
    out, _ = python("-c", code).communicate(timeout=60)
    assert out.decode().splitlines()[-1] == "0 False False"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_terminals_without_unicode(encoding: str, with_tiny_models: Path) -> None:
    process = python("-m", "neurospineseg", "models", PYTHONIOENCODING=f"{encoding}:strict", PYTHONUTF8="0")
    out, error = process.communicate(timeout=120)
    assert process.returncode == DONE, error.decode()
    assert b"tiny_tumor" in out


def test_process_exit_code(tmp_path: Path) -> None:
    process = python(
        "-m",
        "neurospineseg",
        "segment",
        "spine",
        str(tmp_path / "Müller.nii.gz"),
        "-o",
        str(tmp_path / "a.nii.gz"),
        PYTHONIOENCODING="ascii",
    )
    _, error = process.communicate(timeout=120)
    assert process.returncode == BAD_INPUT
    assert len(error.splitlines()) == 1


SLEEPER = """
import sys, time
import neurospineseg.pipeline.segmenter as pipeline
def run(self, volumes, progress, levels=None):
    print("running", flush=True)
    while True:
        time.sleep(0.05)
pipeline.Segmenter.run = run
from neurospineseg.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cancel_leaves_nothing(number: signal.Signals, head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    process = python("-c", SLEEPER, "segment", "tumor", "--t1c", str(head), "-o", str(folder / "mask.nii.gz"), *SEGMENT)
    try:
        assert process.stdout.readline().strip() == b"running"
        assert list(folder.iterdir()) != []
        time.sleep(0.2)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == CANCELED
    assert error.decode().strip() == "Canceled; nothing was written."
    assert list(folder.iterdir()) == []


FAILURES = {
    "fault": (RuntimeError("index 7 is out of bounds"), "fault of the program"),
    "memory": (MemoryError(), "out of memory"),
    "torch memory": (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory"),
    "package": (ModuleNotFoundError("No module named 'monai'", name="monai.networks"), "The package monai cannot be imported"),
    "disk": (OSError(errno.ENOSPC, "No space left on device"), "disk that holds the file is full"),
}


@pytest.mark.parametrize("failure, words", FAILURES.values(), ids=list(FAILURES))
def test_failures_are_sentences(
    failure: Exception,
    words: str,
    head: Path,
    tmp_path: Path,
    with_tiny_models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*args: object) -> None:
        raise failure

    monkeypatch.setattr("neurospineseg.pipeline.segmenter.Segmenter.run", fail)
    command = ["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / "mask.nii.gz"), *SEGMENT]
    assert main(command) == FAULT
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head.nii.gz"]
    assert main([*command, "--debug"]) == FAULT
    assert "Traceback" in capsys.readouterr().err


def test_scans_in_two_grids_make_one_mask(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    other = write_nifti(tmp_path / "flair.nii.gz", ball(shape=(40, 42, 44)), oblique_affine(spacing=3.1))
    mask = tmp_path / "mask.nii.gz"
    assert main(["segment", "tumor", "--flair", str(other), "--t1c", str(head), "-o", str(mask), *SEGMENT]) == DONE
    assert nib.load(mask).shape == nib.load(head).shape


def test_a_scan_in_which_nothing_is_found_gets_an_empty_segmentation(
    head: Path, tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")
    monkeypatch.setattr("neurospineseg.tasks.tumor.rules.LEAST_ML", 1e9)
    mask = tmp_path / "mask.seg.nrrd"
    line = ["segment", "tumor", "--t1c", str(head), "-o", str(mask), "--model", str(tiny_models / "tiny_tumor"), "--device", "cpu"]
    assert main(line) == 0
    scene = slicer.vtkMRMLScene()
    node, storage = (scene.AddNewNodeByClass(f"vtkMRMLSegmentation{kind}Node") for kind in ("", "Storage"))
    storage.SetFileName(str(mask))
    assert storage.ReadData(node)
    assert node.GetSegmentation().GetNumberOfSegments() == 0
