"""Slides the small nuclei of a side, as one, to where the scan shows them.

Iron darkens the red nucleus, the substantia nigra and the subthalamic nucleus on T2*, SWI and T2 and brightens them on QSM. Where a network places them
by their neighbors instead of by what is seen, as it does in contrasts that it was hardly taught, all three are off by the same.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.geometry.grid import Grid
from neurospineseg.tasks.class_scores import ModelClasses, argmax

SEEN = ("red_nucleus", "substantia_nigra", "subthalamic_nucleus")
MOVED = (*SEEN, "zona_incerta")
LEAST_VISIBLE = 0.7
"""Difference between the nuclei and what is around them, in deviations of both together; 0.2 to 0.5 on T1, 0.8 and more on T2, T2*, PD and SWI."""
FARTHEST_MM, STEP_MM, AROUND_MM = 2.0, 0.5, 4.0
STIFFNESS = 0.05
"""Of the prior: what a slide of x mm must gain, in those deviations, is half of it times x squared."""


def onto_visible(image: torch.Tensor, probabilities: torch.Tensor, grid: Grid, spec: ModelClasses) -> torch.Tensor:
    """The probabilities with the small nuclei of each side where they are seen best; as they are where nothing is seen of them.

    Args:
        image: (C, K, J, I) as the network gets it; the first channel is looked at.
        probabilities: (classes, K, J, I).
        grid: of both, i, j, k along the head's right, anterior and superior.
    """
    winner = argmax(probabilities).cpu().numpy()
    result = probabilities
    for side in ("left", "right"):
        seen, moved = ([n for n, name in enumerate(spec.classes) if name in {f"{side}_{key}" for key in keys}] for keys in (SEEN, MOVED))
        nuclei = np.isin(winner, seen)
        corners = bounding_box(nuclei, int(np.ceil((AROUND_MM + FARTHEST_MM) / grid.spacing.min())))
        if len(seen) < len(SEEN) or corners is None:
            continue
        box = tuple(slice(low, high) for low, high in zip(*corners))
        slide = best_slide(image[0][box].cpu().numpy().astype(np.float32), nuclei[box], winner[box] == 0, grid.spacing_kji)
        if slide.any():
            result = result.clone() if result is probabilities else result
            result[(slice(None), *box)] = slid(result[(slice(None), *box)], moved, slide)
    return result


def best_slide(image: np.ndarray, nuclei: np.ndarray, background: np.ndarray, spacing_kji: np.ndarray) -> np.ndarray:
    """How far the nuclei lie from where they are seen best, in voxels along k, j, i; forward and upward only, zeros where they are not seen.

    Args:
        image: (K, J, I).
        nuclei, background: bool (K, J, I), what was found so, and where nothing was found.
    """
    near = ndimage.distance_transform_edt(~nuclei, sampling=spacing_kji) <= AROUND_MM
    around = near & background
    deviation = float(image[near].std())
    visible = 0.0 if deviation == 0 or not around.any() else (image[nuclei].mean() - image[around].mean()) / deviation
    if abs(visible) < LEAST_VISIBLE:
        return np.zeros(3)
    reach = np.arange(-FARTHEST_MM, FARTHEST_MM + STEP_MM / 2, STEP_MM)
    slides = np.array([(up, forward, 0.0) for up in reach for forward in reach])
    places = np.argwhere(nuclei).astype(np.float32)
    inside = [ndimage.map_coordinates(image, (places + mm / spacing_kji).T, order=1, mode="nearest").mean() for mm in slides]
    gain = np.sign(visible) * np.array(inside) / deviation - STIFFNESS / 2 * (slides**2).sum(1)
    return slides[gain.argmax()] / spacing_kji


def slid(probabilities: torch.Tensor, channels: list[int], slide: np.ndarray) -> torch.Tensor:
    """Probabilities (C, K, J, I) with some channels slid by voxels along k, j, i; the others give way, the background (channel 0) fills what is left."""
    before = probabilities[channels]
    shifted = [ndimage.shift(channel.cpu().numpy(), slide, order=1) for channel in before]
    after = torch.from_numpy(np.stack(shifted)).to(probabilities)
    room, former = (1 - after.sum(0)).clamp_min(0), (1 - before.sum(0)).clamp_min(1e-6)
    result = probabilities * (room / former).clamp_max(1)
    result[channels] = after
    result[0] += (1 - result.sum(0)).clamp_min(0)
    return result
