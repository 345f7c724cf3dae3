"""What is known of gliomas: an island of under a tenth of a milliliter is no tumor."""

from __future__ import annotations

import torch

from neurospineseg.anatomy import structure
from neurospineseg.bundle import ModelSpec
from neurospineseg.grid import Grid
from neurospineseg.postprocess import OutputChannel, Postprocessed, islands_below, suppress

LEAST_ML = 0.1


def postprocess_tumor(probabilities: torch.Tensor, grid: Grid, spec: ModelSpec) -> Postprocessed:
    """Removes islands of the whole tumor below ``LEAST_ML``.

    Args:
        probabilities: float32 (C, K, J, I) on ``grid``, one channel per class of ``spec``.
    """
    probabilities = probabilities.clone()
    whole = (probabilities.argmax(0) > 0).cpu().numpy()
    islands = islands_below(whole, LEAST_ML / grid.voxel_volume_ml)
    for channel in range(1, len(spec.classes)):
        suppress(probabilities, channel, islands)
    structures = [structure(name) for name in spec.classes[1:]]
    return Postprocessed(probabilities, [OutputChannel(0), *(OutputChannel(found.label) for found in structures)], structures)
