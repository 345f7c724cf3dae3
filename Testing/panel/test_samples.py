"""The samples in Slicer's Sample Data module: there at once, from files, with nothing installed and no worker started."""

from __future__ import annotations

import struct
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

slicer = pytest.importorskip("slicer")

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from neurospineseg.mrml import node_geometry, node_voxels
from neurospineseg.tasks.samples import sample_of
from Testing.panel.conftest import ROOT

NODES = {
    "TumorSeg": [f"Drawn glioma {channel}" for channel in ("t1c", "t1", "t2", "flair")],
    "SpineSeg": ["Drawn lumbar spine"],
    "SubcorticalSeg": ["Drawn head"],
}
CPU_SECONDS = 1.0
ALONE = """
import os, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.insert(0, {root!r})
from Testing.panel import bench
app = bench.install()

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "scipy", "monai", "nibabel", "SimpleITK", "pydantic", "nrrd", "Training"):
            raise ImportError(f"{{name}} is not installed")

sys.meta_path.insert(0, Refuse())
from time import process_time
from Testing.panel.conftest import Bench
import slicer
made = Bench(app)
widget = made.open({module!r})
app.send("startupCompleted()")
(source,) = slicer.modules.sampleDataSources["NeuroSpineSeg"]
begun = process_time()
nodes = source.customDownloader(source)
print(process_time() - begun, len(nodes), widget.logic.client.pid, app.messages, slicer.packaging.asked, sep="|")
"""


def source_of(bench: Any, module: str) -> Any:
    bench.open(module)
    bench.app.send("startupCompleted()")
    (source,) = slicer.modules.sampleDataSources["NeuroSpineSeg"]
    return source


@pytest.mark.parametrize("module", NODES)
def test_a_sample_needs_no_package_no_worker_and_no_second(module: str) -> None:
    code = ALONE.format(root=str(ROOT), module=module)
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    seconds, count, *rest = said.strip().splitlines()[-1].split("|")
    assert float(seconds) < CPU_SECONDS
    assert int(count) == len(NODES[module])
    assert rest == ["None", "[]", "[]"], "no process, no message, no question"


@pytest.mark.parametrize("module", NODES)
def test_nodes_hold_the_files_under_their_names(bench: Any, module: str) -> None:
    source = source_of(bench, module)
    nodes = source.customDownloader(source)
    assert [node.GetName() for node in nodes] == NODES[module]
    for node, path in zip(nodes, sample_of(bench.widgets[0].declaration.task).scans.values()):
        scan = read_volume(path)
        np.testing.assert_array_equal(node_voxels(node), scan.voxels)
        np.testing.assert_allclose(node_geometry(node), scan.ijk_to_ras, atol=1e-6)
        assert node.GetDisplayNode() is not None
        assert node.GetStorageNode() is None, "saving the scene saves the voxels"


@pytest.mark.parametrize("module", NODES)
def test_slicers_own_download_finds_the_same_files(bench: Any, module: str) -> None:
    source = source_of(bench, module)
    assert source.nodeNames == NODES[module]
    assert len(set(source.fileNames)) == len(NODES[module])
    for address, checksum in zip(source.uris, source.checksums, strict=True):
        with urlopen(address) as file:
            assert checksum == f"SHA256:{sha256(file.read()).hexdigest()}"


@pytest.mark.parametrize("module", NODES)
def test_the_thumbnail_is_a_picture_of_three_to_two(bench: Any, module: str) -> None:
    width, height = struct.unpack(">II", Path(source_of(bench, module).thumbnailFileName).read_bytes()[16:24])
    assert (width, height) == (384, 256)


def test_a_damaged_file_is_said_in_a_sentence(bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import neurospineseg.tasks.samples as samples

    for name in ("image.nrrd", "labels.nrrd"):
        (tmp_path / "spine").mkdir(exist_ok=True)
        (tmp_path / "spine" / name).write_text("nothing", encoding="utf-8")
    monkeypatch.setattr(samples, "SAMPLES_FOLDER", tmp_path)
    source = source_of(bench, "SpineSeg")
    assert source.customDownloader(source) == []
    assert bench.app.messages[-1] == ("errorDisplay", "The sample 'image.nrrd' cannot be read; install the extension again.")
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0


def test_a_module_without_a_sample_registers_none_and_says_so(bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import neurospineseg.tasks.samples as samples
    from neurospineseg_panel.sample_data import load_sample

    monkeypatch.setattr(samples, "SAMPLES_FOLDER", tmp_path)
    widget = bench.open("SpineSeg")
    bench.app.send("startupCompleted()")
    assert not getattr(slicer.modules, "sampleDataSources", {})
    with pytest.raises(InputError, match="No sample scan comes with SpineSeg"):
        load_sample(widget.declaration)
