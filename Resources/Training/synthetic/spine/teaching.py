"""What the labels of a real spine teach: bit masks of the classes each voxel may be.

No set of scans labels every class. What a set leaves open is decided by geometry where that is sure, and else by a former model's
confident answers, kept only where they agree with what is labeled.

Arrays are (K, J, I) with i, j, k along R, A, S, and hold bit masks of ``synthetic.spine_canvas``; probabilities are (6, K, J, I).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from Training.synthetic.spine.canvas import ARCH, BACKGROUND, BODY, CANAL, DISC, SACRUM
from Training.training.partial_labels import any_of

SURE = 0.9
SURE_OF_PART = 0.85
"""How sure the former model must be of a class, and of a vertebra's part."""
VERTEBRA, SPIDER_DISC, SPIDER_CANAL = 1, 2, 3
LEAST_DISC_ML = 0.4
S1_VALUE = 26
ANYTHING = any_of(BACKGROUND, BODY, ARCH, DISC, CANAL, SACRUM)


def agreeing(target: np.ndarray, probabilities: np.ndarray, sure: float = SURE) -> np.ndarray:
    """The masks where the former model's likeliest class, if it is ``sure`` of it and it is allowed, takes the place of several."""
    best, winner = probabilities.max(0), probabilities.argmax(0)
    bit = np.left_shift(1, winner)
    several = (target & (target - 1)) > 0
    return np.where(several & (best > sure) & ((target & bit) > 0), bit, target)


def spider_target(labels: np.ndarray, probabilities: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Of a SPIDER scan, whose vertebrae with arches (1), discs (2) and canal (3) are labeled; the sacrum is not.

    A vertebra's voxels before the canal are body, those behind it arch; beside it the former model may decide. Under the lowest disc
    lies S1.

    Args:
        spacing: mm along R, A, S.
    """
    target = np.full(labels.shape, any_of(BACKGROUND), np.int64)
    target[labels == SPIDER_DISC] = any_of(DISC)
    target[labels == SPIDER_CANAL] = any_of(CANAL)
    vertebra = labels == VERTEBRA
    target[vertebra] = _parts(vertebra, labels == SPIDER_CANAL, probabilities)[vertebra]
    _mark_sacrum(target, labels, probabilities, spacing)
    return target


def _parts(vertebra: np.ndarray, canal: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Bit masks of body and arch."""
    body, arch = probabilities[BODY], probabilities[ARCH]
    seen, share = body + arch > 0.5, body / np.maximum(body + arch, 1e-6)
    parts = np.full(vertebra.shape, any_of(BODY, ARCH), np.int64)
    parts[seen & (share > SURE_OF_PART)] = any_of(BODY)
    parts[seen & (share < 1 - SURE_OF_PART)] = any_of(ARCH)
    j = np.arange(vertebra.shape[1])[:, None]
    for k in np.flatnonzero(canal.any((1, 2))):
        shown = np.flatnonzero(canal[k].any(1))
        parts[k][np.broadcast_to(j > shown[-1], parts[k].shape)] = any_of(BODY)
        parts[k][np.broadcast_to(j < shown[0], parts[k].shape)] = any_of(ARCH)
    return parts


def _mark_sacrum(target: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, spacing: np.ndarray) -> None:
    """Makes S1 certain in place under the lowest disc, and leaves open what else below it may be sacrum."""
    pieces, count = ndimage.label(labels == SPIDER_DISC)
    sizes = ndimage.sum_labels(pieces > 0, pieces, np.arange(1, count + 1)) * np.prod(spacing) / 1000
    large = [number for number in range(1, count + 1) if sizes[number - 1] > LEAST_DISC_ML]
    if len(large) < 2:
        return
    heights = {number: np.argwhere(pieces == number)[:, 0].mean() for number in large}
    lowest = min(large, key=heights.__getitem__)
    places = np.argwhere(pieces == lowest)[:, :2] * spacing[[2, 1]]
    center = places.mean(0)
    down, forward = _disc_axes(places - center)
    k, j = np.indices(labels.shape[:2], dtype=np.float32)
    z, y = k * spacing[2] - center[0], j * spacing[1] - center[1]
    below, ahead = z * down[0] + y * down[1], z * forward[0] + y * forward[1]
    own_below, own_ahead = (places - center) @ down, (places - center) @ forward
    end, half = np.percentile(own_below, 95), np.percentile(np.abs(own_ahead), 90)
    unlabeled = labels == 0
    under = (below > 2)[..., None] & unlabeled
    near = (ahead < half + 8) & (ahead > -60)
    block = near & (below < end + 32) & (np.abs(ahead) < half)
    may = under & near[..., None]
    surely_not = (probabilities[BACKGROUND] > 0.95) & ~block[..., None]
    target[may & ~surely_not] = any_of(BACKGROUND, SACRUM)
    target[may & (probabilities[SACRUM] > 0.8)] = any_of(SACRUM)
    core = (below > end + 3) & (below < end + 16) & (np.abs(ahead) < 0.7 * half)
    target[core[..., None] & unlabeled] = any_of(SACRUM)


def _disc_axes(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (S, A) across a disc downward and along it forward, from the places of its voxels about their middle (N, 2), mm."""
    across = np.linalg.eigh(offsets.T @ offsets)[1][:, 0]
    down = across if across[0] < 0 else -across
    return down, np.array([down[1], -down[0]])


def bodies_target(labels: np.ndarray, probabilities: np.ndarray, aside_mm: float = 0.0) -> np.ndarray:
    """Of a scan of 1 mm whose vertebral bodies are labeled (24 = L5 and less upward, 26 = S1), the rest as the former model says.

    Background that the former model saw below the lowest body stays open, since it may have missed the sacrum.

    Args:
        aside_mm: so far from their outermost sides, left and right, labels of bodies are doubtful.
    """
    labeled = labels > 0
    body = labeled & (labels != S1_VALUE)
    near = ndimage.distance_transform_edt(~body) < 6
    k, j, i = np.indices(labels.shape, dtype=np.int16)
    above = k > np.argwhere(body)[:, 0].max() - 4
    target = np.where(near | above, ANYTHING, ANYTHING & ~any_of(BODY))
    target = agreeing(target, probabilities)
    target[near & (target == any_of(BODY))] = any_of(BACKGROUND, BODY, ARCH)
    lowest = body & (labels == labels[body].max())
    (low, middle_j, middle_i), bottom = np.argwhere(lowest).mean(0), np.argwhere(lowest)[:, 0].min()
    sacral = (k < bottom + 8) & (np.abs(j - middle_j + 25) < 70) & (np.abs(i - middle_i) < 55) & (k > low - 140)
    target[sacral & (target == any_of(BACKGROUND))] = any_of(BACKGROUND, DISC, CANAL, SACRUM)
    target[body] = any_of(BODY)
    if aside_mm:
        for value in np.unique(labels[body]):
            here = labels == value
            own = i[here]
            target[here & ((i < own.min() + aside_mm) | (i > own.max() - aside_mm))] = any_of(BACKGROUND, BODY, ARCH)
    target[labels == S1_VALUE] = any_of(SACRUM)
    return target


def discs_target(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of a scan of 1 mm whose discs (any value above 0) are labeled, the rest as the former model says."""
    disc = labels > 0
    target = agreeing(np.full(labels.shape, ANYTHING, np.int64), probabilities)
    near = ndimage.distance_transform_edt(~disc) < 4
    target[near & (target == any_of(DISC))] = any_of(BACKGROUND, DISC)
    lowest = np.argwhere(disc & (labels == labels[disc].min()))
    below = np.indices(labels.shape, dtype=np.int16)[0] < lowest[:, 0].mean()
    target[below & (target == any_of(BACKGROUND))] = any_of(BACKGROUND, CANAL, SACRUM)
    target[disc] = any_of(DISC)
    return target
