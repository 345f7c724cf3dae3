"""A procedural spine: bodies, discs, arches, canal and sacrum along a curve, in a trunk of fat, muscle and organs.

Sizes are those of DESIGN's table for lumbar levels (body spacing 34-36 mm, bodies 37-50 x 30 x 24-28 mm, discs
39 x 28 x 7 mm), shrinking upward; everything else is a rough anatomy of plain shapes. Places along the spine are given by
the arc length s (mm, upward, 0 at the upper endplate of S1), across by u (to the right) and v (forward, 0 in the body's middle).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

BACKGROUND, BODY, ARCH, DISC, CANAL, SACRUM = range(6)
(AIR, FAT, MUSCLE, ORGAN_A, ORGAN_B, VESSEL, GAS, CSF, CORD, ROOTS, EPIDURAL, CORTICAL, MARROW, NUCLEUS, ANNULUS, BONE, LIGAMENT) = range(
    17
)
TISSUES = 17
LEVELS = 24
"""Vertebrae counted upward: 0 is L5, 4 L1, 5 T12, 16 T1, 17 C7, 22 C2, 23 C1."""


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


def _interpolated(places: np.ndarray, low: float, step: float, table: np.ndarray) -> np.ndarray:
    """Linear interpolation of an evenly spaced table, faster than ``np.interp``."""
    at = np.clip((places - low) / step, 0, len(table) - 1.001).astype(np.float32)
    index = at.astype(np.int32)
    return table[index] + (at - index) * (table[index + 1] - table[index])


@dataclass(frozen=True)
class Curve:
    """The line through the middles of the bodies, tabulated every millimeter of arc length from ``low``."""

    low: float
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    lean: np.ndarray
    side: np.ndarray

    def project(self, points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """RAS mm to (s, u, v)."""
        px, py, pz = points
        order = np.arange(len(self.z), dtype=np.float32) + self.low
        steps = np.linspace(self.z.min(), self.z.max(), len(self.z))
        s = _interpolated(pz, steps[0], steps[1] - steps[0], np.interp(steps, self.z, order).astype(np.float32))
        for _ in range(3):
            x, y, z, lean = (_interpolated(s, self.low, 1.0, table) for table in (self.x, self.y, self.z, self.lean))
            along = (py - y) * np.sin(lean) + (pz - z) * np.cos(lean)
            s = s + 0.8 * along
        x, y, z, lean, side = (_interpolated(s, self.low, 1.0, table) for table in (self.x, self.y, self.z, self.lean, self.side))
        return s, px - x, (py - y) * np.cos(lean) - (pz - z) * np.sin(lean)


def _levels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Per level from L5: disc height below it, body height, half width, half depth; all in mm."""
    number = np.arange(LEVELS, dtype=float)
    body = np.interp(number, [0, 4, 5, 16, 17, 22, 23], [27, 26.5, 25, 17, 14, 14, 12])
    disc = np.interp(number, [0, 1, 4, 5, 8, 16, 17, 23], [9.0, 9.5, 8, 6.5, 4.5, 4.0, 5.0, 4.5])
    width = np.interp(number, [0, 4, 5, 12, 16, 17, 23], [25, 21.5, 20.5, 15, 16, 14, 12])
    depth = np.interp(number, [0, 4, 5, 12, 16, 17, 23], [17, 16, 15.5, 13.5, 10, 8.5, 8])
    size = rng.normal(1, 0.06)
    body, disc, width, depth = (values * size * rng.normal(1, 0.05) * rng.normal(1, 0.025, LEVELS) for values in (body, disc, width, depth))
    worn = rng.random(LEVELS) < rng.choice([0.05, 0.3])
    return np.where(worn, disc * rng.uniform(0.3, 0.75, LEVELS), disc), body, width, depth


def _curve(rng: np.random.Generator, lower: np.ndarray) -> Curve:
    """Sacral slope, lumbar lordosis, thoracic kyphosis, cervical lordosis, some scoliosis; ``lower`` is s of the bodies' lower ends."""
    low, high = -170.0, float(lower[-1]) + 60
    s = np.arange(low, high)
    slope, loin, chest, neck = rng.normal(38, 9), rng.normal(-12, 7), rng.normal(24, 8), rng.normal(-4, 10)
    knots = [-170, -120, -70, -25, 0, lower[0], lower[2], lower[5], lower[11], lower[16], lower[20], high]
    middle = 0.2 * slope
    angles = [-50, -15, slope - 5, slope + 8, slope, 0.75 * slope, middle, loin, 0.5 * (loin + chest), chest, 0.5 * (neck + chest), neck]
    lean = np.radians(np.interp(s, knots, angles))
    lean = ndimage.gaussian_filter1d(lean, 9, mode="nearest")
    side = np.zeros_like(s)
    if rng.random() < 0.5:
        amount = np.radians(abs(rng.normal(0, 9)))
        side = amount * np.sin(s / rng.uniform(60, 130) + rng.uniform(0, 6.3)) * np.clip((s + 20) / 60, 0, 1)
    x, y, z = (np.cumsum(values) for values in (np.sin(side), np.sin(lean) * np.cos(side), np.cos(lean) * np.cos(side)))
    origin = int(-low)
    tables = [(table - table[origin]).astype(np.float32) for table in (x, y, z)]
    return Curve(low, *tables, lean.astype(np.float32), side.astype(np.float32))


def noise(rng: np.random.Generator, shape: tuple[int, ...], spacing: np.ndarray, step_mm: float) -> np.ndarray:
    """Smooth noise of about unit deviation, float32 (K, J, I), its control points ``step_mm`` apart; ``spacing`` along R, A, S."""
    from .deform import smooth_noise

    counts = tuple(max(2, int(round(n * d / step_mm)) + 1) for n, d in zip(shape, spacing[::-1]))
    return smooth_noise(rng, shape, counts).numpy() * np.float32(1.5)


@dataclass(frozen=True)
class _Canvas:
    tissue: np.ndarray
    classes: np.ndarray
    level: np.ndarray

    def part(self, slices: slice) -> _Canvas:
        """A view of some of the slices along k."""
        return _Canvas(self.tissue[slices], self.classes[slices], self.level[slices])

    def put(self, where: np.ndarray, tissue: int, label: int | None = None, level: int = 0) -> None:
        self.tissue[where] = tissue
        if label is not None:
            self.classes[where] = label
            self.level[where] = level


def draw_spine(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    middle: float,
    *,
    forward: float = 0.0,
    sideways: float = 0.0,
    turn: np.ndarray | None = None,
) -> Spine:
    """Draws the part of a spine that a field of view shows.

    Args:
        shape: (K, J, I); ``spacing`` in mm along R, A, S.
        middle: arc length s in mm that lies in the grid's middle: 0 the upper end of the sacrum, about 90 L3, 400 the neck.
        forward, sideways: how far the grid's middle lies before and to the right of the spine's line, mm.
        turn: 3x3 rotation of the patient about that point.
    """
    spacing = np.asarray(spacing, float)
    disc, body, width, depth = _levels(rng)
    lower = np.cumsum(disc + np.concatenate([[0], body[:-1]]))
    curve = _curve(rng, lower)
    at = np.array([np.interp(middle, np.arange(len(t)) + curve.low, t) for t in (curve.x, curve.y, curve.z)]) + (sideways, forward, 0)
    axes = [(np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape[::-1], spacing)]
    grid = np.stack(np.broadcast_arrays(axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None])).astype(np.float32)
    if turn is not None:
        grid = np.tensordot(turn.astype(np.float32), grid, 1)
    points = [grid[a] + np.float32(at[a]) + rng.uniform(0.4, 1.1) * noise(rng, shape, spacing, 16) for a in range(3)]
    s, u, v = curve.project(tuple(points))
    canvas = _Canvas(*(np.zeros(shape, np.uint8) for _ in range(3)))
    _trunk(rng, canvas, points, s, u, v, spacing)
    _canal(rng, canvas, s, u, v, lower, depth, spacing)
    _sacrum(rng, canvas, s, u, v, width[0], depth[0])
    _vertebrae(rng, canvas, s, u, v, lower, body, disc, width, depth)
    ijk_to_ras = np.diag([*spacing, 1.0])
    ijk_to_ras[:3, 3] = [axis[0] for axis in axes]
    return Spine(canvas.tissue, canvas.classes, canvas.level, ijk_to_ras)


def _trunk(rng, canvas: _Canvas, points, s, u, v, spacing) -> None:
    """Skin, fat, muscles, psoas, organs with gas, great vessels, iliac bones."""
    shape = canvas.tissue.shape
    x, y, z = points
    back = -rng.uniform(55, 85) + 8 * np.sin(s / 60)
    front, breadth = rng.uniform(70, 140), rng.uniform(120, 180)
    fat = rng.uniform(4, 30)
    center = (front + back) / 2
    depth_of = (front - back) / 2
    rim = (1 - np.sqrt((u / breadth) ** 2 + ((v - center) / depth_of) ** 2)) * depth_of
    rim = np.minimum(rim, v - back)
    canvas.put(rim > 0, FAT)
    inside = rim > fat
    blobs, other = noise(rng, shape, spacing, 28), noise(rng, shape, spacing, 14)
    canvas.put(inside, FAT)
    canvas.put(inside & (v > -10) & (blobs > -0.3), ORGAN_A)
    canvas.put(inside & (v > -10) & (blobs > 0.5), ORGAN_B)
    canvas.put(inside & (v > 15) & (blobs > 0.9) & (other > 0.6), GAS)
    muscle = inside & (v < -8) & (np.abs(u) < rng.uniform(70, 100)) & (other > rng.uniform(-2.2, -1.0))
    canvas.put(muscle, MUSCLE)
    psoas = ((np.abs(u) - 38) / rng.uniform(14, 20)) ** 2 + ((v + 2) / rng.uniform(16, 24)) ** 2 < 1
    canvas.put(psoas & (s > -60) & (s < 220), MUSCLE)
    for side, value in ((-1, rng.uniform(8, 11)), (1, rng.uniform(7, 11))):
        reach = rng.uniform(26, 34)
        canvas.put(((u - side * rng.uniform(6, 18)) ** 2 + (v - reach) ** 2 < value**2) & (s > 25), VESSEL)
    lungs = inside & (s > 250) & (v > 5 - 25 * (np.abs(u) > 30)) & (np.abs(u) > rng.uniform(15, 28)) & (s < 480)
    canvas.put(lungs, GAS)
    ribs = (
        (np.abs(np.abs(u) - 26 - 0.25 * np.abs(v + 25)) < 12)
        & (np.abs((s + 0.5 * v) % 27 - 13) < 4.5)
        & (s > 165)
        & (s < 480)
        & (v < 0)
        & (v > -40)
    )
    canvas.put(ribs, BONE)
    iliac = (np.abs(np.abs(u) - 62 - 0.25 * (s + 20) - 0.2 * (v + 20)) < rng.uniform(5, 10)) & (s < 25) & (s > -110) & (v < 15)
    canvas.put(iliac & (rim > 5), BONE)


def _canal(rng, canvas: _Canvas, s, u, v, lower, depth, spacing) -> None:
    """Epidural fat, thecal sac with cord above L1 and roots below; ligaments before it are dark."""
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


def _sacrum(rng, canvas: _Canvas, s, u, v, width: float, depth: float) -> None:
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


def _vertebrae(rng, canvas: _Canvas, s, u, v, lower, body, disc, width, depth) -> None:
    slip_level = int(rng.integers(0, 4)) if rng.random() < 0.15 else -1
    fractured = set(rng.integers(0, 12, 2).tolist()) if rng.random() < 0.2 else set()
    waist, hollow, square = rng.uniform(0.04, 0.14), rng.uniform(0.5, 2.6), rng.uniform(2.1, 2.9)
    spine_length, spread = rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15)
    for n in range(LEVELS - 1):
        start, end = float(lower[n]), float(lower[n] + body[n])
        if not ((s > start - 40) & (s < end + 12)).any():
            continue
        low_k, high_k = (np.flatnonzero(((s > start - 45) & (s < end + 20)).any((1, 2)))[[0, -1]] + (0, 1)).tolist()
        part = slice(low_k, high_k)
        here = canvas.part(part)
        shift = rng.uniform(3, 9) if n == slip_level else 0.0
        su, vv, ss = u[part], v[part] - shift, s[part]
        crush = rng.uniform(0.3, 0.75) if n in fractured else rng.uniform(0.93, 1.0)
        _arch(rng, here, ss, su, vv, n, start, end, width[n], depth[n], spine_length, spread)
        _body(rng, here, ss, su, vv, n, start, end, width[n], depth[n], waist, hollow, square, crush)
        _disc(rng, here, ss, su, vv, n, float(lower[n] - disc[n]), start, width[n], depth[n])


def _body(rng, canvas, s, u, v, n, start, end, width, depth, waist, hollow, square, crush) -> None:
    half = (end - start) / 2
    radial = (u / width) ** 2 + (v / depth) ** 2
    dip = hollow * np.clip(1 - radial, 0, 1)
    top = end - dip - (1 - crush) * (end - start) * np.clip((v + depth) / (2 * depth), 0, 1)
    bottom = start + dip
    f = (s - (start + end) / 2) / half
    narrowing = 1 - waist * (1 - np.clip(f**2, 0, 1))
    flat = np.where(v < 0, 0.9, 1.0)
    level = (np.abs(u) / (width * narrowing)) ** square + (np.abs(v) / (depth * narrowing * flat)) ** square
    inside = (s > bottom) & (s < top) & (level < 1)
    canvas.put(inside, MARROW, BODY, n + 1)
    shell = inside & ((level > 0.87) | (s < bottom + 1.1) | (s > top - 1.1))
    canvas.put(shell, CORTICAL)
    vein = inside & (np.abs(f) < 0.16) & (v < -0.3 * depth) & (np.abs(u) < 3.5)
    if rng.random() < 0.5:
        canvas.put(vein, VESSEL)


def _disc(rng, canvas, s, u, v, n, start, end, width, depth) -> None:
    """The disc below body ``n``: whatever of the gap is not bone, with a nucleus unless worn."""
    bulge = rng.uniform(0.94, 1.06)
    radial = (np.abs(u) / (width * bulge)) ** 2.4 + (np.abs(v) / (depth * bulge)) ** 2.4
    gap = (s > start - 3.2) & (s < end + 3.2) & (radial < 1) & (canvas.classes != BODY) & (canvas.classes != SACRUM)
    gap &= ~((canvas.classes == DISC) & (canvas.level != n + 1))
    canvas.put(gap, ANNULUS, DISC, n + 1)
    if rng.random() < 0.8:
        thick = (end - start) / 2 + 1
        core = gap & ((u / (0.62 * width)) ** 2 + ((v + 0.08 * depth) / (0.6 * depth)) ** 2 + ((s - (start + end) / 2) / thick) ** 2 < 1)
        canvas.put(core, NUCLEUS)


def _arch(rng, canvas, s, u, v, n, start, end, width, depth, spine_length, spread) -> None:
    """Pedicles, laminae, articular, transverse and spinous processes around the canal."""
    height = end - start
    middle = (start + end) / 2
    lumbar, cervical = n < 5, n > 16
    side = np.abs(u)
    wall = -depth
    canal_deep = 17.0 if lumbar else 15.5
    canal_half = 13.0 if lumbar or cervical else 10.5
    free = (canvas.classes != CANAL) & (canvas.classes != SACRUM)
    rest = (canvas.classes == BACKGROUND) | (canvas.classes == ARCH)
    free &= rest
    thick = 4.5 if lumbar else 3.5
    pedicle = (
        (np.abs(side - canal_half - thick) < thick)
        & (v < wall + 6)
        & (v > wall - canal_deep * 0.75)
        & (np.abs(s - middle - 0.2 * height) < 0.27 * height)
    )
    arch = pedicle
    ring = (u / (canal_half + thick + 2)) ** 2 + ((v - wall + canal_deep / 2) / (canal_deep / 2 + 5.5)) ** 2 < 1
    lamina = ring & (v < wall - canal_deep * 0.5) & (s > start - 0.12 * height) & (s < middle + 0.22 * height)
    arch = arch | lamina
    tip = wall - canal_deep - (32 if lumbar else 26 if not cervical else (16 + 10 * (n == 17))) * spine_length
    slope = (0.12 if lumbar else 0.75 if not cervical else 0.35) * rng.uniform(0.7, 1.3)
    along = np.clip((wall - canal_deep - v) / 30, 0, 2)
    axis = middle - 0.32 * height - slope * 30 * along
    tall = height * (0.40 if lumbar else 0.26)
    spinous = (side < 2.6 + 1.2 * along) & (v < wall - canal_deep + 3) & (v > tip) & (np.abs(s - axis) < tall)
    arch |= spinous
    reach = (38 if lumbar else 32 if not cervical else 24) * spread
    root = wall - (4 if lumbar else 12 if not cervical else 2)
    backward = 0.1 if lumbar else 0.45
    transverse = (
        (side > canal_half)
        & (side < reach)
        & (np.abs(v - root + backward * (side - canal_half)) < 5)
        & (np.abs(s - middle - 0.2 * height) < 5.5)
    )
    arch |= transverse
    facet_u, facet_v = canal_half + 5.5, wall - canal_deep * 0.85
    upper = ((side - facet_u - 2) / 5.5) ** 2 + ((v - facet_v - 3) / 5) ** 2 + ((s - end - 0.05 * height) / (0.42 * height)) ** 2 < 1
    under = ((side - facet_u + 1) / 5.5) ** 2 + ((v - facet_v + 4) / 5) ** 2 + ((s - start + 0.15 * height) / (0.5 * height)) ** 2 < 1
    arch |= upper | under
    arch &= free
    arch &= ~((canvas.classes == ARCH) & (canvas.level != n + 1) & ~pedicle & ~lamina)
    canvas.put(arch, MARROW, ARCH, n + 1)
    shell = arch & ~ndimage.binary_erosion(arch)
    canvas.put(shell & (noise_free(shell, rng)), CORTICAL)


def noise_free(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random three quarters of a mask's voxels: cortical bone as thin as half a voxel shows up only here and there."""
    return mask & (rng.random(mask.shape, dtype=np.float32) < 0.75)
