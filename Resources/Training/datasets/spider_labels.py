"""Cleaning of instance masks: what hangs together stays, what strayed from its instance goes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.masks import components
from neurospineseg.images.volume import Volume

LEAST_SHARE, LEAST_MM3 = 0.02, 50.0
"""A fragment apart from the largest part of its instance is dropped below either."""


def without_fragments(instances: Volume) -> tuple[Volume, list[str]]:
    """Drops fragments of every instance; voxels that touch by a corner hang together.

    Args:
        instances: integers (K, J, I), one value per instance, 0 background.

    Returns:
        The label map without them, and a sentence for each instance that lost some.
    """
    voxel = instances.grid.voxel_volume_ml * 1000
    cleaned, notes = instances.voxels.copy(), []
    for value, box in enumerate(ndimage.find_objects(np.maximum(instances.voxels, 0)), start=1):
        if box is None:
            continue
        parts, voxels = components(instances.voxels[box] == value)
        sizes = voxels * voxel
        small = (sizes < LEAST_SHARE * sizes.sum()) | (sizes < LEAST_MM3)
        small[[0, sizes.argmax()]] = False
        if small.any():
            cleaned[box][small[parts]] = 0
            notes.append(
                f"{small.sum()} stray fragment{'s' if small.sum() > 1 else ''} of label {value} dropped "
                f"({sizes[small].sum():.0f} of {sizes.sum():.0f} mm3): below {LEAST_MM3:.0f} mm3 or {LEAST_SHARE:.0%} of it."
            )
    return Volume(cleaned, instances.ijk_to_ras), notes
