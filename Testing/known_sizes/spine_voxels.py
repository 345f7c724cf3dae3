"""Drawn spines as label maps and as probabilities, on any grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure
from Testing.known_sizes.drawn_body import Body
from Testing.known_sizes.drawn_canal import Tube
from Testing.known_sizes.drawn_spines import DrawnSpine


def drawn_labels(spine: DrawnSpine, grid: Grid) -> tuple[Volume, dict[int, str]]:
    """The spine as a label map, and keys by label value."""
    labels = np.zeros(grid.shape, np.uint16)
    names = {}
    for key, around, holds in _parts(spine):
        part = _part_of(grid, around)
        if part is None:
            continue
        box, ras = part
        inside = holds(ras).reshape(labels[box].shape)
        labels[box][inside & (labels[box] == 0)] = structure(key).label
        names[structure(key).label] = key
    return Volume(labels, grid.affine), names


def drawn_probabilities(spine: DrawnSpine, grid: Grid, finer: int = 2) -> dict[str, Volume]:
    """Shares of each voxel that its structures fill, by structure's key, from a grid ``finer`` times as fine along each axis."""
    fine_affine = np.array(grid.ijk_to_ras)
    fine_affine[:3, :3] /= finer
    fine_affine[:3, 3] -= fine_affine[:3, :3] @ np.full(3, (finer - 1) / 2)
    labels, names = drawn_labels(spine, Grid(triple(n * finer for n in grid.shape), fine_affine))
    shares = {}
    k, j, i = grid.shape
    for label, key in names.items():
        fine = (labels.voxels == label).reshape(k, finer, j, finer, i, finer)
        shares[key] = Volume(fine.mean((1, 3, 5), dtype=np.float32), grid.affine)
    return shares


def _parts(spine: DrawnSpine) -> Iterator[tuple[str, np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """Key, RAS points around, and what tells whether RAS points (N, 3) lie inside, in the order of drawing; later ones yield."""
    tube = spine.tube
    for body in spine.bodies:
        yield body.key, _box(body, 1.15, 1.3, 0.75), body.holds
    canal = np.concatenate([tube.axis + 13.0 * sign * axis for sign in (-1, 1) for axis in np.eye(3)])
    yield "spinal_canal", canal, lambda ras: tube.radius(ras)[0] <= 1.0
    for body in spine.bodies:
        yield body.key, _box(body, 2.2, 4.2, 1.0), lambda ras, body=body: _arch(body, tube, ras)
    for number, drawn in enumerate(spine.discs):
        if drawn:
            above, below = spine.bodies[number : number + 2]
            yield spine.disc_key(number), np.concatenate([_box(b, 1.1, 1.1, 0.8) for b in (above, below)]), _between(above, below)


def _part_of(grid: Grid, around: np.ndarray) -> tuple[tuple[slice, slice, slice], np.ndarray] | None:
    """The box of a grid around RAS points, and RAS of its voxels (N, 3)."""
    start, stop = grid.index_box(around)
    if any(a >= b for a, b in zip(start, stop)):
        return None
    box = triple(slice(a, b) for a, b in zip(start, stop))
    kji = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(start, stop)), indexing="ij"), -1)
    return box, grid.affine.apply_kji(kji).reshape(-1, 3)


def _box(body: Body, x: float, y: float, z: float) -> np.ndarray:
    corners = np.array([[a, b, c] for a in (-x, x) for b in (-y, 1.3) for c in (-z, z)])
    return body.ras(corners * [body.half[0], body.half[1], body.height])


def _between(above: Body, below: Body) -> Callable[[np.ndarray], np.ndarray]:
    def inside(ras: np.ndarray) -> np.ndarray:
        high, low = above.local(ras), below.local(ras)
        under = high[:, 2] < above.lower.height(high[:, 0], high[:, 1], above.half)
        over = low[:, 2] > below.upper.height(low[:, 0], low[:, 1], below.half)
        near = (high[:, 2] > -above.height * 1.3) & (low[:, 2] < below.height * 1.3)
        return under & over & near & (above.radial(high) + below.radial(low) <= 2.0)

    return inside


def _arch(body: Body, tube: Tube, ras: np.ndarray) -> np.ndarray:
    """Pedicles, lamina, spinous and transverse processes; of the sacrum its wings and the roof of its canal."""
    x, y, z = np.moveaxis(body.local(ras), -1, 0)
    half_x, half_y = body.half
    thick = 0.16 * half_x + 1.5
    if body.name == "S1":
        wings = (
            (np.abs(x) > 0.85 * half_x)
            & (np.abs(x) < 2.0 * half_x)
            & (z < 0.22 * body.height - 0.15 * np.abs(x))
            & (np.abs(y + 4) < half_y)
        )
        below = (np.abs(x) < 1.5 * half_x) & (z < -0.4 * body.height) & (z > -body.height) & (np.abs(y) < 0.8 * half_y)
        return (wings & (z > -body.height)) | below
    near = np.zeros(len(ras), bool)
    level = np.abs(z + 0.05 * body.height) < 0.40 * body.height
    near[level] = True
    radius, toward, _ = tube.radius(ras[near], thicker=thick)
    inner, _, _ = tube.radius(ras[near], thicker=1.0)
    lamina = np.zeros(len(ras), bool)
    lamina[near] = (radius <= 1.0) & (inner > 1.0) & (toward < 2.0)
    canal_y = float(body.local(tube.axis[tube.at_plane(body.center, body.axes[:, 2])])[1])
    across = np.sqrt((np.abs(x) - 0.66 * half_x) ** 2 + (z - 0.15 * body.height) ** 2)
    pedicles = (across < 0.22 * body.height) & (y < -0.55 * half_y) & (y > canal_y - 2)
    process = (
        (np.abs(x) < 3.0)
        & (y < canal_y - 9)
        & (y > canal_y - 9 - 1.3 * half_y)
        & (np.abs(z + 0.35 * (canal_y - 9 - y)) < 0.22 * body.height)
    )
    transverse = (
        (np.abs(x) > 0.5 * half_x) & (np.abs(x) < 2.0 * half_x) & (np.abs(y - canal_y - 2) < 4) & (np.abs(z - 0.1 * body.height) < 4)
    )
    return (lamina | pedicles | process | transverse) & (y < -0.5 * half_y)
