"""A bundle's network as MONAI builds it, without anything that our engine changes about it to be quicker."""

from __future__ import annotations

from typing import Any

import torch

from neurospineseg.models.bundle import Bundle


def built_plainly(definition: dict[str, Any]) -> torch.nn.Module:
    """The network of a bundle's ``network_def`` in evaluation mode, without weights."""
    from monai.networks import nets

    parameters = {key: value for key, value in definition.items() if not key.startswith("_")}
    return getattr(nets, definition["_target_"].rsplit(".", 1)[-1])(**parameters).eval()


def plain_network(bundle: Bundle) -> torch.nn.Module:
    """The bundle's network with its weights in float32."""
    network = built_plainly(bundle.network_def)
    state = torch.load(bundle.weights, map_location="cpu", weights_only=True)
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    return network
