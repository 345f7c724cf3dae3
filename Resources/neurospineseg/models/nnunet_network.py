"""nnU-Net's networks, built by the package ``dynamic-network-architectures`` from plans that are data: classes are of a short list."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from neurospineseg.models.network_checks import NetworkError, made, refuse_expressions, refuse_huge

TARGET = "NnunetFolds"
"""What a bundle's ``network_def`` names instead of a class of MONAI's: ``stages``, each with an architecture and a number of folds."""
NETWORKS = ("PlainConvUNet", "ResidualEncoderUNet")
PACKAGE = "dynamic-network-architectures"
CLASSES: dict[str, type[nn.Module]] = {
    each.__name__: each
    for each in (
        nn.Conv2d,
        nn.Conv3d,
        nn.InstanceNorm2d,
        nn.InstanceNorm3d,
        nn.BatchNorm2d,
        nn.BatchNorm3d,
        nn.LeakyReLU,
        nn.ReLU,
        nn.GELU,
        nn.SiLU,
        nn.Dropout2d,
        nn.Dropout3d,
    )
}
"""Layers that plans may name, by the last part of their names."""
TORCH = "torch.nn."
OF_CLASSES = ("conv_op", "norm_op", "dropout_op", "nonlin")
NUMBERS = (
    "n_stages",
    "features_per_stage",
    "kernel_sizes",
    "strides",
    "n_conv_per_stage",
    "n_blocks_per_stage",
    "n_conv_per_stage_decoder",
    "conv_bias",
    "nonlin_first",
    "bottleneck_channels",
    "stem_channels",
)
OPTIONS = ("norm_op_kwargs", "dropout_op_kwargs", "nonlin_kwargs")
MOST_FOLDS = 10


def checked_architecture(definition: Any) -> dict[str, Any]:
    """``{"network": ..., "values": {...}}`` with plain values alone, of what plans call an architecture.

    Raises:
        NetworkError: a class or a value is none of those that are known.
    """
    if not isinstance(definition, dict) or not isinstance(definition.get("values"), dict):
        raise NetworkError("The plans do not say what the network is built of; fetch the model again.")
    network = definition.get("network")
    if network not in NETWORKS:
        raise NetworkError(f"The network '{str(network)[:100]}' of the plans is not one this program runs; it runs {', '.join(NETWORKS)}.")
    values = definition["values"]
    for key, value in values.items():
        if key in OF_CLASSES:
            if value is not None and value not in CLASSES:
                raise NetworkError(f"The plans ask for the layer '{str(value)[:100]}', which this program does not make.")
        elif key not in NUMBERS and key not in OPTIONS:
            raise NetworkError(f"The plans give the network the value '{str(key)[:100]}', which this program does not know.")
    refuse_expressions(values)
    refuse_huge(values)
    return {"network": network, "values": values}


def build_folds(definition: dict[str, Any]) -> nn.ModuleList:
    """The networks of each stage and fold, without weights: a list of lists.

    Raises:
        NetworkError: the definition cannot be used, or the package is missing.
    """
    stages = definition.get("stages")
    if not isinstance(stages, list) or not 1 <= len(stages) <= 2:
        raise NetworkError("The model's network has no stages; add the model again.")
    return nn.ModuleList(_stage(stage) for stage in stages)


def _stage(stage: Any) -> nn.ModuleList:
    if not isinstance(stage, dict):
        raise NetworkError("The model's network has no stages; add the model again.")
    folds, inputs, outputs = _count(stage, "folds", MOST_FOLDS), _count(stage, "inputs", 4096), _count(stage, "outputs", 4096)
    checked = checked_architecture(stage.get("architecture"))
    return nn.ModuleList(_network(checked, inputs, outputs) for _ in range(folds))


def _count(stage: dict[str, Any], of: str, most: int) -> int:
    count = stage.get(of)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= most:
        raise NetworkError(f"A stage of the model's network has no plain number of {of}; add the model again.")
    return count


def _network(checked: dict[str, Any], inputs: int, outputs: int) -> torch.nn.Module:
    try:
        from dynamic_network_architectures.architectures import unet
    except ImportError as error:
        raise NetworkError(
            f"A model of nnU-Net needs the package {PACKAGE}; install it with `python -m pip install --no-deps {PACKAGE}`."
        ) from error
    values = {key: CLASSES[value] if key in OF_CLASSES and value is not None else value for key, value in checked["values"].items()}
    network = getattr(unet, checked["network"])
    return made(lambda: network(input_channels=inputs, num_classes=outputs, deep_supervision=False, **values), checked["network"])


def layer_name(value: Any) -> str | None:
    """The last part of a layer's full name in ``torch.nn``; None for none.

    Raises:
        NetworkError: it is elsewhere.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(TORCH) or value.rpartition(".")[2] not in CLASSES:
        raise NetworkError(f"The plans ask for the layer '{str(value)[:100]}', which this program does not make.")
    return value.rpartition(".")[2]
