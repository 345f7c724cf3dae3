"""The part of a mask around its structures, so that what is measured does not grow with the scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import CUT
from neurospineseg.measurements.measuring import MeasuredMask

MARGIN_VOXELS = 8


def around_structures(measured: MeasuredMask) -> MeasuredMask:
    """The mask cut to the box around its named structures; what reaches the edge of the scan still reaches the edge of the box, nothing else does."""
    voxels = measured.labels.voxels
    box = bounding_box(np.isin(voxels, list(measured.names)), MARGIN_VOXELS)
    if box is None:
        return measured
    part = voxels[tuple(slice(low, high) for low, high in zip(*box))]
    return replace(measured, labels=Volume(part, measured.labels.affine.from_voxel(box[0])))


def edge_flags(mask: np.ndarray) -> tuple[str, ...]:
    """``CUT`` where a bool mask (K, J, I) reaches the edge of the array."""
    return (CUT,) if any(np.take(mask, end, axis).any() for axis in range(3) for end in (0, -1)) else ()
