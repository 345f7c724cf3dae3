"""The frame of the commissures: where the anterior and the posterior commissure and the mid-plane lie, and coordinates in it.

It is the frame of stereotactic surgery: the origin midway between the commissures, *lateral* to the right of the mid-plane, *front-back* forward
along the line between them, *up-down* upward; in mm, positive to the right, forward and upward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine

if TYPE_CHECKING:
    from neurospineseg.measurements.midline import MidPlane

AC_MNI, PC_MNI, MIDLINE_MNI = (0.25, 1.298, -5.003), (-0.188, -24.756, -2.376), (0.25, 1.298, 55.0)
"""RAS mm in MNI152NLin2009b of both commissures and of a third point of the mid-plane, those of Lead-DBS (Horn et al., NeuroImage 2017;150:395;
``tools/acpc2mni/ea_mni2acpc.m``)."""
NUCLEI_MNI = {
    "subthalamic_nucleus": (11.3, -12.9, -7.7),
    "red_nucleus": (4.9, -19.1, -9.3),
    "substantia_nigra": (9.6, -16.9, -14.1),
    "zona_incerta": (9.5, -13.2, -6.1),
    "thalamus": (11.8, -18.6, 6.5),
    "caudate": (13.7, 11.2, 8.5),
    "putamen": (25.6, 2.4, 0.3),
    "globus_pallidus_externus": (20.4, -1.9, -0.7),
    "globus_pallidus_internus": (18.4, -5.4, -3.9),
    "hippocampus": (25.3, -23.5, -14.1),
    "amygdala": (24.2, -4.2, -19.9),
    "nucleus_accumbens": (9.3, 9.0, -9.5),
}
"""Centroid of each right nucleus of the ZonaBB atlas (MIT license), RAS mm in MNI152NLin2009b, both sides averaged; the left mirrors R."""
LEAST_NUCLEI = 3
"""On either side, without which no frame is fitted."""


@dataclass(frozen=True)
class AcPc:
    """Where the commissures and the mid-plane lie.

    Attributes:
        ac, pc: RAS mm of the anterior and the posterior commissure, (3,).
        midline: RAS mm of a point of the mid-plane well above the line between them, (3,).
        error_mm: how far either commissure may be off.

    >>> frame = AcPc(np.array([0, 10, 0.0]), np.array([0, -14, 0.0]), np.array([0, 10, 60.0]))
    >>> frame.length
    24.0
    >>> frame.of_ras([5, -2, 3]).tolist()
    [5.0, 0.0, 3.0]
    """

    ac: np.ndarray
    pc: np.ndarray
    midline: np.ndarray
    error_mm: float = 0.0

    def __post_init__(self) -> None:
        forward, up = self.ac - self.pc, self.midline - self.pc
        apart, height = float(np.linalg.norm(forward)), float(np.linalg.norm(up))
        if min(apart, height) < 1e-3 or np.linalg.norm(np.cross(forward, up)) < 0.05 * apart * height:
            raise InputError("Both commissures and the point of the mid-plane lie on one line; put the third well above them.")

    @property
    def length(self) -> float:
        """From commissure to commissure in mm."""
        return float(np.linalg.norm(self.ac - self.pc))

    @property
    def to_ras(self) -> Affine:
        """From (lateral, front-back, up-down) in mm to RAS mm: a rigid map."""
        forward = (self.ac - self.pc) / self.length
        up = self.midline - (self.ac + self.pc) / 2
        up = up - (up @ forward) * forward
        up = up / np.linalg.norm(up)
        return Affine.of(np.stack([np.cross(forward, up), forward, up], 1), (self.ac + self.pc) / 2)

    def of_ras(self, places: np.ndarray) -> np.ndarray:
        """RAS places (..., 3) as (lateral, front-back, up-down) in mm, (..., 3)."""
        return self.to_ras.inverse.apply(places)

    def refined(self, plane: MidPlane) -> AcPc:
        """With all three points moved onto a mid-plane that was seen in the scan."""
        return AcPc(plane.foot(self.ac), plane.foot(self.pc), plane.foot(self.midline), self.error_mm)


def ac_pc_of_mni(mni_to_ras: Affine, error_mm: float = 0.0) -> AcPc:
    """The frame of a head whose pose is known, such as ``Pose.mni_to_ras`` of the locator."""
    ac, pc, midline = (mni_to_ras.apply(np.array(point)) for point in (AC_MNI, PC_MNI, MIDLINE_MNI))
    return AcPc(ac, pc, midline, error_mm)


def nucleus_mni(key: str) -> np.ndarray:
    """Centroid in MNI152 of ``left_`` or ``right_`` + a key of ``NUCLEI_MNI``."""
    side, nucleus = key.split("_", 1)
    return np.array(NUCLEI_MNI[nucleus]) * ((-1 if side == "left" else 1), 1, 1)


def ac_pc_of_nuclei(centroids: Mapping[str, np.ndarray]) -> AcPc | None:
    """The frame in which the nuclei lie as they do in MNI152: the similarity that takes these to those, by least squares.

    Args:
        centroids: RAS mm by key, such as ``left_thalamus``; others than those of ``NUCLEI_MNI`` do not count.

    Returns:
        None where fewer than ``LEAST_NUCLEI`` are there on a side. Its error is that of a commissure as the fit's residuals tell it.
    """
    known = {key: place for key, place in centroids.items() if key.split("_", 1)[-1] in NUCLEI_MNI and key.startswith(("left_", "right_"))}
    if min(sum(key.startswith(side) for key in known) for side in ("left_", "right_")) < LEAST_NUCLEI:
        return None
    model = np.array([nucleus_mni(key) for key in known])
    mni_to_ras = _similarity(model, np.array(list(known.values())))
    residuals = np.linalg.norm(mni_to_ras.apply(model) - np.array(list(known.values())), axis=1)
    return ac_pc_of_mni(mni_to_ras, float(np.sqrt((residuals**2).mean())))


def _similarity(model: np.ndarray, seen: np.ndarray) -> Affine:
    """Rotation, one scale and shift that take points (N, 3) to others."""
    from scipy.spatial.transform import Rotation

    a, b = model - model.mean(0), seen - seen.mean(0)
    rotation = Rotation.align_vectors(b, a)[0].as_matrix()
    scale = float((b * (a @ rotation.T)).sum() / (a**2).sum())
    linear = scale * rotation
    return Affine.of(linear, seen.mean(0) - linear @ model.mean(0))
