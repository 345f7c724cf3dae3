"""Levels of one mask taken over from another of the same patient, by where its vertebrae lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.tasks.anatomy import Structure
from neurospineseg.tasks.spine.levels import is_neutral, variant_of
from neurospineseg.tasks.spine.renumbering import Piece, Variant, renumbered

SHARE_OF_STEP = 0.4
"""Two vertebrae are the same if they lie less than this share of a step apart along the column: a middle with its arch lies lower than that of a body."""
ASIDE_MM = 45.0
"""And less than this altogether: middles of bodies and of whole vertebrae are up to 30 mm apart."""
LONE_STEP_MM = 30.0
"""The step where only one vertebra is known."""


@dataclass(frozen=True)
class Anchor:
    """One vertebra and its level, from which a whole mask is numbered.

    Attributes:
        segment: identifier of the vertebra.
        matched: how many vertebrae lie where the other mask has one; ``agreeing``: how many of them get its name.
    """

    segment: str
    level: str
    variant: Variant
    matched: int
    agreeing: int


def anchor(pieces: Mapping[str, Piece], known: Mapping[str, tuple[float, float, float]]) -> Anchor:
    """The vertebra from which numbering gives most vertebrae the names that the other mask has at their places.

    Args:
        pieces: vertebrae and discs by identifier.
        known: middles of the other mask's vertebrae and discs in RAS mm of the same space, by key.

    Raises:
        InputError: the other mask names no level, none of its vertebrae lies at one of these, or the two contradict each other.
    """
    variant = variant_of(known)
    levels = {key.removeprefix("vertebra_"): np.array(place) for key, place in known.items() if _is_named_vertebra(key)}
    if not levels:
        raise InputError("The mask for the levels names no vertebra by its level (such as L3); name one there and renumber it first.")
    pairs = _pairs({name: piece for name, piece in pieces.items() if piece.is_vertebra}, levels, variant)
    if not pairs:
        raise InputError("No vertebra lies where the mask for the levels has one; check that both are of one patient in one position.")
    made = [_agreeing(pieces, pairs, segment, variant) for segment in pairs]
    best = int(np.argmax(made))
    if made[best] == 0:
        renumbered(pieces, *next(iter(pairs.items())), variant)
    if 2 * made[best] <= len(pairs):
        raise InputError(
            "The mask for the levels leaves out or doubles vertebrae that are here, so the two contradict each other; correct one."
        )
    segment = list(pairs)[best]
    return Anchor(segment, pairs[segment], variant, len(pairs), made[best])


def named_as(
    pieces: Mapping[str, Piece], known: Mapping[str, tuple[float, float, float]]
) -> tuple[dict[str, Structure], list[str], Anchor]:
    """The structure of each vertebra and disc by another mask's levels, sentences for the user, and what that rests on.

    Raises:
        InputError: see ``anchor`` and ``renumbered``.
    """
    found = anchor(pieces, known)
    structures, notes = renumbered(pieces, found.segment, found.level, found.variant)
    said = f"Levels were taken from another mask: {found.agreeing} of {found.matched} vertebrae that lie at one of its vertebrae have its name."
    return structures, [said, *notes], found


def _is_named_vertebra(key: str) -> bool:
    return key.startswith("vertebra_") and not is_neutral(key)


def _pairs(vertebrae: Mapping[str, Piece], levels: Mapping[str, np.ndarray], variant: Variant) -> dict[str, str]:
    """The level of the other mask's vertebra at each of these, for those that have one."""
    order = [level for level in variant.levels if level in levels]
    if not order:
        return {}
    places = np.array([levels[level] for level in order])
    steps = np.gradient(places, axis=0) if len(order) > 1 else np.array([[0.0, 0.0, -LONE_STEP_MM]])
    lengths = np.linalg.norm(steps, axis=1)
    found = {}
    for name, piece in vertebrae.items():
        offsets = np.array(piece.centroid) - places
        along = np.abs((offsets * steps).sum(1)) / lengths
        off = np.where(np.linalg.norm(offsets, axis=1) < ASIDE_MM, along / lengths, np.inf)
        nearest = int(off.argmin())
        if off[nearest] < SHARE_OF_STEP:
            found[name] = order[nearest]
    return found


def _agreeing(pieces: Mapping[str, Piece], pairs: Mapping[str, str], segment: str, variant: Variant) -> int:
    """How many pairs keep the other mask's level if numbering begins from one of them."""
    try:
        structures, _ = renumbered(pieces, segment, pairs[segment], variant)
    except InputError:
        return 0
    return sum(structures[name].key == f"vertebra_{level}" for name, level in pairs.items())
