"""The scans that a task takes, and which scans of a scene suit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurospineseg.errors import InputError
from neurospineseg.tasks.contrasts import CONTRASTS


def refuse_unless(right: bool, sentence: str) -> None:
    """Raises InputError with the sentence where something is not right."""
    if not right:
        raise InputError(sentence)


@dataclass(frozen=True)
class Suitability:
    """Which scans of a scene suit a channel that takes any contrast, for the panel's guess.

    Attributes:
        ranks: by contrast, the best highest; 0 for a contrast that is not named here.
        sagittal: added for a sagittal scan.
        not_of: parts of the body (``head``, ``spine``); a scan that says it shows one of them does not suit.
    """

    ranks: Mapping[str, int] = field(default_factory=dict)
    sagittal: int = 0
    not_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for contrast in self.ranks:
            refuse_unless(contrast in CONTRASTS, f"There is no contrast '{contrast}'; there are {', '.join(CONTRASTS)}.")
        for part in self.not_of:
            refuse_unless(part in ("head", "spine"), f"Scans are not told apart by '{part}'; they are by head and spine.")


@dataclass(frozen=True)
class Channel:
    """A scan that a task takes.

    Attributes:
        key: its name in model bundles, on the command line and in the panel's parameters.
        name: for people, as a noun before "scan".
        file_words: last words of a file's name that tell it in a folder of cases, in lower case.
        contrast: the contrast that a scan must show to be right here, a key of ``CONTRASTS``; None where any may.
        suits: which scans of a scene are offered where any contrast may.
    """

    key: str
    name: str
    file_words: tuple[str, ...] = ()
    contrast: str | None = None
    suits: Suitability = Suitability()

    def __post_init__(self) -> None:
        refuse_unless(self.key.isidentifier(), f"'{self.key}' cannot be the key of a channel; take letters, digits and underscores.")
        known = ", ".join(CONTRASTS)
        refuse_unless(self.contrast is None or self.contrast in CONTRASTS, f"There is no contrast '{self.contrast}'; there are {known}.")
