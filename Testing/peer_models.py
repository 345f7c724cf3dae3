"""Small models as MONAI's and nnU-Net's own code makes them, with random weights, small scans for them, and what their own programs find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from scipy.ndimage import gaussian_filter

GLIOMA = ("t1c", "t1", "t2", "flair")
KINDS = ("sigmoid", "softmax", "argmax")
"""Of MONAI's bundles: regions that overlap, as of a glioma; likeliest class, resampled; the same, resampled after the choice."""


MONAI_LABELS = {"sigmoid": {1: 1, 2: 2, 4: 3}, "softmax": {1: 22, 2: 26, 3: 10_001}, "argmax": {1: 9, 2: 10}}
"""Our label values by MONAI's."""


def drawn_scans(folder: Path, names: Sequence[str], coarse: bool = False) -> dict[str, Path]:
    """Clouds (I, J, K) of voxels of 3.2 x 2.9 x 3.4 mm (of 12 mm along k where they are coarse), not along R, A, S, with nothing around them."""
    folder.mkdir(parents=True, exist_ok=True)
    random, affine = np.random.default_rng(0), np.diag([-3.2, -2.9, 12.0 if coarse else 3.4, 1.0])
    affine[:3, 3] = (40.0, 35.0, -30.0)
    files = {}
    for name in names:
        voxels = gaussian_filter(random.normal(size=(26, 30, 7 if coarse else 24)), (2.0, 2.0, 0.6 if coarse else 2.0))
        voxels = (500 * (voxels - voxels.min()) / np.ptp(voxels)).astype(np.float32)
        voxels[:3], voxels[-2:], voxels[:, :2] = 0, 0, 0
        files[name] = folder / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(voxels, affine), files[name])
    return files


def monai_bundle(folder: Path, kind: str, seed: int = 0) -> Path:
    """A bundle with the layout that MONAI's Model Zoo has: metadata, an inference configuration with expressions, a state dict."""
    network, preprocessing, inferer, postprocessing, names = CONTENTS[kind]()
    for part in ("configs", "models", "docs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    from monai.networks import nets

    torch.manual_seed(seed)
    made = getattr(nets, network["_target_"])(**{key: value for key, value in network.items() if key != "_target_"})
    torch.save(made.state_dict(), folder / "models" / "model.pt")
    channels, labels = names
    metadata = {
        "version": "0.1.0",
        "name": f"drawn {kind}",
        "description": "A drawn model.",
        "network_data_format": {
            "inputs": {"image": {"channel_def": {str(n): name for n, name in enumerate(channels)}}},
            "outputs": {"pred": {"channel_def": {str(n): name for n, name in enumerate(labels)}}},
        },
    }
    config = {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cpu')",
        "network_def": network,
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "image"}, *preprocessing]},
        "inferer": inferer,
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [*postprocessing, {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"}],
        },
        "evaluator": {"_target_": "SupervisedEvaluator", "device": "@device", "network": "@network", "inferer": "@inferer", "amp": True},
    }
    for name, value in (("metadata", metadata), ("inference", config)):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (folder / "docs" / "README.md").write_text("# Drawn\n", encoding="utf-8")
    return folder


def _step(target: str, **values: Any) -> dict[str, Any]:
    return {"_target_": target, "keys": "pred" if target in ("Activationsd", "AsDiscreted", "Invertd", "Lambdad") else "image", **values}


def _inverse(nearest: bool) -> dict[str, Any]:
    return _step("Invertd", transform="@preprocessing", orig_keys="image", nearest_interp=nearest, to_tensor=True)


def _sigmoid() -> tuple[Any, ...]:
    """As ``brats_mri_segmentation``, with fewer filters and smaller windows."""
    network = {
        "_target_": "SegResNet",
        "blocks_down": [1, 1],
        "blocks_up": [1],
        "init_filters": 8,
        "in_channels": 4,
        "out_channels": 3,
        "dropout_prob": 0.2,
    }
    windows = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "sw_batch_size": 1, "overlap": 0.5}
    finish = [
        _step("Activationsd", sigmoid=True),
        _inverse(False),
        _step("AsDiscreted", threshold=0.5),
        _step("Lambdad", func="$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"),
    ]
    labels = ["Tumor core", "Whole tumor", "Enhancing tumor"]
    return network, [_step("NormalizeIntensityd", nonzero=True, channel_wise=True)], windows, finish, (["T1c", "T1", "T2", "FLAIR"], labels)


def _unet(classes: int) -> dict[str, Any]:
    return {
        "_target_": "UNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": classes,
        "channels": [4, 8],
        "strides": [2],
        "num_res_units": 1,
        "norm": "batch",
    }


def _softmax() -> tuple[Any, ...]:
    before = [
        _step("EnsureChannelFirstd"),
        _step("Orientationd", axcodes="RAS"),
        _step("Spacingd", pixdim=[3.0, 3.0, 4.0], mode="bilinear"),
        _step("ScaleIntensityRanged", a_min=50, a_max=400, b_min=0, b_max=1, clip=True),
        _step("EnsureTyped"),
    ]
    windows = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "sw_batch_size": 4, "overlap": 0.5}
    finish = [_step("Activationsd", softmax=True), _inverse(False), _step("AsDiscreted", argmax=True)]
    return _unet(4), before, windows, finish, (["image"], ["background", "L3", "Sacrum", "Left kidney"])


def _argmax() -> tuple[Any, ...]:
    before = [
        _step("EnsureChannelFirstd"),
        _step("Orientationd", axcodes="RAS"),
        _step("Spacingd", pixdim=[4.0, 4.0, 4.0], mode="bilinear"),
        _step("CropForegroundd", source_key="image"),
        _step("NormalizeIntensityd", nonzero=True),
        _step("ScaleIntensityd", minv=-1.0, maxv=1.0),
    ]
    windows = {
        "_target_": "SlidingWindowInferer",
        "roi_size": [16, 16, 16],
        "sw_batch_size": 2,
        "overlap": 0.25,
        "mode": "gaussian",
        "padding_mode": "replicate",
    }
    finish = [_step("Activationsd", softmax=True), _step("AsDiscreted", argmax=True), _inverse(True)]
    return _unet(3), before, windows, finish, (["image"], ["background", "left thalamus", "right thalamus"])


CONTENTS = {"sigmoid": _sigmoid, "softmax": _softmax, "argmax": _argmax}


def monai_finds(bundle: Path, scans: Sequence[Path]) -> np.ndarray:
    """What MONAI's own parser and inferer make of a bundle on scans: its last labels, uint8 (I, J, K), as it would save them."""
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.json"))
    parser.read_meta(str(bundle / "configs" / "metadata.json"))
    network = parser.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(bundle / "models" / "model.pt", weights_only=True))
    files = [str(path) for path in scans]
    data = parser.get_parsed_content("preprocessing")({"image": files if len(files) > 1 else files[0]})
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    parser.config["postprocessing"]["transforms"].pop()
    after = parser.get_parsed_content("postprocessing")
    return np.asarray(after(data)["pred"][0]).astype(np.uint8)


def dice_of(found: np.ndarray, expected: np.ndarray, values: dict[int, int]) -> dict[int, float]:
    """By the peer's label: how far ours (``values`` tells which it is) agrees; 1 where neither has any."""
    scores = {}
    for theirs, ours in values.items():
        one, other = expected == theirs, found == ours
        total = int(one.sum()) + int(other.sum())
        scores[theirs] = 2 * int((one & other).sum()) / total if total else 1.0
    return scores
