"""The logic from the Python console, the modules' declarations, and what opening them loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import slicer

from neurospineseg.errors import InputError
from neurospineseg.mrml import label_map_of
from neurospineseg.worker.results import FilesWritten
from Testing.small_scans import ball, write_nifti

MODULES = ("SubcorticalSeg", "SpineSeg", "TumorSeg")


@pytest.fixture
def logic(bench, warm_worker, tiny_models: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
    bench.open("TumorSeg")
    made = slicer.loadedModules["TumorSeg"].TumorSegLogic()
    yield made
    warm_worker.take_from(made.client)
    made.stop()


def test_segment_waits_and_returns_the_node(logic, scan) -> None:
    node = logic.segment({"t1c": scan}, model="tiny_tumor", device="cpu")
    assert node.GetName() == "x-t1c tumor"
    assert node.GetSegmentation().GetNumberOfSegments() == 1
    again = logic.segment(scan, segmentationNode=node, model="tiny_tumor")
    assert again is node
    assert node.GetSegmentation().GetNumberOfSegments() == 1


def test_segment_without_waiting_fills_the_node_later(bench, logic, scan) -> None:
    waited = logic.segment(scan, model="tiny_tumor")
    node = logic.segment(scan, model="tiny_tumor", wait=False)
    assert node.GetSegmentation().GetNumberOfSegments() == 0
    bench.spin(lambda: logic.run is None)
    np.testing.assert_array_equal(label_map_of(node, scan, "tumor")[0], label_map_of(waited, scan, "tumor")[0])
    assert node.GetTransformNodeID() == scan.GetTransformNodeID()
    assert node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole()) == scan.GetID()


def test_a_region(bench, logic, scan) -> None:
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter(0.0, 20.0, 0.0)
    roi.SetSize(40.0, 40.0, 40.0)
    whole = label_map_of(logic.segment(scan, model="tiny_tumor"), scan, "tumor")[0]
    part = label_map_of(logic.segment(scan, roi=roi, model="tiny_tumor"), scan, "tumor")[0]
    assert 0 < np.count_nonzero(part) < np.count_nonzero(whole)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"model": "none"}, "no model"),
        ({"device": "abacus"}, "no device"),
        ({"structures": ["nose"]}, "no structure"),
        ({"smooth": True}, "no option 'smooth'"),
        ({"model": ""}, "no model ''"),
        ({"force": "no"}, "'force' is 'no'"),
        ({"anyway": "no"}, "'force' is 'no'"),
        ({"mergeRule": ["edema"]}, "no merge rule"),
        ({"mergeRule": "paint"}, "no merge rule 'paint'"),
        ({"region": None}, "give roi="),
        ({"inputs": {}}, "No scan"),
        ({"inputs": {"t7": 1}}, "t7"),
        ({"roi": "nonsense"}, "'nonsense' is no box"),
        ({"roi": np.eye(2)}, r"'\[\[1. 0.\] \[0. 1.\]\]' is no box"),
        ({"inputs": "MRHead"}, "'MRHead' is no scalar volume"),
        ({"inputs": [1]}, r"'\[1\]' is no scalar volume"),
        ({"inputs": {"t1c": Path("scan.nii.gz")}}, "'scan.nii.gz' is no scalar volume"),
        ({"segmentationNode": "Mine"}, "'Mine' is no segmentation"),
        ({"host": 5}, "'5' is no name of a computer"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(logic, scan, arguments, words) -> None:
    count = slicer.mrmlScene.GetNumberOfNodes()
    for wait in (True, False) if arguments.keys() & {"inputs", "roi", "segmentationNode", "host"} else (True,):
        with pytest.raises(InputError, match=words):
            logic.segment(**{"inputs": scan, "model": "tiny_tumor", "wait": wait, **arguments})
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_a_node_of_another_kind_is_said_in_a_sentence(logic, scan) -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    with pytest.raises(InputError, match="'Mine' is no scalar volume"):
        logic.segment(node, model="tiny_tumor")
    with pytest.raises(InputError, match="'x-t1c' is no segmentation"):
        logic.segment(scan, segmentationNode=scan, model="tiny_tumor")
    with pytest.raises(InputError, match="No segmentation was chosen"):
        logic.measure(None)
    with pytest.raises(InputError, match="'Mine' is no segmentation"):
        logic.measure("Mine")
    with pytest.raises(InputError, match="'MRHead' is no scalar volume"):
        logic.measure(node, scan="MRHead")
    with pytest.raises(InputError, match="'Mine' is no segmentation"):
        logic.follow(["Mine", node])


def test_what_once_had_another_place_is_given_by_name(logic, scan) -> None:
    with pytest.raises(TypeError, match="positional"):
        logic.segment(scan, None, None, "tiny_tumor", "cpu", True, ["edema"])
    with pytest.raises(TypeError, match="positional"):
        logic.segmentFolder("cases", "masks", "tiny_tumor")


def test_force_is_understood_by_its_name_before_too(logic) -> None:
    assert logic.settings(anyway=True) == logic.settings(force=True)


def test_a_step_that_fails_ends_the_run_and_not_the_timer(bench, logic, scan, monkeypatch: pytest.MonkeyPatch) -> None:
    node = logic.segment(scan, model="tiny_tumor", wait=False)
    with monkeypatch.context() as broken:
        bench.spin(lambda: logic.run is not None and logic.run._number is not None)
        broken.setattr(logic.client, "_read", lambda process: 1 / 0)
        bench.spin(lambda: not logic.client.running)
    bench.spin(lambda: logic.run is None)
    assert not slicer.mrmlScene.IsNodePresent(node)


def test_a_failure_without_waiting_is_shown_and_leaves_nothing(bench, logic, scan) -> None:
    count = slicer.mrmlScene.GetNumberOfNodes()
    logic.segment(scan, model="none", wait=False)
    bench.spin(lambda: logic.run is None)
    assert slicer.mrmlScene.GetNumberOfNodes() == count
    assert [kind for kind, _ in bench.app.messages] == ["messageBox"]
    assert "no model" in bench.app.messages[0][1]


@pytest.mark.parametrize("window", [object(), None])
def test_a_failure_without_waiting_is_logged_without_names(bench, logic, scan, caplog, monkeypatch, window) -> None:
    monkeypatch.setattr(bench.app, "main_window", window)
    bent = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    bent.SetAndObserveTransformToParent(slicer.vtkOrientedGridTransform())
    scan.SetName("Miller^Anna")
    scan.SetAndObserveTransformNodeID(bent.GetID())
    logic.segment(scan, model="tiny_tumor", wait=False)
    bench.spin(lambda: logic.run is None)
    assert ["'Miller^Anna'" in text for kind, text in bench.app.messages] == ([True] if window else [])
    assert "Miller^Anna" not in caplog.text
    assert "<volume " in caplog.text


def test_a_folder(logic, tmp_path) -> None:
    cases, output = tmp_path / "cases", tmp_path / "masks"
    for number in range(2):
        (cases / f"case{number}").mkdir(parents=True)
        write_nifti(cases / f"case{number}" / f"case{number}_t1ce.nii.gz", ball(seed=number))
    (cases / "broken").mkdir()
    (cases / "broken" / "broken_t1ce.nii.gz").write_bytes(b"not a scan")
    told: list[tuple] = []
    outcomes = logic.segmentFolder(cases, output, model="tiny_tumor", progress=lambda *what: told.append(what))
    assert outcomes["case0"] == outcomes["case1"] == "done"
    assert "broken_t1ce" in outcomes["broken"]
    assert told == [(0, 3, "broken"), (1, 3, "case0"), (2, 3, "case1")]
    first = (output / "case0.seg.nrrd").stat().st_mtime_ns
    assert logic.segmentFolder(cases, output, model="tiny_tumor")["case0"] == "kept"
    assert (output / "case0.seg.nrrd").stat().st_mtime_ns == first
    assert "case0,kept" in (output / "summary.csv").read_text()
    with pytest.raises(InputError, match="does not exist"):
        logic.segmentFolder(tmp_path / "nothing", output)


def test_what_a_folder_does_not_say_is_passed_on(
    logic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case_flair.nii.gz").touch()
    requests: list[Any] = []
    monkeypatch.setattr(logic, "wait_for", lambda begin: begin(None))
    monkeypatch.setattr(logic, "begin", lambda run: requests.append(run.request) or FilesWritten({}, ("Give --orientation.",)))
    logic.segmentFolder(tmp_path, tmp_path / "out", volume="series=4,echo=2", orientation="LPS", spacing=(1, 1, 3), frame=2)
    (request,) = requests
    assert (request.volume, request.orientation, request.spacing, request.frame) == (("series=4,echo=2",), "LPS", (1.0, 1.0, 3.0), 2)
    assert "case,done,Give orientation=." in (tmp_path / "out" / "summary.csv").read_text(), "nor are warnings lost"
    assert "case: Give orientation=." in capsys.readouterr().out


@pytest.mark.parametrize("name", MODULES)
def test_a_module_declares_itself(bench, name: str) -> None:
    bench.open(name)
    parent = bench.declared
    assert parent.title == name
    assert parent.categories == ["Segmentation"]
    assert "not for clinical use" in parent.helpText
    assert "PyTorch" in parent.acknowledgementText, "Slicer's generic tests ask for one, and that of its template names others"
    assert parent.contributors
    bench.app.send("startupCompleted()")
    (source,) = slicer.modules.sampleDataSources["NeuroSpineSeg"]
    assert source.sampleName == name
    assert Path(source.thumbnailFileName).is_file()


@pytest.mark.parametrize("name", MODULES)
def test_a_panel_is_no_wider_than_slicers_own(bench, name: str) -> None:
    widget = bench.open(name)
    for name in ("advancedSection", "resultSection", "measureSection", "correctSection", "batchSection"):
        getattr(widget.ui, name).collapsed = False
    widget.parent.show()
    bench.spin(0.2)
    assert widget.panel.minimumSizeHint().width() <= 450
    assert widget.panel.sizeHint().width() <= 450


def test_the_notice_is_one_line_that_opens_the_card(bench) -> None:
    widget = bench.open("TumorSeg")
    assert "not for clinical use" in widget.ui.noticeLabel.text
    assert "Measured" in widget.ui.noticeLabel.toolTip
    widget.ui.noticeLabel.linkActivated.emit("card")
    assert widget.model.title in widget.models._card.windowTitle
    widget.models._card.close()


def test_a_sample_that_cannot_be_registered_keeps_no_terminology_from_loading(bench, monkeypatch) -> None:
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    monkeypatch.setitem(slicer.modules._logics, "terminologies", logic)
    monkeypatch.setitem(sys.modules, "SampleData", None)
    bench.open("TumorSeg")
    with pytest.raises(ImportError):
        bench.app.send("startupCompleted()")
    assert logic.IsTerminologyContextLoaded("Segmentation category and type - NeuroSpineSeg")


def test_the_sample_is_drawn_and_fills_the_slots(bench, tumor_panel, scan) -> None:
    slicer.mrmlScene.RemoveNode(scan)
    bench.app.send("startupCompleted()")
    (source,) = slicer.modules.sampleDataSources["NeuroSpineSeg"]
    nodes = source.customDownloader(source)
    assert [node.GetName() for node in nodes] == [f"Drawn glioma {name}" for name in ("t1c", "t1", "t2", "flair")]
    bench.leave(tumor_panel)
    bench.enter(tumor_panel)
    assert list(tumor_panel.scans()) == ["t1c", "t1", "t2", "flair"]


def test_the_modules_own_test_runs(bench) -> None:
    bench.open("TumorSeg")
    slicer.selfTests["TumorSeg"](msec=0)


@pytest.mark.parametrize("name", MODULES)
def test_opening_a_module_loads_no_torch(name: str) -> None:
    folder = Path(__file__).resolve().parents[2]
    code = f"""
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.insert(0, {str(folder)!r})
from Testing.panel import bench
app = bench.install()
from Testing.panel.conftest import Bench
Bench(app).open({name!r}).logic.client.stop()
heavy = {{"torch", "monai", "pydantic", "nibabel", "SimpleITK", "scipy"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def missing(monkeypatch, *names: str):
    import neurospineseg_panel.dependencies as dependencies

    there = {name: False for name in names}
    monkeypatch.setattr(dependencies, "_is_there", lambda name: there.get(name, True))
    return dependencies, there


def test_nothing_missing_asks_nothing(bench) -> None:
    from neurospineseg_panel.dependencies import ensure_dependencies

    ensure_dependencies("TumorSeg")
    assert slicer.packaging.asked == []


def test_what_slicer_ships_is_pinned_while_installing(bench, monkeypatch) -> None:
    dependencies, there = missing(monkeypatch, "monai")
    monkeypatch.setattr(slicer.packaging, "behavior", lambda requirements: there.update(monai=True))
    dependencies.ensure_dependencies("TumorSeg")
    ((requirements, constraints, requester),) = slicer.packaging.asked
    assert requirements == ["monai>=1.5"]
    assert requester == "TumorSeg"
    assert f"numpy=={np.__version__}\n" in constraints
    assert "SimpleITK==" in constraints
    assert "vtk==" in constraints


def fail(requirements) -> None:
    raise subprocess.CalledProcessError(1, "pip")


def refuse(requirements) -> None:
    raise RuntimeError("declined")


@pytest.mark.parametrize(
    "behavior, words", [(fail, "check the network"), (refuse, "agree to"), (lambda requirements: None, "half installed")]
)
def test_each_way_to_fail_has_its_sentence(bench, monkeypatch, behavior, words: str) -> None:
    dependencies, _ = missing(monkeypatch, "monai")
    monkeypatch.setattr(slicer.packaging, "behavior", behavior)
    with pytest.raises(dependencies.DependencyError, match=words):
        dependencies.ensure_dependencies("TumorSeg")


def test_torch_comes_through_the_pytorch_extension(bench, monkeypatch) -> None:
    dependencies, there = missing(monkeypatch, "torch")
    asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None):
            asked.append((askConfirmation, torchVersionRequirement))
            there["torch"] = len(asked) > 1
            return object() if there["torch"] else None

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    with pytest.raises(dependencies.DependencyError, match="agree to"):
        dependencies.ensure_dependencies("TumorSeg")
    dependencies.ensure_dependencies("TumorSeg")
    assert asked == [(True, ">=2.8")] * 2
    assert slicer.packaging.asked == []


def test_pytorchs_own_index_is_asked_for_pytorch_alone(bench, monkeypatch) -> None:
    import neurospineseg_panel.dependencies as dependencies

    monkeypatch.setattr(dependencies, "only_from_pytorch", lambda: True)
    (torch, _), (rest, sources) = dependencies._in_turn(["torch>=2.8", "torchmetrics>=1.0"], None)
    assert (torch, rest) == (["torch>=2.8"], ["torchmetrics>=1.0"])
    assert sources == []


def test_two_logics_of_one_module_do_not_take_each_others_answers(bench, tumor_panel, scan) -> None:
    other = slicer.loadedModules["TumorSeg"].TumorSegLogic()
    assert other.client is tumor_panel.logic.client
    other._tick_every(1)
    node = other.segment(scan, model="tiny_tumor", wait=False)
    bench.segment(tumor_panel)
    bench.spin(lambda: other.run is None)
    np.testing.assert_array_equal(label_map_of(node, scan, "tumor")[0], label_map_of(tumor_panel.parameters.shown, scan, "tumor")[0])
    bench.spin(lambda: sorted(path.name for path in other.client.folder.iterdir()) == ["processes.txt", "worker.log"], seconds=10)
    other.stop()


def test_a_folder_that_is_canceled_has_nothing_half_written(logic, tmp_path, monkeypatch) -> None:
    cases, output = tmp_path / "cases", tmp_path / "masks"
    (cases / "case0").mkdir(parents=True)
    write_nifti(cases / "case0" / "case0_t1ce.nii.gz", ball())
    tick, staging = logic.tick, []

    def cancel_when_it_writes() -> None:
        tick()
        staging.extend(path for path in output.glob(".neurospineseg-*") if path.is_dir())
        if staging:
            logic.cancel()

    monkeypatch.setattr(logic, "tick", cancel_when_it_writes)
    assert logic.segmentFolder(cases, output, model="tiny_tumor") == {"case0": "Canceled."}
    assert staging
    assert sorted(path.name for path in output.iterdir()) == ["report.html", "summary.csv"]
