"""A 2D network that segments the spine on sagittal slices of 1 mm, with the slice on either side of each."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.spine.scan import ScanPool, cut

SLICES, PATCH = 3, 192


class Examples:
    """Slices of scans; ``real_share``, ``map_share`` and ``artifact_share`` as in ``ScanPool``."""

    def __init__(self, spec: ModelSpec, real_share: float = 0.4, map_share: float = 0.3, artifact_share: float = 0.15) -> None:
        self.spec = spec
        self.pool = ScanPool(self.spec.spacing, self.spec.normalization, real_share, map_share, artifact_share, uses=24)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Neighboring sagittal slices (SLICES, K, J) and the bit masks (K, J) of the middle one."""
        image, masks = cut(rng, self.pool.take(rng), (PATCH, PATCH, 1 + 2 * (SLICES // 2)))
        return image.movedim(-1, 0).contiguous(), masks[..., SLICES // 2].contiguous()
