"""A drawn scan for each module in Slicer's Sample Data module: files that come with the extension, read at once and with nothing installed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import slicer

from neurospineseg.errors import InputError
from neurospineseg.tasks.samples import Sample, sample_of
from neurospineseg.tasks.task import task_named
from neurospineseg_panel.module_declaration import ModuleDeclaration

CATEGORY = "NeuroSpineSeg"


def register_sample_data(declaration: ModuleDeclaration, folder: Path) -> None:
    """Adds the module's sample to Slicer's Sample Data module, if one comes with its task.

    The button calls ``load_sample``; ``SampleData.downloadSamples`` copies the files from their addresses into Slicer's cache and reads them there.

    Args:
        folder: the module's, with its icon.
    """
    sample = sample_of(declaration.task)
    if sample is None:
        return
    import SampleData

    files = sample.scans.values()
    picture = sample.thumbnail if sample.thumbnail.is_file() else folder / "Resources" / "Icons" / f"{declaration.name}.png"
    SampleData.SampleDataLogic.registerCustomSampleDataCategory(CATEGORY, title="NeuroSpineSeg")
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=declaration.name,
        uris=[file.as_uri() for file in files],
        fileNames=[f"{declaration.name}-{file.name}" for file in files],
        checksums=[f"SHA256:{sha256(file.read_bytes()).hexdigest()}" for file in files],
        nodeNames=list(_node_names(declaration, sample).values()),
        thumbnailFileName=str(picture),
        loadFileTypes="VolumeFile",
        loadFileProperties={"singleFile": True},
        customDownloader=lambda source: _clicked(declaration),
    )


def _clicked(declaration: ModuleDeclaration) -> list[Any]:
    """``load_sample`` for a button: what went wrong is shown, and there are no nodes then."""
    try:
        return load_sample(declaration)
    except InputError as error:
        slicer.util.errorDisplay(str(error), windowTitle=declaration.name)
        return []


def load_sample(declaration: ModuleDeclaration) -> list[Any]:
    """Adds the module's sample to the scene and shows its first scan; the volume nodes, in the order of the task's channels.

    Raises:
        InputError: no sample comes with the module's task, or a file cannot be read.
    """
    sample = sample_of(declaration.task)
    if sample is None:
        raise InputError(f"No sample scan comes with {declaration.name}; load a scan of your own.")
    names = _node_names(declaration, sample)
    nodes = [_volume_of(file, names[channel]) for channel, file in sample.scans.items()]
    if slicer.app.layoutManager() is not None:
        slicer.util.setSliceViewerLayers(background=nodes[0], fit=True)
    return nodes


def _node_names(declaration: ModuleDeclaration, sample: Sample) -> dict[str, str]:
    """The name of the node of each channel."""
    name = declaration.sample_name or declaration.name
    return {channel: name if task_named(declaration.task).single else f"{name} {channel}" for channel in sample.channels}


def _volume_of(file: Path, name: str) -> Any:
    """A new volume node read by Slicer; as with Sample Data's own it keeps no file, so that saving the scene saves its voxels too."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(file))
    storage.SetSingleFile(True)
    if not storage.ReadData(node):
        slicer.mrmlScene.RemoveNode(node)
        raise InputError(f"The sample '{file.name}' cannot be read; install the extension again.")
    node.CreateDefaultDisplayNodes()
    return node
