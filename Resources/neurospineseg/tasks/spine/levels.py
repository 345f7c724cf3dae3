"""Where a vertebra or a disc stands in its spine, so that two ways of naming one spine can be compared."""

from __future__ import annotations

from collections.abc import Iterable

from neurospineseg.tasks.anatomy import Structure, family, structure
from neurospineseg.tasks.spine.renumbering import Variant

NUMBERED = ("vertebra", "disc")
"""Families whose members have places."""


def variant_of(keys: Iterable[str]) -> Variant:
    """The kind of spine that some names belong to; the usual one unless a name tells otherwise."""
    levels = {level for key in keys for level in key.split("_")[1:]}
    told = {"T13": Variant.T13, "L6": Variant.L6}
    return next(
        (variant for level, variant in told.items() if level in levels), Variant.FOUR_LUMBAR if "disc_L4_S1" in keys else Variant.STANDARD
    )


def place_of(key: str, variant: Variant) -> int | None:
    """How many vertebrae lie below a vertebra, or below the one above a disc; a neutral number less one; None for anything else.

    A level that the variant lacks has no place.
    """
    kind, _, level = key.partition("_")
    if kind not in NUMBERED:
        return None
    level = level.split("_")[0]
    if level.isdigit():
        return int(level) - 1
    levels = variant.levels
    return len(levels) - 1 - levels.index(level) if level in levels else None


def structure_at(kind: str, place: int, variant: Variant, neutral: bool) -> Structure | None:
    """The vertebra or disc at a place; None where the spine has none there."""
    levels = variant.levels
    if neutral:
        key = f"{kind}_{place + 1}"
    elif not 0 <= place < len(levels):
        return None
    else:
        upper = levels[len(levels) - 1 - place]
        lower = "S1" if place == 0 else levels[len(levels) - place]
        key = f"vertebra_{upper}" if kind == "vertebra" else f"disc_{upper}_{lower}"
    try:
        return structure(key)
    except KeyError:
        return None


def is_neutral(key: str) -> bool:
    """Whether a vertebra or disc has a number instead of its level's name."""
    return family(key) in NUMBERED and key.split("_")[1].isdigit()
