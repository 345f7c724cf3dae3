"""What a bilateral model learns from a data set: one half of the located region at a time, the left one mirrored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.inference.device import choose_device, choose_precision
from neurospineseg.inference.head_pose import find_head, locate_region
from neurospineseg.inference.predict import predict
from neurospineseg.models.bundle import ModelSpec, find_bundle
from neurospineseg.models.network import build_to_run, load_weights

JITTER = 4
"""Voxels by which a half is moved at random."""


def one_sided_bits(bits: np.ndarray, side: int) -> np.ndarray:
    """Bit masks of ``ModelSpec.network_classes`` from those of ``ModelSpec.classes``, where only one side counts.

    Args:
        bits: int64, of background and each class on the left (odd bits), then on the right.
        side: 0 left, 1 right; classes of the other side are background.
    """
    result = np.asarray(bits) & 1
    for bit in range(1, 63):
        there = (bits >> bit) & 1
        result |= there << ((bit + 1) // 2) if (bit - 1) % 2 == side else there
    return result


def middle_of_half(shape: tuple[int, int, int], patch: tuple[int, int, int], side: int, rng: np.random.Generator) -> np.ndarray:
    """The voxel (k, j, i) around which a region (K, J, I) is cut to its left (``side`` 0) or right half, moved a little."""
    middle = np.array(shape) // 2
    middle[2] = patch[2] // 2 if side == 0 else shape[2] - patch[2] // 2
    return middle + rng.integers(-JITTER, JITTER + 1, 3)


def located_grid(scans: Mapping[str, Volume], spec: ModelSpec) -> Grid:
    """The region that the model's locator finds in the scans, as in ``neurospineseg.pipeline.segmenter``.

    Raises:
        InputError: the anatomy is not in the scan.
    """
    locator = find_bundle(spec.locator)
    device = choose_device("auto")
    network = load_weights(build_to_run(locator.network_def), locator.weights)
    reference = next(iter(scans.values())).grid
    pose = find_head(
        scans, reference, locator.spec, lambda image: predict(network, image, locator.spec, device, choose_precision(device))[0]
    )
    return locate_region(pose, spec.region_mm, spec.spacing[0])
