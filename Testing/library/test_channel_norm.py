"""The quicker instance normalization: the same values, the same names of weights, the layout kept."""

from __future__ import annotations

import pytest
import torch

from neurospineseg.models.channel_norm import ChannelNorm, with_channel_norms
from neurospineseg.models.network import build_network
from Testing.tiny_model import TINY_NETWORK

LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}
NORMS = {2: torch.nn.InstanceNorm2d, 3: torch.nn.InstanceNorm3d}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 5e-4), (torch.bfloat16, 0.05)])
def test_it_is_instance_normalization_and_keeps_the_layout(dimensions: int, affine: bool, precision: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    former = NORMS[dimensions](6, affine=affine)
    if affine:
        torch.nn.init.normal_(former.weight)
        torch.nn.init.normal_(former.bias)
    image = (3 * torch.randn(2, 6, *[9] * dimensions) + 20).contiguous(memory_format=LAYOUTS[dimensions])
    found = ChannelNorm(former)(image.to(precision))
    torch.testing.assert_close(found.float(), former(image.to(precision).float()), atol=tolerance, rtol=tolerance)
    assert found.dtype == precision
    assert found.is_contiguous(memory_format=LAYOUTS[dimensions])


def test_a_network_keeps_its_weights_and_its_answer() -> None:
    network = build_network({**TINY_NETWORK, "norm_name": ["INSTANCE", {"affine": True}]}).eval()
    image = torch.randn(1, 4, 32, 32, 32)
    before, keys = network(image), list(network.state_dict())
    exchanged = with_channel_norms(network)
    assert list(exchanged.state_dict()) == keys
    assert not any(isinstance(module, torch.nn.InstanceNorm3d) for module in exchanged.modules())
    torch.testing.assert_close(exchanged(image), before, atol=1e-4, rtol=1e-4)


def test_running_statistics_are_left_alone() -> None:
    network = torch.nn.Sequential(torch.nn.InstanceNorm3d(4, track_running_stats=True))
    assert isinstance(with_channel_norms(network)[0], torch.nn.InstanceNorm3d)
