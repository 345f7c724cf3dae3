"""How often the gap is seen that a missed body leaves: bodies of patients' label maps are left out one at a time.

NEUROSPINESEG_DATA=... python -m Testing.known_sizes.left_out_bodies
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from neurospineseg.images.volume import read_volume
from neurospineseg.tasks.spine.column import places_along

PATTERNS = ("spine/chu2015/*_seg.nii.gz", "spine/label_maps/sub-*_seg-vert_msk.nii.gz", "spine/label_maps/*_matched_instance.nii.gz")
LAST_VERTEBRA = 25
"""Larger label values are of the sacrum, discs and endplates."""


def columns(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and vertebrae's centroids, upward, RAS mm (N, 3), of each label map."""
    for pattern in PATTERNS:
        for path in sorted(data.glob(pattern)):
            volume = read_volume(path)
            labels = volume.voxels.round().astype(int)
            values = [int(value) for value in np.unique(labels) if 0 < value <= LAST_VERTEBRA]
            centers = volume.affine.apply_kji(np.array(ndimage.center_of_mass(labels > 0, labels, values)))
            yield path.name, centers[np.argsort(centers[:, 2])]


def unseen(centers: np.ndarray) -> list[int]:
    """Which of the inner bodies leave no gap that is seen."""
    whole = places_along(centers)
    return [left for left in range(1, len(centers) - 1) if (places_along(np.delete(centers, left, axis=0)) != np.delete(whole, left)).any()]


def main() -> None:
    known = missed = 0
    for name, centers in columns(Path(os.environ["NEUROSPINESEG_DATA"])):
        lost = unseen(centers)
        known, missed = known + len(centers) - 2, missed + len(lost)
        print(f"{name}: {len(centers)} vertebrae, places {places_along(centers).tolist()}, unseen when left out: {lost}")
    print(f"{known} left out one at a time, {missed} of them unseen or seen as another number")


if __name__ == "__main__":
    main()
