"""Weights on disk: as small as they may be, nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from neurospineseg.models.network import NetworkError, build_network, load_weights
from neurospineseg.models.weights import SCALE, Precision, dequantized, quantized, save_weights
from Testing.tiny_model import TINY_NETWORK

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


def without_scale(state: dict, key: str) -> None:
    del state[f"{key}{SCALE}"]


def scaled(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict, str], None]:
    def apply(state: dict, key: str) -> None:
        state[f"{key}{SCALE}"] = change(state[f"{key}{SCALE}"])

    return apply


def typed(kind: torch.dtype) -> Callable[[dict, str], None]:
    def apply(state: dict, key: str) -> None:
        state[key] = state[key].to(kind)

    return apply


def keyed_by_a_number(state: dict, key: str) -> None:
    state[3] = torch.ones(1)


def not_finite(state: dict, key: str) -> None:
    name = next(name for name, value in state.items() if value.is_floating_point() and not name.endswith(SCALE))
    state[name] = torch.full_like(state[name], float("inf"))


@pytest.mark.parametrize(
    "spoil, words",
    [
        (without_scale, "has no scale"),
        (scaled(lambda scale: scale * float("nan")), "not positive"),
        (scaled(lambda scale: scale * float("inf")), "not finite"),
        (scaled(lambda scale: -scale), "not positive"),
        (scaled(lambda scale: scale.flatten()[0]), "does not fit"),
        (scaled(lambda scale: scale.expand(*scale.shape[:-1], 3)), "does not fit"),
        (scaled(lambda scale: scale.to(torch.int32)), "has no scale"),
        (scaled(lambda scale: scale.to(torch.complex64)), "has no scale"),
        (typed(torch.float16), "do not fit"),
        (typed(torch.uint8), "of the type torch.uint8"),
        (typed(torch.int16), "of the type torch.int16"),
        (typed(torch.bool), "of the type torch.bool"),
        (keyed_by_a_number, "is no text"),
        (not_finite, "not finite"),
    ],
)
def test_weights_that_mean_nothing_are_refused(spoil: Callable[[dict, str], None], words: str, tmp_path: Path) -> None:
    save_weights(build_network(TINY_NETWORK), tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    spoil(state, next(key for key, value in state.items() if value.dtype == torch.int8))
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(NetworkError, match=words):
        load_weights(build_network(TINY_NETWORK), tmp_path / "model.pt")


def test_a_transposed_view_is_not_taken_for_what_it_views(tmp_path: Path) -> None:
    layers = torch.nn.ParameterDict({"own": torch.nn.Parameter(torch.randn(4, 4))})
    layers["view"] = torch.nn.Parameter(layers["own"].data.T)
    save_weights(layers, tmp_path / "model.pt", "single")
    assert torch.equal(torch.load(tmp_path / "model.pt", weights_only=True)["view"], layers["view"].data)


def test_a_bias_beyond_half_precision_is_kept(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(layer.bias, 1e6)
    save_weights(layer, tmp_path / "model.pt")
    assert float(dequantized(torch.load(tmp_path / "model.pt", weights_only=True))["bias"]) == 1e6


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(layer.weight, float("nan"))
    with pytest.raises(ValueError, match="'weight' holds values that are not finite"):
        save_weights(layer, tmp_path / "model.pt")


def test_a_precision_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="int4"):
        save_weights(build_network(TINY_NETWORK), tmp_path / "model.pt", "int4")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
