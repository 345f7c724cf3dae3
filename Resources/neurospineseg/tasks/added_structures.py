"""Structures that no task declares: what models find that a user added. They have the models' own names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from neurospineseg.tasks.structure import Code, Structure, oklch

FIRST_LABEL = 10_001
"""Label values of tasks lie below."""
TISSUE = Code("SCT", "85756007", "Tissue")
OWN_SCHEME = "99NSS"
"""Of codes that nobody else gives: the type of each is its own, so that no segment that is tissue to Slicer is taken for one."""
TURN = 137.508
"""Degrees between two hues, by which neighbors differ however many there are (the golden angle)."""

_known: dict[str, Structure] = {}


def added_structure(key: str, name: str, label: int) -> Structure:
    """A structure of a model's own.

    Raises:
        InputError: a value cannot be used.
    """
    color = oklch(0.76 if label % 2 else 0.66, 0.13, TURN * (label - FIRST_LABEL) % 360)
    return Structure(key, name, label, Code(OWN_SCHEME, str(label), name[:64]), color, TISSUE)


def key_of(name: str) -> str:
    """A structure's key from a label's name: ``left_kidney`` from *Left kidney*."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return words if words[:1].isalpha() else f"label_{words or 'nameless'}"


def plain_name(name: str) -> str:
    """A label's name without signs that Slicer's terminology strings are made of, or that no terminal shows."""
    words = "".join(letter if letter.isprintable() and letter not in "^~\\" else " " for letter in name)
    return " ".join(words.split())[:200] or "Nameless"


def remember(structures: Iterable[Structure]) -> None:
    """Makes structures of added models known to this process by their keys."""
    _known.update({structure.key: structure for structure in structures})


def remembered() -> dict[str, Structure]:
    """By their keys."""
    return _known
