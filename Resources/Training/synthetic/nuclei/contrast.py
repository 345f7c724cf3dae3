"""MR contrasts of the deep brain: intensities per FreeSurfer label, near the physical ones or random.

The ratios to white matter of the nuclei on T1 and T2 were measured on the MNI templates with the
ZonaBB atlas; those of the other tissues and sequences are rough textbook values, drawn with a wide spread.
"""

from __future__ import annotations

import numpy as np

from Training.synthetic.nuclei.heads import LABELS, NUCLEI, PEDUNCLE, RIGHT

WHITE = (2, 41, 7, 46, 85, 251, 252, 253, 254, 255, PEDUNCLE, PEDUNCLE + RIGHT)
GRAY = (3, 42, 8, 47)
FLUID = (4, 5, 14, 15, 24, 43, 44, 72)
TISSUES = {
    "white": WHITE,
    "gray": GRAY,
    "fluid": FLUID,
    "thalamus": (10, 49),
    "caudate": (11, 50, 26, 58),
    "putamen": (12, 51),
    "pallidum_externus": (13, 52, *NUCLEI["globus_pallidus_externus"]),
    "pallidum_internus": NUCLEI["globus_pallidus_internus"],
    "hippocampus": (17, 53, 18, 54),
    "ventral_dc": (28, 60),
    "brainstem": (16,),
    "zona_incerta": NUCLEI["zona_incerta"],
    "subthalamic": NUCLEI["subthalamic_nucleus"],
    "nigra": NUCLEI["substantia_nigra"],
    "red": NUCLEI["red_nucleus"],
}
IRON = ("pallidum_externus", "pallidum_internus", "subthalamic", "nigra", "red")
"""Tissues whose iron, of which there is more or less in a person, makes what they look like on T2*, SWI and QSM."""
#             white gray fluid thal caud put  GPe   GPi   hipp  vdc   stem  ZI    STN   SN    RN
CONTRASTS = {
    "t1": (1.00, 0.70, 0.30, 0.84, 0.82, 0.86, 0.91, 0.91, 0.72, 0.90, 0.92, 0.92, 0.92, 0.86, 0.90),
    "t2": (1.00, 1.40, 2.80, 1.19, 1.36, 1.34, 0.94, 0.92, 1.50, 1.10, 1.12, 1.19, 0.87, 0.98, 0.90),
    "t2star": (1.00, 1.25, 1.90, 1.10, 1.10, 1.02, 0.66, 0.63, 1.30, 1.02, 1.05, 1.08, 0.70, 0.68, 0.72),
    "swi": (1.00, 1.10, 1.05, 1.00, 0.98, 0.92, 0.60, 0.54, 1.10, 1.00, 1.02, 1.02, 0.62, 0.58, 0.65),
    "qsm": (0.72, 1.10, 1.00, 1.02, 1.30, 1.38, 1.90, 2.00, 1.05, 0.80, 0.78, 0.98, 1.70, 1.90, 1.75),
    "fused": (1.00, 0.70, 0.30, 0.84, 0.82, 0.84, 0.78, 0.74, 0.72, 0.90, 0.92, 0.92, 0.72, 0.70, 0.74),
    "pd": (1.00, 1.18, 1.25, 1.10, 1.16, 1.14, 0.98, 0.97, 1.20, 1.05, 1.05, 1.08, 0.94, 0.98, 0.95),
    "nulled": (0.28, 0.92, 0.52, 0.70, 0.95, 0.92, 0.56, 0.52, 0.90, 0.52, 0.55, 0.60, 0.75, 0.72, 0.58),
}
"""``fused`` is a T1 on which iron darkens as on T2*; on ``qsm`` what is 1 has no susceptibility, as fluid and all outside the brain."""
CHANCES = {"t1": 0.23, "t2": 0.20, "t2star": 0.13, "swi": 0.09, "qsm": 0.06, "fused": 0.10, "pd": 0.06, "nulled": 0.13}
MIXED = ("ventral_dc", "brainstem")
"""Tissues of tracts and gray matter in shares unknown. Where white matter is nulled they may look like either."""


def random_contrast(rng: np.random.Generator, physical: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations, one per label (``LABELS`` entries), for ``paint``; white matter is about 100, air 0 (on QSM 100).

    Args:
        physical: chance of a contrast near one of ``CONTRASTS``; else every label's mean is uniform.
    """
    if rng.random() < physical:
        return physical_contrast(rng, str(rng.choice(list(CHANCES), p=list(CHANCES.values()))))
    means, deviations = rng.uniform(10, 220, LABELS), rng.uniform(2, 14, LABELS)
    for labels in (WHITE, GRAY, FLUID):
        means[list(labels)] = rng.uniform(10, 220)
    for left, right in (*NUCLEI.values(), (11, 50), (12, 51), (13, 52), (17, 53), (18, 54), (26, 58), (28, 60)):
        means[right], deviations[right] = means[left], deviations[left]
    means[0], deviations[0] = rng.choice([0.0, rng.uniform(0, 15)]), rng.uniform(0, 3)
    return means, deviations


def physical_contrast(rng: np.random.Generator, name: str) -> tuple[np.ndarray, np.ndarray]:
    """As ``random_contrast``, near one of ``CONTRASTS``: stronger or weaker as a whole, in its iron, and in each tissue."""
    strength, noise = rng.uniform(0.75, 1.25), rng.uniform(1, 5)
    iron = rng.uniform(0.7, 1.6) if name in ("t2star", "swi", "qsm", "fused") else rng.uniform(0.85, 1.15)
    means, deviations = 100 * rng.uniform(0.6, 1.4, LABELS), rng.uniform(2, 14, LABELS)
    for (tissue, labels), ratio in zip(TISSUES.items(), CONTRASTS[name]):
        if name == "nulled" and tissue in MIXED:
            white = CONTRASTS[name][0]
            ratio = white + rng.uniform(0, 1.3) * (ratio - white)
        away = (ratio - 1) * strength * rng.normal(1, 0.12) * (iron if tissue in IRON else 1.0)
        means[list(labels)] = max(100 * (1 + away) * np.exp(rng.normal(0, 0.02)), 5.0)
        deviations[list(labels)] = noise * rng.uniform(0.7, 1.5)
    if name == "qsm":
        means[500:900] = means[0] = 100.0
        deviations[0] = 0.0
        return means, deviations
    means[500:900] = rng.uniform(0, 160, 400) * (rng.random(400) > 0.2)
    means[0], deviations[0] = rng.choice([0.0, rng.uniform(0, 15)]), rng.uniform(0, 3)
    return means, deviations
