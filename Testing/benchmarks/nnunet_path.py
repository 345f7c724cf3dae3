"""nnU-Net v2's way from files to a mask: its ``nnUNetPredictor`` with a network of the same size as one of our bundles'.

nnU-Net is no part of this project's environment; ``pip install nnunetv2`` puts it beside it where it is to be measured.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from neurospineseg.models.bundle import Bundle, ModelSpec
from Testing.benchmarks.plain_network import built_plainly, class_network

NNUNET_MISSING = "nnU-Net is not installed here and was left out; to measure it too, run `python -m pip install 'nnunetv2==2.6.*'`."
CONFIGURATION = "3d_fullres"


def nnunet_is_installed() -> bool:
    return importlib.util.find_spec("nnunetv2") is not None


class NnunetPath:
    """Segments from files into a ``.nii.gz`` of class numbers.

    The network is our bundle's with its weights; of a model that sees one side of a region at a time it is one of the same size without
    weights, which gets the whole scan, since nnU-Net has neither sides nor a locator.

    Args:
        mirrored: whether it averages over all eight mirror images, as nnU-Net does unless told otherwise.
    """

    def __init__(self, bundle: Bundle, device: torch.device, mirrored: bool) -> None:
        with _quiet():
            from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
            from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

            self.predictor = nnUNetPredictor(0.5, True, mirrored, device=device, allow_tqdm=False)
            plans = PlansManager(_plans(bundle.spec))
            network = _network(bundle).to(device)
            self.channels = bundle.spec.channels
            self.predictor.manual_initialization(
                network,
                plans,
                plans.get_configuration(CONFIGURATION),
                [network.state_dict()],
                {
                    "channel_names": {str(n): name for n, name in enumerate(self.channels)},
                    "labels": {name: n for n, name in enumerate(bundle.spec.classes)},
                    "file_ending": ".nii.gz",
                },
                "nnUNetTrainer",
                (0, 1, 2) if mirrored else None,
            )

    def __call__(self, scans: Mapping[str, Path], output: Path) -> Path:
        files = [str(scans[name]) for name in self.channels]
        with _quiet():
            self.predictor.predict_from_files_sequential([files], [str(output).removesuffix(".nii.gz")], overwrite=True)
        return output


def _network(bundle: Bundle) -> torch.nn.Module:
    spec = bundle.spec
    if not spec.bilateral:
        return class_network(bundle)
    shape = {"in_channels": len(spec.channels), "out_channels": len(spec.classes)}
    return built_plainly({**bundle.network_def, **shape})


def _plans(spec: ModelSpec) -> dict[str, Any]:
    """What nnU-Net's planning would note of a data set, with our model's spacing and patch (k, j, i) and its own resampling."""
    spacing, count = list(spec.spacing[::-1]), len(spec.channels)
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    statistics = {name: 0.0 for name in ("mean", "std", "min", "max", "median", "percentile_00_5", "percentile_99_5")}
    return {
        "dataset_name": spec.name,
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "NibabelIOWithReorient",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {str(n): statistics for n in range(count)},
        "configurations": {
            CONFIGURATION: {
                "preprocessor_name": "DefaultPreprocessor",
                "patch_size": list(spec.patch),
                "spacing": spacing,
                "normalization_schemes": ["ZScoreNormalization"] * count,
                "use_mask_for_norm": [True] * count,
                "resampling_fn_data": "resample_data_or_seg_to_shape",
                "resampling_fn_data_kwargs": resampling,
                "resampling_fn_seg": "resample_data_or_seg_to_shape",
                "resampling_fn_seg_kwargs": {**resampling, "is_seg": True, "order": 1},
                "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
                "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
                "architecture": {},
            }
        },
    }


@contextlib.contextmanager
def _quiet():
    """Without what nnU-Net prints: on unset folders, and of every step."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, os.devnull)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
