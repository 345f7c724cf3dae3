"""A structure that was found, as a crop of the scan's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.pieces import Box
from neurospineseg.tasks.anatomy import Structure


@dataclass(frozen=True)
class FoundStructure:
    """A structure's mask.

    Attributes:
        mask: bool or uint8 (K, J, I), cropped.
        start: its first voxel (k, j, i) on the scan's grid.
        confidence: share of its voxels in which the model was certain, 0 to 1; None where that is not known, as of a changed mask.
    """

    structure: Structure
    mask: np.ndarray
    start: tuple[int, int, int]
    confidence: float | None = None

    @property
    def box(self) -> Box:
        return tuple(slice(at, at + size) for at, size in zip(self.start, self.mask.shape))

    def tight(self) -> FoundStructure:
        """Without empty margins; a single empty voxel is left where there is none else."""
        box = bounding_slices(self.mask)
        if box is None:
            return FoundStructure(self.structure, np.zeros((1, 1, 1), bool), self.start)
        return FoundStructure(self.structure, self.mask[box], triple(at + part.start for at, part in zip(self.start, box)))

    def within(self, box: Box) -> np.ndarray:
        """The mask in a box of the scan's grid: bool, of the box's shape."""
        result = np.zeros(tuple(part.stop - part.start for part in box), bool)
        low = [max(part.start, own.start) for part, own in zip(box, self.box)]
        high = [min(part.stop, own.stop) for part, own in zip(box, self.box)]
        if all(a < b for a, b in zip(low, high)):
            here = tuple(slice(a - part.start, b - part.start) for a, b, part in zip(low, high, box))
            there = tuple(slice(a - own.start, b - own.start) for a, b, own in zip(low, high, self.box))
            result[here] = self.mask[there]
        return result


def union(one: FoundStructure, other: FoundStructure) -> FoundStructure:
    """The voxels of both, as the first's structure."""
    box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one.box, other.box))
    return FoundStructure(one.structure, one.within(box) | other.within(box), triple(part.start for part in box))
