"""The perceptron of ``monai.networks.nets.FullyConnectedNet``, built to be run: MONAI takes two seconds to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn


def understood(definition: Mapping[str, Any]) -> bool:
    """Whether ``Perceptron`` computes what MONAI's network of this definition does; dropout is none when it is run."""
    if str(definition.get("_target_", "")).rsplit(".", 1)[-1] != "FullyConnectedNet":
        return False
    given = {key: value for key, value in definition.items() if key not in ("_target_", "dropout")}
    sizes = [given.pop(key, None) for key in ("in_channels", "out_channels", "hidden_channels")]
    hidden = sizes.pop()
    if given or not isinstance(hidden, (list, tuple)):
        return False
    return all(isinstance(size, int) and size > 0 for size in (*sizes, *hidden))


class Perceptron(nn.Sequential):
    """Scores (B, out_channels) of features (B, in_channels): linear layers with PReLU between them.

    Args:
        definition: one that is ``understood``.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        super().__init__()
        width = definition["in_channels"]
        self.add_module("flatten", nn.Flatten())
        for number, wide in enumerate(definition["hidden_channels"]):
            activation = nn.Sequential()
            activation.add_module("A", nn.PReLU())
            self.add_module(f"hidden_{number}", nn.Sequential(nn.Linear(width, wide), activation))
            width = wide
        self.add_module("output", nn.Linear(width, definition["out_channels"]))
