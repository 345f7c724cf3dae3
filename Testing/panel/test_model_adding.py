"""*Add model...* has the worker add a model, asks which scans its channels are, and segments with it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

slicer = pytest.importorskip("slicer")

from Testing.peer_models import monai_bundle


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of spine and kidney, of which nobody can tell that its image is T1 with contrast agent; a home folder without models."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return monai_bundle(tmp_path / "kidneys", "softmax")


def chosen(panel: Any, monkeypatch: pytest.MonkeyPatch, path: Path, answers: dict[str, str] | None) -> list[tuple[str, ...]]:
    """The next click gets this file, and these scans where it asks; what it asked is in the list."""
    import qt

    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *arguments: str(path))
    monkeypatch.setattr(panel.adding, "channels_by_hand", lambda names: asked.append(tuple(names)) or answers)
    return asked


def idle(panel: Any) -> bool:
    return panel.ui.segmentButton.text == "Segment"


def test_a_model_is_added_asked_for_and_segments(bench: Any, bundle: Path, tumor_panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = tumor_panel
    asked = chosen(panel, monkeypatch, bundle / "configs" / "metadata.json", {"image": "t1c"})
    bench.click(panel.ui.addModelButton)
    bench.spin(lambda: panel.parameters.model == "kidneys" and idle(panel), 300)
    assert asked == [("image",)]
    assert panel.ui.modelSelector.currentText == "drawn softmax"
    listed = [panel.ui.structuresList.item(row).text() for row in range(panel.ui.structuresList.count)]
    assert listed[-3:] == ["L3", "Sacrum", "Left kidney"]
    panel.parameters.structures = []
    bench.segment(panel)
    (node,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segmentation = node.GetSegmentation()
    names = {segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())}
    assert names
    assert names <= {"L3", "Sacrum", "Left kidney"}, panel.ui.statusLabel.text
    bench.click(panel.ui.addModelButton)
    bench.spin(lambda: "already" in panel.ui.statusLabel.text and idle(panel))


def test_a_model_is_not_added_where_nobody_says_what_it_takes(
    bench: Any, tumor_panel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tumor_panel.adding, "channels_by_hand", lambda names: None)
    tumor_panel.adding._ask_channels(tmp_path, ("image",), {})
    assert "not added" in tumor_panel.ui.statusLabel.text
    assert tumor_panel.parameters.model == "tiny_tumor"


@pytest.mark.parametrize("accepted", [True, False])
def test_the_window_asks_for_each_channel(bench: Any, tumor_panel: Any, accepted: bool) -> None:
    from PySide6 import QtCore, QtWidgets

    def answer() -> None:
        window = QtWidgets.QApplication.activeModalWidget()
        (QtWidgets.QDialog.accept if accepted else QtWidgets.QDialog.reject)(window)

    QtCore.QTimer.singleShot(300, answer)
    expected = {"post": "t1c", "native": "t1"} if accepted else None
    assert tumor_panel.adding.channels_by_hand(("post", "native")) == expected


@pytest.mark.parametrize(
    "path, folder",
    [("m.zip", "m.zip"), ("m/configs/metadata.json", "m"), ("m/plans.json", "m"), ("m/a__b__3d_cascade_fullres/plans.json", "m")],
)
def test_a_file_stands_for_its_folder(bench: Any, path: str, folder: str) -> None:
    from neurospineseg_panel.model_adding import folder_of

    assert folder_of(Path(path)) == Path(folder)
