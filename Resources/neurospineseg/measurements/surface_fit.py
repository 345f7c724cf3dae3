"""Smooth surfaces through many points of a mask's surface, that single points cannot draw away. Fits do not shrink what they smooth."""

from __future__ import annotations

import numpy as np

LEAST_SCALE_MM = 0.15
"""No residuals are taken for outliers below a few times this."""


def noise_of(voxel: float, rays_in_cell: float, alike: float = 1.0) -> float:
    """Standard deviation in mm to count with at each place of a surface.

    Args:
        voxel: width of a voxel across the surface, mm; alone it would make .3 of it.
        rays_in_cell: how many rays share what a voxel shows.
        alike: how much more errors weigh where a surface runs along the grid, so that neighboring voxels err alike.
    """
    return alike * 0.3 * voxel * float(np.sqrt(max(1.0, rays_in_cell)))


def robust_fit(design: np.ndarray, values: np.ndarray, prior: np.ndarray, noise: float, voxel: float) -> np.ndarray:
    """Coefficients (P,) of a linear model that most points follow: Huber's weights first, then Tukey's, which leave outliers out.

    Args:
        design: (N, P).
        values: (N,) mm.
        prior: how large each coefficient is expected to be, (P,); infinite where anything goes.
        noise: see ``noise_of``.
        voxel: width of a voxel across the surface, mm; no residual of a part of it is an outlier.
    """
    penalty = np.diag((noise / prior) ** 2)
    weights = np.ones(len(values))
    fitted = _solved(design, values, weights, penalty)
    for turn in range(10):
        residuals = np.abs(values - design @ fitted)
        scale = max(LEAST_SCALE_MM + 0.15 * voxel, 1.4826 * float(np.median(residuals)))
        if turn < 5:
            weights = 1.0 / np.maximum(1.0, residuals / (1.3 * scale))
        else:
            weights = np.clip(1.0 - (residuals / (4.2 * scale)) ** 2, 0.0, None) ** 2
        fitted = _solved(design, values, weights, penalty)
    return fitted


def _solved(design: np.ndarray, values: np.ndarray, weights: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    weighted = design * weights[:, None]
    normal = weighted.T @ design + penalty
    return np.linalg.lstsq(normal, weighted.T @ values, rcond=1e-10)[0]


def bowl_terms(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """An endplate's model at places (N,) in half widths and half depths from its middle: plane, curvature, a bowl with a flatter rim
    whose deepest place may lie off the middle; (N, 9)."""
    square = x * x + y * y
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, x * square, y * square, square * square], -1)


BOWL_PRIOR_MM = np.array([np.inf, np.inf, np.inf, 3.0, 1.5, 3.0, 0.6, 0.6, 1.5])


def wall_terms(across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """A wall's model at places (N,) in shares of its size: position, lean and curvature both ways; (N, 6)."""
    return np.stack([np.ones_like(across), across, along, across**2, along**2, along**3], -1)


WALL_PRIOR_MM = np.array([np.inf, 2.0, 0.8, 2.0, 0.7, 0.05])
