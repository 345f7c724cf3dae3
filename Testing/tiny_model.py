"""An untrained network that finds something everywhere, as a bundle."""

from __future__ import annotations

from pathlib import Path

import torch

from neurospineseg.models.bundle import ModelSpec
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.network import build_network
from neurospineseg.models.weights import save_weights

TINY_NETWORK = {
    "_target_": "DynUNet",
    "spatial_dims": 3,
    "in_channels": 4,
    "out_channels": 4,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [4, 8, 8],
}


def write_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Writes the bundle ``tiny_tumor`` into a folder that is there; returns the bundle's own."""
    spec = ModelSpec(
        name="tiny_tumor",
        task="tumor",
        channels=("t1c", "t1", "t2", "flair"),
        optional_channels=True,
        spacing=(4.0, 4.0, 4.0),
        patch=(32, 32, 32),
        normalization="foreground_zscore",
        classes=("background", "necrotic_core", "edema", "enhancing_tumor"),
        preference=2,
        summary="Untrained, for tests.",
    )
    torch.manual_seed(seed)
    weights = folder / "tiny.pt"
    save_weights(build_network(TINY_NETWORK), weights)
    write_bundle(folder, spec, TINY_NETWORK, weights)
    weights.unlink()
    return folder / spec.name
