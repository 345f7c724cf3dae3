"""Markers in DICOM tags, headers, voxels and names of files and folders: none is in what is stored or sent.

What is printed to the user's own terminal may name the user's own files and folders; tags of patients are not printed either. In the user's own
output folder a batch's masks and small pictures are named after the cases, and ``summary.csv`` and ``report.html`` name them.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.cli.main import main
from neurospineseg.images.volume import read_volume
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.pipeline.settings import Settings
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.protocol import FINAL, Failed, Refused
from neurospineseg.worker.requests import RunFiles, ScanFile, Segment, StoreCorrection
from Testing.dicom_scans import slices, write_series
from Testing.small_scans import ball, oblique_affine

TAG, NAME, VOXELS = "QZXTAG", "QZXNAME", "QZXVOXELS"
UID = "1.2.826.0.1.3680043.2.1125.79797979"
TAGS = {
    "PatientName": f"{TAG}^Mary",
    "PatientID": f"{TAG}01",
    "PatientBirthDate": "19010203",
    "OtherPatientIDs": f"{TAG}02",
    "PatientComments": f"{TAG} comments",
    "InstitutionName": f"{TAG} hospital",
    "InstitutionAddress": f"{TAG} street",
    "ReferringPhysicianName": f"{TAG}^Doctor",
    "OperatorsName": f"{TAG}^Operator",
    "StationName": f"{TAG}STATION",
    "AccessionNumber": f"{TAG}03",
    "StudyID": f"{TAG}04",
    "StudyDescription": f"{TAG} study",
    "SeriesDescription": f"{TAG} series",
    "ProtocolName": f"{TAG} protocol",
    "ImageComments": f"{TAG} image",
    "StudyInstanceUID": f"{UID}.1",
    "SeriesInstanceUID": f"{UID}.2",
    "FrameOfReferenceUID": f"{UID}.3",
}
FROM_TAGS = (TAG, UID, "19010203")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def with_voxels() -> np.ndarray:
    """A ball, in the background of which a marker is written in the voxels' own bytes."""
    voxels, written = ball(), VOXELS.encode()
    voxels[0, 0, : len(written)] = np.frombuffer(written, np.uint8)
    voxels.reshape(-1)[60 : 60 + len(written) // 2] = np.frombuffer(written[: len(written) // 2 * 2], np.int16)
    return voxels


def dicom(folder: Path) -> Path:
    return write_series(folder / f"{NAME}-series", slices(), lambda k: TAGS)


def nifti(folder: Path, ending: str = ".nii.gz") -> Path:
    image = nib.Nifti1Image(with_voxels().T, oblique_affine())
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[field] = f"{TAG}{field}"[:18]
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{TAG} comment".encode()))
    nib.save(image, folder / f"{NAME}{ending}")
    return folder / f"{NAME}{ending}"


def nrrd_file(folder: Path) -> Path:
    header = {"space": "left-posterior-superior", "space directions": np.diag([5.0, 5.0, 5.0]), "space origin": [0.0, 0.0, 0.0]}
    nrrd.write(str(folder / f"{NAME}.nrrd"), with_voxels().T, {**header, "content": f"{TAG} content", "patient": f"{TAG} value"})
    return folder / f"{NAME}.nrrd"


def meta_image(folder: Path) -> Path:
    image = sitk.GetImageFromArray(with_voxels())
    image.SetSpacing((5.0, 5.0, 5.0))
    image.SetMetaData("PatientName", f"{TAG}^Mary")
    sitk.WriteImage(image, str(folder / f"{NAME}.mha"))
    return folder / f"{NAME}.mha"


SCANS = {"dicom": dicom, "nifti": nifti, "nrrd": nrrd_file, "mha": meta_image}


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is packed in it."""
    data = path.read_bytes()
    yield data
    head, split, rest = data.partition(b"\n\n")
    packed = data if path.suffix == ".gz" else rest if split and head.startswith(b"NRRD") else b""
    if packed:
        try:
            yield gzip.decompress(packed)
        except (OSError, zlib.error):
            pass


def leaks(folder: Path, markers: tuple[str, ...], leave_out: tuple[str, ...] = ()) -> list[str]:
    """Where markers stand below a folder: in names below it and in files."""
    found = []
    for path in sorted(folder.rglob("*")):
        found += [f"{marker} in the name {path.name}" for marker in markers if marker in path.name and path.name not in leave_out]
        if path.is_file() and path.name not in leave_out:
            found += [f"{marker} in {path.name}" for marker in markers for data in contents(path) if marker.encode() in data]
    return found


def segment(scan: Path, output: Path, *more: str) -> int:
    return main(["segment", "tumor", "--t1c", str(scan), "-o", str(output), "--device", "cpu", "--model", "tiny_tumor", *more])


@pytest.mark.parametrize("kind", SCANS)
@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz"])
def test_mask_record_and_page(
    kind: str, ending: str, tmp_path: Path, out: Path, temporary: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = SCANS[kind](tmp_path)
    assert segment(scan, out / f"mask{ending}", "--page") == 0
    assert len(list(out.iterdir())) == 3
    assert leaks(out, (*FROM_TAGS, NAME, VOXELS)) == []
    assert list(temporary.iterdir()) == []
    printed = "".join(capsys.readouterr())
    assert [marker for marker in FROM_TAGS if marker in printed] == []


def test_the_folder_of_a_model_is_not_in_the_record(tmp_path: Path, out: Path, tiny_models: Path) -> None:
    (tmp_path / f"{NAME}-home").mkdir()
    (tmp_path / f"{NAME}-home" / "models").symlink_to(tiny_models)
    model = tmp_path / f"{NAME}-home" / "models" / "tiny_tumor"
    assert main(["segment", "tumor", "--t1c", str(nifti(tmp_path)), "-o", str(out / "mask.nii.gz"), "--model", str(model), "--page"]) == 0
    assert leaks(out, (NAME,)) == []
    assert json.loads((out / "mask.json").read_text())["settings"]["model"] == "tiny_tumor"


def test_several_volumes_in_one_folder(tmp_path: Path, out: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A large stack is taken and others are left out; the note on it is in the record."""
    folder = dicom(tmp_path)
    extra = {**TAGS, "ImageOrientationPatient": ["0", "1", "0", "0", "0", "-1"], "SeriesNumber": None}
    write_series(folder, slices(count=3, seed=5), lambda k: {**extra, "StackID": TAG}, first=101)
    for path in folder.glob("*.dcm"):
        _without_series_number(path)
    assert segment(folder, out / "mask.seg.nrrd", "--page") == 0
    assert "left out" in (out / "mask.json").read_text()
    assert leaks(out, (*FROM_TAGS, NAME)) == []


def _without_series_number(path: Path) -> None:
    import pydicom

    dataset = pydicom.dcmread(path)
    if "SeriesNumber" in dataset:
        del dataset.SeriesNumber
        dataset.save_as(path)


def test_batch(tmp_path: Path, out: Path, temporary: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = tmp_path / f"{NAME}-cases"
    good, damaged, several = (cases / f"{NAME}{word}" for word in ("good", "damaged", "several"))
    for case in (good, damaged, several):
        case.mkdir(parents=True)
    nifti(tmp_path).rename(good / f"{NAME}_t1ce.nii.gz")
    image = (good / f"{NAME}_t1ce.nii.gz").read_bytes()
    (damaged / f"{NAME}_t1ce.nii.gz").write_bytes(image[: len(image) // 2])
    (tmp_path / "one").mkdir()
    nifti(tmp_path / "one").rename(several / f"{NAME}_flair.nii.gz")
    (several / f"{NAME}_t1ce.nrrd").write_bytes(nrrd_file(tmp_path).read_bytes()[:300])
    assert main(["batch", "tumor", str(cases), "-o", str(out), "--device", "cpu", "--model", "tiny_tumor"]) == 2
    named = (f"{NAME}good.seg.nrrd", f"{NAME}good.json", "summary.csv", "report.html", "report_pictures")
    assert sorted(path.name for path in out.iterdir()) == sorted(named)
    assert leaks(out, (*FROM_TAGS, VOXELS)) == []
    assert [leak for leak in leaks(out, (NAME,), ("summary.csv", "report.html")) if "in the name" not in leak] == [], (
        "only masks' names tell the case"
    )
    assert list(temporary.iterdir()) == []
    printed = "".join(capsys.readouterr())
    assert [marker for marker in FROM_TAGS if marker in printed] == []


def test_the_summary_of_a_batch_names_no_tag(tmp_path: Path, out: Path, tiny_models: Path) -> None:
    """Among several series of one folder none can be taken; the sentence that offers them, by UID where they have no numbers, is in the summary."""
    from neurospineseg.pipeline.batch import run_batch

    for number in (1, 2):
        folder = tmp_path / "cases" / "one"
        tags = {**TAGS, "SeriesInstanceUID": f"{UID}.{number}", "SeriesNumber": None}
        write_series(folder, slices(seed=number), lambda k, tags=tags: tags, first=100 * number)
    outcomes = run_batch("spine", tmp_path / "cases", out, lambda scans, target: read_volume(scans["image"]))
    assert "choose one with --volume" in outcomes["one"]
    assert UID in outcomes["one"], "on the screen it can be chosen"
    with open(out / "summary.csv", newline="", encoding="utf-8") as file:
        stored = {row[0]: row[1] for row in csv.reader(file)}
    assert "choose one with --volume" in stored["one"]
    assert leaks(out, FROM_TAGS) == []


DAMAGED = {
    "cut gzip": lambda path: path.write_bytes(path.read_bytes()[:-400]),
    "no header": lambda path: path.write_bytes(TAG.encode() * 400),
    "text": lambda path: path.write_text(f"{TAG}\n" * 200),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("kind", [kind for kind in SCANS if kind != "dicom"])
def test_a_damaged_file_tells_nothing_that_is_in_it(
    kind: str, damage: str, tmp_path: Path, out: Path, temporary: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = SCANS[kind](tmp_path)
    DAMAGED[damage](scan)
    assert segment(scan, out / "mask.nii.gz") == 2
    assert [marker for marker in (*FROM_TAGS, VOXELS) if marker in "".join(capsys.readouterr())] == []
    assert list(out.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "one cut", "no voxels"])
def test_damaged_dicom_tells_no_tag(
    damage: str, tmp_path: Path, out: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(dicom(tmp_path).iterdir())
    for path in files[10:11] if damage == "one cut" else files:
        path.write_bytes(path.read_bytes()[: 900 if damage == "no voxels" else -100])
    segment(files[0].parent, out / "mask.seg.nrrd", "--page")
    assert [marker for marker in FROM_TAGS if marker in "".join(capsys.readouterr())] == []
    assert leaks(out, (*FROM_TAGS, NAME)) == []


def test_view(tmp_path: Path, out: Path, with_tiny_models: Path) -> None:
    scan = nifti(tmp_path)
    mask = tmp_path / f"{NAME}-mask.seg.nrrd"
    assert segment(scan, mask) == 0
    assert main(["view", str(scan), str(mask), "-o", str(out / "page.html")]) == 0
    assert leaks(out, (TAG, NAME, VOXELS)) == []


def answers(client: WorkerClient, request: object) -> list[object]:
    number, heard = client.request(request), []
    while not any(isinstance(answer, FINAL) for answer in heard):
        client.poll()
        heard += client.answers_to(number)
    return heard


def test_the_worker(tmp_path: Path, out: Path, temporary: Path, tiny_models: Path) -> None:
    settings, client = Settings.of({"model": str(tiny_models / "tiny_tumor"), "device": "cpu"}), WorkerClient()
    scan = nifti(tmp_path)
    try:
        done = answers(client, RunFiles("tumor", {"t1c": scan}, out / "mask.seg.nrrd", settings))
        damaged = scan.with_name(f"{NAME}damaged.nii.gz")
        damaged.write_bytes(scan.read_bytes()[:-400])
        refused = answers(client, RunFiles("tumor", {"t1c": damaged}, out / "other.seg.nrrd", settings))
        np.save(client.folder / "scan.npy", with_voxels())
        affine = tuple(map(tuple, oblique_affine().tolist()))
        segmented = answers(client, Segment("tumor", settings, {"t1c": ScanFile("scan.npy", affine)}))
        np.save(client.folder / "labels.npy", np.ones(ball().shape, np.uint16))
        corrections = tmp_path / "corrections"
        answers(client, StoreCorrection("tumor", corrections, {"t1c": ScanFile("scan.npy", affine)}, "labels.npy"))
        failed = answers(client, Segment("tumor", settings, {"t1c": ScanFile("nowhere.npy", affine)}))
        said = [repr(answer).replace(str(tiny_models), "") for answer in (*done, *segmented, *failed)]
        assert isinstance(refused[-1], Refused)
        assert TAG not in repr(refused)
        assert isinstance(failed[-1], Failed | Refused)
        assert [marker for marker in (TAG, NAME, VOXELS) if marker in "".join(said)] == []
        (client.folder / "scan.npy").unlink()
        assert leaks(temporary, (TAG, NAME, VOXELS)) == [], "log and files of the private folder"
        assert leaks(out, (TAG, NAME, VOXELS)) == []
        assert leaks(corrections, (TAG, NAME)) == []
    finally:
        client.stop()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("kind", SCANS)
def test_corrections_hold_the_voxels_of_the_scan_and_nothing_of_its_header(kind: str, tmp_path: Path) -> None:
    scan = read_volume(SCANS[kind](tmp_path))
    model = {"name": "tiny_tumor", "version": "1", "sha256": "0" * 64}
    labels = type(scan)(np.ones(scan.shape, np.uint16), scan.ijk_to_ras)
    store_correction(tmp_path / "corrections", "tumor", {"t1c": scan}, labels, None, model)
    assert leaks(tmp_path / "corrections", (*FROM_TAGS, NAME)) == []


def test_evaluation(tmp_path: Path, out: Path, tiny_models: Path) -> None:
    """From accepted corrections to scores: prepared cases are named after the corrections, so nothing of the scans' names is left."""
    scan = read_volume(dicom(tmp_path))
    for label in (1, 3):
        labels = type(scan)(np.full(scan.shape, label, np.uint16), scan.ijk_to_ras)
        store_correction(tmp_path / "corrections", "tumor", {"t1c": type(scan)(scan.voxels + label, scan.ijk_to_ras)}, labels, None, None)
    training = Path(__file__).resolve().parents[2] / "Resources" / "Training"
    prepared = tmp_path / "prepared"
    for command in (
        ["prepare.py", "corrections", str(tmp_path / "corrections"), "-o", str(prepared), "--task", "tumor", "--n-val", "1"],
        ["evaluate.py", str(tiny_models / "tiny_tumor"), str(prepared), "-o", str(out), "--part", "all", "--device", "cpu"],
    ):
        done = subprocess.run([sys.executable, str(training / command[0]), *command[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert [marker for marker in FROM_TAGS if marker in done.stdout + done.stderr] == []
    assert {"cases.csv", "evaluation.html"} <= {path.name for path in out.iterdir()}
    assert leaks(out, (*FROM_TAGS, NAME)) == []
    assert leaks(prepared, (*FROM_TAGS, NAME)) == []
