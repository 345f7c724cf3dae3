"""The U-Net of ``monai.networks.nets.DynUNet``, built to be run and not to be trained.

It has the same weights under the same names and gives the same values. MONAI takes two seconds to import and a hundred
megabytes to hold, and keeps each feature map until the block that made it ends; here each is let go as soon as the next is there.
The architecture is nnU-Net's (Isensee et al., Nature Methods 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from neurospineseg.models.channel_norm import ChannelNorm

CONVOLUTIONS: dict[int, tuple[Any, Any, Any]] = {
    2: (nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d),
    3: (nn.Conv3d, nn.ConvTranspose3d, nn.InstanceNorm3d),
}
NORMS = {"INSTANCE": False, ("INSTANCE", False): False, ("INSTANCE", True): True, None: True}
"""Kinds of normalization that are understood, and whether each is affine; None where a definition says nothing."""
NEEDED = {"spatial_dims", "in_channels", "out_channels", "kernel_size", "strides", "upsample_kernel_size", "filters"}
REPEATED = "skip_layers."
"""MONAI lists every layer once more under names that begin so."""

Sides = tuple[int, ...]


def understood(definition: Mapping[str, Any]) -> bool:
    """Whether ``UNet`` computes what MONAI's network of this definition does: instance norms, no residual blocks, no dropout.

    Whatever is unusual or wrong in a definition is left to MONAI, which also says what is wrong.
    """
    given = {key: value for key, value in definition.items() if not key.startswith("_")}
    plain = {key: value for key, value in given.items() if key != "norm_name" and not (key == "res_block" and value is False)}
    if str(definition.get("_target_", "")).rsplit(".", 1)[-1] != "DynUNet" or set(plain) != NEEDED or given["spatial_dims"] not in (2, 3):
        return False
    lists = [given[key] for key in ("kernel_size", "strides", "upsample_kernel_size", "filters")]
    if not all(isinstance(each, (list, tuple)) for each in lists):
        return False
    kernels, strides, up, filters = lists
    dimensions = given["spatial_dims"]
    numbers = (_whole(given["in_channels"]), _whole(given["out_channels"]), *map(_whole, filters))
    sides = [sides_of(each, dimensions) for each in (*kernels, *strides, *up)]
    if not all(numbers) or None in sides or not 3 <= len(kernels) == len(strides) == len(filters) == len(up) + 1:
        return False
    odd = all(n % 2 for each in sides[: len(kernels)] for n in each or ())
    same = sides[len(kernels) + 1 : 2 * len(kernels)] == sides[2 * len(kernels) :]
    return odd and same and sides[len(kernels)] == (1,) * dimensions and norm_kind(given) in NORMS


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def sides_of(value: Any, dimensions: int) -> Sides | None:
    """A kernel or stride along each axis, from one number for all of them or from a list; None where it is neither."""
    sides = tuple(value) if isinstance(value, (list, tuple)) else (value,) * dimensions
    return sides if len(sides) == dimensions and all(map(_whole, sides)) else None


def norm_kind(definition: Mapping[str, Any]) -> Any:
    """The definition's ``norm_name`` as a key of ``NORMS``, or something that is none."""
    name = definition.get("norm_name")
    if isinstance(name, (list, tuple)) and len(name) == 2 and isinstance(name[0], str) and isinstance(name[1], dict):
        return (name[0].upper(), name[1]["affine"]) if set(name[1]) == {"affine"} and isinstance(name[1]["affine"], bool) else ""
    return name.upper() if isinstance(name, str) else (None if name is None else "")


class NormedActivation(ChannelNorm):
    """Instance normalization and a leaky ReLU of slope 0.01."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu_(super().forward(image), 0.01)


class Block(nn.Module):
    """Twice a convolution, a normalization and a leaky ReLU; the stride is the first convolution's."""

    conv1: nn.Module
    norm1: nn.Module
    conv2: nn.Module
    norm2: nn.Module

    def __init__(self, channels: tuple[int, int], kernel: Sides, stride: Sides, affine: bool) -> None:
        super().__init__()
        convolution, _, norm = CONVOLUTIONS[len(kernel)]
        for number, (taken, step) in enumerate(((channels[0], stride), (channels[1], (1,) * len(kernel))), 1):
            padding = tuple((side - back + 1) // 2 for side, back in zip(kernel, step))
            layer = convolution(taken, channels[1], kernel, step, padding, bias=False)
            setattr(self, f"conv{number}", named_conv(layer))
            setattr(self, f"norm{number}", NormedActivation(norm(channels[1], affine=affine)))

    def layers(self) -> Iterator[nn.Module]:
        yield from (self.conv1, self.norm1, self.conv2, self.norm2)


class Up(nn.Module):
    """A transposed convolution, and the block that works on what it and the skip connection give together."""

    def __init__(self, channels: tuple[int, int], kernel: Sides, stride: Sides, affine: bool) -> None:
        super().__init__()
        transposed = CONVOLUTIONS[len(kernel)][1]
        self.transp_conv = named_conv(transposed(*channels, stride, stride, bias=False))
        self.conv_block = Block((2 * channels[1], channels[1]), kernel, (1,) * len(kernel), affine)


def named_conv(layer: nn.Module) -> nn.Sequential:
    """The layer under the name that MONAI's ``Convolution`` gives it."""
    named = nn.Sequential()
    named.add_module("conv", layer)
    return named


class UNet(nn.Module):
    """Scores (B, out_channels, *sides) of images (B, in_channels, *sides), every side a multiple of the product of its strides.

    Args:
        definition: one that is ``understood``.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        super().__init__()
        dimensions, affine = definition["spatial_dims"], NORMS[norm_kind(definition)]
        kernels, strides = ([sides_of(each, dimensions) or () for each in definition[key]] for key in ("kernel_size", "strides"))
        filters: Sequence[int] = definition["filters"]
        blocks = [
            Block(channels, kernel, stride, affine)
            for channels, kernel, stride in zip(zip([definition["in_channels"], *filters], filters), kernels, strides)
        ]
        self.input_block, self.bottleneck = blocks[0], blocks[-1]
        self.downsamples = nn.ModuleList(blocks[1:-1])
        levels = range(len(filters) - 1, 0, -1)
        self.upsamples = nn.ModuleList(Up((filters[level], filters[level - 1]), kernels[level], strides[level], affine) for level in levels)
        self.output_block = nn.Module()
        self.output_block.conv = named_conv(CONVOLUTIONS[dimensions][0](filters[0], definition["out_channels"], 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        skips: list[torch.Tensor] = []
        for block in (self.input_block, *self.downsamples, self.bottleneck):
            for layer in cast(Block, block).layers():
                image = layer(image)
            skips.append(image)
        skips.pop()
        for up in cast("list[Up]", list(self.upsamples)):
            image = up.transp_conv(image)
            image = torch.cat((image, skips.pop()), 1)
            for layer in up.conv_block.layers():
                image = layer(image)
        return cast(nn.Module, self.output_block.conv)(image)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As every module's; what MONAI lists twice is taken once."""
        once = {key: value for key, value in state_dict.items() if not key.startswith(REPEATED)}
        return super().load_state_dict(once, *args, **kwargs)
