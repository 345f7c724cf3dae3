"""Measuring: the section's button, the marks in the views, the plot, and what becomes of it when the segmentation changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import EDITED
from neurospineseg.mrml import node_from_array, segmentation_from_labels
from neurospineseg.tasks.anatomy import structure, structures_of
from Testing.slicer.check import check
from Testing.slicer.driver import Driver
from Testing.slicer.panel_driver import Panel, mask_of
from Testing.slicer.waiting import Heartbeat, expect

DEPTH = 30.0


def boxes() -> tuple[Any, Any]:
    """A segmentation of L2 and L3 as boxes 30 mm deep, with a canal behind them, and its scan; 1.5 mm."""
    k, j, i = np.ogrid[:56, :48, :40]
    x, y, z = (i - 19.5) * 1.5, (j - 30.5) * 1.5, (k - 27.5) * 1.5
    labels = np.zeros((56, 48, 40), np.uint16)
    for key, middle in (("vertebra_L3", -17.0), ("vertebra_L2", 17.0)):
        labels[(abs(x) < 21) & (abs(y) < DEPTH / 2) & (abs(z - middle) < 12)] = structure(key).label
    labels[np.broadcast_to(x**2 + (y + 25.5) ** 2 < 64, labels.shape)] = structure("spinal_canal").label
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    scan = node_from_array(labels.astype(np.int16), affine, slicer.mrmlScene, "Boxes")
    return segmentation_from_labels(Volume(labels, affine), structures_of("spine"), slicer.mrmlScene, "Spine", scan), scan


def row_of(panel: Panel, key: str, place: str) -> int:
    return next(number for number, each in enumerate(panel.widget.measure.measured) if (each.key, each.place) == (key, place))


def depth(panel: Panel) -> Any:
    return panel.widget.measure.measured.items[row_of(panel, "body_depth", "vertebra_L3")]


@check("measure")
def measure(driver: Driver) -> None:
    """Measure lists numbers that are right, a dragged end changes one, a plot can be shown, and what is old is said to be."""
    panel = driver.open("SpineSeg")
    node, scan = boxes()
    panel.parameters.shown = node
    panel.ui.measureSection.collapsed = False
    panel.waiter.until(lambda: panel.ui.measureButton.enabled, "the button", 10)
    with Heartbeat() as beat:
        panel.click("measureButton")
        panel.wait("the measuring")
    driver.note(f"the longest turn of the event loop was {beat.longest:.2f} s; {panel.message()}")
    expect(panel.widget.measure.measured is not None, f"nothing was measured: {panel.message()}")
    expect(abs(depth(panel).value - DEPTH) < 0.5, f"the body is {depth(panel).text} deep and should be {DEPTH} mm")
    panel.waiter.until(lambda: len(panel.widget.measure.tree._rows) == len(panel.widget.measure.measured), "the list", 30)
    panel.widget.measure.tree.select(row_of(panel, "body_depth", "vertebra_L3"))
    (line,) = slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode")
    expect(line.GetDisplayVisibility(), "the selected row's line is hidden")
    driver.picture("line")
    place = [0.0, 0.0, 0.0]
    line.GetNthControlPointPositionWorld(0, place)
    line.SetNthControlPointPositionWorld(0, place[0] + 20.0, place[1], place[2])
    expect(EDITED in depth(panel).flags, f"a dragged end changed nothing: {depth(panel).text}")
    panel.ui.levelNamesCheckBox.click()
    panel.click("measurePlotButton")
    panel.waiter.for_a_while(1.0)
    driver.picture("plot")
    expect(slicer.util.getNodesByClass("vtkMRMLPlotChartNode"), "there is no chart")
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.roll(mask_of(node, "vertebra_L2", scan), 1, 2).astype(np.uint8), node, "vertebra_L2", scan
    )
    panel.waiter.until(lambda: "OUTDATED" in panel.ui.measureLabel.text, "it to be said that the numbers are old", 10)
