"""What segmenting a case gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurospineseg.images.volume import Volume
from neurospineseg.inference.uncertainty import UNCERTAIN, UncertainRegion
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.tasks.anatomy import Structure


@dataclass(frozen=True)
class SegmentationResult:
    """A mask with its record.

    Attributes:
        labels: uint16 label map on the reference scan's own grid.
        structures: those present in ``labels``, in the order of their labels.
        report: the JSON sidecar (model, device, versions, settings, volumes in mL, seconds per stage, warnings).
        warnings: sentences for the user.
        uncertainty: uint8 (K, J, I) on the reference scan's grid, 255 where two outcomes are equally likely; None unless asked for.
        uncertain_regions: where to look first, the most uncertain first; empty unless asked for.
        measurements: what was read off the mask; None unless asked for. Where it cannot be measured it has no items, and a note says why.

    >>> mask = Volume(np.zeros((4, 4, 4), np.uint16), np.eye(4))
    >>> SegmentationResult(mask, [], {"warnings": []}).uncertainty is None
    True
    """

    labels: Volume
    structures: list[Structure]
    report: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    uncertainty: np.ndarray | None = None
    uncertain_regions: list[UncertainRegion] = field(default_factory=list)
    measurements: Measurements | None = None

    def confidence(self, structure: Structure, box: tuple[slice, ...]) -> float | None:
        """The share of a structure's voxels, 0 to 1, in which the model was certain; None where uncertainty was not asked for.

        Args:
            box: a part of the grid (k, j, i) that holds the structure.
        """
        if self.uncertainty is None:
            return None
        mask = self.labels.voxels[box] == structure.label
        return round(1 - np.count_nonzero(mask & (self.uncertainty[box] > 255 * UNCERTAIN)) / np.count_nonzero(mask), 3)
