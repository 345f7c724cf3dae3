"""Two studies of one patient: the shell's numbers in a table, plots over time, and what has grown and shrunk as segments."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.cli.main import DONE, main
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.change_table import HEADER
from neurospineseg.mrml import segment_ml, segmentation_from_labels, write_segmentation
from neurospineseg.tasks.anatomy import structure, structures_of
from Testing.panel.measured_spine import MeasuringWorker


def tumor_node(name: str, radius: float):
    """A ball of enhancing tumor with edema around it, 2 mm."""
    k, j, i = np.ogrid[:20, :24, :22]
    away = ((k - 9.5) ** 2 + (j - 11.5) ** 2 + (i - 10.5) ** 2) ** 0.5 * 2
    labels = np.where(away < radius, structure("enhancing_tumor").label, np.where(away < radius + 5, structure("edema").label, 0))
    return segmentation_from_labels(
        Volume(labels.astype(np.uint16), np.diag([2.0, 2, 2, 1])), structures_of("tumor"), slicer.mrmlScene, name
    )


@pytest.fixture
def panel(bench):
    worker, made = MeasuringWorker(np.zeros((2, 2, 2), np.uint16), ()), bench.open("TumorSeg")
    made.logic.stop()
    made.logic.client = worker
    made.studies = [tumor_node("2024-01-10", 8.0), tumor_node("2024-06-20", 10.0)]
    made.parameters.shown = made.studies[0]
    bench.spin(0.05)
    made.ui.measureSection.collapsed = False
    yield made
    worker.remove()


def own(node) -> dict:
    from neurospineseg_panel.measure_folder import own_nodes

    return own_nodes(node)


def rows_of(table) -> list[list[str]]:
    filled = table.GetTable()
    return [[filled.GetValueByName(row, name).ToString() for name in HEADER] for row in range(table.GetNumberOfRows())]


def follow(bench, panel):
    import qt

    for row in range(2):
        panel.ui.followList.item(row).setCheckState(qt.Qt.Checked)
    bench.spin(lambda: panel.ui.followButton.enabled)
    bench.click(panel.ui.followButton)
    bench.spin(lambda: not panel.runs.busy)
    return own(panel.studies[0])


def test_the_panels_table_is_the_shells(bench, panel, tmp_path: Path) -> None:
    paths = []
    for node in panel.studies:
        paths.append(tmp_path / f"{node.GetName()}.seg.nrrd")
        write_segmentation(node, paths[-1])
    assert main(["follow", *map(str, paths), "-o", str(tmp_path / "table.csv")]) == DONE
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        shell = list(csv.reader(file))[1:]
    panels = rows_of(follow(bench, panel)["follow:table"])
    assert [row[:5] for row in panels] == [row[:5] for row in shell]
    numbers = [[[float(cell or "nan") for cell in row[5:12]] for row in rows] for rows in (panels, shell)]
    np.testing.assert_allclose(*numbers, atol=0.05)


def test_volumes_are_plotted_over_time(bench, panel) -> None:
    found = follow(bench, panel)
    chart, values = found["follow:chart:volume"], found["follow:values:volume"]
    assert [values.GetTable().GetValue(row, 0).ToString() for row in range(2)] == ["2024-01-10", "2024-06-20"]
    names = [chart.GetNthPlotSeriesNode(number).GetName() for number in range(chart.GetNumberOfPlotSeriesNodes())]
    assert "Enhancing tumor" in names
    assert any("RANO" in name for name in names), "a threshold as a line"


def test_what_has_grown_is_a_segment(bench, panel) -> None:
    node = follow(bench, panel)["follow:change:2024-06-20"]
    grown = segment_ml(node.GetSegmentation().GetSegment("grown")) * 1000
    volumes = [4 / 3 * np.pi * radius**3 for radius in (8.0, 10.0)]
    assert abs(grown - (volumes[1] - volumes[0])) < 0.1 * volumes[1]


def test_comparing_twice_makes_nothing_twice(bench, panel) -> None:
    before = len(follow(bench, panel))
    assert len(follow(bench, panel)) == before


def test_the_console_compares_too(bench, panel) -> None:
    table = panel.logic.follow(panel.studies, ["before", "after"])
    assert {row[0] for row in rows_of(table)} - {""} == {"before", "after"}


def test_one_segmentation_alone_is_not_offered_for_comparing(bench, panel) -> None:
    slicer.mrmlScene.RemoveNode(panel.studies[1])
    panel.measure.following.update(False)
    assert panel.ui.followWidget.isHidden()


def test_the_date_of_the_dicom_study_names_it(bench, panel) -> None:
    from neurospineseg_panel.follow_run import study_name

    constants = slicer.vtkMRMLSubjectHierarchyConstants
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient")
    study = hierarchy.CreateStudyItem(patient, "Study")
    hierarchy.SetItemAttribute(study, constants.GetDICOMStudyDateAttributeName(), "20230405")
    hierarchy.CreateItem(study, panel.studies[0])
    assert study_name(panel.studies[0]) == "2023-04-05"
    assert study_name(panel.studies[1]) == "2024-06-20"


def test_a_study_that_left_the_scene_is_one_sentence(bench, panel) -> None:
    import qt

    for row in range(2):
        panel.ui.followList.item(row).setCheckState(qt.Qt.Checked)
    slicer.mrmlScene.RemoveNode(panel.studies[1])
    bench.click(panel.ui.followButton)
    bench.spin(lambda: not panel.runs.busy, 3)
    assert "'2024-06-20' is in no scene any more" in panel.ui.statusLabel.text


def listed(panel) -> list[str]:
    return [panel.ui.followList.item(row).text() for row in range(panel.ui.followList.count)]


def test_the_list_follows_the_scene(bench, panel) -> None:
    assert len(listed(panel)) == 2
    third = tumor_node("2024-09-01", 6.0)
    bench.spin(lambda: "2024-09-01" in listed(panel), 60)
    third.SetName("2024-09-02")
    bench.spin(lambda: "2024-09-02" in listed(panel), 60)
    slicer.mrmlScene.RemoveNode(third)
    bench.spin(lambda: len(listed(panel)) == 2, 60)
    panel.measure.following.cleanup()
    tumor_node("2024-10-01", 6.0)
    bench.spin(0.5)
    assert len(listed(panel)) == 2


def test_a_segmentation_that_was_removed_is_not_kept(bench, panel) -> None:
    import gc

    third = tumor_node("2024-09-01", 6.0)
    panel.parameters.shown = third
    bench.spin(lambda: "2024-09-01" in listed(panel), 60)
    gone = vtk.vtkWeakReference()
    gone.Set(third)
    panel.parameters.shown = panel.studies[0]
    slicer.mrmlScene.RemoveNode(third)
    bench.spin(lambda: len(listed(panel)) == 2, 60)
    del third
    gc.collect()
    assert gone.Get() is None
