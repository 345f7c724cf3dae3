"""Weights of a model that somebody else made, read as tensors and nothing else."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurospineseg.errors.of_files import is_of_the_system, reading_failed
from neurospineseg.models.network import check_archive
from neurospineseg.models.network_checks import NetworkError

WITHIN = ("network_weights", "state_dict", "model_state_dict", "model", "network")
"""Under which name a checkpoint keeps the state dict."""
WRAPPED = "module."
"""What distributed training puts before each name."""


def _numbers_of_numpy() -> list[Any]:
    """What plain NumPy numbers in a checkpoint are pickled by: nnU-Net's keep such in their log. None of it runs anything."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *kinds]


def checkpoint(path: Path) -> Any:
    """What a file of PyTorch holds, of tensors and plain values.

    Raises:
        InputError: it cannot be read. ``NetworkError``: it is TorchScript, damaged or holds anything else.
    """
    check_archive(path)
    _refuse_script(path)
    try:
        with torch.serialization.safe_globals(_numbers_of_numpy()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if isinstance(error, OSError) and is_of_the_system(error):
            raise reading_failed(error, path) from error
        raise NetworkError(f"The weights '{path.name}' are damaged or hold more than plain tensors; they were not loaded.") from error


def _refuse_script(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            script = any("/code/" in name or name.endswith("constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return
    if script:
        raise NetworkError(
            f"The weights '{path.name}' are TorchScript, which is code and not run here; give the model with its weights as a state dict."
        )


def state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a file, by itself or within a checkpoint.

    Raises:
        InputError: as ``checkpoint``, or there is none.
    """
    return state_of(checkpoint(path), path.name)


def state_of(found: Any, name: str) -> dict[str, torch.Tensor]:
    """The state dict that was found in the file ``name``.

    Raises:
        NetworkError: it is none.
    """
    for within in WITHIN:
        if isinstance(found, Mapping) and isinstance(found.get(within), Mapping):
            found = found[within]
            break
    if not isinstance(found, Mapping) or not found or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise NetworkError(f"The weights '{name}' are not a plain state dict; they were not loaded.")
    keys = [str(key) for key in found]
    cut = len(WRAPPED) if all(key.startswith(WRAPPED) for key in keys) else 0
    return {key[cut:]: value for key, value in zip(keys, found.values())}
