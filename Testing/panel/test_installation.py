"""Packages are installed when they are first needed, after asking, in a window beside which Slicer goes on; real pip, no network."""

from __future__ import annotations

import sys
import time
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from PySide6 import QtCore

slicer = pytest.importorskip("slicer")

from Testing.panel.python_slicer import PythonSlicer, slicers_own_packaging
from Testing.small_wheels import make_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for PythonSlicer is a shell script")


@pytest.fixture
def python_slicer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonSlicer:
    return PythonSlicer(tmp_path, monkeypatch)


@pytest.fixture
def panel(bench: Any, tumor_panel: Any, python_slicer: PythonSlicer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The panel, with a package missing that nobody has; the worker still finds what it needs."""
    import neurospineseg_panel.dependencies as dependencies

    monkeypatch.setattr(dependencies, "required", lambda: {"nss_needed": "nss_needed>=1"})
    return tumor_panel


@pytest.fixture
def window(bench: Any, panel: Any) -> Any:
    """The window after a click on Segment."""
    bench.click(panel.ui.segmentButton)
    return panel.runs.installation


def test_the_question_comes_before_anything_is_installed(panel, window) -> None:
    assert window._dialog.visible
    assert not window._dialog.modal
    assert "Install Python packages?" in window.headLabel.text
    assert "nss_needed" in window.textLabel.text
    assert window.sourceLabel.text == "From the network"
    assert slicer.packaging.asked == []
    assert panel.logic.run is None


def test_who_refuses_is_told_what_to_do(bench, panel, window) -> None:
    bench.click(window.stopButton)
    assert not window._dialog.visible
    assert "click again and agree to the installation" in panel.ui.statusLabel.text
    assert slicer.packaging.asked == []


def test_what_pip_finds_is_downloaded_and_then_written_into_slicer(bench, panel, window, python_slicer, monkeypatch) -> None:
    make_wheel(python_slicer.index, "nss_needed", needs=["nss_in_turn"])
    make_wheel(python_slicer.index, "nss_in_turn")
    seen: list[str] = []

    def install(requirements: list[str]) -> int:
        seen.extend(sorted(path.name for path in Path(requirements[2]).iterdir()))
        make_package(python_slicer.site, "nss_needed")
        return 0

    monkeypatch.setattr(slicer.packaging, "behavior", install)
    bench.longest_stall = 0.0
    bench.click(window.goButton)
    bench.spin(lambda: "All packages are installed" in window.headLabel.text)
    assert seen == ["nss_in_turn-1.0-py3-none-any.whl", "nss_needed-1.0-py3-none-any.whl"]
    ((requirements, constraints, _),) = slicer.packaging.asked
    assert requirements[:2] == ["--no-index", "--find-links"]
    assert requirements[3:] == ["nss_needed>=1"]
    assert "numpy==" in constraints
    assert not Path(requirements[2]).exists(), "what was downloaded is taken away"
    assert bench.longest_stall < 0.5


def make_package(site: Path, name: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    (site / name).mkdir()
    (site / name / "__init__.py").write_text("")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")


def test_slicers_own_packaging_installs_from_the_chosen_folder_and_segment_goes_on(
    bench, panel, window, tmp_path, python_slicer, monkeypatch
) -> None:
    own = slicers_own_packaging()
    monkeypatch.setitem(sys.modules, "slicer.packaging", own)
    monkeypatch.setattr(slicer, "packaging", own)
    folder = tmp_path / "wheels of the hospital"
    folder.mkdir()
    make_wheel(folder, "nss_needed")
    choose(window, folder, monkeypatch)
    bench.click(window.folderButton)
    assert str(folder) in window.sourceLabel.text
    bench.click(window.goButton)
    bench.spin(lambda: "All packages are installed" in window.headLabel.text)
    assert (python_slicer.site / "nss_needed" / "__init__.py").is_file()
    bench.click(window.goButton)
    assert panel.runs.busy
    panel.logic.cancel()


def choose(window: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the dialog for folders returns."""
    import qt

    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *arguments: str(folder))


def test_a_chosen_folder_is_remembered_and_can_be_given_up(bench, panel, window, tmp_path, monkeypatch) -> None:
    from neurospineseg_panel.chosen_folder import chosen_folder

    choose(window, tmp_path, monkeypatch)
    bench.click(window.folderButton)
    assert chosen_folder() == tmp_path
    bench.click(window.networkButton)
    assert chosen_folder() is None
    assert not window.networkButton.visible


def test_a_folder_that_lacks_a_package_is_said_before_pip_begins(bench, panel, window, tmp_path, monkeypatch) -> None:
    make_wheel(tmp_path, "nss_other")
    choose(window, tmp_path, monkeypatch)
    bench.click(window.folderButton)
    bench.click(window.goButton)
    bench.spin(lambda: "were not installed" in window.headLabel.text)
    assert "lacks nss_needed>=1; fill it on a computer with a network: neurospineseg wheels DIR --python" in window.textLabel.text
    assert window.goButton.text == "Try again"
    assert slicer.packaging.asked == []


def test_without_a_network_one_sentence_says_what_to_do(bench, panel, window, python_slicer) -> None:
    python_slicer.lose_network()
    bench.click(window.goButton)
    bench.spin(lambda: "were not installed" in window.headLabel.text)
    assert "check the network and try again, or install from a folder of wheels" in window.textLabel.text
    assert panel.ui.statusLabel.text == window.textLabel.text
    assert window.sourceRow.visible
    assert slicer.packaging.asked == []


def test_a_report_of_another_kind_ends_in_a_sentence_and_not_in_waiting(bench, panel, window, python_slicer) -> None:
    python_slicer.write('for each; do [ "$before" = --report ] && echo "{}" > "$each"; before=$each; done')
    bench.click(window.goButton)
    bench.spin(lambda: "not installed" in window.headLabel.text, 20)
    assert "restart Slicer and try again" in window.textLabel.text
    assert "KeyError" in window.logText.plainText


def test_cancel_ends_pip_and_its_children(bench, panel, window, python_slicer, tmp_path) -> None:
    python_slicer.write(f'(sleep 3; touch "{tmp_path}/alive") & wait')
    bench.click(window.goButton)
    bench.spin(lambda: window._running is not None and window._running._process is not None)
    bench.click(window.stopButton)
    assert "The installation was canceled." in panel.ui.statusLabel.text
    time.sleep(4)
    assert not (tmp_path / "alive").exists()
    assert not window._dialog.visible


def test_a_restart_is_asked_for_where_the_old_package_is_loaded(bench, panel, window, python_slicer, monkeypatch) -> None:
    make_wheel(python_slicer.index, "nss_needed")
    loaded = types.ModuleType("nss_needed")
    loaded.__spec__ = ModuleSpec("nss_needed", None)
    monkeypatch.setitem(sys.modules, "nss_needed", loaded)
    monkeypatch.setattr(slicer.packaging, "behavior", lambda requirements: make_package(python_slicer.site, "nss_needed"))
    bench.click(window.goButton)
    bench.spin(lambda: "All packages are installed" in window.headLabel.text)
    assert window.goButton.text == "Restart Slicer"


@pytest.fixture
def started(panel, monkeypatch) -> list[tuple[Any, Any]]:
    """Target and region of the segmentations that were begun, none of which runs."""
    from neurospineseg.errors import InputError

    seen: list[tuple[Any, Any]] = []

    def start(scans, settings, listener, target, rule, **options):
        seen.append((target, settings.region))
        raise InputError("Enough.")

    monkeypatch.setattr(panel.logic, "start", start)
    return seen


def install_meanwhile(bench: Any, window: Any, python_slicer: PythonSlicer, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(python_slicer.index, "nss_needed")
    monkeypatch.setattr(slicer.packaging, "behavior", lambda requirements: make_package(python_slicer.site, "nss_needed"))
    bench.click(window.goButton)
    bench.spin(lambda: "All packages are installed" in window.headLabel.text)


def test_segment_after_installing_takes_what_the_panel_shows_then(bench, panel, started, window, python_slicer, monkeypatch) -> None:
    install_meanwhile(bench, window, python_slicer, monkeypatch)
    panel.parameters.result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    panel.parameters.regionKind = type(panel.parameters.regionKind).AUTOMATIC
    assert window.goButton.text == "Segment"
    bench.click(window.goButton)
    assert started == [(panel.parameters.result, "auto")]


@pytest.mark.parametrize("left", [False, True])
def test_a_scene_that_was_closed_while_installing_ends_in_a_sentence(
    bench, panel, started, window, python_slicer, monkeypatch, left: bool
) -> None:
    install_meanwhile(bench, window, python_slicer, monkeypatch)
    if left:
        bench.leave(panel)
    slicer.mrmlScene.Clear(0)
    bench.spin(0.1)
    bench.click(window.goButton)
    assert panel.ui.statusLabel.text == "The scene was closed or changed meanwhile; choose anew, then click again."
    assert started == []


def test_what_was_clicked_goes_on_and_not_segment(bench, panel, python_slicer, monkeypatch) -> None:
    panel.parameters.regionKind = type(panel.parameters.regionKind).AUTOMATIC
    found = []
    monkeypatch.setattr(panel.logic, "find_region", lambda scans, settings, listener: found.append(list(scans)))
    bench.click(panel.ui.previewRegionButton)
    window = panel.runs.installation
    install_meanwhile(bench, window, python_slicer, monkeypatch)
    assert window.goButton.text == "Preview region"
    bench.click(window.goButton)
    assert found == [["t1c"]]


def test_nothing_goes_on_where_nothing_was_clicked(bench, panel, python_slicer, monkeypatch) -> None:
    panel.ui.advancedSection.collapsed = False
    panel.ui.packagesButton.click()
    window = panel.runs.installation
    install_meanwhile(bench, window, python_slicer, monkeypatch)
    assert not window.goButton.visible


@pytest.fixture
def extension(panel, monkeypatch) -> types.SimpleNamespace:
    """The PyTorch extension, whose ``installTorch`` waits; PyTorch is missing until then."""
    import neurospineseg_panel.dependencies as dependencies

    found = types.SimpleNamespace(shown=[], at_begin=[])
    needed = {"torch": "torch>=99"}

    class PyTorchUtilsLogic:
        def installTorch(
            self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None, torchvisionVersionRequirement=None
        ):
            found.at_begin.extend(found.shown)
            needed.clear()
            return "torch"

    monkeypatch.setattr(dependencies, "required", lambda: needed or {"torch": "torch>=0"})
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    return found


class Painted(QtCore.QObject):
    """Keeps a label's text whenever it is drawn."""

    def __init__(self, label: Any, texts: list[str]) -> None:
        super().__init__()
        self.label, self.texts = label, texts
        label.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == QtCore.QEvent.Type.Paint:
            self.texts.append(self.label.text)
        return False


def test_the_window_says_before_it_that_slicer_waits_for_the_pytorch_extension(bench, panel, extension) -> None:
    bench.click(panel.ui.segmentButton)
    window = panel.runs.installation
    assert "Slicer does not answer" in window.textLabel.text
    assert "You can go on working" not in window.textLabel.text
    painted = Painted(window.textLabel, extension.shown)
    bench.click(window.goButton)
    bench.spin(lambda: "All packages are installed" in window.headLabel.text)
    window.textLabel.removeEventFilter(painted)
    assert "Slicer does not answer until that is done" in extension.at_begin[-1]


@pytest.mark.parametrize("card", [False, True])
def test_cuda_is_not_downloaded_where_no_card_is(bench, panel, window, python_slicer, monkeypatch, card: bool) -> None:
    from neurospineseg_panel import torch_build

    monkeypatch.setattr(torch_build, "has_nvidia_card", lambda: card)
    monkeypatch.setattr(slicer.packaging, "behavior", lambda requirements: make_package(python_slicer.site, "nss_needed"))
    make_wheel(python_slicer.index, "nss_needed", needs=["nvidia_nss"])
    make_wheel(python_slicer.index, "nvidia_nss")
    bench.click(window.goButton)
    bench.spin(lambda: "nstalled" in window.headLabel.text and "Installing" not in window.headLabel.text)
    assert bool(slicer.packaging.asked) == card
    assert ("let it reach download.pytorch.org, or install from a folder of wheels" in window.textLabel.text) != card


def test_two_installations_at_once_are_refused(bench, panel, window, monkeypatch) -> None:
    monkeypatch.setattr(slicer.packaging, "isPipInstallInProgress", lambda: True)
    bench.click(window.goButton)
    bench.spin(lambda: "were not installed" in window.headLabel.text)
    assert "for another module at the moment" in window.textLabel.text


def test_the_window_opens_from_the_panel_too(bench, tumor_panel) -> None:
    tumor_panel.ui.advancedSection.collapsed = False
    tumor_panel.ui.packagesButton.click()
    assert "All packages are installed" in tumor_panel.runs.installation.headLabel.text
    assert not tumor_panel.runs.installation.goButton.visible


def test_the_console_installs_from_the_chosen_folder_too(bench, tmp_path, python_slicer, monkeypatch) -> None:
    import neurospineseg_panel.dependencies as dependencies
    from neurospineseg_panel.chosen_folder import choose_folder

    monkeypatch.setattr(dependencies, "required", lambda: {"nss_needed": "nss_needed>=1"})
    make_wheel(tmp_path, "nss_needed")
    choose_folder(tmp_path)
    monkeypatch.setattr(slicer.packaging, "behavior", lambda requirements: make_package(python_slicer.site, "nss_needed"))
    dependencies.ensure_dependencies("TumorSeg")
    ((_, constraints, _),) = slicer.packaging.asked
    assert constraints.splitlines()[:2] == ["--no-index", f"--find-links {tmp_path.as_uri()}"]
