"""The deep nuclei as labels, and the heads that hold them.

Heads carry FreeSurfer's numbers (FreeSurferColorLUT); the nuclei FreeSurfer does not
tell apart have numbers of this project, from 901 on the left and from 951 on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

CACHE = Path(__file__).resolve().parents[2] / "runs" / "nuclei_heads"
RIGHT = 50
VENTRAL_DC, BRAINSTEM = (28, 60), 16
PALLIDUM_EXTERNUS, PALLIDUM_INTERNUS, SUBTHALAMIC_NUCLEUS, RED_NUCLEUS, SUBSTANTIA_NIGRA, ZONA_INCERTA, PEDUNCLE = range(901, 908)
NUCLEI = {
    "subthalamic_nucleus": (SUBTHALAMIC_NUCLEUS, SUBTHALAMIC_NUCLEUS + RIGHT),
    "red_nucleus": (RED_NUCLEUS, RED_NUCLEUS + RIGHT),
    "substantia_nigra": (SUBSTANTIA_NIGRA, SUBSTANTIA_NIGRA + RIGHT),
    "zona_incerta": (ZONA_INCERTA, ZONA_INCERTA + RIGHT),
    "globus_pallidus_externus": (PALLIDUM_EXTERNUS, PALLIDUM_EXTERNUS + RIGHT),
    "globus_pallidus_internus": (PALLIDUM_INTERNUS, PALLIDUM_INTERNUS + RIGHT),
    "thalamus": (10, 49),
}
"""Structure: left and right label, of those that a cube of 60 mm holds wholly."""
DEEP_GRAY = {
    **NUCLEI,
    "caudate": (11, 50),
    "putamen": (12, 51),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "nucleus_accumbens": (26, 58),
}
"""Structure: left and right label, of those that the region of the 3D model holds."""
ROOM = (2, 41, 0, BRAINSTEM, *VENTRAL_DC, PEDUNCLE, PEDUNCLE + RIGHT)
"""Labels that the small nuclei of the atlas may take the place of."""
LANDMARKS = {
    "thalamus": ((10,), (49,)),
    "caudate": ((11,), (50,)),
    "lentiform": ((12, 13, 901, 902), (51, 52, 951, 952)),
    "ventral_dc": ((28, 903, 904, 905, 906), (60, 953, 954, 955, 956)),
}
"""Structure of the locator: left and right labels (lentiform: putamen and pallidum; ventral DC with the nuclei in it)."""
PAIRS = (
    *((2, 41), (3, 42), (4, 43), (5, 44), (7, 46), (8, 47), (10, 49), (11, 50), (12, 51), (13, 52), (17, 53), (18, 54)),
    *((25, 57), (26, 58), (28, 60), (30, 62), (31, 63), (136, 163), (137, 164)),
    *((label, label + RIGHT) for label in range(901, 908)),
)
"""Left and right labels."""
LABELS = 1000
HELD_OUT = (19, 20, 44, 45)
"""Heads no model is trained on: two label maps of whole heads, and two people's structures amid another head."""


@dataclass(frozen=True)
class Head:
    """A label map: int16 (K, J, I) and its 4x4 ijk to RAS; ``nuclei``, the small nuclei (0 elsewhere), where they lie in a layer of their own."""

    labels: torch.Tensor
    ijk_to_ras: np.ndarray
    nuclei: torch.Tensor | None = None


def overlaid(labels: torch.Tensor, nuclei: torch.Tensor) -> torch.Tensor:
    """``labels`` with ``nuclei`` where these are not 0 and there is room for them; all integer (K, J, I)."""
    room = torch.zeros(LABELS, dtype=torch.bool)
    room[list(ROOM)] = True
    return torch.where((nuclei > 0) & room[labels.long()], nuclei, labels)


def combined(head: Head) -> Head:
    """The head with its nuclei in one label map."""
    return head if head.nuclei is None else Head(overlaid(head.labels, head.nuclei), head.ijk_to_ras)


def mirrored(head: Head) -> Head:
    """The mirror image of a head without a layer of nuclei, on the same grid, left and right labels exchanged (i runs along R)."""
    exchange = torch.arange(LABELS, dtype=torch.int16)
    for left, right in PAIRS:
        exchange[left], exchange[right] = right, left
    return Head(exchange[head.labels.flip(2).long()], head.ijk_to_ras)


def class_names(table: dict) -> tuple[str, ...]:
    """``background``, then each structure of ``NUCLEI`` or ``LANDMARKS``, left before right."""
    return ("background", *(f"{side}_{name}" for name in table for side in ("left", "right")))


def class_lookup(table: dict) -> torch.Tensor:
    """int64 (LABELS,): the class of every label of a head."""
    lookup = torch.zeros(LABELS, dtype=torch.int64)
    for number, sides in enumerate(table.values()):
        for side, labels in enumerate(sides):
            lookup[list(np.atleast_1d(labels))] = 1 + 2 * number + side
    return lookup


def cached_heads(kind: str, held_out: bool = False) -> list[Head]:
    """The heads that ``prepare_nuclei.py`` left; none where it left none.

    Args:
        kind: ``deep`` (116 x 124 x 108 mm at 0.8 mm around the nuclei, in the locator's frame, the
            small nuclei in a layer of their own) or ``whole`` (2 mm, without them).
        held_out: the heads kept from training instead of those for it.
    """
    heads = []
    for path in sorted(CACHE.glob(f"{kind}_*.npz")):
        if (int(path.stem[-2:]) in HELD_OUT) == held_out:
            with np.load(path) as stored:
                layers = {name: torch.from_numpy(stored[name].astype(np.int16)) for name in ("labels", "nuclei") if name in stored.files}
                heads.append(Head(ijk_to_ras=stored["ijk_to_ras"], **layers))
    return heads
