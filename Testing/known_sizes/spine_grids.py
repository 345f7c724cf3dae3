"""Grids for drawn spines: of any pose, spacing, shear and handedness, some of which cut the spine."""

from __future__ import annotations

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from Testing.known_sizes.drawn_spines import DrawnSpine, turn_of

MOST_VOXELS = 4_000_000


def random_grid(rng: np.random.Generator, spine: DrawnSpine) -> tuple[Grid, bool]:
    """A grid that holds the spine, turned, sheared, left-handed and coarse as chance has it, and whether it cuts the spine."""
    points = np.concatenate([body.ras(np.array([[x, y, z] for x in (-1.6, 1.6) for y in (-3.4, 1.3) for z in (-0.7, 0.7)])
                                      * [body.half[0], body.half[1], body.height]) for body in spine.bodies])  # fmt: skip
    turn = turn_of(*rng.uniform(-40, 40, 3)) if rng.random() < 0.5 else turn_of(*rng.uniform(-4, 4, 3)) if rng.random() < 0.6 else np.eye(3)
    axes = turn[:, rng.permutation(3)] * rng.choice([-1.0, 1.0], 3)
    if rng.random() < 0.25:
        axes = axes @ (np.eye(3) + np.triu(rng.uniform(-0.2, 0.2, (3, 3)), 1))
        axes /= np.linalg.norm(axes, axis=0)
    spacing = (
        np.exp(rng.uniform(np.log(0.5), np.log(4.0), 3))
        if rng.random() < 0.6
        else np.full(3, np.exp(rng.uniform(np.log(0.5), np.log(4.0))))
    )
    along = np.linalg.solve(axes, points.T).T
    low, high = along.min(0) - 6, along.max(0) + 6
    cuts = rng.random() < 0.25
    if cuts:
        axis, share = int(rng.integers(3)), rng.uniform(0.1, 0.3)
        if rng.random() < 0.5:
            low[axis] += share * (high - low)[axis]
        else:
            high[axis] -= share * (high - low)[axis]
    while np.prod((high - low) / spacing) > MOST_VOXELS:
        spacing[spacing.argmin()] *= 1.15
    counts = np.ceil((high - low) / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * spacing, axes @ (low + spacing / 2)
    return Grid(triple(int(n) for n in counts[::-1]), affine), cuts
