"""A procedural spine: bodies, discs, arches, canal and sacrum along a curve, in a trunk of fat, muscle and organs.

Places along the spine are given by the arc length s (mm, upward, 0 at the upper endplate of S1), across by u (to the right) and
v (forward, 0 in the body's middle). The anatomy is rough, of plain shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.affine import Affine
from Training.synthetic.spine.canvas import (
    ANNULUS,
    BACKGROUND,
    CANAL,
    CORD,
    CORTICAL,
    CSF,
    EPIDURAL,
    MARROW,
    ROOTS,
    SACRUM,
    Canvas,
    Place,
    noise,
)
from Training.synthetic.spine.curve import random_curve, random_levels
from Training.synthetic.spine.trunk import draw_trunk
from Training.synthetic.spine.vertebrae import draw_vertebrae


@dataclass(frozen=True)
class Spine:
    """What was drawn on a grid, arrays (K, J, I) with i, j, k along R, A, S.

    Attributes:
        tissue: what it is made of; ``classes`` of the network; ``level`` of each vertebra's voxels (from 1, L5) and of
            each disc's (from 1, L5-S1), else 0.
        ijk_to_ras: 4x4 in mm.
    """

    tissue: np.ndarray
    classes: np.ndarray
    level: np.ndarray
    ijk_to_ras: np.ndarray


def draw_spine(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    middle: float,
    *,
    forward: float = 0.0,
    sideways: float = 0.0,
    turn: np.ndarray | None = None,
    scoliosis_degrees: float | None = None,
) -> Spine:
    """Draws the part of a spine that a field of view shows.

    Args:
        shape: (K, J, I); ``spacing`` in mm along R, A, S.
        middle: arc length s in mm that lies in the grid's middle: 0 the upper end of the sacrum, about 90 L3, 400 the neck.
        forward, sideways: how far the grid's middle lies before and to the right of the spine's line, mm.
        turn: 3x3 rotation of the patient about that point.
        scoliosis_degrees: see ``random_curve``.
    """
    spacing = np.asarray(spacing, float)
    levels = random_levels(rng)
    lower, depth = levels.lower, levels.depth
    curve = random_curve(rng, lower, scoliosis_degrees)
    at = np.array([np.interp(middle, np.arange(len(t)) + curve.low, t) for t in (curve.x, curve.y, curve.z)]) + (sideways, forward, 0)
    axes = [(np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape[::-1], spacing)]
    grid = np.stack(np.broadcast_arrays(axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None])).astype(np.float32)
    if turn is not None:
        grid = np.tensordot(turn.astype(np.float32), grid, 1)
    points = [grid[a] + np.float32(at[a]) + rng.uniform(0.4, 1.1) * noise(rng, shape, spacing, 16) for a in range(3)]
    s, u, v = curve.project(tuple(points))
    canvas = Canvas(*(np.zeros(shape, np.uint8) for _ in range(3)))
    draw_trunk(rng, canvas, points, s, u, v, spacing)
    _canal(rng, canvas, s, u, v, lower, depth, spacing)
    _sacrum(rng, canvas, s, u, v, levels.width[0], depth[0])
    draw_vertebrae(rng, canvas, Place(s, u, v), levels, spacing)
    canvas.classes[(canvas.classes == CANAL) & (canvas.tissue == EPIDURAL)] = BACKGROUND
    ijk_to_ras = Affine.of(np.diag(spacing), [axis[0] for axis in axes]).matrix
    return Spine(canvas.tissue, canvas.classes, canvas.level, ijk_to_ras)


def _canal(rng, canvas: Canvas, s, u, v, lower, depth, spacing) -> None:
    """Epidural fat, thecal sac with cord above L1 and roots below.

    All of it is the class canal while bone is drawn around it; the fat becomes background afterwards, as in TPTBox's label maps.
    """
    half_depth = np.interp(s, [-130, -40, 0, *lower], [6, 12.5, depth[0], *depth]).astype(np.float32)
    size = rng.normal(1, 0.08)
    wide = np.interp(s, [-130, -60, 0, lower[4], lower[8], lower[17], lower[21]], np.array([4, 9, 13, 11.5, 9.5, 12, 13]) * size).astype(
        np.float32
    )
    deep = np.interp(s, [-130, -60, 0, lower[4], lower[8], lower[17], lower[21]], np.array([3, 6, 8.5, 8.5, 8, 7.5, 8]) * size).astype(
        np.float32
    )
    middle = -half_depth - deep + 0.5
    level = (u / wide) ** 2 + ((v - middle) / deep) ** 2
    there = (s > -115) & (level < 1)
    canvas.put(there, EPIDURAL, CANAL)
    sac = (u / (wide - 2)) ** 2 + ((v - middle - 0.8) / np.maximum(deep - rng.uniform(0.8, 2.2), 1.5)) ** 2
    canvas.put(there & (sac < 1) & (s > -rng.uniform(30, 65)), CSF)
    conus = lower[4] + rng.uniform(-25, 20)
    cord = (u / rng.uniform(4.5, 6)) ** 2 + ((v - middle - rng.uniform(-1, 1.5)) / rng.uniform(3.2, 4.4)) ** 2
    canvas.put((cord < np.clip((s - conus) / 25, 0, 1)) & there, CORD)
    strands = (noise(rng, s.shape, spacing, 5) > 0.4) & (sac < 0.7) & (v < middle + 2) & (s < conus + 10) & (s > -40)
    canvas.put(strands & there, ROOTS)


def _sacrum(rng, canvas: Canvas, s, u, v, width: float, depth: float) -> None:
    """Five fused bodies with remnants of discs, wings, and a thin roof over the canal."""
    ends = -np.cumsum(np.array([29, 26, 21, 18, 15, 12, 10]) * rng.normal(1, 0.06))
    half_depth = np.interp(s, [ends[6], ends[4], ends[2], ends[0], 0], [3.5, 5, 8, 12.5, depth]).astype(np.float32)
    half_width = np.interp(s, [ends[6], ends[4], ends[2], ends[0], 0], [6, 11, 15, 20, width]).astype(np.float32)
    inside = (s < 0) & (s > ends[6])
    level = (np.abs(u) / half_width) ** 2.6 + (np.abs(v) / half_depth) ** 2.6
    wing_reach = np.interp(s, [ends[4], ends[2], ends[1], ends[0], -5, 8], [16, 32, 46, 52, 50, 34]).astype(np.float32)
    wing = inside & (np.abs(u) < wing_reach) & (np.abs(v + 4 + 0.2 * np.abs(u)) < half_depth * 0.95 + 2) & (np.abs(u) > 6)
    free = canvas.classes != CANAL
    canvas.put(wing & free, MARROW, SACRUM)
    behind = -half_depth - rng.uniform(14, 17) * np.clip(1 + s / 130, 0.3, 1)
    roof = inside & (np.abs(u) < wing_reach * 0.5) & (v < -half_depth + 2) & (v > behind - 5) & free & (s < -6)
    canvas.put(roof, MARROW, SACRUM)
    crest = inside & (np.abs(u) < 4) & (v < behind) & (v > behind - 12) & (s < -8) & (s > ends[2])
    canvas.put(crest & free, MARROW, SACRUM)
    core = inside & (level < 1) & free
    canvas.put(core, MARROW, SACRUM)
    for number, end in enumerate(ends[:5]):
        thin = rng.uniform(1.0, 3.5) / (1 + 0.4 * number)
        canvas.put(core & (np.abs(s - end) < thin) & (level < 0.8), ANNULUS, SACRUM)
    edge = core & ((level > 0.84) | (s > -1.3))
    canvas.put(edge, CORTICAL, SACRUM)
