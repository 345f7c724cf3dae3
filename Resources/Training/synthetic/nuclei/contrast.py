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
    "pallidum": (13, 52, *NUCLEI["globus_pallidus_externus"], *NUCLEI["globus_pallidus_internus"]),
    "hippocampus": (17, 53, 18, 54),
    "ventral_dc": (28, 60),
    "brainstem": (16,),
    "zona_incerta": NUCLEI["zona_incerta"],
    "subthalamic": NUCLEI["subthalamic_nucleus"],
    "nigra": NUCLEI["substantia_nigra"],
    "red": NUCLEI["red_nucleus"],
}
#             white gray fluid thal caud put  pall hipp vdc  stem ZI   STN  SN   RN
CONTRASTS = {
    "t1": (1.00, 0.70, 0.30, 0.84, 0.82, 0.86, 0.91, 0.72, 0.90, 0.92, 0.92, 0.92, 0.86, 0.90),
    "t2": (1.00, 1.40, 2.80, 1.19, 1.36, 1.34, 0.94, 1.50, 1.10, 1.12, 1.19, 0.87, 0.98, 0.90),
    "t2star": (1.00, 1.25, 1.90, 1.10, 1.10, 1.02, 0.65, 1.30, 1.02, 1.05, 1.08, 0.66, 0.68, 0.68),
    "pd": (1.00, 1.18, 1.25, 1.10, 1.16, 1.14, 0.98, 1.20, 1.05, 1.05, 1.08, 0.94, 0.98, 0.95),
    "nulled": (0.30, 0.90, 0.50, 0.70, 0.95, 0.92, 0.55, 0.90, 0.55, 0.55, 0.62, 0.75, 0.72, 0.60),
}
CHANCES = {"t1": 0.30, "t2": 0.35, "t2star": 0.20, "pd": 0.08, "nulled": 0.07}


def random_contrast(rng: np.random.Generator, physical: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations, one per label (``LABELS`` entries), for ``paint``; white matter is about 100, air 0.

    Args:
        physical: chance of a contrast near one of ``CONTRASTS``; else every label's mean is uniform.
    """
    means = rng.uniform(10, 220, LABELS)
    deviations = rng.uniform(2, 14, LABELS)
    if rng.random() < physical:
        ratios = CONTRASTS[rng.choice(list(CHANCES), p=list(CHANCES.values()))]
        strength = rng.uniform(0.75, 1.25)
        noise = rng.uniform(1, 5)
        means[:500] = 100 * rng.uniform(0.6, 1.4, 500)
        for labels, ratio in zip(TISSUES.values(), ratios):
            mean = 100 * (1 + (ratio - 1) * strength * rng.normal(1, 0.12)) * np.exp(rng.normal(0, 0.02))
            means[list(labels)] = max(mean, 5.0)
            deviations[list(labels)] = noise * rng.uniform(0.7, 1.5)
        means[500:900] = rng.uniform(0, 160, 400) * (rng.random(400) > 0.2)
    else:
        for labels in (WHITE, GRAY, FLUID):
            means[list(labels)] = rng.uniform(10, 220)
        for left, right in (*NUCLEI.values(), (11, 50), (12, 51), (13, 52), (17, 53), (18, 54), (26, 58), (28, 60)):
            means[right], deviations[right] = means[left], deviations[left]
    means[0], deviations[0] = rng.choice([0.0, rng.uniform(0, 15)]), rng.uniform(0, 3)
    return means, deviations
