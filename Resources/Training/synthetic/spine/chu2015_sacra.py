"""Sacra of the Chu scans that train: outlines in the middle sagittal slice, placed by eye for this program (about 2 mm sure).

The points are corners (j, k) in voxels of 1 mm: the front and the back edge of the sacrum from S1's upper endplate downward, at S1's
upper end and then at each remnant of a disc.
"""

from __future__ import annotations

import numpy as np
from matplotlib.path import Path as Polygon
from scipy import ndimage

from Training.synthetic.spine.canvas import BACKGROUND, CANAL, DISC, SACRUM
from Training.training.partial_labels import any_of

OUTLINES: dict[str, tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]] = {
    "VB2_02": (((190, 84), (150, 75), (123, 57), (117, 45)), ((160, 108), (140, 90), (113, 64), (110, 48))),
    "VB2_04": (((208, 72), (167, 69), (138, 56), (127, 47), (121, 38)), ((184, 101), (157, 86), (129, 68), (115, 52), (112, 41))),
    "VB2_05": (((192, 97), (159, 86), (131, 75), (114, 60), (104, 42)), ((168, 114), (150, 104), (124, 87), (107, 66), (99, 43))),
    "VB2_06": (((200, 88), (162, 81), (140, 67), (127, 48), (124, 26)), ((170, 105), (152, 99), (124, 79), (118, 52), (113, 28))),
    "VB2_08": (((186, 98), (153, 89), (128, 78), (114, 66)), ((162, 121), (144, 105), (121, 86), (106, 70))),
    "VB2_09": (((188, 71), (151, 62), (130, 48), (114, 28)), ((164, 97), (140, 81), (119, 57), (108, 34))),
    "VB2_10": (((175, 101), (138, 90), (111, 79), (109, 58), (110, 34)), ((152, 127), (129, 108), (102, 87), (96, 60), (101, 34))),
    "VB2_12": (((190, 109), (154, 97), (131, 85), (112, 70), (105, 51)), ((165, 131), (142, 121), (119, 99), (102, 77), (94, 53))),
    "VB2_13": (((178, 101), (148, 94), (121, 80), (109, 62), (107, 43)), ((160, 127), (138, 108), (114, 89), (101, 63), (99, 44))),
    "VB2_16": (((175, 103), (143, 85), (121, 68), (107, 50), (100, 30)), ((152, 124), (129, 101), (109, 79), (97, 55), (92, 31))),
}
HALF_WIDTH_MM, CANAL_HALF_WIDTH_MM = 10, 5
CANAL_MM = ((2.0, 7.0), (2.0, 7.0), (2.0, 4.5))
"""How far behind S1, S2 and S3 the canal certainly lies."""


def mark_sacrum(target: np.ndarray, last: np.ndarray, name: str) -> None:
    """Makes certain in place what the outline of case ``name`` tells: sacrum, its canal, the disc above, background before it.

    Args:
        target: bit masks (K, J, I), 1 mm, i, j, k along R, A, S.
        last: L5, bool (K, J, I).
    """
    front, back = (np.array(edge, float) for edge in OUTLINES[name])
    middle = int(round(np.argwhere(last)[:, 2].mean()))
    k, j = np.indices(target.shape[:2])
    points = np.stack([j.ravel(), k.ravel()], 1).astype(float)

    def filled(corners: np.ndarray) -> np.ndarray:
        return Polygon(corners).contains_points(points).reshape(k.shape)

    sacrum = filled(np.concatenate([front, back[::-1]]))
    core, rim = ndimage.binary_erosion(sacrum), ndimage.binary_dilation(sacrum, iterations=2)
    slab = slice(middle - HALF_WIDTH_MM, middle + HALF_WIDTH_MM + 1)
    target[k < front[0, 1] - 15] = any_of(BACKGROUND, CANAL, SACRUM)
    before, behind = (np.interp(k, edge[::-1, 1], edge[::-1, 0]) for edge in (front, back))
    far_before = (k < front[0, 1] + 4) & (j > before + np.where(k >= front[-1, 1], 5, 30))
    far_behind = (k < back[0, 1]) & (k >= back[-1, 1]) & (j < behind - 50)
    target[far_before | far_behind] = any_of(BACKGROUND)
    target[..., slab][rim & ~core] = any_of(BACKGROUND, SACRUM, CANAL, DISC)
    target[..., slab][core] = any_of(SACRUM)
    target[..., slab][_between(last[..., middle], front[0], back[0])] = any_of(DISC)
    canal = slice(middle - CANAL_HALF_WIDTH_MM, middle + CANAL_HALF_WIDTH_MM + 1)
    for (upper, lower), (near, far) in zip(zip(back, back[1:]), CANAL_MM):
        along = (lower - upper) / np.linalg.norm(lower - upper)
        backward = np.array([along[1], -along[0]])
        strip = filled(np.array([upper + near * backward, upper + far * backward, lower + far * backward, lower + near * backward]))
        target[..., canal][strip & ~rim] = any_of(CANAL)


def _between(last: np.ndarray, front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """The L5-S1 disc in a sagittal slice (K, J): between L5 and the line from S1's back to its front upper corner."""
    k, j = np.indices(last.shape)
    along = front - back
    length = np.linalg.norm(along)
    along = along / length
    upward = np.array([-along[1], along[0]])
    t = (j - back[0]) * along[0] + (k - back[1]) * along[1]
    height = (j - back[0]) * upward[0] + (k - back[1]) * upward[1]
    distance, index = ndimage.distance_transform_edt(~last, return_indices=True)
    toward = (index[1] - j) * upward[0] + (index[0] - k) * upward[1]
    return (height > 2) & (t > 0.1 * length) & (t < 0.9 * length) & (toward > 0.75 * distance) & (distance > 1.6) & (distance + height < 18)
