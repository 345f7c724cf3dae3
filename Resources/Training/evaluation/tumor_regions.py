"""The three regions by which gliomas are evaluated, as sets of labels."""

from __future__ import annotations

import numpy as np

from neurospineseg.geometry.agreement import dice

REGIONS = {"whole tumor": (1, 2, 3), "core": (1, 3), "enhancing": (3,)}
"""1 necrotic core (with non-enhancing tumor), 2 edema, 3 enhancing tumor."""


def regions_of(labels: np.ndarray) -> list[np.ndarray]:
    """The bool mask of each of ``REGIONS`` in a label map."""
    return [np.isin(labels, values) for values in REGIONS.values()]


def region_dice(found: np.ndarray, truth: np.ndarray) -> list[float]:
    """Dice of each of ``REGIONS`` of two label maps of one shape; NaN where the truth has none of it."""
    return [dice(a, b) if b.any() else float("nan") for a, b in zip(regions_of(found), regions_of(truth))]


def absent_ml(found: np.ndarray, truth: np.ndarray, voxel_ml: float) -> list[float]:
    """How many mL were taken for each of ``REGIONS`` where the truth has none of it; NaN where it has some."""
    return [float("nan") if b.any() else float(a.sum() * voxel_ml) for a, b in zip(regions_of(found), regions_of(truth))]
