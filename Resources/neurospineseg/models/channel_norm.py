"""Instance normalization that leaves a channels-last tensor channels-last on the CPU.

``torch.instance_norm`` returns channels-first there, so that every convolution after it copies its input back: a third of
the time of a U-Net with 16 filters. Group normalization with one channel per group is the same function, has a kernel for
that layout, and sums in float32 whatever its input.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.nn.modules.instancenorm import _InstanceNorm


class ChannelNorm(torch.nn.Module):
    """An instance normalization of statistics taken from the image itself; on a GPU it runs as it did.

    Args:
        former: its weight and bias are taken over, so the state dict's keys stay.
    """

    def __init__(self, former: _InstanceNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = former.weight, former.bias, former.eps

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.device.type == "cpu":
            return F.group_norm(image, image.shape[1], self.weight, self.bias, self.eps)
        return F.instance_norm(image, weight=self.weight, bias=self.bias, eps=self.eps)


def with_channel_norms(network: torch.nn.Module) -> torch.nn.Module:
    """The network, every instance normalization in it that keeps no running statistics replaced in place."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _InstanceNorm) and not child.track_running_stats:
                setattr(parent, name, ChannelNorm(child))
    return network
