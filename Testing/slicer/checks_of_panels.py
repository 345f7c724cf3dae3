"""Opening, the samples, segmenting: what everybody does first."""

from __future__ import annotations

import time

import slicer

from Testing.slicer.check import check
from Testing.slicer.driver import MODULES, Driver
from Testing.slicer.panel_driver import mask_of, names_of
from Testing.slicer.waiting import Heartbeat, expect


@check("open", segments=False)
def opens(driver: Driver) -> None:
    """All three modules open, twice, and say nothing that is wrong."""
    for again in ("", " again"):
        for module in MODULES:
            panel = driver.open(module)
            driver.note(f"{module} opened{again} in {1000 * panel.opened_in:.0f} ms")
            expect(panel.ui.segmentButton.text == "Segment", f"the button of {module} says {panel.ui.segmentButton.text}")
            expect(not panel.ui.segmentButton.enabled, f"{module} offers to segment without a scan")
            expect(panel.ui.modelSelector.count > 0, f"{module} offers no model")
            if not again:
                driver.picture(module)


@check("registered", segments=False)
def registered(driver: Driver) -> None:
    """Starting registered a sample of each module and loaded the extension's terminology."""
    from neurospineseg.tasks.anatomy import OWN_CONTEXT

    sources = getattr(slicer.modules, "sampleDataSources", {}).get("NeuroSpineSeg", [])
    expect(sorted(source.sampleName for source in sources) == sorted(MODULES), f"samples: {[source.sampleName for source in sources]}")
    expect(slicer.modules.terminologies.logic().IsTerminologyContextLoaded(OWN_CONTEXT), "the terminology is not loaded")


@check("samples", segments=False)
def samples(driver: Driver) -> None:
    """Each module's sample comes into the scene and is chosen as its scan."""
    for module in MODULES:
        begun = time.monotonic()
        with Heartbeat() as beat:
            nodes = driver.load_sample(module)
        seconds = time.monotonic() - begun
        driver.note(f"the sample of {module} came in {seconds:.1f} s; the longest turn of the event loop was {beat.longest:.2f} s")
        expect(all(node.GetImageData().GetNumberOfPoints() > 1000 for node in nodes), f"the sample of {module} is empty")
        panel = driver.open(module)
        expect(list(panel.widget.scans().values()) == nodes, f"{module} chose {panel.widget.scans()} of its sample")
        driver.waiter.for_a_while(0.3)
        driver.picture(module)
        slicer.mrmlScene.Clear(0)


def _segment(driver: Driver, module: str) -> None:
    panel, scans = driver.ready(module)
    node, _ = panel.segment()
    names = names_of(node)
    expect(driver.the_segmentation() is node, "what is shown is not what is in the scene")
    expect(all(name and not name.startswith("Segment_") for name in names.values()), f"segments without names: {names}")
    expect(all(mask_of(node, identifier, scans[0]).any() for identifier in names), f"empty segments among {names}")
    entries = [node.GetSegmentation().GetSegment(identifier).GetTerminology() for identifier in names]
    expect(all(entry.count("~") == 6 for entry in entries), f"segments without codes: {entries}")
    expect(not panel.ui.resultSection.collapsed, "the result is not shown")
    driver.picture("result")
    driver.leave()
    expect(driver.open(module).parameters.shown is node, "the result is gone after leaving the module and coming back")


@check("segment-spine")
def segment_spine(driver: Driver) -> None:
    """A click segments the sample of SpineSeg into named segments."""
    _segment(driver, "SpineSeg")


@check("segment-tumor")
def segment_tumor(driver: Driver) -> None:
    """A click segments the sample of TumorSeg into named segments."""
    _segment(driver, "TumorSeg")


@check("segment-subcortical")
def segment_subcortical(driver: Driver) -> None:
    """A click segments the sample of SubcorticalSeg into named segments."""
    _segment(driver, "SubcorticalSeg")
