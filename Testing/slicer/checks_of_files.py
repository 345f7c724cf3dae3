"""The Python console, folders, scenes and transforms."""

from __future__ import annotations

import importlib
import math
import time
from typing import Any

import numpy as np
import slicer
import vtk

from Testing.slicer.check import check
from Testing.slicer.checks_of_corrections import check_editing
from Testing.slicer.driver import Driver
from Testing.slicer.panel_driver import dice, masks_of, names_of
from Testing.slicer.waiting import expect

MODULE = "SpineSeg"
SAME, TIMES, TRIES = 0.98, 1.2, 3
"""A scan under a rotated transform: the least Dice of each structure, how much longer it may take, and how often that is tried on a busy computer."""


def _logic(module: str) -> Any:
    return getattr(importlib.import_module(module), f"{module}Logic")()


@check("console")
def console(driver: Driver) -> None:
    """The logic segments from the Python console, and says in a sentence what it cannot use."""
    from neurospineseg.errors import InputError

    _, (scan, *_) = driver.ready(MODULE)
    driver.leave()
    logic = _logic(MODULE)
    node = logic.segment(scan)
    expect(node.GetSegmentation().GetNumberOfSegments() > 0, "no structure was found")
    mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    expect(logic.segment(scan, segmentationNode=mine, device="cpu") is mine, "the result is not in the node that was given")
    expect(names_of(mine).keys() == names_of(node).keys(), f"{names_of(mine)} the second time")
    for options in ({"roi": "nonsense"}, {"model": "none of these"}, {"unheard": 1}):
        try:
            logic.segment(scan, **options)
        except InputError as problem:
            driver.note(str(problem))
            continue
        expect(False, f"{options} was taken")


@check("folder")
def folder(driver: Driver) -> None:
    """A folder of scans is segmented into another folder; a second time what is there is kept."""
    _, (scan, *_) = driver.ready(MODULE)
    driver.leave()
    scans, masks = driver.folder / "scans", driver.folder / "masks"
    for path in (scans, masks):
        path.mkdir()
    for name in ("one", "two"):
        expect(slicer.util.saveNode(scan, str(scans / f"{name}.nrrd")), "the scan could not be saved")
    (scans / "three.nrrd").write_text("no scan", encoding="utf-8")
    done = _logic(MODULE).segmentFolder(scans, masks)
    expect(done["one"] == done["two"] == "done", f"the folder gave {done}")
    expect(done["three"] not in ("done", "kept"), "a broken file passed for a scan")
    driver.note(done["three"])
    expect(_logic(MODULE).segmentFolder(scans, masks)["one"] == "kept", "a mask that was there was made again")
    slicer.mrmlScene.Clear(0)
    loaded = slicer.util.loadSegmentation(str(masks / "one.seg.nrrd"))
    expect(loaded.GetSegmentation().GetNumberOfSegments() > 0, "the mask holds no segment")


@check("scene")
def scene(driver: Driver) -> None:
    """A scene is saved, loaded and another added with the module open: choices, segments and the embedded editor are there and work."""
    from neurospineseg.mrml import MergeRule

    panel, (scan, *_) = driver.ready(MODULE)
    node, _ = panel.segment()
    check_editing(panel, scan)
    names, masks, panel.parameters.mergeRule = names_of(node), masks_of(node, scan), MergeRule.ADD
    file = str(driver.folder / "scene.mrb")
    expect(slicer.util.saveScene(file), "the scene could not be saved")
    for way in ("closed before", "replaced"):
        if way == "closed before":
            slicer.mrmlScene.Clear(0)
            driver.waiter.for_a_while(0.3)
            slicer.util.loadScene(file)
        else:
            slicer.util.loadScene(file, {"clear": True})
        driver.waiter.for_a_while(1.0)
        node = driver.the_segmentation()
        expect(panel.parameters is not None and panel.parameters.shown is node, f"the segmentation is not shown ({way})")
        expect(panel.parameters.mergeRule is MergeRule.ADD, f"the choices are not those that were saved ({way})")
        (scan,) = panel.widget.scans().values()
        expect(names_of(node) == names, f"segments {names_of(node)} instead of {names} ({way})")
        now = masks_of(node, scan)
        expect(all(np.array_equal(masks[key], now[key]) for key in masks), f"masks changed ({way})")
        driver.picture(way.replace(" ", "-"))
        check_editing(panel, scan)
    _add_scene()
    driver.waiter.for_a_while(1.0)
    expect(panel.parameters.shown is node, "the segmentation is no longer shown after another scene was added")
    expect(list(panel.widget.scans().values()) == [scan], "the scan is no longer chosen after another scene was added")
    check_editing(panel, scan)
    panel.segment()


def _add_scene() -> None:
    """Adds a scene with one node to the open one, as *Add data* does."""
    other = slicer.vtkMRMLScene()
    other.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Added")
    other.SetSaveToXMLString(1)
    other.Commit()
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(other.GetSceneXMLString())
    slicer.mrmlScene.Import()
    slicer.mrmlScene.SetLoadFromXMLString(0)


def _turned(degrees_s: float, degrees_r: float) -> Any:
    """A linear transform node, turned about S and R."""
    transform = vtk.vtkTransform()
    transform.RotateZ(degrees_s)
    transform.RotateX(degrees_r)
    transform.Translate(12.0, -7.0, 5.0)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turned")
    node.SetMatrixTransformToParent(transform.GetMatrix())
    return node


def _segment_turned(driver: Driver, module: str, turned: bool) -> tuple[dict[str, np.ndarray], float]:
    """The masks on the sample's own voxels, and the seconds."""
    panel, scans = driver.ready(module)
    if turned:
        transform = _turned(20.0, 10.0)
        for scan in scans:
            scan.SetAndObserveTransformNodeID(transform.GetID())
    begun = time.monotonic()
    node, _ = panel.segment()
    seconds = time.monotonic() - begun
    expect(node.GetTransformNodeID() == scans[0].GetTransformNodeID(), "the segmentation does not follow the scan's transform")
    for moved in (node, *scans):
        moved.SetAndObserveTransformNodeID(None)
    masks = masks_of(node, scans[0])
    slicer.mrmlScene.Clear(0)
    return masks, seconds


def _check_transform(driver: Driver, module: str) -> None:
    _segment_turned(driver, module, False)
    straight, seconds = _segment_turned(driver, module, False)
    turned, longer = _segment_turned(driver, module, True)
    same = {key: dice(straight[key], turned[key]) if key in turned else math.nan for key in straight}
    worst = sorted((value, key) for key, value in same.items())[:3]
    driver.note(f"{seconds:.1f} s straight and {longer:.1f} s turned; the least Dice: {', '.join(f'{v:.3f} {k}' for v, k in worst)}")
    expect(straight.keys() == turned.keys(), f"structures {sorted(straight.keys() ^ turned.keys())} are in one of the results only")
    expect(min(same.values()) >= SAME, f"another mask under a rotated transform: Dice {worst[0][0]:.3f} of {worst[0][1]}")
    for _ in range(TRIES - 1):
        if longer <= TIMES * seconds + 1.0:
            break
        seconds, longer = _segment_turned(driver, module, False)[1], _segment_turned(driver, module, True)[1]
    expect(longer <= TIMES * seconds + 1.0, f"{longer:.1f} s under a rotated transform, {seconds:.1f} s without")


@check("transform-spine")
def transform_spine(driver: Driver) -> None:
    """The sample of SpineSeg under a rotated parent transform gives the same mask in the same time."""
    _check_transform(driver, "SpineSeg")


@check("transform-subcortical")
def transform_subcortical(driver: Driver) -> None:
    """The sample of SubcorticalSeg under a rotated parent transform gives the same mask in the same time."""
    _check_transform(driver, "SubcorticalSeg")
