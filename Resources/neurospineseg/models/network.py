"""Builds the network a bundle names and readies it for a device."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from neurospineseg.errors.of_files import is_of_the_system, reading_failed
from neurospineseg.models import nnunet_network, perceptron, unet
from neurospineseg.models.channel_norm import with_channel_norms
from neurospineseg.models.network_checks import NetworkError, made, refuse_expressions, refuse_huge
from neurospineseg.models.weights import WeightsError, dequantized

ALLOWED_NETWORKS = (
    "DynUNet",
    "UNet",
    "BasicUNet",
    "SegResNet",
    "AttentionUnet",
    "BasicUNetPlusPlus",
    "UNETR",
    "SwinUNETR",
    "VNet",
    "FullyConnectedNet",
)
MOST_TIMES = 4
"""How many times the numbers of a network its file may hold: DynUNet's layers are listed twice, and there are scales."""


def build_network(definition: dict[str, Any]) -> torch.nn.Module:
    """A network of ``monai.networks.nets`` from a bundle's ``network_def``.

    Args:
        definition: ``{"_target_": "DynUNet", ...}`` with plain values only.

    Raises:
        NetworkError: the target is not in ``ALLOWED_NETWORKS``, a value is an
            expression, or the network refuses its parameters.
    """
    target, parameters = _checked(definition)
    from monai.networks import nets

    return made(lambda: getattr(nets, target)(**parameters), target)


def build_to_run(definition: dict[str, Any]) -> torch.nn.Module:
    """The same function of the same weights, without MONAI where this program has the network itself: lighter, and not for training.

    Raises:
        NetworkError: as ``build_network``.
    """
    if definition.get("_target_") == nnunet_network.TARGET:
        return nnunet_network.build_folds(definition)
    target, _ = _checked(definition)
    if unet.understood(definition):
        return made(lambda: unet.UNet(definition), target)
    if perceptron.understood(definition):
        return made(lambda: perceptron.Perceptron(definition), target)
    return build_network(definition)


def _checked(definition: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A definition's class name and parameters.

    Raises:
        NetworkError: the class is not allowed, or a parameter is an expression.
    """
    target = str(definition.get("_target_", "")).rsplit(".", 1)[-1]
    if target not in ALLOWED_NETWORKS:
        raise NetworkError(f"The network '{target}' is not one this program runs; it runs {', '.join(ALLOWED_NETWORKS)}.")
    parameters = {key: value for key, value in definition.items() if not key.startswith("_")}
    refuse_expressions(parameters)
    refuse_huge(parameters)
    return target, parameters


def check_archive(path: Path) -> None:
    """Raises NetworkError where a file of weights is a pipe or a device, or packed, so that it could unpack to any size."""
    if path.exists() and not path.is_file():
        raise NetworkError(f"The weights '{path.name}' are no file; install the model again.")
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # torch says what is wrong
    if packed:
        raise NetworkError(f"The weights '{path.name}' are damaged or hold more than plain tensors; they were not loaded.")


def load_weights(network: torch.nn.Module, path: Path, *, exchange_norms: bool = True) -> torch.nn.Module:
    """Loads a plain state dict (see ``neurospineseg.models.weights``), exchanges norms for quicker equal ones and sets evaluation mode.

    Args:
        exchange_norms: whether norms are; their values differ in the last bit.

    Raises:
        InputError: the file cannot be read. ``NetworkError``: it is missing, is not a plain state dict, or does not fit the network.
    """
    check_archive(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise NetworkError(f"The model's weights '{path.name}' are missing; install the model again.") from error
    except Exception as error:
        if isinstance(error, OSError) and is_of_the_system(error):
            raise reading_failed(error, path) from error
        raise NetworkError(f"The weights '{path.name}' are damaged or hold more than plain tensors; they were not loaded.") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise NetworkError(f"The weights '{path.name}' are not a plain state dict; they were not loaded.")
    fill_network(network, state, path.name)
    return with_channel_norms(network).eval() if exchange_norms else network.eval()


def fill_network(network: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Puts a state dict from the file ``name`` into a network.

    Raises:
        NetworkError: it does not fit or means nothing.
    """
    fitting = sum(value.numel() for value in network.state_dict().values())
    if (
        sum(value.numel() for value in state.values()) > MOST_TIMES * fitting + 1000
    ):  # a file of one number may claim to be a thousand million
        raise NetworkError(f"The weights '{name}' do not fit the network the bundle names.")
    try:
        network.load_state_dict(dequantized(state))
    except WeightsError as error:
        raise NetworkError(f"The weights '{name}' mean nothing ({error}); they were not loaded.") from error
    except RuntimeError as error:
        raise NetworkError(f"The weights '{name}' do not fit the network the bundle names.") from error
