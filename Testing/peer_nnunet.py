"""Small models as nnU-Net's own trainer writes them, with random weights, and what its own predictor finds. Needs the package ``nnunetv2``."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch

TRAINER, PLANS = "nnUNetTrainer", "nnUNetPlans"
BRATS = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing tumor": [3]}
NUCLEI = {"background": 0, "left thalamus": 1, "right thalamus": 2, "cyst": 3}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what nnU-Net prints, and with folders for it that are not used."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, "/nowhere")
    os.environ.setdefault("nnUNet_def_n_proc", "1")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def architecture(dimensions: int, residual: bool = False) -> dict[str, Any]:
    """Two levels of few filters."""
    name = "ResidualEncoderUNet" if residual else "PlainConvUNet"
    sides = [[3] * dimensions] * 2
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{name}",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": [4, 8],
            "conv_op": f"torch.nn.modules.conv.Conv{dimensions}d",
            "kernel_sizes": sides,
            "strides": [[1] * dimensions, [2] * dimensions],
            "n_blocks_per_stage" if residual else "n_conv_per_stage": [1, 1],
            "n_conv_per_stage_decoder": [1],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimensions}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def plans(channels: int, scheme: str = "ZScoreNormalization", masked: bool = True, **more: Any) -> dict[str, Any]:
    """What nnU-Net's planning would note: slices, full and low resolution, and the cascade of both."""
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    shared = {
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "normalization_schemes": [scheme] * channels,
        "use_mask_for_norm": [masked] * channels,
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg_kwargs": {**resampling, "is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
        "batch_dice": False,
        "data_identifier": "drawn",
    }
    full = {**shared, "spacing": [4.1, 3.4, 3.4], "patch_size": [12, 16, 12], "architecture": architecture(3)}
    return {
        "dataset_name": "Dataset901_Drawn",
        "plans_name": PLANS,
        "image_reader_writer": "NibabelIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "label_manager": "LabelManager",
        "experiment_planner_used": "ExperimentPlanner",
        "original_median_spacing_after_transp": [3.4, 2.9, 3.2],
        "original_median_shape_after_transp": [24, 30, 26],
        "foreground_intensity_properties_per_channel": {
            str(n): {
                "mean": 230.0,
                "std": 90.0,
                "percentile_00_5": 60.0,
                "percentile_99_5": 420.0,
                "min": 0.0,
                "max": 500.0,
                "median": 225.0,
            }
            for n in range(channels)
        },
        "configurations": {
            "2d": {**shared, "spacing": [3.4, 3.4], "patch_size": [16, 12], "architecture": architecture(2)},
            "3d_fullres": full,
            "3d_resenc": {"inherits_from": "3d_fullres", "architecture": architecture(3, residual=True)},
            "3d_lowres": {**full, "spacing": [6.0, 5.5, 5.5], "patch_size": [8, 12, 8], "next_stage": "3d_cascade_fullres"},
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        },
        **more,
    }


def dataset(channels: Sequence[str], labels: dict[str, Any]) -> dict[str, Any]:
    painted = {"regions_class_order": list(range(1, len(labels)))} if any(isinstance(value, list) for value in labels.values()) else {}
    named = {str(n): name for n, name in enumerate(channels)}
    return {"channel_names": named, "labels": labels, "numTraining": 2, "file_ending": ".nii.gz", **painted}


def results_folder(parent: Path, configuration: str, plan: dict[str, Any], data: dict[str, Any], folds: Sequence[int | str] = (0,)) -> Path:
    """``TRAINER__PLANS__CONFIGURATION`` as training leaves it, with a checkpoint of the trainer's own for each fold."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    folder = parent / f"{TRAINER}__{PLANS}__{configuration}"
    for number, fold in enumerate(folds):
        (folder / f"fold_{fold}").mkdir(parents=True, exist_ok=True)
        torch.manual_seed(number + len(configuration))
        with quiet(), _results_in(parent / "trained"):
            given = {**copy.deepcopy(plan), "continue_training": False}
            trainer = nnUNetTrainer(given, configuration, fold, data, torch.device("cpu"))
            trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
            trainer.network = _network(trainer, data)
            trainer.optimizer, trainer.lr_scheduler = trainer.configure_optimizers()
            trainer._best_ema = np.float64(0.5)
            trainer.save_checkpoint(str(folder / f"fold_{fold}" / "checkpoint_final.pth"))
    for name, value in (("plans", plan), ("dataset", data)):
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return folder


def _network(trainer: Any, data: dict[str, Any]) -> torch.nn.Module:
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels

    plan, configuration = trainer.plans_manager, trainer.configuration_manager
    inputs = determine_num_input_channels(plan, configuration, data)
    heads = plan.get_label_manager(data).num_segmentation_heads
    return trainer.build_network_architecture(plan, configuration, inputs, heads, enable_deep_supervision=True)


@contextlib.contextmanager
def _results_in(folder: Path) -> Iterator[None]:
    """The trainer writes its log there."""
    from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as module

    former = module.nnUNet_results
    module.nnUNet_results = _Folder(str(folder))  # type: ignore[assignment]
    try:
        yield
    finally:
        module.nnUNet_results = former


class _Folder(str):
    """A path as nnU-Net keeps its own."""

    def is_set(self) -> bool:
        return True


def predictor_finds(folder: Path, scans: Sequence[Path], scratch: Path, previous: Path | None = None) -> np.ndarray:
    """What ``nnUNetPredictor`` makes of scans, as it saves it: uint8 (I, J, K).

    Args:
        previous: results of the cascade's first stage.
    """
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    scratch.mkdir(parents=True, exist_ok=True)
    before = None
    if previous is not None:
        before = scratch / "previous"
        before.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(predictor_finds(previous, scans, scratch / "first"), nib.load(scans[0]).affine), before / "case.nii.gz")
    files = []
    for number, scan in enumerate(scans):
        files.append(str(scratch / f"case_{number:04d}.nii.gz"))
        nib.save(nib.load(scan), files[-1])
    with quiet():
        predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(folder), None if (folder / "fold_0").is_dir() else ("all",))
        predictor.predict_from_files_sequential(
            [files], [str(scratch / "case")], folder_with_segs_from_prev_stage=None if before is None else str(before)
        )
    return np.asarray(nib.load(scratch / "case.nii.gz").dataobj).astype(np.uint8)


CASES = ("full", "residual regions", "slices, CT", "folds, turned", "cascade", "coarse slices")


def case_of(name: str, parent: Path) -> tuple[Path, Path | None, dict[int, int]]:
    """One of ``CASES`` made in a folder: what is to be added, the first stage of a cascade, and our label values by nnU-Net's."""
    nuclei = {1: 9, 2: 10, 3: 10_001}
    if name == "residual regions":
        data = dataset(["T1ce", "T1", "T2", "FLAIR"], BRATS)
        return results_folder(parent, "3d_resenc", plans(4), data), None, {1: 2, 2: 1, 3: 3}
    data = dataset(["MRI"], NUCLEI)
    if name == "slices, CT":
        return results_folder(parent, "2d", plans(1, "CTNormalization", False), dataset(["CT"], NUCLEI)), None, nuclei
    if name == "folds, turned":
        turned = {"image_reader_writer": "NibabelIOWithReorient", "transpose_forward": [2, 0, 1], "transpose_backward": [1, 2, 0]}
        return results_folder(parent, "3d_lowres", plans(1, masked=False, **turned), data, (0, 1, 2)), None, nuclei
    if name == "cascade":
        first = results_folder(parent, "3d_lowres", plans(1), data)
        results_folder(parent, "3d_cascade_fullres", plans(1), data)
        return parent, first, nuclei
    plan = plans(1)
    if name == "coarse slices":
        plan["configurations"]["3d_fullres"]["spacing"] = [11.0, 3.0, 3.0]
        return results_folder(parent, "3d_fullres", plan, data, ("all",)), None, nuclei
    return results_folder(parent, "3d_fullres", plan, data), None, nuclei


def last_stage(added: Path, first: Path | None) -> Path:
    """The folder that nnU-Net's predictor is given."""
    return added if first is None else added / f"{TRAINER}__{PLANS}__3d_cascade_fullres"


EXPECTED = Path(__file__).parent / "library" / "nnunet_expected.npz"
"""What nnU-Net's predictor found with networks that are one convolution; written by ``python -m Testing.peer_nnunet``."""
STAND_INS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "full": ("3d_fullres", {}, False),
    "slices": ("2d", {"scheme": "CTNormalization", "masked": False}, False),
    "turned": (
        "3d_lowres",
        {"image_reader_writer": "NibabelIOWithReorient", "transpose_forward": [2, 0, 1], "transpose_backward": [1, 2, 0]},
        False,
    ),
    "coarse": ("3d_fullres", {"masked": False}, True),
}
"""By name: a configuration, what else its plans say, and whether the scan is of coarse slices."""


class StandIn(torch.nn.Module):
    """A convolution with made-up weights, which needs no package."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.layer = (torch.nn.Conv2d if dimensions == 2 else torch.nn.Conv3d)(1, len(NUCLEI), 3, padding=1)
        with torch.no_grad():
            for value in self.layer.parameters():
                value.copy_(torch.sin(7.0 * torch.arange(value.numel()) + 1).reshape(value.shape))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layer(image)


def stand_in_plans(name: str) -> tuple[str, dict[str, Any], bool]:
    """Its configuration, its plans and whether its scan is coarse."""
    configuration, more, coarse = STAND_INS[name]
    plan = plans(1, **more)
    if coarse:
        plan["configurations"]["3d_fullres"]["spacing"] = [11.0, 3.0, 3.0]
    return configuration, plan, coarse


def stand_in_finds(name: str, scan: Path, scratch: Path) -> np.ndarray:
    """What nnU-Net's predictor finds with a stand-in: uint8 (I, J, K)."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    configuration, plan, _ = stand_in_plans(name)
    network = StandIn(len(plan["configurations"][configuration]["patch_size"]))
    scratch.mkdir(parents=True, exist_ok=True)
    nib.save(nib.load(scan), scratch / "case_0000.nii.gz")
    with quiet():
        manager = PlansManager(copy.deepcopy(plan))
        predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
        predictor.manual_initialization(
            network, manager, manager.get_configuration(configuration), [network.state_dict()], dataset(["MRI"], NUCLEI), TRAINER, (0, 1)
        )
        predictor.predict_from_files_sequential([[str(scratch / "case_0000.nii.gz")]], [str(scratch / "case")])
    return np.asarray(nib.load(scratch / "case.nii.gz").dataobj).astype(np.uint8)


def main() -> None:
    from tempfile import TemporaryDirectory

    from Testing.peer_models import drawn_scans

    with TemporaryDirectory() as folder:
        found = {}
        for name, (_, _, coarse) in STAND_INS.items():
            scan = drawn_scans(Path(folder, name), ["scan"], coarse)["scan"]
            found[name] = stand_in_finds(name, scan, Path(folder, name, "scratch"))
        np.savez_compressed(EXPECTED, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
