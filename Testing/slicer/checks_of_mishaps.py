"""What goes wrong or is changed while a segmentation is under way."""

from __future__ import annotations

import os
import signal
import time

import slicer

from Testing.slicer.check import check
from Testing.slicer.driver import Driver
from Testing.slicer.panel_driver import Panel
from Testing.slicer.waiting import expect

MODULE = "SpineSeg"


def _works_again(driver: Driver, panel: Panel) -> None:
    panel.segment()
    driver.the_segmentation()


def _one_sentence(panel: Panel) -> str:
    text = panel.message()
    expect(text, "the panel says nothing")
    expect("\n" not in text and "Traceback" not in text, f"the panel says: {text}")
    return text


@check("cancel")
def cancel(driver: Driver) -> None:
    """Cancel ends a segmentation at once, leaves the scene as it was, and the next click works."""
    panel, _ = driver.ready(MODULE)
    nodes = driver.nodes()
    panel.begin()
    begun = time.monotonic()
    panel.click("segmentButton")
    panel.wait("the button to say Segment again", 10.0)
    driver.note(f"canceled in {1000 * (time.monotonic() - begun):.0f} ms")
    expect(not driver.segmentations(), "there is a segmentation after Cancel")
    driver.same_nodes(nodes, "Cancel")
    expect("Canceled" in panel.message(), f"the panel says: {panel.message()}")
    _works_again(driver, panel)


@check("kill")
def kill(driver: Driver) -> None:
    """A worker that is killed is said in one sentence, the scene stays as it was, and the next click works."""
    panel, _ = driver.ready(MODULE)
    nodes = driver.nodes()
    panel.begin()
    os.kill(panel.widget.logic.client.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    panel.wait("the panel to see that its worker is gone", 30.0)
    driver.note(_one_sentence(panel))
    driver.picture("killed")
    expect(not driver.segmentations(), "there is a segmentation of a worker that was killed")
    driver.same_nodes(nodes, "the killed worker")
    _works_again(driver, panel)


@check("delete-scan")
def delete_scan(driver: Driver) -> None:
    """A scan that is deleted in mid-run is said in one sentence."""
    panel, scans = driver.ready(MODULE)
    panel.begin()
    slicer.mrmlScene.RemoveNode(scans[0])
    panel.wait("the panel to see that the scan is gone", 30.0)
    driver.note(_one_sentence(panel))
    expect(not driver.segmentations(), "there is a segmentation of a scan that was deleted")


@check("close-scene")
def close_scene(driver: Driver) -> None:
    """The scene is closed in mid-run: no segmentation comes later, and the next sample can be segmented."""
    panel, _ = driver.ready(MODULE)
    panel.begin()
    slicer.mrmlScene.Clear(0)
    driver.waiter.for_a_while(3.0)
    panel.wait("the run to be given up", 30.0)
    expect(not driver.segmentations(), "a segmentation came into the scene that was opened after")
    expect(not panel.ui.segmentButton.enabled, "the panel offers to segment nothing")
    panel, _ = driver.ready(MODULE)
    _works_again(driver, panel)


@check("leave")
def leave(driver: Driver) -> None:
    """Leaving the module in mid-run keeps the run; its result is shown when the user is back."""
    panel, _ = driver.ready(MODULE)
    panel.begin()
    driver.leave()
    driver.waiter.until(lambda: not panel.widget.runs.busy, "the segmentation", 300.0, panel.message)
    node = driver.the_segmentation()
    panel = driver.open(MODULE)
    panel.wait("the button to say Segment", 10.0)
    expect(panel.parameters.shown is node, "the result is not shown")
