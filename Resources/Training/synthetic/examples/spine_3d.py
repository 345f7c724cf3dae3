"""A 3D network that segments the spine at 2 mm in MR and CT: drawn spines, and real scans whose bodies alone are labeled."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.spine.scan import ScanPool, cut


class Examples:
    """Patches of scans; ``real_share``, ``map_share`` and ``artifact_share`` as in ``ScanPool``."""

    def __init__(self, spec: ModelSpec, real_share: float = 0.4, map_share: float = 0.3, artifact_share: float = 0.15) -> None:
        self.spec = spec
        self.pool = ScanPool(self.spec.spacing, self.spec.normalization, real_share, map_share, artifact_share)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A patch (1, *PATCH) and its bit masks."""
        image, masks = cut(rng, self.pool.take(rng), self.spec.patch)
        return image[None].contiguous(), masks.contiguous()
