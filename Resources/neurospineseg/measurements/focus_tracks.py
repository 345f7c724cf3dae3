"""Foci of a tumor found again in later studies, by where they lie once the studies are laid on the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

import numpy as np
from scipy.optimize import linear_sum_assignment

from neurospineseg.geometry.affine import Affine
from neurospineseg.measurements.measurement import Measurement, Measurements

FOCUS, MATCHED = "focus_", "matched_focus_"
"""How places of foci begin: in one study, and once they are matched."""
FOLLOWED = ("volume", "longest_diameter", "perpendicular_diameter", "product")
MARGIN_MM = 5.0
"""Two foci are one where their centers are no farther apart than the radius of the larger one's ball of equal volume and this."""
FAR = 1e6


@dataclass(frozen=True)
class _Seen:
    """A focus of one study: the place's key, its center in the first study's RAS mm, the radius of a ball of its volume, mm."""

    place: str
    center: np.ndarray
    radius: float


def with_matched_foci(studies: Sequence[tuple[str, Measurements]], to_first: Sequence[Affine]) -> list[tuple[str, Measurements]]:
    """The studies with what is followed of each focus once more under ``matched_focus_A``, ``_B``, ... in all of them.

    Where a study has a tumor core, foci of the whole tumor in one without a core are others, and are followed on no track.

    Args:
        studies: name and what was measured, the first first.
        to_first: from each study's RAS to the first one's.
    """
    tracks: list[_Seen] = []
    made, any_core = [], any(has_core(measured) for _, measured in studies)
    for (name, measured), move in zip(studies, to_first):
        seen = _foci(measured, move) if has_core(measured) or not any_core else []
        numbers = _numbers(tracks, seen)
        for number, focus in zip(numbers, seen):
            tracks[number : number + 1] = [focus]
        renamed = [each for number, focus in zip(numbers, seen) for each in _renamed(measured, focus.place, number)]
        made.append((name, replace(measured, items=(*measured.items, *renamed))))
    return made


def has_core(measured: Measurements) -> bool:
    """Whether foci are those of the tumor core, see ``measure_tumor``."""
    core = measured.find("volume", "tumor_core")
    return core is not None and bool(core.value)


def _foci(measured: Measurements, move: Affine) -> list[_Seen]:
    places = dict.fromkeys(each.place for each in measured if each.place.startswith(FOCUS))
    found = []
    for place in places:
        center = [measured.find(f"center_{axis}", place) for axis in "ras"]
        volume = measured.find("volume", place)
        if volume is None or volume.value is None or any(each is None or each.value is None for each in center):
            continue
        at = move.apply(np.array([each.value for each in center if each is not None], float))
        found.append(_Seen(place, at, float(np.cbrt(3000.0 * volume.value / (4 * np.pi)))))
    return found


def _numbers(tracks: Sequence[_Seen], seen: Sequence[_Seen]) -> list[int]:
    """The number of the track that each focus goes on; those that go on none begin new ones."""
    cost = np.full((len(seen), len(tracks)), FAR)
    for row, focus in enumerate(seen):
        for column, track in enumerate(tracks):
            apart = float(np.linalg.norm(focus.center - track.center))
            if apart <= max(focus.radius, track.radius) + MARGIN_MM:
                cost[row, column] = apart
    pairs = {int(row): int(column) for row, column in zip(*linear_sum_assignment(cost)) if cost[row, column] < FAR} if cost.size else {}
    fresh = iter(range(len(tracks), len(tracks) + len(seen)))
    return [pairs[row] if row in pairs else next(fresh) for row in range(len(seen))]


def _renamed(measured: Measurements, place: str, number: int) -> list[Measurement]:
    letter = ascii_uppercase[number] if number < len(ascii_uppercase) else str(number + 1)
    return [
        replace(each, place=f"{MATCHED}{letter}", place_name=f"Focus {letter}")
        for each in measured
        if each.place == place and each.key in FOLLOWED
    ]
