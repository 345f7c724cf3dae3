"""The volumes of a run as tables of text: left and right beside each other, or one structure a row in one or two columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONG_TABLE = 12
"""More rows than this are shown in two columns."""


@dataclass(frozen=True)
class Row:
    """One structure, or both sides of one.

    Attributes:
        colors: of its outlines as ``#rrggbb``; None for one that has none.
        cells: the numbers, as they are shown.
        outlined: whether it is in the mask itself and no sum of others.
    """

    name: str
    colors: Sequence[str | None]
    cells: Sequence[str]
    outlined: bool = True


@dataclass(frozen=True)
class VolumeTable:
    """Rows under the heads of their numbers."""

    heads: Sequence[str]
    rows: Sequence[Row]


def volume_tables(volumes: Mapping[str, Any], colors: Mapping[str, str], dice: Mapping[str, float] | None) -> list[VolumeTable]:
    """The tables of a report's ``volumes``; none where it has none.

    Args:
        colors: of the outlined structures, by key.
        dice: agreement with a known truth by key; None where none is known.
    """
    sided = sorted((key for key in volumes if key.startswith(("left_", "right_"))), key=lambda key: key.startswith("right_"))
    pairs = list(dict.fromkeys(key.partition("_")[2] for key in sided))
    if pairs:
        return [_paired(volumes, pairs, colors, dice)]
    keys = list(volumes)
    middle = (len(keys) + 1) // 2 if len(keys) > LONG_TABLE else len(keys)
    return [_plain(volumes, part, colors, dice) for part in (keys[:middle], keys[middle:]) if part]


def _plain(volumes: Mapping[str, Any], keys: Sequence[str], colors: Mapping[str, str], dice: Mapping[str, float] | None) -> VolumeTable:
    rows = []
    for key in keys:
        cells = [_ml(volumes[key]["mL"]), *([] if dice is None else [_score(dice, key)])]
        rows.append(Row(volumes[key]["name"], [colors.get(key)], cells, key in colors))
    return VolumeTable(["mL", *([] if dice is None else ["Dice"])], rows)


def _paired(volumes: Mapping[str, Any], pairs: Sequence[str], colors: Mapping[str, str], dice: Mapping[str, float] | None) -> VolumeTable:
    rows = []
    for pair in pairs:
        sides = [f"left_{pair}", f"right_{pair}"]
        known = [key for key in sides if key in volumes]
        name = volumes[known[0]]["name"].replace("Left ", "").replace("Right ", "").replace("left ", "").replace("right ", "")
        cells = [_ml(volumes[key]["mL"]) if key in volumes else "-" for key in sides]
        cells += [] if dice is None else [_score(dice, key) for key in sides]
        rows.append(Row(name[:1].upper() + name[1:], [colors.get(key) for key in known], cells))
    return VolumeTable(["Left mL", "Right mL", *([] if dice is None else ["Dice left", "right"])], rows)


def _ml(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _score(dice: Mapping[str, float], key: str) -> str:
    return f"{dice[key]:.2f}" if key in dice else "-"
