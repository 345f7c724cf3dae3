"""Weights on disk: as small as they may be, nothing twice, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from neurospineseg.models.network import NetworkError, build_network, load_weights
from neurospineseg.models.weights import SCALE, Precision, dequantized, quantized, save_weights
from Testing.conftest import TINY_NETWORK

DEFINITION = {**TINY_NETWORK, "filters": [16, 32, 64]}
BYTES: dict[Precision, int] = {"int8": 1, "half": 2, "single": 4}


@pytest.mark.parametrize("precision, tolerance", [("int8", 0.04), ("half", 0.002), ("single", 1e-6)])
def test_weights_come_back_and_are_written_once(precision: Precision, tolerance: float, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = build_network(DEFINITION).eval()
    save_weights(network, tmp_path / "model.pt", precision)
    back = load_weights(build_network(DEFINITION), tmp_path / "model.pt")
    image = torch.randn(1, 4, 32, 32, 32)
    with torch.inference_mode():
        expected, given = network(image), back(image)
    assert float((given - expected).norm()) <= tolerance * float(expected.norm())
    parameters = sum(value.numel() for value in network.parameters())
    assert (tmp_path / "model.pt").stat().st_size < BYTES[precision] * parameters + 60_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("axis", [0, 1])
def test_no_weight_moves_by_more_than_half_a_step_of_its_own_channel(axis: int) -> None:
    weights = torch.randn(6, 5, 3, 3, 3) * torch.logspace(-3, 2, 6 if axis == 0 else 5).view(*[-1 if n == axis else 1 for n in range(5)])
    whole, scale = quantized(weights, axis)
    assert whole.dtype == torch.int8
    assert scale.shape == tuple(n if a == axis else 1 for a, n in enumerate(weights.shape))
    assert bool(((whole * scale - weights).abs() <= 0.5001 * scale).all())


def test_a_channel_of_zeros_stays_zero() -> None:
    whole, scale = quantized(torch.zeros(2, 3, 1, 1, 1), 0)
    assert not (whole * scale).any()


def test_layers_with_output_channels_along_the_second_axis_are_scaled_along_it(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.ConvTranspose3d(3, 5, 2), torch.nn.Conv3d(5, 2, 1))
    save_weights(network, tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert state[f"0.weight{SCALE}"].shape == (1, 5, 1, 1, 1)
    assert state[f"1.weight{SCALE}"].shape == (2, 1, 1, 1, 1)
    assert set(dequantized(state)) == set(network.state_dict())


def test_weights_without_their_scale_are_refused(tmp_path: Path) -> None:
    save_weights(build_network(TINY_NETWORK), tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    del state[next(key for key in state if key.endswith(SCALE))]
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(NetworkError, match="do not fit"):
        load_weights(build_network(TINY_NETWORK), tmp_path / "model.pt")


def test_a_precision_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="int4"):
        save_weights(build_network(TINY_NETWORK), tmp_path / "model.pt", "int4")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
