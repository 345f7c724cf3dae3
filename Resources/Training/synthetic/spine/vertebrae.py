"""Vertebral bodies, discs and arches of plain shapes, drawn in the coordinates of the spine's line (see ``synthetic.spine``)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from Training.synthetic.spine.canvas import (
    ANNULUS,
    ARCH,
    BACKGROUND,
    BODY,
    BONE,
    CANAL,
    CORTICAL,
    DISC,
    LIGAMENT,
    MARROW,
    NUCLEUS,
    SACRUM,
    VESSEL,
    Canvas,
)
from Training.synthetic.spine.curve import LEVELS


def draw_vertebrae(rng, canvas: Canvas, s, u, v, lower, body, disc, width, depth, spacing) -> None:
    slip_level = int(rng.integers(0, 4)) if rng.random() < 0.15 else -1
    fractured = set(rng.integers(0, 12, 2).tolist()) if rng.random() < 0.2 else set()
    waist, hollow, square = rng.uniform(0.04, 0.14), rng.uniform(0.5, 2.6), rng.uniform(2.1, 2.9)
    spine_length, spread = rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15)
    transitional = rng.random() < 0.1
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
        _arch(rng, here, ss, su, vv, n, start, end, width[n], depth[n], spine_length, spread, transitional and n == 0)
        _body(rng, here, ss, su, vv, n, start, end, width[n], depth[n], waist, hollow, square, crush)
        _disc(rng, here, ss, su, vv, n, float(lower[n] - disc[n]), start, width[n], depth[n], spacing)


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


def _disc(rng, canvas, s, u, v, n, start, end, width, depth, spacing) -> None:
    """The disc below body ``n``: the gap between the endplates, narrower than the bodies, with a nucleus unless worn.

    Beside it and at the endplates the gap holds dark tissue that is no disc.
    """
    radial = (np.abs(u) / (width * rng.uniform(0.84, 0.97))) ** 2.4 + (np.abs(v) / (depth * rng.uniform(0.88, 1.02))) ** 2.4
    free = (s > start - 3.2) & (s < end + 3.2) & (canvas.classes != BODY) & (canvas.classes != SACRUM)
    free &= ~((canvas.classes == DISC) & (canvas.level != n + 1)) & (canvas.classes != CANAL)
    canvas.put(free & (radial < rng.uniform(1.0, 1.5)), LIGAMENT)
    gap = free & (radial < 1)
    plate = min(rng.uniform(0.5, 1.4), 0.2 * (end - start))
    if plate > 0.35 * spacing[2] and gap.any():
        box = tuple(slice(max(0, a - 2), b + 3) for a, b in zip(np.argwhere(gap).min(0), np.argwhere(gap).max(0)))
        bone = (canvas.classes[box] == BODY) | (canvas.classes[box] == SACRUM)
        gap[box] &= ndimage.distance_transform_edt(~bone, sampling=spacing[::-1]) >= plate + 0.5 * spacing[2]
    canvas.put(gap, ANNULUS, DISC, n + 1)
    if rng.random() < 0.8:
        thick = (end - start) / 2 + 1
        core = gap & ((u / (0.62 * width)) ** 2 + ((v + 0.08 * depth) / (0.6 * depth)) ** 2 + ((s - (start + end) / 2) / thick) ** 2 < 1)
        canvas.put(core, NUCLEUS)


def _arch(rng, canvas, s, u, v, n, start, end, width, depth, spine_length, spread, transitional) -> None:
    """Pedicles, laminae, articular, transverse and spinous processes around the canal; the transverse ones of a transitional
    vertebra are tall and reach the sacrum's wings."""
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
    tall = height * (0.36 if lumbar else 0.24) * rng.uniform(0.75, 1.1)
    root = wall - canal_deep + 3
    outward = (v - (root + tip) / 2) / ((root - tip) / 2)
    spinous = (side < 2.0 + rng.uniform(0.6, 2.0) * along) & (np.abs((s - axis) / tall) ** 2.5 + np.abs(outward) ** 4 < 1)
    arch |= spinous
    reach = (38 if lumbar else 32 if not cervical else 24) * spread
    root = wall - (4 if lumbar else 12 if not cervical else 2)
    backward = 0.1 if lumbar else 0.45
    transverse = (
        (side > canal_half)
        & (side < reach)
        & (np.abs(v - root + backward * (side - canal_half)) < 5)
        & (np.abs(s - middle - 0.2 * height + 8 * transitional) < 5.5 + 9 * transitional)
    )
    arch |= transverse
    facet_u, facet_v = canal_half + 5.5, wall - canal_deep * 0.85
    upper = ((side - facet_u - 2) / 5.5) ** 2 + ((v - facet_v - 3) / 5) ** 2 + ((s - end - 0.05 * height) / (0.42 * height)) ** 2 < 1
    under = ((side - facet_u + 1) / 5.5) ** 2 + ((v - facet_v + 4) / 5) ** 2 + ((s - start + 0.15 * height) / (0.5 * height)) ** 2 < 1
    arch |= upper | under
    arch &= free
    arch &= ~((canvas.classes == ARCH) & (canvas.level != n + 1) & ~pedicle & ~lamina)
    canvas.put(arch, BONE, ARCH, n + 1)
    shell = arch & ~ndimage.binary_erosion(arch)
    canvas.put(shell & (_three_quarters(shell, rng)), CORTICAL)


def _three_quarters(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random three quarters of a mask's voxels: cortical bone as thin as half a voxel shows up only here and there."""
    return mask & (rng.random(mask.shape, dtype=np.float32) < 0.75)
