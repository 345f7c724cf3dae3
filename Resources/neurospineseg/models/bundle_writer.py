"""Writes a MONAI Bundle that this program and ``python -m monai.bundle run`` can run; see ``neurospineseg.models.bundle``."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from neurospineseg.models.bundle import ModelSpec
from neurospineseg.staging import staging_folder


def write_bundle(parent: Path, spec: ModelSpec, network_def: dict[str, Any], weights: Path, card: str | None = None) -> Path:
    """Writes a bundle folder ``parent / spec.name`` that this program and ``python -m monai.bundle run`` can run.

    It appears when it is complete; one of that name that is there is replaced.

    Args:
        card: the model card, Markdown; None keeps the card that is there.

    Returns:
        The bundle's folder.
    """
    folder = Path(parent) / spec.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(folder.parent) as staging:
        new = staging / spec.name
        if folder.is_dir():
            shutil.copytree(folder, new)
        _fill(new, spec, network_def, weights, card)
        if folder.is_dir():
            folder.rename(staging / "former")
        new.rename(folder)
    return folder


def _fill(folder: Path, spec: ModelSpec, network_def: dict[str, Any], weights: Path, card: str | None) -> None:
    for part in ("configs", "models", "docs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    target = folder / "models" / "model.pt"
    shutil.copyfile(weights, target)
    if card is not None:
        (folder / "docs" / "README.md").write_text(card, encoding="utf-8")
    metadata = {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json",
        "version": spec.version,
        "changelog": {spec.version: "first release"},
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": "2.4.6",
        "required_packages_version": {"nibabel": "5.4.2"},
        "name": spec.title or spec.name,
        "task": spec.task,
        "description": spec.summary,
        "authors": "NeuroSpineSeg contributors",
        "copyright": "Copyright NeuroSpineSeg contributors, Apache-2.0",
        "intended_use": "Research only; not for clinical use.",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": spec.modalities,
                    "num_channels": spec.inputs,
                    "spatial_shape": [n for axis, n in enumerate(spec.patch) if axis != spec.slice_axis],
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": True,
                    "channel_def": {str(n): name for n, name in enumerate(spec.channels)},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(spec.outputs),
                    "spatial_shape": [n for axis, n in enumerate(spec.patch) if axis != spec.slice_axis],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": True,
                    "channel_def": {str(n): name for n, name in enumerate(spec.outputs)},
                }
            },
        },
        "weights_sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "neurospineseg": spec.model_dump(mode="json"),
    }
    _write_json(folder / "configs" / "metadata.json", metadata)
    _write_json(folder / "configs" / "inference.json", _inference_config(spec, network_def))


def _inference_config(spec: ModelSpec, network_def: dict[str, Any]) -> dict[str, Any]:
    """What ``python -m monai.bundle run --dataset_dir ... `` needs; this program reads ``network_def`` alone.

    The likeliest class of every voxel, without what this program does before and after: no rules of anatomy and no search for a region.
    """
    window = [n for axis, n in enumerate(spec.patch) if axis != spec.slice_axis]
    inferer: dict[str, Any] = {"_target_": "SlidingWindowInferer", "roi_size": window, "overlap": 0.5, "mode": "gaussian"}
    if spec.slice_axis is not None:
        inferer = {"_target_": "SliceInferer", "roi_size": window, "spatial_dim": spec.slice_axis, "overlap": 0.5}
    scale: dict[str, Any] = {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True, "channel_wise": True}
    if spec.normalization == "foreground_percentile":
        scale = {
            "_target_": "ScaleIntensityRangePercentilesd",
            "keys": "image",
            "lower": 0.5,
            "upper": 99.5,
            "b_min": 0,
            "b_max": 1,
            "clip": True,
            "channel_wise": True,
        }
    if spec.normalization == "ct_window":
        scale = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -200, "a_max": 800, "b_min": 0, "b_max": 1, "clip": True}
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "dataset_dir": "",
        "output_dir": "$@bundle_root + '/eval'",
        "datalist": "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": {"_target_": network_def["_target_"], **{k: v for k, v in network_def.items() if k != "_target_"}},
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {"_target_": "Orientationd", "keys": "image", "axcodes": "SAR"},
                {"_target_": "Spacingd", "keys": "image", "pixdim": list(spec.spacing[::-1]), "mode": "bilinear"},
                scale,
            ],
        },
        "dataset": {"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]", "transform": "@preprocessing"},
        "inferer": inferer,
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                *_discrete(spec),
                {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "resample": False},
            ],
        },
        "segment": "$lambda case: @postprocessing({'pred': @inferer(case['image'][None].to(@device), @network)[0].cpu()})",
        "load_weights": "$@network.load_state_dict(torch.load(os.path.join(@bundle_root, 'models/model.pt'), map_location=@device, weights_only=True))",
        "run": ["$torch.set_grad_enabled(False)", "$@load_weights", "$@network.eval()", "$list(map(@segment, @dataset))"],
    }


def _discrete(spec: ModelSpec) -> list[dict[str, Any]]:
    """MONAI's transforms from scores to labels, or to the regions (one channel each) of a model whose regions are nested."""
    if spec.nested:
        return [
            {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
            {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        ]
    return [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
