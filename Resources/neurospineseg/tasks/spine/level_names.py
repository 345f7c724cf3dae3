"""Keys of vertebrae and discs by their place in the chain, counted upward."""

from __future__ import annotations

from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.spine.renumbering import Variant
from neurospineseg.tasks.spine.structures import NEUTRAL_COUNT

UPWARD = Variant.STANDARD.levels[::-1]


def vertebra_key(level: int, named: bool, variant: Variant = Variant.STANDARD) -> str | None:
    """Key of the vertebra at a place counted upward from 0; None beyond C1."""
    upward = variant.levels[::-1]
    if named:
        return f"vertebra_{upward[level]}" if level < len(upward) else None
    return f"vertebra_{level + 1}" if level < NEUTRAL_COUNT else None


def disc_key(level: int, named: bool, variant: Variant = Variant.STANDARD) -> str | None:
    """Key of the disc below the vertebra at ``level`` (named), or of the disc counted from 0; None where there is none."""
    upward = variant.levels[::-1]
    if not named:
        return f"disc_{level + 1}" if level < NEUTRAL_COUNT else None
    if level >= len(upward) - 1:
        return None
    return f"disc_{upward[level]}_{'S1' if level == 0 else upward[level - 1]}"


def label_of(key: str | None) -> int:
    """The label value of a structure; 0 for none."""
    return 0 if key is None else structure(key).label
