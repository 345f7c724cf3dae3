"""What a CT of the trunk shows beside bone and soft tissue: calcified and enhanced vessels, contrast in kidneys and bowel, the table.

Values are rough textbook Hounsfield units.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from Training.synthetic.spine.canvas import AIR, ORGAN_A, ORGAN_B, VESSEL, noise

PLAQUE_HU, LUMEN_HU, KIDNEY_HU, BOWEL_HU = (250, 1000), (60, 320), (20, 180), (120, 500)
"""What is set in calcified walls, and what is added in enhanced vessels, kidneys and bowel."""
TABLE_HU, FOAM_HU = (-250, 250), (-980, -850)


def with_contents(rng: np.random.Generator, image: torch.Tensor, tissue: np.ndarray, spacing: tuple[float, float, float]) -> torch.Tensor:
    """A drawn CT with such details, each at times.

    Args:
        image: float32 (K, J, I), HU; ``tissue`` of ``spine_canvas`` with i, j, k along R, A, S; ``spacing`` in mm along R, A, S.
    """
    image, mm = image.clone(), np.asarray(spacing, float)
    vessel = tissue == VESSEL
    if rng.random() < 0.45:
        image[torch.from_numpy(vessel)] += float(rng.uniform(*LUMEN_HU))
        image[torch.from_numpy(tissue == ORGAN_B)] += float(rng.uniform(*KIDNEY_HU))
    if vessel.any() and rng.random() < 0.45:
        wall = vessel & ~ndimage.binary_erosion(vessel)
        plaques = wall & (noise(rng, tissue.shape, mm, 9) > rng.uniform(0.3, 1.5))
        image[torch.from_numpy(plaques)] = float(rng.uniform(*PLAQUE_HU))
    if rng.random() < 0.3:
        filled = (tissue == ORGAN_A) & (noise(rng, tissue.shape, mm, 18) > rng.uniform(0.9, 1.6))
        image[torch.from_numpy(filled)] += float(rng.uniform(*BOWEL_HU))
    return _on_table(rng, image, tissue, mm) if rng.random() < 0.5 else image


def _on_table(rng: np.random.Generator, image: torch.Tensor, tissue: np.ndarray, mm: np.ndarray) -> torch.Tensor:
    """The patient on a padded plate, where the air behind the back is in view."""
    rows = np.flatnonzero((tissue != AIR).any((0, 2)))
    pad, plate = (max(1, int(round(rng.uniform(*sides) / mm[1]))) for sides in ((4, 15), (2, 5)))
    if not len(rows) or rows[0] < pad + plate:
        return image
    air = torch.from_numpy(tissue == AIR)
    for first, last, value in ((rows[0] - pad, rows[0] + 3, FOAM_HU), (rows[0] - pad - plate, rows[0] - pad, TABLE_HU)):
        part = image[:, first:last]
        part[air[:, first:last]] = float(rng.uniform(*value))
    return image


def ct_noise(rng: np.random.Generator, image: torch.Tensor) -> torch.Tensor:
    """The CT with noise as fine as a sharp kernel's or as coarse as a soft one's, at times in streaks from side to side."""
    deviation = float(rng.uniform(0, 30) if rng.random() < 0.6 else rng.uniform(30, 110))
    grain = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
    if rng.random() < 0.5:
        grain = F.avg_pool3d(grain[None, None], 3, 1, 1)[0, 0]
        grain = grain / grain.std().clamp_min(1e-6)
    if rng.random() < 0.3:
        streaks = torch.from_numpy(rng.standard_normal(tuple(image.shape[:2]), dtype=np.float32))[..., None]
        grain = grain + float(rng.uniform(0, 0.6)) * streaks
    return image + deviation * grain
