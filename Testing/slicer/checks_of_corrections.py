"""What is done with a result: the Segment Editor, renumbering, the box, accepting."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import slicer

from Testing.slicer.check import check
from Testing.slicer.driver import Driver
from Testing.slicer.panel_driver import Panel, largest_of, mask_of, masks_of, names_of
from Testing.slicer.waiting import expect

MODULE = "SpineSeg"
MARGIN_MM, BOX_MM = "4.0", 60.0


def editor_of(panel: Panel) -> Any:
    """The embedded Segment Editor, with the segmentation that is shown."""
    panel.ui.correctSection.collapsed = panel.ui.editorSection.collapsed = False
    panel.waiter.until(lambda: panel.widget.correct.editor is not None, "the Segment Editor", 30.0)
    editor = panel.widget.correct.editor
    panel.waiter.until(lambda: editor.segmentationNode() is panel.parameters.shown, "the editor to take the segmentation", 10.0)
    expect(editor.sourceVolumeNode() is not None, "the editor has no source volume")
    return editor


def grow(editor: Any, identifier: str) -> None:
    """Grows a segment by the editor's effect Margin."""
    editor.setCurrentSegmentID(identifier)
    editor.setActiveEffectByName("Margin")
    effect = editor.activeEffect()
    expect(effect is not None, "the editor's effect Margin cannot be chosen")
    effect.setParameter("MarginSizeMm", MARGIN_MM)
    effect.self().onApply()
    editor.setActiveEffect(None)


def check_editing(panel: Panel, scan: Any) -> None:
    """An effect of the embedded editor changes a segment, and its Undo takes that back."""
    node, editor = panel.parameters.shown, editor_of(panel)
    identifier = largest_of(node, scan)
    before = mask_of(node, identifier, scan)
    grow(editor, identifier)
    grown = mask_of(node, identifier, scan)
    expect(grown.sum() > before.sum(), f"the effect left {identifier} as it was ({before.sum()} and {grown.sum()} voxels)")
    editor.undo()
    expect(np.array_equal(mask_of(node, identifier, scan), before), "Undo did not bring the mask back")


@check("correct")
def correct(driver: Driver) -> None:
    """An effect of the embedded Segment Editor changes a segment; undo, redo and undo of the whole segmentation work."""
    panel, (scan, *_) = driver.ready(MODULE)
    node, _ = panel.segment()
    check_editing(panel, scan)
    driver.picture("editor")
    before = masks_of(node, scan)
    panel.parameters.result = node
    panel.segment()
    editor_of(panel).undo()
    after = masks_of(node, scan)
    expect(before.keys() == after.keys(), f"Undo of a segmentation left {sorted(after)} of {sorted(before)}")
    expect(all(np.array_equal(before[key], after[key]) for key in before), "Undo of a segmentation changed masks")
    driver.leave()
    check_editing(driver.open(MODULE), scan)


@check("renumber")
def renumber(driver: Driver) -> None:
    """Naming one vertebra names the others; no voxel changes; Undo brings the names back."""
    panel, (scan, *_) = driver.ready(MODULE)
    node, _ = panel.segment()
    panel.ui.correctSection.collapsed = False
    names, masks = names_of(node), masks_of(node, scan)
    vertebrae, levels = panel.widget.correct.renumbering.vertebrae, panel.ui.renumberLevelSelector
    expect(vertebrae, f"no vertebra can be renumbered among {sorted(names.values())}")
    identifier, name = vertebrae[-1]
    offered = [levels.itemText(number) for number in range(levels.count)]
    expect(name.split()[0] in offered, f"'{name}' is none of {offered}")
    for step in (-1, 1):
        panel.ui.renumberSegmentSelector.setCurrentIndex(len(vertebrae) - 1)
        level = offered[offered.index(name.split()[0]) + step]
        levels.setCurrentIndex(offered.index(level))
        panel.click("renumberButton")
        panel.waiter.until(lambda: panel.ui.renumberButton.enabled, "the renumbering", 60, panel.message)
        if names_of(node) != names:
            break
        driver.note(f"{name} cannot be {level}: {panel.message()}")
    expect(names_of(node)[identifier].startswith(level), f"{name} did not become {level}: {panel.message()}")
    expect(sum(names_of(node)[key] != names[key] for key in names) > 1 or len(vertebrae) == 1, "the others were not renamed")
    now = masks_of(node, scan)
    expect(all(np.array_equal(masks[key], now[key]) for key in masks), "renumbering changed voxels")
    editor_of(panel).undo()
    expect(names_of(node) == names, "Undo did not bring the names back")


def box_around(mask: np.ndarray, scan: Any) -> Any:
    """A markups ROI around the middle of a mask (K, J, I) on a scan's grid."""
    middle = [float(np.mean(numbers)) for numbers in np.nonzero(mask)]
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    scan.GetIJKToRASMatrix(matrix)
    ras = matrix.MultiplyPoint([*middle[::-1], 1.0])[:3]
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
    node.CreateDefaultDisplayNodes()
    node.SetCenter(*ras)
    node.SetSize(BOX_MM, BOX_MM, BOX_MM)
    return node


def outside(box: Any, scan: Any) -> np.ndarray:
    """Voxels (K, J, I) of a scan that lie outside a box (both without transforms) by more than a voxel's diagonal."""
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    scan.GetIJKToRASMatrix(matrix)
    k, j, i = np.indices(tuple(scan.GetImageData().GetDimensions())[::-1], dtype=np.float32)
    center, diagonal = [0.0, 0.0, 0.0], float(np.linalg.norm(scan.GetSpacing()))
    box.GetCenter(center)
    far = np.zeros(k.shape, bool)
    for axis in range(3):
        a, b, c, d = (matrix.GetElement(axis, column) for column in range(4))
        far |= np.abs(a * i + b * j + c * k + d - center[axis]) > BOX_MM / 2 + diagonal
    return far


@check("box")
def box(driver: Driver) -> None:
    """Inside a box only what lies in it is segmented; segmenting the box again changes nothing outside."""
    from neurospineseg_panel.parameters import RegionKind

    panel, (scan, *_) = driver.ready(MODULE)
    whole, _ = panel.segment()
    identifier = largest_of(whole, scan)
    node = box_around(mask_of(whole, identifier, scan), scan)
    far = outside(node, scan)
    panel.parameters.region, panel.parameters.regionKind = node, RegionKind.BOX
    inside, _ = panel.segment()
    expect(inside is not whole, "the result went into the segmentation that was there")
    expect(not any((mask & far).any() for mask in masks_of(inside, scan).values()), "voxels outside the box were marked")
    slicer.mrmlScene.RemoveNode(inside)
    panel.parameters.shown = whole
    driver.waiter.for_a_while(0.3)
    editor = editor_of(panel)
    grow(editor, identifier)
    spoiled = masks_of(whole, scan)
    panel.click("againButton")
    panel.wait("the box to be segmented again")
    after = masks_of(whole, scan)
    expect(all(np.array_equal(after[key][far], spoiled[key][far]) for key in spoiled.keys() & after.keys()), "voxels outside changed")
    expect(any(not np.array_equal(after[key], spoiled[key]) for key in spoiled.keys() & after.keys()), "nothing changed in the box")
    driver.picture("box")


@check("accept")
def accept(driver: Driver) -> None:
    """A changed segmentation is stored as a correction, with a Dice below 1; the next one is stored beside it."""
    panel, (scan, *_) = driver.ready(MODULE)
    node, _ = panel.segment()
    folder, identifier = driver.folder / "corrections", largest_of(node, scan)
    before = mask_of(node, identifier, scan)
    smaller = before.astype(np.uint8)
    smaller[:, : int(np.mean(np.nonzero(before)[1])), :] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(smaller, node, identifier, scan)
    panel.ui.correctionsFolderButton.directory = str(folder)
    for count in (1, 2):
        panel.click("acceptButton")
        panel.wait("the correction to be stored", 120.0)
        driver.waiter.for_a_while(0.5)
        cases = sorted(folder.iterdir()) if folder.is_dir() else []
        expect(len(cases) == count, f"{len(cases)} corrections after {count}: {panel.message()}")
    described = json.loads((cases[0] / "case.json").read_text(encoding="utf-8"))["dice_prediction_correction"]
    expect(0.0 < described[identifier] < 1.0, f"Dice {described[identifier]} after half of {identifier} was removed")
    expect(all(value == 1.0 for key, value in described.items() if key != identifier), f"Dice of what was not changed: {described}")
    expect("Dice" in panel.message(), f"the panel says: {panel.message()}")
    driver.note(panel.message())
