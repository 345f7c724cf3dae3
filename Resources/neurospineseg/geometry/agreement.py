"""Volumes and agreement between masks."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid

warnings.filterwarnings("ignore", message=".*always_return_as_numpy")  # MONAI 1.6 warns of its own call


def volumes_ml(labels: np.ndarray, grid: Grid) -> dict[int, float]:
    """Volume in mL of every label value above 0 in (K, J, I)."""
    counts = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    for layer in labels:  # numpy widens what it counts to 8 bytes a voxel
        counts += np.bincount(layer.ravel(), minlength=len(counts))
    return {int(label): float(count) * grid.voxel_volume_ml for label, count in enumerate(counts) if label > 0 and count > 0}


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """2|A and B| / (|A| + |B|) of two bool masks; 1 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def hd95(a: np.ndarray, b: np.ndarray, spacing_kji: tuple[float, float, float]) -> float:
    """95th percentile of the symmetric surface distance in mm of two bool masks (K, J, I); NaN where one is empty."""
    if not a.any() or not b.any():
        return float("nan")
    from monai.metrics import compute_hausdorff_distance

    return float(compute_hausdorff_distance(_one_hot(a), _one_hot(b), percentile=95, spacing=list(spacing_kji))[0, 0])


def surface_dice(a: np.ndarray, b: np.ndarray, spacing_kji: tuple[float, float, float], tolerance_mm: float = 1.0) -> float:
    """Share of both surfaces that lies within ``tolerance_mm`` of the other (Nikolov et al. 2018)."""
    if not a.any() or not b.any():
        return float("nan")
    from monai.metrics import compute_surface_dice

    return float(compute_surface_dice(_one_hot(a), _one_hot(b), [tolerance_mm], spacing=list(spacing_kji))[0, 0])


def _one_hot(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(mask.astype(np.float32))[None, None]
