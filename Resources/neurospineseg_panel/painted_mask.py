"""The label map of a segmentation node on its own grid, as the worker measures it."""

from __future__ import annotations

from typing import Any

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import own_grid, painting_in
from neurospineseg.mrml.pieces import Pieces
from neurospineseg.mrml.volume_node import to_world
from neurospineseg_panel.measured_segmentation import segments_by_structure, state_of, structure_shown

PaintedMask = tuple[np.ndarray, np.ndarray, dict[str, str], tuple]
"""4x4 ijk to world RAS mm, uint16 (K, J, I), segment ID by structure's key, and the state (see ``state_of``)."""


def painting_mask(node: Any, task: str) -> Pieces[PaintedMask]:
    """The label map of one moment: drawn anew where the segmentation was changed while it was drawn.

    Raises:
        InputError: it holds no structure of the task, no voxels, or lies under a transform that is not linear.
    """
    while True:
        state, segments = state_of(node, task), segments_by_structure(node, task)
        if not segments:
            raise InputError(
                _("No segment of '{name}' shows a structure of this module; name them or give them their terminology.").format(
                    name=node.GetName()
                )
            )
        matrix, shape = own_grid(node)
        labels = np.zeros(shape, np.uint16)
        yield from painting_in(node, matrix, labels, lambda identifier, segment: structure_shown(identifier, segment, task))
        if state_of(node, task) == state:
            return to_world(node) @ matrix, labels, segments, state
