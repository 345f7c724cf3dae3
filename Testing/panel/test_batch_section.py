"""The section *Batch*: a folder is matched, changed by hand, segmented beside everything else, stopped, taken up again, and shown."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
import slicer

from neurospineseg.pipeline.case import Case
from neurospineseg.worker.protocol import CaseBegun, CaseOver
from Testing.dicom_scans import slices, write_series
from Testing.small_scans import ball, write_nifti


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    for seed, name in enumerate(("a_t1c", "a_flair", "b_t1c", "c_flair", "odd")):
        write_nifti(folder / f"{name}.nii.gz", ball(seed=seed))
    (folder / "c_flair.nii.gz").write_bytes(b"broken")
    return folder


@pytest.fixture
def panel(tumor_panel: Any, bench: Any) -> Any:
    tumor_panel.ui.batchSection.collapsed = False
    yield tumor_panel
    tumor_panel.batch.cleanup()


def matched(panel: Any, bench: Any, cases: Path, output: Path | None = None) -> Any:
    """The section after a folder was chosen."""
    section = panel.batch
    if output is not None:
        section.ui.outputButton.directory = str(output)
    section.ui.folderButton.directory = str(cases)
    bench.spin(lambda: ended(section) and section.table.cases and not section.table._filling.busy)
    return section


def cells(section: Any) -> list[list[str]]:
    table = section.ui.table
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def ended(section: Any) -> bool:
    return section.ui.startButton.text == "Start" and not section.logic.busy


def test_a_folder_is_matched_before_anything_runs(panel: Any, bench: Any, cases: Path) -> None:
    section = matched(panel, bench, cases)
    assert cells(section) == [["a", "", "a_t1c", "", "", "a_flair"], ["b", "", "b_t1c", "", "", ""], ["c", "", "", "", "", "c_flair"]]
    assert "3 cases were found" in section.ui.statusLabel.text
    assert not section.ui.startButton.enabled, "no folder for the masks yet"


def test_a_match_is_changed_by_hand(panel: Any, bench: Any, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = matched(panel, bench, cases, tmp_path / "masks")
    monkeypatch.setattr(sys.modules["qt"].QFileDialog, "getOpenFileName", lambda *arguments: str(cases / "odd.nii.gz"))
    section.ui.table.setCurrentCell(1, 4)
    bench.click(section.ui.fileButton)
    assert cells(section)[1][4] == "odd"
    assert section.table.cases[1].scans == {"t1c": cases / "b_t1c.nii.gz", "t2": cases / "odd.nii.gz"}
    section.ui.table.setCurrentCell(1, 2)
    bench.click(section.ui.emptyButton)
    assert cells(section)[1][2] == ""
    section.ui.table.setCurrentCell(2, 0)
    bench.click(section.ui.removeButton)
    assert [row[0] for row in cells(section)] == ["a", "b"]


def test_a_case_without_a_scan_says_so(panel: Any, bench: Any, cases: Path) -> None:
    section = matched(panel, bench, cases)
    section.ui.table.setCurrentCell(1, 2)
    bench.click(section.ui.emptyButton)
    assert "No scan is chosen" in cells(section)[1][1]


def test_a_batch_is_stopped_goes_on_is_taken_up_after_slicer_was_closed_and_shown(
    panel: Any, bench: Any, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slicer.util, "loadVolume", load_volume)
    monkeypatch.setattr(slicer.util, "loadSegmentation", load_segmentation)
    section = matched(panel, bench, cases, tmp_path / "masks")
    bench.click(section.ui.startButton)
    assert section.ui.startButton.text == "Stop"
    assert panel.ui.segmentButton.enabled, "a single scan can be segmented meanwhile"
    bench.spin(lambda: cells(section)[0][1] == "at work")
    bench.click(section.ui.startButton)
    bench.spin(lambda: ended(section))
    assert "what was segmented is kept" in section.ui.statusLabel.text
    assert (tmp_path / "masks" / "report.html").is_file()

    bench.click(section.ui.startButton)
    bench.spin(lambda: ended(section))
    assert [row[1] for row in cells(section)][:2] == ["done", "done"]
    assert "c_flair.nii.gz" in cells(section)[2][1], "one bad case stops nothing"
    assert "had their masks, 1 failed" in section.ui.statusLabel.text
    assert section.ui.reportButton.enabled

    bench.close(panel)
    again = bench.open("TumorSeg")
    again.ui.batchSection.collapsed = False
    bench.spin(lambda: not again.batch.table._filling.busy)
    assert [(row[0], row[1]) for row in cells(again.batch)] == [("a", "done"), ("b", "done"), ("c", "")]
    assert "1 of them have no mask yet" in again.batch.ui.statusLabel.text
    check_that_a_row_loads(again)


def check_that_a_row_loads(panel: Any) -> None:
    table = panel.batch.ui.table
    table.cellDoubleClicked.emit(0, 0)
    shown = panel.parameters.shown
    assert shown.GetName() == "a"
    assert (panel.parameters.t1c.GetName(), panel.parameters.flair.GetName()) == ("a t1c", "a flair")
    names = [shown.GetSegmentation().GetNthSegment(n).GetName() for n in range(shown.GetSegmentation().GetNumberOfSegments())]
    assert set(names) <= {"Necrotic core", "Edema", "Enhancing tumor"}
    assert shown.GetNodeReference(shown.GetReferenceImageGeometryReferenceRole()) is panel.parameters.t1c
    volumes = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    shown.SetReferenceImageGeometryParameterFromVolumeNode(panel.parameters.flair)
    table.cellDoubleClicked.emit(0, 0)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == volumes, "what is loaded is not loaded again"
    assert shown.GetNodeReference(shown.GetReferenceImageGeometryReferenceRole()) is panel.parameters.flair, (
        "its geometry was changed by hand"
    )


def test_a_batch_that_is_ended_at_once_leaves_nothing_half_written(panel: Any, bench: Any, cases: Path, tmp_path: Path) -> None:
    section = matched(panel, bench, cases, tmp_path / "masks")
    bench.click(section.ui.startButton)
    bench.spin(lambda: any(row[1] for row in cells(section)))
    section.logic.end("Ended.")
    assert [path.name for path in (tmp_path / "masks").iterdir() if path.name.startswith(".")] == []
    assert ended(section) or not section.logic.busy


def test_the_progress_counts_what_is_over_not_what_is_begun(panel: Any, bench: Any, cases: Path, tmp_path: Path) -> None:
    section = matched(panel, bench, cases, tmp_path / "masks")
    section._start()
    section._begun(CaseBegun("a", 0, 3))
    section._begun(CaseBegun("b", 1, 3))
    assert (section.ui.bar.value, section.ui.bar.maximum) == (0, 3)
    assert section.ui.statusLabel.text.startswith("0 of 3 cases")
    section._case_over(CaseOver("a", "done"))
    assert section.ui.statusLabel.text.startswith("1 of 3 cases")


def test_a_second_click_stops_at_once_and_says_so(panel: Any, bench: Any, cases: Path, tmp_path: Path) -> None:
    section = matched(panel, bench, cases, tmp_path / "masks")
    bench.click(section.ui.startButton)
    bench.click(section.ui.startButton)
    bench.click(section.ui.startButton)
    assert not section.logic.busy
    assert section.ui.statusLabel.text == "Stopped; what was segmented is kept."


def test_many_cases_are_listed_in_pieces(panel: Any, bench: Any) -> None:
    section = panel.batch
    section._list([Case(f"p{number}", {"t1c": Path(f"p{number}_t1c.nii.gz")}) for number in range(1000)])
    assert section.ui.table.item(999, 0) is None, "the window would stand still"
    bench.spin(lambda: not section.table._filling.busy)
    assert section.ui.table.item(999, 0).text() == "p999"


def load_volume(filename: str, properties: Any = {}) -> Any:  # noqa: B006
    return _read("vtkMRMLScalarVolumeNode", "vtkMRMLVolumeArchetypeStorageNode", filename, properties)


def load_segmentation(filename: str, properties: Any = {}) -> Any:  # noqa: B006
    return _read("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode", filename, properties)


def _read(kind: str, storage_kind: str, filename: str, properties: Any) -> Any:
    node, storage = slicer.mrmlScene.AddNewNodeByClass(kind, properties["name"]), slicer.mrmlScene.AddNewNodeByClass(storage_kind)
    storage.SetFileName(filename)
    assert storage.ReadData(node)
    node.SetAndObserveStorageNodeID(storage.GetID())
    return node


class Database:
    """What is asked of ``ctkDICOMDatabase``: two studies of one patient."""

    isOpen = True

    def __init__(self, files: dict[str, list[Path]], studies: dict[str, list[str]], tags: dict[str, dict[str, str]]) -> None:
        self.files, self.studies, self.tags = files, studies, tags

    def studiesForPatient(self, patient: str) -> list[str]:
        return list(self.studies)

    def seriesForStudy(self, study: str) -> list[str]:
        return self.studies[study]

    def studyForSeries(self, series: str) -> str:
        return next(study for study, uids in self.studies.items() if series in uids)

    def filesForSeries(self, series: str) -> list[str]:
        return [str(path) for path in self.files[series]]

    def fileValue(self, path: str, tag: str) -> str:
        series = next(uid for uid, files in self.files.items() if Path(path) in files)
        return self.tags[series].get(tag, "")


@pytest.fixture
def database(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    described = {"1": ("one", "t1 +KM"), "2": ("one", "t2 flair"), "3": ("two", "t2 flair")}
    tags = {
        uid: {"0010,0020": "P 7", "0008,0020": f"2020010{len(study)}", "0008,103e": words, "0020,0011": uid}
        for uid, (study, words) in described.items()
    }
    files = {uid: sorted(write_series(tmp_path / uid, slices(count=3)).iterdir()) for uid in described}
    made = Database(files, {"one": ["1", "2"], "two": ["3"]}, {**tags, "3": {**tags["3"], "0008,0020": "20210101"}})
    monkeypatch.setattr(slicer, "dicomDatabase", made)
    selection = types.SimpleNamespace(
        currentPatientsSelection=lambda: ["7"], currentStudiesSelection=lambda: (), currentSeriesSelection=lambda: ()
    )
    browser = types.SimpleNamespace(dicomBrowser=types.SimpleNamespace(dicomTableManager=lambda: selection))
    monkeypatch.setitem(slicer.modules.__dict__, "DICOMInstance", types.SimpleNamespace(browserWidget=browser))
    made.selection = selection
    return made


def test_the_selected_patients_of_the_database_are_cases_by_study(panel: Any, bench: Any, database: Database) -> None:
    bench.click(panel.batch.ui.databaseButton)
    assert [(case.name, sorted(case.scans)) for case in panel.batch.table.cases] == [
        ("P_7_20200103", ["flair", "t1c"]),
        ("P_7_20210101", ["flair"]),
    ]


def test_selected_series_alone_are_taken(database: Database) -> None:
    from neurospineseg.tasks.task import task_named
    from neurospineseg_panel.batch_dicom import selected_cases

    database.selection.currentSeriesSelection = lambda: ("2",)
    (case,) = selected_cases(task_named("tumor"))
    assert list(case.scans) == ["flair"]


def test_a_database_without_a_selection_is_one_sentence(panel: Any, bench: Any, database: Database) -> None:
    database.selection.currentPatientsSelection = lambda: ()
    bench.click(panel.batch.ui.databaseButton)
    assert "Nothing is selected" in panel.batch.ui.statusLabel.text


def test_a_folder_without_cases_is_one_sentence(panel: Any, bench: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    panel.batch.ui.folderButton.directory = str(tmp_path / "empty")
    bench.spin(lambda: ended(panel.batch))
    assert "holds no case" in panel.batch.ui.statusLabel.text


def test_a_table_of_something_else_in_the_output_folder_stays(panel: Any, bench: Any, cases: Path, tmp_path: Path) -> None:
    section = matched(panel, bench, cases)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "cases.csv").write_text("mine")
    section.ui.outputButton.directory = str(tmp_path / "masks")
    bench.click(section.ui.startButton)
    assert "choose another output folder" in section.ui.statusLabel.text
    assert (tmp_path / "masks" / "cases.csv").read_text() == "mine"
