"""Weights on disk: half precision, nothing twice, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import TINY_NETWORK

from neurospineseg.network import NetworkError, build_network, load_weights, save_weights


def test_weights_come_back_and_are_written_once(tmp_path: Path) -> None:
    definition = {**TINY_NETWORK, "filters": [16, 32, 64]}
    network = build_network(definition).eval()
    save_weights(network, tmp_path / "model.pt")
    back = load_weights(build_network(definition), tmp_path / "model.pt")
    image = torch.randn(1, 4, 32, 32, 32)
    assert torch.allclose(network(image), back(image), atol=0.05)
    parameters = sum(value.numel() for value in network.parameters())
    assert (tmp_path / "model.pt").stat().st_size < 2 * parameters + 60_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_weights(build_network(TINY_NETWORK), tmp_path / "model.pt")
    with pytest.raises(NetworkError, match="do not fit"):
        load_weights(build_network({**TINY_NETWORK, "filters": [8, 8, 8]}), tmp_path / "model.pt")
