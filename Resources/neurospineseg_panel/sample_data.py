"""A drawn scan for each module in Slicer's Sample Data module; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer

from neurospineseg.errors import InputError
from neurospineseg.mrml import node_from_array
from neurospineseg.tasks.task import task_named
from neurospineseg.worker.protocol import DrawSample
from neurospineseg_panel.module_declaration import ModuleDeclaration

CATEGORY = "NeuroSpineSeg"
SEED = 7


def register_sample_data(declaration: ModuleDeclaration, folder: Path) -> None:
    """Adds the module's sample to Slicer's Sample Data module, if its task says what draws one.

    Args:
        folder: the module's, with its icon.
    """
    if task_named(declaration.task).phantom is None:
        return
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataCategory(CATEGORY, title="NeuroSpineSeg")
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=declaration.name,
        uris="",  # SampleDataSource of Slicer 5.12 takes no None, though a sample with a downloader of its own needs none
        nodeNames=declaration.sample_name,
        thumbnailFileName=str(folder / "Resources" / "Icons" / f"{declaration.name}.png"),
        customDownloader=lambda source: load_sample(declaration),
    )


def load_sample(declaration: ModuleDeclaration) -> list[Any]:
    """Draws the module's sample scan in the worker and adds it to the scene; waits some seconds."""
    from neurospineseg_panel.logic import SegmentLogic
    from neurospineseg_panel.run import Run

    logic = SegmentLogic(declaration)
    request = DrawSample(declaration.task, SEED)
    try:
        with slicer.util.WaitCursor():
            drawn = logic.wait_for(lambda listener: logic.begin(Run(logic.client, {}, request, listener, logic.times)))
    except InputError as error:
        slicer.util.errorDisplay(str(error), windowTitle=declaration.name)
        return []
    nodes = []
    for name, file in drawn.images.items():
        title = declaration.sample_name if task_named(declaration.task).single else f"{declaration.sample_name} {name}"
        voxels = np.load(logic.client.folder / file)
        node = node_from_array(voxels.round().astype(np.int16), np.array(drawn.ijk_to_ras), slicer.mrmlScene, title)
        node.CreateDefaultDisplayNodes()
        nodes.append(node)
    if slicer.app.layoutManager() is not None:
        slicer.util.setSliceViewerLayers(background=nodes[0], fit=True)
    return nodes
