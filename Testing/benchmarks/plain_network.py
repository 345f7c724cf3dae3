"""A bundle's network as MONAI builds it, without anything that our engine changes about it to be quicker."""

from __future__ import annotations

from typing import Any

import torch

from neurospineseg.inference.nested import class_probabilities, with_background
from neurospineseg.models.bundle import Bundle, ModelSpec
from neurospineseg.models.weights import dequantized


def built_plainly(definition: dict[str, Any]) -> torch.nn.Module:
    """The network of a bundle's ``network_def`` in evaluation mode, without weights."""
    from monai.networks import nets

    parameters = {key: value for key, value in definition.items() if not key.startswith("_")}
    return getattr(nets, definition["_target_"].rsplit(".", 1)[-1])(**parameters).eval()


def plain_network(bundle: Bundle) -> torch.nn.Module:
    """The bundle's network with its weights in float32."""
    network = built_plainly(bundle.network_def)
    network.load_state_dict(dequantized(torch.load(bundle.weights, map_location="cpu", weights_only=True)))
    return network


class ClassScores(torch.nn.Module):
    """A network of nested regions as one whose output channels are classes, as other programs know them: the logarithms of their probabilities."""

    def __init__(self, network: torch.nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.network, self.spec = network, spec

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores = with_background(self.network(image).float())
        return torch.stack([class_probabilities(each, self.spec) for each in scores]).clamp_min(1e-6).log()


def class_network(bundle: Bundle) -> torch.nn.Module:
    """The bundle's network in float32, its output channels the classes."""
    network = plain_network(bundle)
    return ClassScores(network, bundle.spec).eval() if bundle.spec.nested else network
