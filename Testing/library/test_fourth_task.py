"""A fourth task, made as the page on adding a module says: through the shell, many cases, the worker and the store of corrections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks import task as registry
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.structure import Code, Structure
from neurospineseg.tasks.task import forget_task, register_task, registered_tasks, task_named
from neurospineseg.tasks.terminology import document
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import ScanFile, Segment
from Testing.knee import PAGE, known_knee
from Testing.library.test_worker import answer
from Testing.small_scans import ball, oblique_affine, write_nifti

BONES = {"femur", "tibia", "patella"}


@pytest.fixture(scope="module")
def knee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with known_knee(tmp_path_factory.mktemp("repository")) as folder:
        yield folder


def test_it_is_found_beside_the_others(knee: Path) -> None:
    assert [task.name for task in registered_tasks()] == ["tumor", "spine", "subcortical", "knee"]
    assert structure("patella").type == Code("SCT", "64234005", "Patella")


def test_a_thread_that_comes_while_another_looks_for_tasks_finds_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    known, found, declared = registered_tasks(), [], registry.declared
    second = Thread(target=lambda: found.append(len(registered_tasks())))

    def slow(declaration: Path) -> object:
        if not second.ident:
            second.start()
            second.join(0.2)
        return declared(declaration)

    monkeypatch.setattr(registry, "declared", slow)
    monkeypatch.setattr(registry, "_TASKS", {})
    monkeypatch.setattr(registry, "_looked_for", [])
    registered_tasks()
    second.join()
    assert found == [len(known)]


def test_the_terminology_holds_its_codes(knee: Path) -> None:
    types = {kind["CodeValue"]: kind["CodeMeaning"] for each in document()["SegmentationCodes"]["Category"] for kind in each["Type"]}
    assert {types.get(code) for code in ("71341001", "12611008", "64234005")} == {"Femur", "Tibia", "Patella"}


def test_the_shell_segments_with_a_record_and_a_page(knee: Path, tmp_path: Path) -> None:
    scan, mask = write_nifti(tmp_path / "scan.nii.gz", ball()), tmp_path / "mask.nii.gz"
    assert main(["segment", "knee", str(scan), "-o", str(mask), "--page", "--device", "cpu"]) == 0
    record = json.loads((tmp_path / "mask.json").read_text(encoding="utf-8"))
    assert record["task"] == "knee"
    assert record["model"]["name"] == "knee_bones"
    assert set(record["volumes"]) <= BONES
    assert record["volumes"]
    assert "<h2>Knee</h2>" in (tmp_path / "mask.html").read_text(encoding="utf-8")


def test_the_shell_says_what_it_is(knee: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    assert "bones of the knee in MR" in capsys.readouterr().out


def test_many_cases(knee: Path, tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    for number in range(2):
        write_nifti(tmp_path / "cases" / f"case{number}.nii.gz", ball(seed=number))
    assert main(["batch", "knee", str(tmp_path / "cases"), "-o", str(tmp_path / "masks"), "--device", "cpu"]) == 0
    assert sorted(path.name for path in (tmp_path / "masks").glob("*.seg.nrrd")) == ["case0.seg.nrrd", "case1.seg.nrrd"]


def test_the_models_are_listed_with_it(knee: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["models"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "knee_bones" in line]
    assert ["knee" in line.split() for line in lines] == [True]


def test_the_doctor_misses_a_model_of_it(knee: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["doctor"]) == 0
    assert "knee_bones" in capsys.readouterr().out
    monkeypatch.delenv("NEUROSPINESEG_MODELS")
    main(["doctor"])
    assert "There is no model for knee;" in capsys.readouterr().out


def test_the_worker_segments(knee: Path) -> None:
    client = WorkerClient()
    try:
        client.start()
        np.save(client.folder / "image.npy", ball())
        client.request(Segment("knee", Settings(device="cpu"), {"image": ScanFile("image.npy", oblique_affine().tolist())}))
        result = answer(client).result
        assert {found.key for found in result.structures} <= BONES
        assert result.structures
        assert set(result.sought) == BONES
    finally:
        client.stop()


def all_patella(image: torch.Tensor, probabilities: torch.Tensor, grid: Grid, spec: ModelSpec) -> torch.Tensor:
    """A fit after which every voxel of the working grid is the patella."""
    fitted = torch.zeros_like(probabilities)
    fitted[spec.classes.index("patella")] = 1
    return fitted


def test_what_a_task_fits_to_the_image_is_what_its_rules_get(knee: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = replace(task_named("knee"), fit=f"{__name__}:all_patella")
    monkeypatch.setattr("neurospineseg.pipeline.run.task_named", lambda name: task)
    segmenter = Segmenter("knee", Settings(device="cpu"))
    result = segmenter.run({"image": Volume(ball().astype(np.float32), oblique_affine())})
    assert set(np.unique(result.labels.voxels)) == {structure("patella").label}


def test_a_correction_is_kept(knee: Path, tmp_path: Path) -> None:
    labels = np.zeros(ball().shape, np.uint16)
    labels[8:14, 8:14, 8:14] = structure("femur").label
    scan = Volume(ball().astype(np.float32), oblique_affine())
    folder, scores = store_correction(tmp_path, "knee", {"image": scan}, Volume(labels, oblique_affine()), labels, None)
    assert scores == {"femur": 1.0}
    assert folder.name.startswith("knee-")


def test_its_scans_can_be_prepared_for_training(knee: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from Training.datasets.class_names import known_classes

    assert set(known_classes("knee")) == BONES


def test_a_name_or_a_structure_of_another_task_is_refused(knee: Path) -> None:
    with pytest.raises(InputError, match="a task 'knee' already"):
        register_task(replace(task_named("knee"), title="Other"))
    with pytest.raises(InputError, match="'femur'.* is one of knee already"):
        register_task(replace(task_named("knee"), name="leg"))


def test_a_task_may_be_registered_and_forgotten(knee: Path) -> None:
    fibula = Structure("fibula", "Fibula", 1, Code("SCT", "87342007", "Fibula"), (200, 160, 120))
    register_task(replace(task_named("knee"), name="leg", structures=(fibula,), plausible=replace(task_named("knee").plausible, ml={})))
    try:
        assert structure("fibula") is fibula
    finally:
        forget_task("leg")
    with pytest.raises(KeyError):
        structure("fibula")


def test_the_page_names_what_it_changes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "Two files that exist are changed" in text
    assert "add_subdirectory(KneeSeg)" in text
