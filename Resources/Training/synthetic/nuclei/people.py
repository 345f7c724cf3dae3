"""People's deep structures as heads: the Harvard-Oxford Atlas 2.0, 25 people by hand, amid another head's cortex and white matter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from Training.synthetic.nuclei.heads import PAIRS

FREESURFER = (
    *(0, 4, 43, 14, 14, 15, 0, 26, 58, 11, 50, 12, 51, 13, 52, 16, 10, 49),
    *(5, 44, 17, 53, 18, 54, 85, 28, 60, 28, 60, 8, 47, 7, 46),
)
"""FreeSurfer's label of each of the atlas's, which come without names: told by place and size, and the front of the ventral diencephalon by its back."""
MADE_WHITE = (4, 14, 15, 26, 11, 12, 13, 16, 10, 5, 17, 18, 28, 901, 902, 907)
"""Left and unpaired labels of the other head that the person's own structures take the place of: white matter where the person has none there."""
FIRST_NUMBER = 21
"""Of the people, after the 20 label maps of heads."""


def people(path: Path) -> Iterator[tuple[int, Volume]]:
    """Number and label map, uint16 with FreeSurfer's numbers, of each person.

    Raises:
        InputError: the file is not the atlas's.
    """
    with np.load(path) as stored:
        names = sorted(name for name in stored.files if f"{name}_ijk_to_ras" in stored.files)
        if not names:
            raise InputError(f"'{path}' holds no label maps with their _ijk_to_ras; give hoa2_subcortical.npz with --people.")
        for number, name in enumerate(names, FIRST_NUMBER):
            labels = np.array(FREESURFER, np.uint16)[stored[name]].transpose(2, 1, 0)
            yield number, Volume(np.ascontiguousarray(labels), stored[f"{name}_ijk_to_ras"])


def amid(person: np.ndarray, other: np.ndarray, ratio: float) -> np.ndarray:
    """A person's structures with another head's tissue where there are none, uint16 (K, J, I).

    Args:
        person: labels (K, J, I) in the head's own frame, i along its right; 0 where the person's map says nothing.
        other: a head in the same place of its own frame, of the same shape.
        ratio: size of the other head relative to the person's.
    """
    places = [np.clip(np.round((np.arange(n) - (n - 1) / 2) * ratio + (n - 1) / 2), 0, n - 1).astype(int) for n in person.shape]
    tissue = other[np.ix_(*places)]
    right = np.isin(tissue, [pair[1] for pair in PAIRS])
    middle = np.arange(person.shape[2]) > (person.shape[2] - 1) / 2
    replaced = np.isin(tissue, [*MADE_WHITE, *(right_label for left, right_label in PAIRS if left in MADE_WHITE)])
    side = np.where(np.isin(tissue, (14, 15, 16)), middle, right)
    return np.where(person > 0, person, np.where(replaced, np.where(side, 41, 2), tissue)).astype(np.uint16)
