"""The labels of lesions and the groups of a head's labels that decide where lesions lie."""

from __future__ import annotations

import torch
import torch.nn.functional as F

NECROSIS, EDEMA, ENHANCING, NON_ENHANCING, HEMORRHAGE, CYST = range(990, 996)
WHITE_MATTER_LESION, ENHANCING_NORMAL, INFARCT, BRIGHT_OUTSIDE = range(996, 1000)
CLASSES = {NECROSIS: 1, NON_ENHANCING: 1, HEMORRHAGE: 1, CYST: 1, EDEMA: 2, ENHANCING: 3}
"""Label drawn here: class of the network (1 necrotic core, 2 edema, 3 enhancing tumor)."""
WHITE = (2, 41)
CORTEX = (3, 42)
DEEP = (10, 11, 12, 13, 17, 18, 26, 28, 49, 50, 51, 52, 53, 54, 58, 60, *range(901, 908), *range(951, 958))
HIND = (7, 8, 16, 46, 47)
VENTRICLES = (4, 5, 14, 15, 43, 44)
LEFT = (2, 3, *range(7, 14), 17, 18, 26, 28, *range(901, 908))
RIGHT = (41, 42, *range(46, 55), 58, 60, *range(951, 958))
CLOSED_MM = 4.0
"""Half the width of the sulci that count as brain."""
SOFT_OUTSIDE = (507, 508, 509, 511, 512, 514)


def voxels(mm: float, spacing_mm: float) -> int:
    """How many voxels make up a width in mm, at least one unless it is 0."""
    return max(int(mm > 0), round(mm / spacing_mm))


def among(labels: torch.Tensor, values: tuple[int, ...]) -> torch.Tensor:
    """Where an integer label map holds one of ``values``."""
    table = torch.zeros(1000, dtype=torch.bool)
    table[list(values)] = True
    return table[labels.long()]


def grown(mask: torch.Tensor, reach: int) -> torch.Tensor:
    """The bool mask (K, J, I) with everything within a cube of ``reach`` voxels on each side of it; negative: shrunken."""
    width = 2 * abs(reach) + 1
    field = (mask if reach >= 0 else ~mask).float()
    for axis in range(3):
        lines = field.movedim(axis, 2)
        field = F.max_pool1d(lines.flatten(0, 1), width, 1, abs(reach)).view(lines.shape).movedim(2, axis)
    return (field > 0) == (reach >= 0)


def brain_mask(labels: torch.Tensor, spacing_mm: float, margin_mm: float = 2.0) -> torch.Tensor:
    """Brain with its sulci, grown by ``margin_mm`` (0 to ``CLOSED_MM``); bool (K, J, I)."""
    tissue = ((labels > 0) & (labels < 500) & (labels != 24)) | ((labels >= 900) & (labels != BRIGHT_OUTSIDE))
    reach = voxels(CLOSED_MM, spacing_mm)
    return grown(grown(tissue, reach), voxels(margin_mm, spacing_mm) - reach)
