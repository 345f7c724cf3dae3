"""What *Reload and Test* and ctest run: quick checks, the sample, and its segmentation where the packages are there."""

from __future__ import annotations

from typing import Any

import slicer

from neurospineseg.models.catalog import models_of
from neurospineseg.tasks.anatomy import structures_of, terminology_entry
from neurospineseg.tasks.samples import sample_of
from neurospineseg_panel.dependencies import missing_packages
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.sample_data import load_sample


def run_self_test(test: Any, logic: SegmentLogic) -> None:
    """Raises AssertionError where something is wrong.

    Args:
        test: the module's ``ScriptedLoadableModuleTest``.
    """
    slicer.mrmlScene.Clear()
    structures = structures_of(logic.declaration.task)
    test.assertEqual(len({found.label for found in structures}), len(structures))
    for found in structures:
        test.assertEqual(terminology_entry(found).count("~"), 6)
    models = models_of(logic.declaration.task)
    test.assertTrue(models and models[0].card.is_file())
    if sample_of(logic.declaration.task) is None:
        test.delayDisplay("Not segmented, since no sample scan comes with the module.")
        return
    nodes = load_sample(logic.declaration)
    test.assertEqual(len(nodes), len(logic.declaration.channels))
    missing = missing_packages()
    if missing:
        test.delayDisplay(f"Not segmented, since packages are missing: {', '.join(missing)}.")
        return
    try:
        segmentation = logic.segment(dict(zip(logic.declaration.channel_keys, nodes)))
        test.assertGreater(segmentation.GetSegmentation().GetNumberOfSegments(), 0)
        test.assertEqual(segmentation.GetTransformNodeID(), nodes[0].GetTransformNodeID())
    finally:
        logic.stop()
