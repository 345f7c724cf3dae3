"""Networks that bundles name, with and without MONAI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neurospineseg.models.bundle import find_bundle
from neurospineseg.models.network import NetworkError, build_network, build_to_run, load_weights
from neurospineseg.models.perceptron import Perceptron
from neurospineseg.models.unet import UNet, understood
from neurospineseg.models.weights import save_weights
from Testing.tiny_model import TINY_NETWORK

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_weights(build_network(TINY_NETWORK), tmp_path / "model.pt")
    with pytest.raises(NetworkError, match="do not fit"):
        load_weights(build_network({**TINY_NETWORK, "filters": [8, 8, 8]}), tmp_path / "model.pt")


BUNDLED = ("tumor_glioma", "tumor_glioma_1mm", "spine_3d", "spine_2d", "subcortical_nuclei_3d", "subcortical_locator")


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_network_is_run_without_monai_and_gives_the_same_values(name: str) -> None:
    bundle = find_bundle(name)
    definition = bundle.network_def
    own, theirs = (load_weights(build(definition), bundle.weights) for build in (build_to_run, build_network))
    assert isinstance(own, UNet)
    assert not isinstance(theirs, UNet)
    image = torch.randn(1, definition["in_channels"], *[32] * definition["spatial_dims"])
    with torch.inference_mode():
        assert torch.equal(own(image), theirs(image))


def test_uneven_kernels_and_strides_give_the_same_values_too(tmp_path: Path) -> None:
    definition = {
        **TINY_NETWORK,
        "kernel_size": [[1, 3, 3], [3, 3, 5], 3],
        "strides": [1, [1, 2, 2], [2, 2, 1]],
        "upsample_kernel_size": [[1, 2, 2], [2, 2, 1]],
        "norm_name": "instance",
    }
    save_weights(build_network(definition), tmp_path / "model.pt")
    own, theirs = (load_weights(build(definition), tmp_path / "model.pt") for build in (build_to_run, build_network))
    image = torch.randn(2, 4, 8, 16, 12)
    assert isinstance(own, UNet)
    with torch.inference_mode():
        assert torch.equal(own(image), theirs(image))


def test_the_network_that_tells_contrasts_gives_the_same_values() -> None:
    bundle = find_bundle("brain_contrast")
    own, theirs = (load_weights(build(bundle.network_def), bundle.weights) for build in (build_to_run, build_network))
    features = torch.randn(3, bundle.network_def["in_channels"])
    assert isinstance(own, Perceptron)
    with torch.inference_mode():
        assert torch.equal(own(features), theirs(features))


@pytest.mark.parametrize(
    "change",
    [
        {"res_block": True},
        {"deep_supervision": True},
        {"act_name": "relu"},
        {"dropout": 0.1},
        {"norm_name": "batch"},
        {"norm_name": ["INSTANCE", {"affine": True, "track_running_stats": True}]},
        {"trans_bias": True},
        {"kernel_size": [2, 3, 3]},
        {"strides": [2, 2, 2]},
        {"strides": [1, 2, [2, 2, 1]]},
        {"filters": None},
    ],
)
def test_what_is_unusual_is_left_to_monai(change: dict) -> None:
    assert not understood({**TINY_NETWORK, **change})
    assert understood(TINY_NETWORK)


def test_a_bundle_that_asks_for_code_is_refused_before_anything_is_built() -> None:
    with pytest.raises(NetworkError, match="never run"):
        build_to_run({**TINY_NETWORK, "filters": ["$import os"]})
    with pytest.raises(NetworkError, match="not one this program runs"):
        build_to_run({"_target_": "os.system"})


def test_segmenting_imports_neither_monai_nor_simpleitk(tmp_path: Path) -> None:
    """They take seconds and some two hundred megabytes; a NIfTI file and a bundled model need neither."""
    lines = "import sys, neurospineseg.pipeline.file_job, neurospineseg.pipeline.segmenter as p, neurospineseg.images.volume; p.Segmenter('tumor').network(p.find_bundle('tumor_glioma')); print([m for m in ('monai', 'SimpleITK', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(RESOURCES)})
    assert done.stdout.strip() == "[]", done.stderr
