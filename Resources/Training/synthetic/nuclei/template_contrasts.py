"""Contrasts that a T1 template with atlas labels is made to show, to judge a model on what it has no labeled scans of.

All are half drawn: a curve turns the template's T1 intensities into the contrast's, and the atlas's nuclei get a ratio to white matter.
Those of ``T2-like`` were measured on the MNI T2 template; the others are rough figures of 3 T scans, as one reads them in the literature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neurospineseg.images.volume import Volume

PAINTED = (
    *("subthalamic_nucleus", "red_nucleus", "substantia_nigra", "zona_incerta"),
    *("globus_pallidus_externus", "globus_pallidus_internus", "thalamus", "caudate", "putamen"),
)
T1 = (0.0, 0.12, 0.3, 0.5, 0.7, 0.85, 1.0, 1.15)
"""Intensities of a T1 template relative to white matter at which the curves below are given; 0 is air."""


@dataclass(frozen=True)
class Look:
    """How a contrast is made from a T1 template.

    Attributes:
        curve: intensity, relative to white matter, of what has each of ``T1``; air stays 0.
        ratios: of ``PAINTED``, in that order; None where a structure keeps what the curve makes of it.
    """

    curve: tuple[float, ...]
    ratios: tuple[float | None, ...]


#                    air  fluid ...               gray       white
LOOKS = {  # ratios: STN RN SN ZI, GPe GPi, thalamus caudate putamen
    "T2-like": Look((0.0, 2.9, 2.8, 2.0, 1.45, 1.2, 1.0, 0.92), (0.87, 0.90, 0.98, 1.19, 0.94, 0.94, 1.19, 1.36, 1.34)),
    "T2*-like": Look((0.0, 1.9, 1.8, 1.5, 1.25, 1.1, 1.0, 0.97), (0.72, 0.74, 0.70, 1.05, 0.68, 0.64, 1.06, 1.10, 1.02)),
    "SWI-like": Look((0.0, 1.0, 1.05, 1.1, 1.08, 1.03, 1.0, 0.98), (0.62, 0.66, 0.58, 1.0, 0.60, 0.54, 0.99, 0.98, 0.92)),
    "fused": Look(T1, (0.72, 0.74, 0.70, None, 0.80, 0.76, None, None, None)),
    "nulled": Look((0.0, 0.55, 0.6, 0.8, 0.95, 0.62, 0.28, 0.2), (0.75, 0.58, 0.72, 0.62, 0.55, 0.52, 0.72, 0.95, 0.92)),
    "PD-like": Look((0.0, 1.25, 1.25, 1.22, 1.17, 1.08, 1.0, 0.98), (0.94, 0.95, 0.98, 1.06, 0.98, 0.97, 1.10, 1.15, 1.13)),
    "QSM-like": Look((0.0, 0.0, 0.05, 0.15, 0.2, 0.0, -0.3, -0.4), (1.0, 1.1, 1.3, 0.1, 1.3, 1.5, 0.05, 0.45, 0.55)),
}
CONTRASTS = ("T1", *LOOKS)


def with_contrast(scan: Volume, shares: Mapping[str, np.ndarray], contrast: str) -> Volume:
    """A T1 template with one of ``CONTRASTS``, white matter about 100; ``QSM-like`` has values below 0, and 0 outside the brain.

    Args:
        shares: how much (0 to 1) of each voxel (K, J, I) is each structure.
    """
    if contrast == "T1":
        return scan
    look, image = LOOKS[contrast], scan.voxels.astype(np.float32)
    white = np.percentile(image[image > 0], 90)
    result = np.interp(image / white, T1, look.curve).astype(np.float32)
    if contrast == "QSM-like":
        texture = np.float32(1)
    else:
        texture = result / np.maximum(ndimage.gaussian_filter(result, 2.0), 0.25)
    for name, ratio in zip(PAINTED, look.ratios):
        if ratio is not None and name in shares:
            result += shares[name] * (ratio * (0.4 * texture + 0.6) - result)
    return Volume(100 * np.where(image > 0, result, 0), scan.ijk_to_ras)
