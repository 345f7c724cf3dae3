"""A patient's tumor laid into another head, at the same place of the brain.

After CarveMix (Zhang et al. 2021, doi:10.1007/978-3-030-87193-2_19), here with the gray values of one head brought to the other's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from Training.datasets.glioma_cases import GliomaCase, in_range_of
from Training.synthetic.tumor.altered_pose import Pose, cut
from Training.synthetic.tumor.contrast import blurred


def transplanted(
    host: GliomaCase, donor: GliomaCase, voxel: np.ndarray, pose: Pose, patch: tuple[int, int, int]
) -> tuple[GliomaCase, torch.Tensor, torch.Tensor]:
    """A patch of the host with the donor's tumor in it; the host's own stays where the donor's does not lie.

    Heads cropped to the brain correspond by their share of each axis.

    Args:
        voxel: of the donor (k, j, i), the middle of the patch.

    Returns:
        The host, with those contrasts alone that the donor has too; gray values in its range, float32 (4, *patch); and classes, int64 (*patch).
    """
    place = np.round(voxel * np.array(host.labels.shape) / np.array(donor.labels.shape)).astype(int)
    raw, labels = cut(host, place, pose, patch)
    theirs, classes = cut(donor, voxel, pose, patch)
    head = ~host.background_of(raw).all(0)
    taken = (classes > 0) & head
    share = blurred(blurred(taken.float(), 0.5), 0.5) * head
    given = host.given & donor.given
    for number in np.flatnonzero(given):
        raw[number] += share * (in_range_of(theirs[number], donor.ranks[number], host.ranks[number]) - raw[number])
    return replace(host, given=given), raw, torch.where(taken, classes, labels)
