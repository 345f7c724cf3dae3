"""A coarse model looks at the whole scan, so that its fine one looks closer only where that finds a structure."""

from __future__ import annotations

import torch
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.inference.sliding_window import at_least
from neurospineseg.models.bundle import Bundle, ModelSpec, find_bundle
from neurospineseg.tasks.class_scores import argmax, postprocess

NEAR_MM = 8.0
"""So far around what a coarse model finds its finer one may find something."""


def coarse_bundle(bundle: Bundle) -> Bundle | None:
    """The model that looks before this one does, if any.

    Raises:
        InputError: it is not installed, or takes other scans.
    """
    if bundle.spec.coarse is None:
        return None
    coarse = find_bundle(bundle.spec.coarse)
    if (coarse.spec.task, coarse.spec.role, coarse.spec.channels) != (bundle.spec.task, "segment", bundle.spec.channels):
        raise InputError(
            f"The model '{bundle.spec.name}' looks where '{coarse.spec.name}' finds something, but that takes other scans; install both models again."
        )
    return coarse


def near_structures(probabilities: torch.Tensor, grid: Grid, coarse: ModelSpec, working: Grid) -> tuple[torch.Tensor, float]:
    """Where a coarse model finds anything that its task's rules keep, and ``NEAR_MM`` around it.

    Args:
        probabilities: the coarse model's, (C, K, J, I) on ``grid``.

    Returns:
        Bool (K', J', I') on ``working``; and how likely all that was found is to be any structure, on average, 0 where nothing was.
    """
    kept = postprocess(probabilities, grid, coarse).probabilities
    mask = argmax(kept) > 0
    if not bool(mask.any()):
        return torch.zeros(working.shape, dtype=torch.bool), 0.0
    near = ndimage.distance_transform_edt(~mask.cpu().numpy(), sampling=grid.spacing_kji) <= NEAR_MM
    return resample(torch.from_numpy(near)[None], grid, working, mode="nearest")[0], float(1 - kept[0][mask].mean())


def box_around(near: torch.Tensor, fine: ModelSpec, context_mm: float) -> list[tuple[int, int]] | None:
    """Along k, j and i the voxels ``[low, high)`` that the fine model is given: what is near and its context, at least a whole patch.

    None where nothing is near.
    """
    box = bounding_box(near, round(context_mm / min(fine.spacing)))
    return None if box is None else [at_least(*axis) for axis in zip(*box, fine.patch, near.shape)]
