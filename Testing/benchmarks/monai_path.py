"""MONAI's standard way from files to a mask, with the network and the weights of one of our bundles.

It is what the bundle's own ``configs/inference.json`` and MONAI's tutorials do: ``LoadImaged``, ``EnsureChannelFirstd``, ``Orientationd``,
``Spacingd``, ``ConcatItemsd``, ``NormalizeIntensityd``, ``SlidingWindowInferer`` (overlap 0.5, Gaussian), ``Invertd`` of the scores onto the
scan's grid, ``AsDiscreted``, ``SaveImaged``.

Tuned, it is what somebody who knows MONAI makes of that: the modalities as one image on the device from the beginning, ``CropForegroundd``
before it is resampled, resampling in float32 instead of MONAI's default float64, the network in bfloat16 where the hardware computes in
it, and the scores inverted and discretized where they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from monai import transforms as mt
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.inference.device import choose_precision
from neurospineseg.inference.predict import joined, with_coordinates
from neurospineseg.models.bundle import Bundle
from Testing.benchmarks.plain_network import class_network

warnings.filterwarnings("ignore", message=".*(labels|always_return_as_numpy|non-tuple sequence)", module="monai")

Kind = Literal["float32", "autocast", "tuned"]


class MonaiPath:
    """Segments from files into a ``.nii.gz`` of class numbers.

    Args:
        device: that computes.
        kind: ``float32``; ``autocast``: the network runs in bfloat16 where ``torch.autocast`` allows it; ``tuned``, see above.
        region: where the scan is segmented instead of the whole of it: a model that is told where to look gets that for nothing here,
            since MONAI has no standard way to find it.

    Raises:
        InputError: the model is none that MONAI's sliding window runs.
    """

    def __init__(self, bundle: Bundle, device: torch.device, kind: Kind, region: Grid | None = None) -> None:
        spec = bundle.spec
        if spec.slice_axis is not None:
            raise InputError(f"The model '{spec.name}' works slice by slice; MONAI's standard path is measured with 3D models only.")
        self.spec, self.device, self.tuned = spec, device, kind == "tuned"
        self.autocast = kind == "autocast" or (self.tuned and choose_precision(device) == torch.bfloat16)
        self.network = class_network(bundle).to(device)
        self.inferer = SlidingWindowInferer(spec.patch, 1 if device.type == "cpu" else 4, overlap=0.5, mode="gaussian", sw_device=device)
        self.region = None
        if region is not None:
            to_file_order = np.eye(4)[[2, 1, 0, 3]]
            self.region = MetaTensor(torch.zeros(1, *region.shape), affine=torch.from_numpy(region.ijk_to_ras @ to_file_order))

    def __call__(self, scans: Mapping[str, Path], output: Path) -> Path:
        keys = [name for name in self.spec.channels if name in scans]
        bring = self._bring_in(keys)
        data = bring({**{name: str(scans[name]) for name in keys}, **({"region": self.region} if self.region is not None else {})})
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            image = self._all_channels(data["image"], keys)[None].to(self.device)
            scores = self._both_sides(image) if self.spec.bilateral else self.inferer(image, self.network)
        data["pred"] = MetaTensor(scores[0].float() if self.tuned else scores[0].float().cpu())
        finish = mt.Compose(
            [
                mt.Invertd("pred", transform=bring, orig_keys="image" if self.tuned else keys[0], nearest_interp=False, to_tensor=True),
                mt.AsDiscreted("pred", argmax=True),
                mt.SaveImaged(
                    "pred",
                    output_dir=str(output.parent),
                    output_postfix="",
                    separate_folder=False,
                    resample=False,
                    output_dtype=np.uint16,
                    output_name_formatter=lambda *_: {"subject": output.name.removesuffix(".nii.gz"), "idx": None},
                    print_log=False,
                ),
            ]
        )
        finish(data)
        return output

    def _bring_in(self, keys: list[str]) -> mt.Compose:
        moved, dtype = ("image", np.float32) if self.tuned else (keys, np.float64)
        if self.region is not None:
            place = [mt.ResampleToMatchd(moved, key_dst="region", mode="bilinear", dtype=dtype)]
        else:
            place = [
                mt.Orientationd(moved, axcodes="SAR"),
                mt.Spacingd(moved, pixdim=self.spec.spacing[::-1], mode="bilinear", dtype=dtype),
            ]
        together = mt.ConcatItemsd(keys, name="image")
        if self.tuned:
            crop = [mt.CropForegroundd("image", "image")] if self.region is None else []
            steps = [together, mt.EnsureTyped("image", device=self.device), *crop, *place]
        else:
            steps = [*place, together]
        scale = {
            "foreground_zscore": mt.NormalizeIntensityd("image", nonzero=True, channel_wise=True),
            "foreground_percentile": mt.ScaleIntensityRangePercentilesd("image", 0.5, 99.5, 0, 1, clip=True, channel_wise=True),
            "ct_window": mt.ScaleIntensityRanged("image", -200, 800, 0, 1, clip=True),
        }[self.spec.normalization]
        return mt.Compose(
            [
                mt.LoadImaged(keys, image_only=True),
                mt.EnsureChannelFirstd(keys),
                *steps,
                scale,
            ]
        )

    def _all_channels(self, image: torch.Tensor, keys: list[str]) -> torch.Tensor:
        """float32 (C, K, J, I) with zeros where a modality was not given."""
        full = torch.zeros(len(self.spec.channels), *image.shape[1:], device=image.device)
        full[[self.spec.channels.index(name) for name in keys]] = torch.as_tensor(image).float()
        return full

    def _both_sides(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities (1, classes, K, J, I) of a model that sees one side at a time, as ``neurospineseg.inference.predict`` puts them together."""
        whole, wide = image.shape[-1], min(image.shape[-1], self.spec.patch[2])

        def side(seen: torch.Tensor) -> torch.Tensor:
            half = seen[0, ..., whole - wide :]
            half = with_coordinates(half) if self.spec.coordinates else half
            return torch.softmax(self.inferer(half[None], self.network)[0].float(), 0)

        return joined(side(image.flip(-1)).flip(-1), side(image), whole)[None]
