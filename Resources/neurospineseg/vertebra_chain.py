"""Renumbering a spine: one vertebra is named, the others and the discs follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from neurospineseg.anatomy import Structure, structure
from neurospineseg.errors import InputError

_CERVICAL = tuple(f"C{n}" for n in range(1, 8))
GAP = 1.6
"""A step from one vertebra to the next that is longer than this times both of its neighbors passes over a missed one."""


class Variant(Enum):
    """How many thoracic and lumbar vertebrae a spine has; the usual one, and the usual exceptions."""

    STANDARD = (12, 5)
    T13 = (13, 5)
    L6 = (12, 6)
    FOUR_LUMBAR = (12, 4)

    @property
    def levels(self) -> tuple[str, ...]:
        """From C1 down to the last lumbar vertebra."""
        thoracic, lumbar = self.value
        return (*_CERVICAL, *(f"T{n}" for n in range(1, thoracic + 1)), *(f"L{n}" for n in range(1, lumbar + 1)))


LEVELS = (*_CERVICAL, *(f"T{n}" for n in range(1, 14)), *(f"L{n}" for n in range(1, 7)))
"""Every level that a vertebra can have in some variant."""


@dataclass(frozen=True)
class Piece:
    """A vertebra or a disc of a segmentation: its structure's key and its centroid in RAS mm."""

    key: str
    centroid: tuple[float, float, float]

    @property
    def is_vertebra(self) -> bool:
        return self.key.startswith("vertebra_")

    @property
    def is_disc(self) -> bool:
        return self.key.startswith("disc_")


def renumbered(
    pieces: Mapping[str, Piece], chosen: str, level: str, variant: Variant = Variant.STANDARD
) -> tuple[dict[str, Structure], list[str]]:
    """The right structure of every vertebra and disc, given that of one vertebra.

    Args:
        pieces: by segment ID; what is neither vertebra nor disc is left out of the answer.
        chosen: segment ID of the vertebra whose level is known.
        level: its level, e.g. ``L4``.

    Returns:
        Structure by segment ID, and sentences for the user.

    Raises:
        InputError: the level is not in the variant, or the chain would run beyond C1 or below the last lumbar vertebra.
    """
    if chosen not in pieces or not pieces[chosen].is_vertebra:
        raise InputError("No vertebra was chosen; choose the vertebra whose name you know.")
    levels = variant.levels
    if level not in levels:
        raise InputError(f"A spine of this kind has no {level}; choose another level or another count of vertebrae.")
    down = _downward(pieces)
    order = sorted((identifier for identifier, piece in pieces.items() if piece.is_vertebra), key=lambda i: down @ _place(pieces[i]))
    offsets, notes = _offsets([_place(pieces[identifier]) for identifier in order])
    shift = levels.index(level) - offsets[order.index(chosen)]
    numbers = [offset + shift for offset in offsets]
    if numbers[0] < 0:
        raise InputError(f"With {level} there, the uppermost vertebra would lie above C1; choose another level.")
    if numbers[-1] >= len(levels):
        raise InputError(f"With {level} there, the lowest vertebra would lie below {levels[-1]}; choose another level or count of vertebrae.")
    result = {identifier: structure(f"vertebra_{levels[number]}") for identifier, number in zip(order, numbers)}
    heights = [float(down @ _place(pieces[identifier])) for identifier in order]
    for identifier, piece in pieces.items():
        if piece.is_disc:
            number = _upper_vertebra(float(down @ _place(piece)), heights, numbers)
            result[identifier] = _disc(number, levels)
    return result, notes


def _place(piece: Piece) -> np.ndarray:
    return np.array(piece.centroid, float)


def _downward(pieces: Mapping[str, Piece]) -> np.ndarray:
    """The unit vector along which the vertebrae follow each other, toward the feet."""
    places = np.array([_place(piece) for piece in pieces.values() if piece.is_vertebra])
    if len(places) < 2:
        return np.array([0.0, 0.0, -1.0])
    axis = np.linalg.svd(places - places.mean(0))[2][0]
    return -axis if axis[2] > 0 else axis


def _offsets(places: Sequence[np.ndarray]) -> tuple[list[int], list[str]]:
    """How many vertebrae below the first each one is, counting those that were missed."""
    steps = [float(np.linalg.norm(b - a)) for a, b in zip(places, places[1:])]
    offsets, notes = [0], []
    for number, step in enumerate(steps):
        neighbors = [steps[n] for n in (number - 1, number + 1) if 0 <= n < len(steps)]
        usual = max(neighbors, default=step)
        missed = max(1, round(step / usual) - 1) if step > GAP * usual else 0
        if missed:
            notes.append(f"{missed} vertebra{'' if missed == 1 else 'e'} seem{'s' if missed == 1 else ''} to be missing and was counted.")
        offsets.append(offsets[-1] + 1 + missed)
    return offsets, notes


def _upper_vertebra(height: float, heights: Sequence[float], numbers: Sequence[int]) -> int:
    """The number of the vertebra above a disc; where one was missed, counted from the nearer neighbor."""
    below = next((n for n, other in enumerate(heights) if other > height), len(heights))
    if below == 0:
        return numbers[0] - 1
    if below == len(heights):
        return numbers[-1]
    nearer_above = height - heights[below - 1] <= heights[below] - height
    return numbers[below - 1] if nearer_above else numbers[below] - 1


def _disc(upper: int, levels: Sequence[str]) -> Structure:
    if upper < 1:
        raise InputError("A disc would lie above C2; choose another level.")
    lower = levels[upper + 1] if upper + 1 < len(levels) else "S1"
    return structure(f"disc_{levels[upper]}_{lower}")
