"""A network's weights as a plain state dict on disk, in 8-bit whole numbers with a scale for each output channel, in half or in single precision.

A tensor ``NAME`` of 8-bit numbers has a tensor ``NAME.scale`` beside it, which broadcasts to it; their product are the weights. The scale
of an output channel is its largest absolute weight divided by 127 (symmetric quantization per channel, Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference", 2018). Vectors, such as biases and the scales of norms, are kept in half precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch

from neurospineseg.atomic_files import whole_file

Precision = Literal["int8", "half", "single"]
SCALE = ".scale"
LARGEST = 127
TRANSPOSED = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
"""Layers whose weights have the output channels along the second axis."""


def quantized(weights: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights as int8 of the same shape and one scale, float32, for each place along the output channels' ``axis``."""
    others = [n for n in range(weights.ndim) if n != axis]
    scale = weights.abs().amax(others, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
    return (weights / scale).round().to(torch.int8), scale


def dequantized(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict in single precision, from one of any precision.

    Raises:
        KeyError: an 8-bit tensor has no scale.
        RuntimeError: its scale does not broadcast to it.
    """
    result = {}
    for key, value in state.items():
        if value.dtype == torch.int8:
            result[key] = (value.float() * state[f"{key}{SCALE}"].float()).view_as(value)
        elif not (key.endswith(SCALE) and key.removesuffix(SCALE) in state):
            result[key] = value.float() if value.is_floating_point() else value
    return result


def save_weights(network: torch.nn.Module, path: Path, precision: Precision = "int8") -> None:
    """Writes the state dict, each tensor once (DynUNet lists its layers twice), under a temporary name first.

    Raises:
        ValueError: the precision is none of those.
    """
    if precision not in ("int8", "half", "single"):
        raise ValueError(f"weights are not kept in '{precision}'; choose int8, half or single")
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {f"{name}.weight": 1 for name, layer in network.named_modules(remove_duplicate=False) if isinstance(layer, TRANSPOSED)}
    written: dict[tuple[int, tuple[int, ...]], list[torch.Tensor]] = {}
    state: dict[str, torch.Tensor] = {}
    for key, value in network.state_dict().items():
        stored = written.setdefault((value.data_ptr(), tuple(value.shape)), [])
        if not stored:
            stored += _stored(value.detach().cpu(), precision, axes.get(key, 0))
        state |= dict(zip((key, f"{key}{SCALE}"), stored))
    with whole_file(path) as new:
        torch.save(state, new)


def _stored(value: torch.Tensor, precision: Precision, axis: int) -> list[torch.Tensor]:
    """What is written of a tensor: itself, or its 8-bit numbers and their scale."""
    if not value.is_floating_point():
        return [value]
    if precision == "int8" and value.ndim > 1:
        return list(quantized(value.float(), axis))
    return [value.float() if precision == "single" else value.half()]
