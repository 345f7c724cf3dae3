"""Renumbering a spine: one vertebra is named, the others and the discs follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median_low

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.tasks.anatomy import Structure, structure

_CERVICAL = tuple(f"C{n}" for n in range(1, 8))
GAP = 1.6
"""A step from one vertebra to the next that is longer than this times the median of the steps around it passes over a missed one."""
STEPS_AROUND = 2
"""How many steps on each side make that median: few, since the steps double from the neck to the lumbar spine."""
LEAST_STEP_MM, LEAST_INFANT_STEP_MM = 8.0, 3.0
"""No two vertebrae of an adult, or of a newborn, are closer; a shorter step is one to a copy or a fragment of the same vertebra."""
LEAST_SHARE = 0.4
"""No step between two vertebrae is shorter than this times the median of the longer half of the steps: those of infants are all short."""


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
    order = _downward([identifier for identifier, piece in pieces.items() if piece.is_vertebra], pieces)
    places = np.array([pieces[identifier].centroid for identifier in order], float)
    offsets = _offsets(places)
    shift = levels.index(level) - offsets[order.index(chosen)]
    numbers = [offset + shift for offset in offsets]
    if numbers[0] < 0:
        raise InputError(f"With {level} there, the uppermost vertebra would lie above C1; choose another level.")
    if numbers[-1] >= len(levels):
        raise InputError(
            f"With {level} there, the lowest vertebra would lie below {levels[-1]}; choose another level or count of vertebrae."
        )
    result = {identifier: structure(f"vertebra_{levels[number]}") for identifier, number in zip(order, numbers)}
    found = sorted(set(numbers))
    vertebrae = np.array([places[np.equal(numbers, number)].mean(0) for number in found])
    for identifier, piece in pieces.items():
        if piece.is_disc:
            upper = _upper_vertebra(np.array(piece.centroid, float), vertebrae, found)
            if upper < 1:
                raise InputError(f"With {level} there, a disc would lie above C2; choose another level, or delete that disc.")
            if upper >= len(levels):
                raise InputError(
                    f"With {level} there, a disc would lie below the {levels[-1]}-S1 disc; choose another level or count of vertebrae, or delete that disc."
                )
            lower = levels[upper + 1] if upper + 1 < len(levels) else "S1"
            result[identifier] = structure(f"disc_{levels[upper]}_{lower}")
    return result, _notes(numbers, levels)


def _downward(identifiers: Sequence[str], pieces: Mapping[str, Piece]) -> list[str]:
    """Vertebrae in the order in which they follow each other toward the feet: the shortest path through them.

    Their order along the straight line that fits them best is improved by reversing stretches (2-opt), for spines that are bent
    so much that their projections onto a line fold back.
    """
    places = np.array([pieces[identifier].centroid for identifier in identifiers], float)
    axis = np.linalg.svd(places - places.mean(0))[2][0]
    order = [int(number) for number in np.argsort(places @ axis, kind="stable")]
    far = np.linalg.norm(places[:, None] - places[None], axis=-1)

    def length(path: Sequence[int]) -> float:
        return float(far[path[:-1], path[1:]].sum())

    count, shorter = len(order), True
    while shorter:
        others = [order[:a] + order[a:b][::-1] + order[b:] for a in range(count) for b in range(a + 2, count + 1)]
        best = min(others, key=length, default=order)
        shorter = length(best) < length(order) - 1e-6
        order = best if shorter else order
    upright = places[order[0], 2] >= places[order[-1], 2]
    return [identifiers[number] for number in (order if upright else order[::-1])]


def _offsets(places: np.ndarray) -> list[int]:
    """How many vertebrae below the first each one is, counting those that were missed."""
    steps = [float(step) for step in np.linalg.norm(np.diff(places, axis=0), axis=1)]
    least = _least_step(steps)
    offsets = [0]
    for number, step in enumerate(steps):
        around = steps[max(0, number - STEPS_AROUND) : number] + steps[number + 1 : number + 1 + STEPS_AROUND]
        usual = median_low([other for other in around if other >= least] or [step])
        levels = max(2, round(step / usual)) if step > GAP * usual else 1
        offsets.append(offsets[-1] + (levels if step >= least else 0))
    return offsets


def _least_step(steps: Sequence[float]) -> float:
    """How far apart two pieces are at least if they are not of one vertebra; a single step has no other to be compared with."""
    if len(steps) < 2:
        return LEAST_STEP_MM
    usual = median_low(sorted(steps)[len(steps) // 2 :])
    return min(LEAST_STEP_MM, max(LEAST_INFANT_STEP_MM, LEAST_SHARE * usual))


def _notes(numbers: Sequence[int], levels: Sequence[str]) -> list[str]:
    """A sentence for each gap in the chain and for each vertebra that is there twice."""
    notes = []
    for upper, lower in zip(numbers, numbers[1:]):
        missed = lower - upper - 1
        if missed < 0:
            notes.append(f"Two segments lie at {levels[upper]}; both were named so: delete one or join them.")
        if missed > 0:
            words = "1 vertebra seems to be missing and was" if missed == 1 else f"{missed} vertebrae seem to be missing and were"
            notes.append(f"Between {levels[upper]} and {levels[lower]}, {words} counted.")
    return notes


def _upper_vertebra(place: np.ndarray, vertebrae: np.ndarray, numbers: Sequence[int]) -> int:
    """The number of the vertebra above a disc, from its place along the line through the vertebrae, each given once.

    Above the first and below the last vertebra the line goes on straight; stretches of missed vertebrae are shared out evenly.
    """
    if len(vertebrae) == 1:
        return numbers[0] - 1 if place[2] > vertebrae[0, 2] else numbers[0]
    steps = np.diff(vertebrae, axis=0)
    shares = ((place - vertebrae[:-1]) * steps).sum(1) / np.maximum((steps**2).sum(1), 1e-9)
    last = len(steps) - 1
    low, high = np.zeros(last + 1), np.ones(last + 1)
    low[0], high[last] = -np.inf, np.inf
    shares = np.clip(shares, low, high)
    number = int(np.argmin(np.linalg.norm(vertebrae[:-1] + shares[:, None] * steps - place, axis=1)))
    return numbers[number] + int(np.floor(shares[number] * (numbers[number + 1] - numbers[number])))
