"""The three regions by which gliomas are judged, as sets of labels."""

from __future__ import annotations

import numpy as np

from neurospineseg.measure import dice

REGIONS = {"whole tumor": (1, 2, 3), "core": (1, 3), "enhancing": (3,)}
"""1 necrotic core (with non-enhancing tumor), 2 edema, 3 enhancing tumor."""


def region_dice(found: np.ndarray, truth: np.ndarray) -> list[float]:
    """Dice of each of ``REGIONS`` of two label maps of one shape; NaN where the truth has none of it."""
    pairs = [(np.isin(found, labels), np.isin(truth, labels)) for labels in REGIONS.values()]
    return [dice(a, b) if b.any() else float("nan") for a, b in pairs]
