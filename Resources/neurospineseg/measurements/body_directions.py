"""Which way each vertebral body faces, and where its middle is, before its shape is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from neurospineseg.measurements.body_frame import Frame
from neurospineseg.measurements.mask_field import MaskField

MOST_TURN = np.cos(np.radians(40.0))
"""A body faces within 40 degrees of what its neighbors face."""
CORE_SHARE = 0.7
"""Of a vertebra's greatest depth below its surface: what lies deeper is the core of its body."""


def body_middle(field: MaskField) -> np.ndarray:
    """RAS mm of the middle of a vertebra's thickest part, which is its body, (3,)."""
    inside = field.values >= field.level
    depth = ndimage.distance_transform_edt(inside, sampling=field.part.spacing_kji)
    labels, _ = ndimage.label(depth > CORE_SHARE * depth.max())
    core = labels == labels[np.unravel_index(int(depth.argmax()), depth.shape)]
    return field.part.affine.apply_kji(np.argwhere(core).mean(0))


def frames_of(
    chain: Mapping[str, np.ndarray], centers: Mapping[str, np.ndarray], fields: Mapping[str, MaskField], canal: MaskField | None
) -> tuple[dict[str, Frame], np.ndarray, np.ndarray]:
    """A rough frame of each vertebra, the direction that the bodies face and the column's upward one.

    Args:
        chain: middles of bodies and discs, RAS mm, from the uppermost downward; ``centers`` those of the bodies.
        fields: of the vertebrae; ``canal``: None where there is none.
    """
    keys, points = list(chain), np.array(list(chain.values())).reshape(-1, 3)
    ups = {}
    for number, key in enumerate(keys):
        above, below = points[max(0, number - 1)], points[min(len(keys) - 1, number + 1)]
        rise = above - below
        ups[key] = rise / np.linalg.norm(rise) if np.linalg.norm(rise) > 3.0 else np.array([0.0, 0.0, 1.0])
    behind = np.zeros((0, 3)) if canal is None else points_in(canal)
    facing = {key: _facing(center, ups[key], behind) for key, center in centers.items()}
    if all(each is None for each in facing.values()):
        facing = {key: _before_arch(center, ups[key], points_in(fields[key])) for key, center in centers.items()}
    seen = [each for each in facing.values() if each is not None]
    mean = np.sum(seen, axis=0) if seen else np.array([0.0, 1.0, 0.0])
    forward = mean / np.linalg.norm(mean)
    upward = np.sum([ups[key] for key in centers], axis=0) if centers else np.array([0.0, 0.0, 1.0])
    frames = {}
    for key, center in centers.items():
        own = facing[key]
        level_forward = forward - forward @ ups[key] * ups[key]
        level_forward /= np.linalg.norm(level_forward)
        frames[key] = Frame.of(center, ups[key], level_forward if own is None or own @ level_forward < MOST_TURN else own)
    return frames, forward, upward / np.linalg.norm(upward)


def _facing(center: np.ndarray, up: np.ndarray, behind: np.ndarray) -> np.ndarray | None:
    """The level direction from the canal (points (N, 3)) to a body's middle; None where the canal is not seen there."""
    offsets = behind - center
    near = (np.abs(offsets @ up) < 6.0) & (np.linalg.norm(offsets, axis=1) < 60.0)
    if near.sum() < 5:
        return None
    toward = -offsets[near].mean(0)
    toward -= toward @ up * up
    length = np.linalg.norm(toward)
    return toward / length if length > 4.0 else None


def points_in(field: MaskField) -> np.ndarray:
    """RAS mm of the voxels inside, (N, 3)."""
    return field.part.affine.apply_kji(np.argwhere(field.values >= field.level))


def _before_arch(center: np.ndarray, up: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """The level direction from the middle of a whole vertebra to that of its body; None where there is no arch."""
    toward = center - points.mean(0)
    toward -= toward @ up * up
    length = np.linalg.norm(toward)
    return toward / length if length > 3.0 else None
