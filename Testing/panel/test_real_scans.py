"""On real scans a click gives what the shell gives, voxel by voxel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer

from neurospineseg.images.volume import read_volume
from neurospineseg.mrml import label_map_of, node_from_volume

CASES = {
    "SubcorticalSeg": ("subcortical", {"image": "other/head_t2w.nii.gz"}),
    "SpineSeg": ("spine", {"image": "spine/evaluate/VB1_07_img.nii.gz"}),
    "TumorSeg": (
        "tumor",
        {
            "t1c": "tumor/deepmedic_brats2013_pat0002/T1c_subtrMeanDivStd.nii.gz",
            "flair": "tumor/deepmedic_brats2013_pat0002/Flair_subtrMeanDivStd.nii.gz",
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_click_gives_what_the_shell_gives(bench, real_data: Path, tmp_path: Path, name: str) -> None:
    task, files = CASES[name]
    paths = {channel: real_data / file for channel, file in files.items()}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        pytest.skip(f"not among the real scans here: {', '.join(missing)}")
    nodes = {channel: node_from_volume(read_volume(path), slicer.mrmlScene, channel) for channel, path in paths.items()}
    widget = bench.open(name)
    for channel, node in nodes.items():
        setattr(widget.parameters, channel, node)
    bench.segment(widget)
    given = [str(paths["image"])] if "image" in paths else [part for channel, path in paths.items() for part in (f"--{channel}", str(path))]
    subprocess.run([sys.executable, "-m", "neurospineseg", "segment", task, *given, "-o", str(tmp_path / "mask.nii.gz")], check=True)
    shell = read_volume(tmp_path / "mask.nii.gz").voxels
    panel = label_map_of(widget.parameters.shown, next(iter(nodes.values())), task)[0]
    assert np.count_nonzero(shell) > 100
    np.testing.assert_array_equal(panel, shell)
