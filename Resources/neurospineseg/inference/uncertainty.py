"""Where a model is least certain, and the places worth a look first.

Uncertainty is 1 - (p1 - p2), with p1 and p2 the highest and the second highest probability of a voxel
("margin" of active learning: Settles, "Active Learning Literature Survey", 2009, section 3.1).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import components
from neurospineseg.geometry.triple import triple
from neurospineseg.tasks.class_scores import OutputChannel

UNCERTAIN = 0.7
"""A voxel is uncertain where its uncertainty is higher: the winner is less than 0.3 ahead of the second. With 0.5 the shells of
neighboring vertebrae grow together (69 mL in one piece in a lumbar scan), with 0.7 the largest piece there has 4 mL."""
LEAST_VOXELS = 4
MOST_PLACES = 40


@dataclass(frozen=True)
class UncertainRegion:
    """A connected region of uncertain voxels.

    Attributes:
        ras: mm, the point of the region farthest from its border.
        label: label value of the structure that the model had in mind there.
        marked: whether that structure was marked there, or the background won.
        ml: volume of the region in mL.
        score: uncertainty summed over the region, in mL.
    """

    ras: tuple[float, float, float]
    label: int
    marked: bool
    ml: float
    score: float


def uncertainty(probabilities: torch.Tensor) -> torch.Tensor:
    """The uncertainty (K, J, I), 0 to 1, of probabilities (C, K, J, I)."""
    if len(probabilities) < 2:
        return torch.zeros_like(probabilities[0])
    best = probabilities.topk(2, dim=0).values
    return (1 - (best[0] - best[1])).clamp_(0, 1)


def uncertain_regions(
    probabilities: torch.Tensor,
    channels: Sequence[OutputChannel],
    grid: Grid,
    inside: np.ndarray | None = None,
    asked: Collection[int] | None = None,
) -> list[UncertainRegion]:
    """The uncertain regions, the most uncertain first, at most ``MOST_PLACES``.

    Every border between two structures is uncertain in a thin shell; an opening takes the shells away and leaves
    what is thicker.

    Args:
        probabilities: (C, K, J, I) on ``grid``, channel 0 background.
        inside: bool (K, J, I); only there is anything looked for.
        asked: label values of the structures that may be named; None for all. Of the two outcomes that a place hesitates between it is
            the likelier structure among these.
    """
    values = uncertainty(probabilities).cpu().numpy()
    uncertain = values > UNCERTAIN
    if inside is not None:
        uncertain &= inside
    thick = ndimage.binary_opening(uncertain, ndimage.generate_binary_structure(3, 1))
    regions, _ = components(thick, 6)
    places = []
    for number, box in enumerate(ndimage.find_objects(regions), 1):
        region = regions[box] == number
        size = int(region.sum())
        if size < LEAST_VOXELS:
            continue
        depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1, 1:-1]
        peak = triple(int(at + part.start) for at, part in zip(np.unravel_index(depth.argmax(), depth.shape), box))
        here = probabilities[:, peak[0], peak[1], peak[2]]
        rivals = {int(channel): _label_at(channels[channel], peak) for channel in here.topk(2).indices}
        wanted, label = next(((c, label) for c, label in rivals.items() if label and (asked is None or label in asked)), (0, 0))
        if not label:
            continue
        ras = grid.affine.apply_kji(np.array(peak, float))
        score = float(values[box][region].sum()) * grid.voxel_volume_ml
        places.append(
            UncertainRegion(
                triple(round(float(x), 2) for x in ras),
                label,
                bool(int(here.argmax()) == wanted),
                round(size * grid.voxel_volume_ml, 4),
                round(score, 4),
            )
        )
    return sorted(places, key=lambda place: -place.score)[:MOST_PLACES]


def _label_at(channel: OutputChannel, place: tuple[int, ...]) -> int:
    """The label value that a channel stands for at a voxel (k, j, i); 0 for background."""
    return int(channel.label_field[place]) if channel.label_field is not None else int(channel.label or 0)
