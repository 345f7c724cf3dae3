"""One number that was read off a mask, with where it was measured and how sure it is. Light: Slicer may load it at start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from neurospineseg.errors import InputError

Shape = Literal["none", "point", "line", "angle", "plane"]
POINTS: dict[Shape, int] = {"none": 0, "point": 1, "line": 2, "angle": 4, "plane": 3}
"""How many points tell each shape."""
CUT = "cut by the edge of the scan"
EDITED = "edited"
UNSURE = "unsure"
FEW_VOXELS = "few voxels"
FLAGS = (CUT, EDITED, UNSURE, FEW_VOXELS)
"""Flags that several kinds of measurement share; a kind may add its own short phrase."""

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Measurement:
    """A number, what it is of and where it was taken.

    Attributes:
        key: what was measured, an identifier that stays: ``body_height_front``.
        name: the same in words for people.
        place: key of the structure that it was measured on, ``vertebra_L3``, or of the level; empty for the whole.
        place_name: the same in words: ``L3``.
        unit: ``mm``, ``mm2``, ``mL``, ``deg``, ``%`` or empty.
        value: the number; None where it is not measured, and a flag then says why.
        low, high: the bounds of its error bar; None where there is no value.
        shape: what the points are. ``line``: its ends. ``angle``: the ends of one line, then those of another; the angle is between the
            two directions. ``plane``: a corner, and the two corners beside it, of the parallelogram to show.
        points: RAS mm, as many as ``POINTS`` says.
        flags: short phrases on what is to be known of it, see ``FLAGS``.
        group: heading under which tables show it.

    Raises:
        InputError: a value cannot be used.

    >>> Measurement("body_depth", "Body depth", "vertebra_L3", "L3", "mm", 33.2, 32.7, 33.8).text
    '33.2 mm'
    """

    key: str
    name: str
    place: str
    place_name: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    shape: Shape = "none"
    points: tuple[Point, ...] = ()
    flags: tuple[str, ...] = ()
    group: str = ""

    def __post_init__(self) -> None:
        if len(self.points) != POINTS[self.shape] and self.points:
            raise InputError(f"A measurement of shape '{self.shape}' has {POINTS[self.shape]} points, not {len(self.points)}.")
        if self.value is None and not self.flags:
            raise InputError(f"The measurement '{self.key}' has neither a value nor a flag that says why.")
        if self.value is not None and not np.isfinite([each for each in (self.value, self.low, self.high) if each is not None]).all():
            raise InputError(f"The measurement '{self.key}' has a value that is not a number.")

    @property
    def text(self) -> str:
        """The number with its unit, for people; a dash where it was not measured."""
        unit = {"deg": "°", "mm2": " mm²", "": "", "%": " %"}.get(self.unit, f" {self.unit}")
        return "-" if self.value is None else f"{self.value:.{self.decimals}f}{unit}"

    @property
    def error_text(self) -> str:
        """The error bar for people, such as ``32.7 to 33.8``; empty without one."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.{self.decimals}f} to {self.high:.{self.decimals}f}"

    @property
    def decimals(self) -> int:
        """After the point, in texts: one, and two for ratios and volumes."""
        return {"": 2, "mL": 2, "mm2": 0}.get(self.unit, 1)

    @property
    def column(self) -> str:
        """Its name in a table of one row per mask."""
        return ".".join(part for part in (self.place, self.key) if part) + (f" [{self.unit}]" if self.unit else "")

    def edited(self, value: float, points: Sequence[ArrayLike]) -> Measurement:
        """With a value and points that a person set; the error bar goes, since it was the mask's."""
        flags = (*[flag for flag in self.flags if flag not in (EDITED, CUT, UNSURE, FEW_VOXELS)], EDITED)
        return replace(self, value=value, low=None, high=None, points=as_points(points), flags=flags)


@dataclass(frozen=True)
class Measurements:
    """What was read off one mask.

    Attributes:
        task: name of the task whose structures the mask holds.
        items: in the order of tables.
        notes: sentences for the user.
    """

    task: str
    items: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def find(self, key: str, place: str = "") -> Measurement | None:
        """The measurement of a key at a place, None where there is none."""
        return next((each for each in self.items if each.key == key and each.place == place), None)

    def replaced(self, new: Measurement) -> Measurements:
        """With one put in the place of the former one of its key and place."""
        return replace(self, items=tuple(new if (each.key, each.place) == (new.key, new.place) else each for each in self.items))

    def as_json(self) -> dict[str, Any]:
        """Of JSON's own types; ``measurements_of`` reads it back."""
        return {"task": self.task, "notes": list(self.notes), "measurements": [asdict(each) for each in self.items]}


def measurements_of(record: Any) -> Measurements:
    """What ``Measurements.as_json`` wrote.

    Raises:
        InputError: it is something else.
    """
    try:
        items = tuple(
            Measurement(**{**each, "points": as_points(each["points"]), "flags": tuple(each["flags"])}) for each in record["measurements"]
        )
        return Measurements(str(record["task"]), items, tuple(record["notes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("The measurements cannot be read; measure the mask again.") from error


def as_points(points: Iterable[ArrayLike]) -> tuple[Point, ...]:
    """RAS points (N, 3) as tuples of floats, to a thousandth of a millimeter."""
    rounded = [[round(float(part), 3) for part in np.asarray(point)] for point in points]
    return tuple((x, y, z) for x, y, z in rounded)


def spread(value: float, others: Iterable[float], least: float = 0.0) -> tuple[float, float]:
    """The error bar around a value that holds the same measure taken otherwise, and at least ``least`` to either side."""
    finite = [value - least, value + least, *[each for each in others if np.isfinite(each)]]
    return float(min(finite)), float(max(finite))
