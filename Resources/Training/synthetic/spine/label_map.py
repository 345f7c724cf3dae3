"""Spines drawn from a label map of a real one (panoptica's lumbar MR example, Apache-2.0): its shapes, bent, scaled and put into a drawn trunk.

The map's parts are those of TPTBox: 41-50 of the vertebrae (49 and 50 the body), 60 cord, 61 canal, 62 endplate, 100 disc, 26 sacrum; 17
sagittal slices of 3.3 mm, so the tips of the transverse processes are missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import read_volume
from Training.datasets.real_data import DATA
from Training.synthetic.deform import random_linear
from Training.synthetic.spine.canvas import (
    ANNULUS,
    ARCH,
    BACKGROUND,
    BODY,
    BONE,
    CANAL,
    CORD,
    CORTICAL,
    CSF,
    DISC,
    EPIDURAL,
    LIGAMENT,
    MARROW,
    NUCLEUS,
    ROOTS,
    SACRUM,
    Canvas,
    noise,
)
from Training.synthetic.spine.trunk import draw_trunk

FILE = DATA / "spine" / "label_maps" / "mr_sagittal_semantic.nii.gz"
STEP_MM = np.array([1.0, 0.8, 0.8])
"""Spacing along R, A, S at which the shapes are kept."""
CLASS_OF = {**{part: ARCH for part in range(41, 49)}, 49: BODY, 50: BODY, 60: CANAL, 61: CANAL, 100: DISC, 26: SACRUM}
ENDPLATE, CORD_PART = 62, 60
SHELL_MM = 0.9


@dataclass(frozen=True)
class Shapes:
    """A real spine's shapes, (K, J, I) along S, A, R at ``STEP_MM``.

    Attributes:
        tissue: of ``spine_canvas``, 0 where the trunk is; ``classes`` of the network.
        line: for each k, the middle of the bodies in mm from the map's corner along R and A (2, K).
        top: k of the sacrum's upper end.
    """

    tissue: np.ndarray
    classes: np.ndarray
    line: np.ndarray
    top: int


@cache
def shapes() -> Shapes | None:
    """The label map's; None where it is absent."""
    if not FILE.exists():
        return None
    source = read_volume(FILE)
    parts = torch.from_numpy(source.voxels.round().astype(np.int16))
    low, high = source.grid.corners().min(0), source.grid.corners().max(0)
    place = Grid.canonical((low + high) / 2, high - low, STEP_MM)
    values = [int(value) for value in parts.unique()]
    best, winner = np.zeros(place.shape, np.float32), np.zeros(place.shape, np.uint8)
    for value in values:
        share = resample((parts == value).float()[None], source.grid, place, fill=float(value == 0))[0].numpy()
        share = ndimage.gaussian_filter(share, (0.4, 0.4, 0.9))
        winner[share > best] = value
        best = np.maximum(best, share)
    return _prepared(winner)


def _prepared(parts: np.ndarray) -> Shapes:
    classes = np.zeros(parts.shape, np.uint8)
    for part, label in CLASS_OF.items():
        classes[parts == part] = label
    tissue = np.zeros(parts.shape, np.uint8)
    for label, inner in ((BODY, MARROW), (ARCH, BONE), (SACRUM, MARROW)):
        here = classes == label
        depth = ndimage.distance_transform_edt(here, sampling=STEP_MM[::-1])
        tissue[here] = inner
        tissue[here & (depth < SHELL_MM)] = CORTICAL
    disc = classes == DISC
    within = ndimage.distance_transform_edt(disc, sampling=(0.4, 1.0, 1.0))
    tissue[disc] = np.where(within[disc] > 8, NUCLEUS, ANNULUS)
    tissue[parts == ENDPLATE] = CORTICAL
    tissue[classes == CANAL] = CSF
    tissue[parts == CORD_PART] = CORD
    canal = classes == CANAL
    rim = ndimage.binary_dilation(canal, iterations=2) & (classes == BACKGROUND) & (tissue == 0)
    tissue[rim] = EPIDURAL
    bodies = classes == BODY
    rows = np.flatnonzero(bodies.any((1, 2)))
    centers = np.array([np.argwhere(bodies[k])[:, ::-1].mean(0) * STEP_MM[:2] for k in rows])
    every = np.arange(len(parts))
    line = np.stack([ndimage.gaussian_filter1d(np.interp(every, rows, centers[:, axis]), 12) for axis in (0, 1)])
    return Shapes(tissue, classes, line.astype(np.float32), int(np.argwhere(classes == SACRUM)[:, 0].max()))


def draw_from_label_map(
    rng: np.random.Generator, shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The real spine turned, scaled, bent and mirrored at random on a grid.

    Args:
        shape: (K, J, I); ``spacing`` in mm along R, A, S.

    Returns:
        tissue and classes, uint8 (K, J, I), and where the map knows nothing of the sides (bool).
    """
    source, spacing = shapes(), np.asarray(spacing, float)
    size = np.array(source.classes.shape[::-1]) * STEP_MM
    turn = random_linear(rng, 8, scale=0.0, shear=0.02) @ np.diag(np.exp(rng.normal(0, [0.09, 0.09, 0.12])))
    axes = [(np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape[::-1], spacing)]
    grid = np.stack(np.broadcast_arrays(axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None])).astype(np.float32)
    grid = np.tensordot(turn.astype(np.float32), grid, 1)
    height = rng.uniform(0.15, 0.85) * size[2]
    row = int(height / STEP_MM[2])
    middle = np.array([size[0] / 2 + rng.normal(0, 3), source.line[1, row] + rng.uniform(-40, 20), height])
    points = [grid[a] + np.float32(middle[a]) + rng.uniform(0.5, 1.6) * noise(rng, shape, spacing, 18) for a in range(3)]
    wave = 2 * np.pi * points[2] / rng.uniform(150, 400) + rng.uniform(0, 6.3)
    points[1] = points[1] + rng.uniform(0, 8) * np.sin(wave)
    points[0] = points[0] + rng.uniform(0, 4) * np.cos(wave + rng.uniform(0, 6.3))
    if rng.random() < 0.5:
        points[0] = np.float32(size[0]) - points[0]
    index = [np.round(p / step).astype(np.int32) for p, step in zip(points, STEP_MM)]
    inside = np.ones(shape, bool)
    for axis, count in enumerate(source.classes.shape[::-1]):
        inside &= (index[axis] >= 0) & (index[axis] < count)
        index[axis] = np.clip(index[axis], 0, count - 1)
    k = index[2]
    s = (points[2] - np.float32(source.top * STEP_MM[2])).astype(np.float32)
    u, v = (points[axis] - source.line[axis][k] for axis in (0, 1))
    canvas = Canvas(*(np.zeros(shape, np.uint8) for _ in range(3)))
    draw_trunk(rng, canvas, points, s, u, v, spacing)
    tissue = np.where(inside, source.tissue[k, index[1], index[0]], 0)
    classes = np.where(inside, source.classes[k, index[1], index[0]], BACKGROUND).astype(np.uint8)
    canvas.put(tissue > 0, LIGAMENT)
    canvas.tissue[tissue > 0] = tissue[tissue > 0]
    strands = (tissue == CSF) & (noise(rng, shape, spacing, 5) > rng.uniform(0.2, 0.8)) & (s < 150)
    canvas.put(strands, ROOTS)
    if rng.random() < 0.3:
        canvas.put(tissue == NUCLEUS, ANNULUS)
    reach = size[0] / 2 - 2
    unknown = (np.abs(points[0] - size[0] / 2) > reach) & (v < 12) | ~inside
    return canvas.tissue, classes, unknown
