"""Which device computes, and in which precision."""

from __future__ import annotations

import re

import torch

from neurospineseg.errors import InputError

WITHOUT_HALF = re.compile(r"\b(GTX 16\d\d|T[456]00|T550|T1000|T1200|T2000|MX[45]50|CMP 30HX)\b")
"""Turing GPUs without tensor cores, on which convolutions in float16 were reported to give NaN (PyTorch issues 58123 and 77955)."""


def choose_device(name: str = "auto") -> torch.device:
    """``auto`` is CUDA, then MPS, then CPU; otherwise ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    Raises:
        InputError: the device is unknown or not on this computer.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"There is no device '{name}'; choose auto, cpu, cuda or mps.") from error
    present = {"cpu": True, "cuda": cuda and (device.index or 0) < torch.cuda.device_count(), "mps": mps}
    if not present.get(device.type, False):
        raise InputError(f"The device '{name}' is not available on this computer; choose auto or cpu.")
    return device


def choose_precision(device: torch.device) -> torch.dtype:
    """``bfloat16`` where the hardware computes in it, ``float16`` on Volta and on Turing with tensor cores, else ``float32``."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability >= (8, 0):
            return torch.bfloat16
        half = capability >= (7, 0) and not WITHOUT_HALF.search(torch.cuda.get_device_name(device))
        return torch.float16 if half else torch.float32
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32


def free_bytes(device: torch.device) -> int:
    """Memory that a CUDA device can still give: what nobody holds, and what this process holds without using it."""
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
