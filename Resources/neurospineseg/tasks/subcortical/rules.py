"""What anatomy demands of the deep nuclei: one piece each, left on the left, plausible volumes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import all_but_largest
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.class_scores import ModelClasses, OutputChannel, Postprocessed, argmax, suppress

PLAUSIBLE_MM3 = {
    "subthalamic_nucleus": (60, 300),
    "red_nucleus": (120, 600),
    "substantia_nigra": (180, 1000),
    "zona_incerta": (100, 700),
    "globus_pallidus_externus": (450, 2500),
    "globus_pallidus_internus": (180, 1200),
    "thalamus": (3500, 14000),
    "caudate": (1900, 9500),
    "putamen": (2700, 13400),
    "hippocampus": (1700, 8500),
    "amygdala": (800, 4000),
    "nucleus_accumbens": (230, 1300),
}
"""About 0.4 to 2 times the volumes of the ZonaBB atlas in MNI152; wider above for the subthalamic nucleus."""
T1_NOTE = (
    "This looks like a T1-weighted scan, on which the subthalamic nucleus can hardly be seen: its outline is placed from its neighbors. "
    "Give a T2- or susceptibility-weighted scan if there is one."
)


def smoothed_across_slices(probabilities: torch.Tensor, axis: int) -> torch.Tensor:
    """(C, K, J, I) of a model that works slice by slice along ``axis`` (0, 1, 2: k, j, i), each slice averaged with its neighbors.

    The weights are 1/4, 1/2, 1/4.
    """
    slices = probabilities.movedim(axis + 1, 1)
    padded = F.pad(slices[None], (0, 0, 0, 0, 1, 1), mode="replicate")[0]
    return (0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]).movedim(1, axis + 1)


def _check_sides(centroids: dict[str, np.ndarray]) -> None:
    for name, place in centroids.items():
        other = centroids.get(name.replace("left_", "right_", 1))
        if name.startswith("left_") and other is not None and place[0] >= other[0]:
            raise InputError(
                f"{structure(name).name} came out to the right of its counterpart; the scan's orientation is wrong or the head turned over, so nothing was kept."
            )


def contrast_notes(image: torch.Tensor, probabilities: torch.Tensor, spec: ModelClasses) -> list[str]:
    """A sentence for the user where the subthalamic nucleus is sought on a T1-weighted scan.

    The pallidum is brighter than the putamen, and than the thalamus, on T1 alone; on T2, T2*, PD and with white matter nulled it is darker.

    Args:
        image: (C, K, J, I) as the network gets it; the first channel is judged.
        probabilities: (classes, K, J, I).
    """
    winner = argmax(probabilities)

    def median(*structures: str) -> float | None:
        wanted = [n for n, name in enumerate(spec.classes) if name.split("_", 1)[-1] in structures]
        inside = torch.isin(winner, torch.tensor(wanted, device=winner.device, dtype=winner.dtype))
        return float(image[0][inside].median()) if bool(inside.any()) else None

    sought = any(name.endswith("subthalamic_nucleus") for name in spec.classes)
    pallidum = median("globus_pallidus_externus", "globus_pallidus_internus")
    other = median("putamen")
    other = median("thalamus") if other is None else other
    return [T1_NOTE] if sought and pallidum is not None and other is not None and pallidum > other else []


def postprocess_subcortical(probabilities: torch.Tensor, grid: Grid, spec: ModelClasses) -> Postprocessed:
    """The rules applied to softmax probabilities.

    Args:
        probabilities: float32 (C, K, J, I) on ``grid``, one channel per class of ``spec``.
        grid: the region around the nuclei.

    Raises:
        InputError: a left structure lies to the right of its right counterpart (R in RAS).
    """
    probabilities = probabilities.clone() if spec.slice_axis is None else smoothed_across_slices(probabilities, spec.slice_axis)
    winner = argmax(probabilities).cpu().numpy()
    notes: list[str] = []
    centroids: dict[str, np.ndarray] = {}
    for channel, name in enumerate(spec.classes):
        if channel == 0:
            continue
        mask = winner == channel
        islands = all_but_largest(mask)
        suppress(probabilities, channel, islands)
        mask &= ~islands
        found = structure(name)
        low, high = PLAUSIBLE_MM3.get(name.split("_", 1)[1], (0, np.inf))
        volume = mask.sum() * grid.voxel_volume_ml * 1000
        if volume == 0:
            notes.append(f"{found.name} was not found.")
            continue
        if not low <= volume <= high:
            notes.append(f"{found.name} measures {volume:.0f} mm3, outside the usual {low}-{high} mm3; look at it closely.")
        centroids[name] = grid.centroid(mask)
    _check_sides(centroids)
    channels = [OutputChannel(label=0), *(OutputChannel(label=structure(name).label) for name in spec.classes[1:])]
    return Postprocessed(probabilities, channels, [structure(name) for name in spec.classes[1:]], notes)
