"""A 2D network that segments the spine on sagittal slices of 1 mm, with the slice on either side of each."""

from __future__ import annotations

import numpy as np
import torch

from drawing.spine_scan import ScanPool, cut
from neurospineseg.bundle import ModelSpec

from .spine_3d import CLASSES, MODALITIES

SLICES, PATCH = 3, 192


class recipe:
    spec = ModelSpec(
        name="spine_2d",
        task="spine",
        channels=("image",),
        spacing=(3.0, 1.0, 1.0),
        patch=(PATCH, PATCH, 1),
        slice_axis=2,
        slices=SLICES,
        normalization="foreground_zscore",
        classes=CLASSES,
        modalities=MODALITIES,
        title="Spine (2D)",
        trained_on="drawn spines and 10 lumbar T2 scans",
        measured="19 lumbar MR scans: Dice of vertebral bodies 0.75-0.90, 107 of 122 named rightly (two scans shifted by a level)",
        summary="Vertebrae, discs, spinal canal and sacrum; sagittal slices at 1 mm.",
    )
    network_def = {
        "_target_": "DynUNet",
        "spatial_dims": 2,
        "in_channels": SLICES,
        "out_channels": len(CLASSES),
        "kernel_size": [3, 3, 3, 3, 3],
        "strides": [1, 2, 2, 2, 2],
        "upsample_kernel_size": [2, 2, 2, 2],
        "filters": [24, 48, 96, 160, 224],
        "norm_name": ["INSTANCE", {"affine": True}],
        "res_block": False,
    }
    batch = 4

    def __init__(self) -> None:
        self.pool = ScanPool(self.spec.spacing, self.spec.normalization, real_share=0.4, uses=12)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Neighboring sagittal slices (SLICES, K, J) and the bit masks (K, J) of the middle one."""
        image, masks = cut(rng, self.pool.take(rng), (PATCH, PATCH, 1 + 2 * (SLICES // 2)))
        return image.movedim(-1, 0).contiguous(), masks[..., SLICES // 2].contiguous()
