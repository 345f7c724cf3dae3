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
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
TRANSPOSED = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
"""Layers whose weights have the output channels along the second axis."""


def quantized(weights: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights as int8 of the same shape and one scale, float32, for each place along the output channels' ``axis``."""
    others = [n for n in range(weights.ndim) if n != axis]
    scale = weights.abs().amax(others, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / LARGEST
    return (weights / scale).round().to(torch.int8), scale


class WeightsError(ValueError):
    """Stored weights mean nothing; the message names the tensor."""


def dequantized(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict in single precision, from one of any precision.

    Raises:
        WeightsError: a key is no text, a tensor is of a type that no weights have, or an 8-bit tensor has no scale that fits it.
    """
    scales = {f"{key}{SCALE}" for key, value in state.items() if isinstance(key, str) and value.dtype == torch.int8}
    result = {}
    for key, value in state.items():
        if not isinstance(key, str):
            raise WeightsError(f"the key {key!r} is no text")
        if key in scales:
            continue
        if value.dtype == torch.int8:
            result[key] = value.float() * _checked_scale(key, value, state.get(f"{key}{SCALE}"))
        elif value.dtype in FLOATS:
            result[key] = value.float()
        elif value.dtype == torch.int64 and value.ndim == 0:  # how many batches a norm has seen
            result[key] = value
        else:
            raise WeightsError(f"'{key}' is of the type {value.dtype}")
        if result[key].is_floating_point() and not bool(result[key].isfinite().all()):
            raise WeightsError(f"'{key}' holds values that are not finite")
    return result


def _checked_scale(key: str, value: torch.Tensor, scale: torch.Tensor | None) -> torch.Tensor:
    """The scale of an 8-bit tensor, float32: positive numbers along one of its axes."""
    if scale is None or scale.dtype not in FLOATS:
        raise WeightsError(f"'{key}' has no scale")
    shapes = [tuple(count if n == axis else 1 for n, count in enumerate(value.shape)) for axis in range(value.ndim)]
    if tuple(scale.shape) not in shapes[:2]:
        raise WeightsError(f"the scale of '{key}' does not fit it")
    if not bool((scale > 0).all()):
        raise WeightsError(f"the scale of '{key}' is not positive")
    return scale.float()


def save_weights(network: torch.nn.Module, path: Path, precision: Precision = "int8") -> None:
    """Writes the state dict, each tensor once (DynUNet lists its layers twice), under a temporary name first.

    Raises:
        ValueError: the precision is none of those. ``WeightsError``: a weight is not finite.
    """
    if precision not in ("int8", "half", "single"):
        raise ValueError(f"weights are not kept in '{precision}'; choose int8, half or single")
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {f"{name}.weight": 1 for name, layer in network.named_modules(remove_duplicate=False) if isinstance(layer, TRANSPOSED)}
    written: dict[tuple[int, tuple[int, ...], tuple[int, ...]], list[torch.Tensor]] = {}
    state: dict[str, torch.Tensor] = {}
    for key, value in network.state_dict().items():
        stored = written.setdefault((value.data_ptr(), tuple(value.shape), value.stride()), [])
        if not stored:
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise WeightsError(f"'{key}' holds values that are not finite")
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
    half = value.half()
    return [half if precision != "single" and bool(half.isfinite().all()) else value.float()]
