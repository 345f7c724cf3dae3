"""In which precision a device computes, and that half precision is enough for the models that come along."""

from __future__ import annotations

import pytest
import torch

from neurospineseg.inference.device import choose_precision, free_bytes
from neurospineseg.inference.nested import class_probabilities, with_background
from neurospineseg.models.bundle import ModelSpec, find_bundle
from neurospineseg.models.network import build_network, load_weights

SIDE = 48
GPU = torch.device("cuda")


@pytest.mark.parametrize(
    ("capability", "name", "precision"),
    [
        ((6, 1), "GeForce GTX 1080", torch.float32),
        ((7, 0), "Tesla V100-SXM2-16GB", torch.float16),
        ((7, 5), "NVIDIA GeForce RTX 2080 Ti", torch.float16),
        ((7, 5), "NVIDIA GeForce GTX 1660 Ti", torch.float32),
        ((7, 5), "NVIDIA T1000 8GB", torch.float32),
        ((7, 5), "NVIDIA GeForce MX450", torch.float32),
        ((7, 5), "Tesla T4", torch.float16),
        ((7, 5), "Quadro RTX 5000", torch.float16),
        ((8, 6), "NVIDIA GeForce RTX 3060", torch.bfloat16),
        ((12, 0), "NVIDIA GeForce RTX 5090", torch.bfloat16),
    ],
)
def test_a_gpu_computes_in_what_it_has_units_for(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], name: str, precision: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert choose_precision(GPU) == precision


def test_memory_that_is_held_unused_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"mem_get_info": (1000, 4000), "memory_reserved": 700, "memory_allocated": 200}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert free_bytes(GPU) == 1500


def rounded(network: torch.nn.Module) -> torch.nn.Module:
    """The network as tensor cores run it: what goes into and comes out of each layer in float16, sums in float32.

    The CPU's own float16 convolutions say the same, in some hundred times the time.
    """
    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_pre_hook(lambda _, given: tuple(image.half().float() for image in given))
            layer.register_forward_hook(lambda _, given, found: found.half().float())
    return network


def noise(channels: int) -> torch.Tensor:
    return torch.randn(1, channels, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def extremes(channels: int) -> torch.Tensor:
    """Blocks of the lowest and the highest value that ``normalize_channel`` gives."""
    signs = torch.randn(1, channels, SIDE // 8, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(0)).sign()
    return torch.nn.functional.interpolate(5 * signs, scale_factor=8)


def lone_voxel(channels: int) -> torch.Tensor:
    """The highest contrast for instance normalization: its deviation is smallest beside the peak."""
    image = torch.zeros(1, channels, SIDE, SIDE, SIDE)
    image[..., 20, 20, 20] = 5
    return image


@pytest.mark.parametrize("name", ["tumor_glioma", "tumor_glioma_1mm", "spine_3d", "subcortical_nuclei_3d", "subcortical_locator"])
def test_half_precision_changes_no_class_but_at_near_ties(name: str) -> None:
    bundle = find_bundle(name)
    images = [make(bundle.spec.inputs) for make in (noise, extremes, lone_voxel)]
    if bundle.spec.normalization == "foreground_percentile":
        images = [(image / 10 + 0.5).clamp(0, 1) for image in images]
    network = load_weights(build_network(bundle.network_def), bundle.weights)
    with torch.inference_mode():
        wanted = [network(image) for image in images]
        rounded(network)
        for single, image in zip(wanted, images):
            half = network(image)
            assert half.isfinite().all()
            found, exact = probabilities(half, bundle.spec), probabilities(single, bundle.spec)
            assert float((found.argmax(0) == exact.argmax(0)).float().mean()) > 0.999
            torch.testing.assert_close(found, exact, atol=0.03, rtol=0)


def probabilities(scores: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Of each class, (C, K, J, I), from a network's scores (1, ...)."""
    return class_probabilities((with_background(scores) if spec.nested else scores)[0], spec)
