"""Which of several volumes in DICOM files is read: chosen by name, by a file of it, or since it is by far the largest of its series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.images.dicom_frames import Series
from neurospineseg.images.dicom_stacks import Stack
from neurospineseg.images.dicom_start import is_one_image

FAR_LARGER = 3
"""A stack of so many times the slices of all others of its series is read without asking."""
MOST_NAMED = 12


@dataclass(frozen=True, eq=False)
class Candidate:
    """A stack of a series."""

    series: Series
    stack: Stack


def chosen_stack(candidates: Sequence[Candidate], path: Path, volume: str | None, frame: int | None) -> tuple[Candidate, list[str]]:
    """The one to read, and sentences on others of its series that were left out without asking.

    Args:
        candidates: all stacks, also those of a single slice, of which there is one with more.
        path: where a file, only stacks with images of it count.
        volume: a name such as ``series=4,echo=2``, in part or wholly.
        frame: a number among those that are left, counted from 0.

    Raises:
        InputError: several are left, or none.
    """
    labels = _labels(candidates)
    offered = _offered(candidates, path, labels)
    left = offered if volume is None else _named(offered, volume, labels, path)
    if frame is not None and not 0 <= frame < len(left):
        raise InputError(f"'{path.name}' has no frame {frame}; it holds, counted from 0, {_listed(left, labels)}.")
    if frame is not None:
        return left[frame], []
    largest = max(left, key=lambda each: len(each.stack))
    among = left if volume is not None or is_one_image(path) else candidates
    others = [each for each in among if each is not largest and each.series == largest.series]
    several_series = any(each.series != largest.series for each in left)
    if several_series or sum(len(each.stack) for each in others) * FAR_LARGER > len(largest.stack):
        raise InputError(_question(left, others, labels, path))
    return largest, _left_out(largest, others, labels)


def _offered(candidates: Sequence[Candidate], path: Path, labels: Mapping[Series, str]) -> list[Candidate]:
    """The stacks that are volumes, by name; those with images of a file where ``path`` is one."""
    volumes = [each for each in candidates if len(each.stack) > 1]
    if is_one_image(path):
        volumes = [each for each in volumes if any(image.path == path for image in each.stack.frames)]
        if not volumes:
            raise InputError(f"No other slice of its series is parallel to that in '{path.name}' at another place; a 3D volume is needed.")
    return sorted(volumes, key=lambda each: list(_name(each, labels).items()))


def _question(left: Sequence[Candidate], others: Sequence[Candidate], labels: Mapping[Series, str], path: Path) -> str:
    """Names the volumes among which to choose, largest first."""
    ordered = sorted(left, key=lambda each: -len(each.stack))
    if len(left) > 1:
        return f"'{path.name}' holds {len(left)} volumes; choose one with --volume NAME: {_listed(ordered, labels)}."
    rest = sum(len(each.stack) for each in others)
    return (
        f"'{path.name}' holds one group of parallel slices and {rest} slices in other directions or places; "
        f"if the group is the scan, choose it with --volume NAME: {_listed(ordered, labels)}."
    )


def _labels(candidates: Sequence[Candidate]) -> Mapping[Series, str]:
    """What each series is called: its number, its UID where another has that number or it has none, else a number of our own."""
    every = list(dict.fromkeys(candidate.series for candidate in candidates))
    numbers = [series.number for series in every]
    return {
        series: str(series.number) if series.number is not None and numbers.count(series.number) == 1 else _uid(series.uid) or f"#{place}"
        for place, series in enumerate(every, 1)
    }


def _uid(text: str) -> str:
    return text if len(text) <= 64 and text.replace(".", "").isdigit() else ""


def _name(candidate: Candidate, labels: Mapping[Series, str]) -> dict[str, str]:
    """All words of a volume's name, the series among them only where there are several."""
    own = {} if len(labels) == 1 else {"series": labels[candidate.series]}
    return {**own, **candidate.stack.name}


def _listed(candidates: Sequence[Candidate], labels: Mapping[Series, str]) -> str:
    """The names of volumes with their numbers of slices."""
    words = []
    for candidate in candidates[:MOST_NAMED]:
        name = ",".join(f"{key}={value}" for key, value in _name(candidate, labels).items()) or f"series={labels[candidate.series]}"
        count = len(candidate.stack)
        words.append(f"{name} ({count} slice{'s' if count > 1 else ''})")
    more = len(candidates) - MOST_NAMED
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")


def _named(offered: Sequence[Candidate], volume: str, labels: Mapping[Series, str], path: Path) -> list[Candidate]:
    """The volumes with these words in their names; a part of one where a slab of it is named."""
    asked = dict(_key_and_value(part) for part in volume.lower().split(",") if part.strip())
    slab = asked.pop("slab", None)
    left = [each for each in offered if all(value in _values(each, key, labels) for key, value in asked.items())]
    if slab is not None:
        parts = [Candidate(each.series, part) for each in left for part in each.stack.parts() if each.stack.placed]
        left = [each for each in parts if each.stack.name.get("slab") == slab and len(each.stack) > 1]
    if not left:
        raise InputError(f"'{path.name}' has no volume '{volume}'; it holds {_listed(offered, labels)}.")
    return left


def _key_and_value(word: str) -> tuple[str, str]:
    """``echo=2``; a bare number or UID is a series."""
    key, equals, value = word.partition("=")
    return (key.strip(), value.strip()) if equals else ("series", word.strip())


def _values(candidate: Candidate, key: str, labels: Mapping[Series, str]) -> tuple[str, ...]:
    """What a word of a volume's name may be."""
    if key == "series":
        return (labels[candidate.series], candidate.series.uid, str(candidate.series.number))
    return (candidate.stack.name[key],) if key in candidate.stack.name else ()


def _left_out(taken: Candidate, others: Sequence[Candidate], labels: Mapping[Series, str]) -> list[str]:
    if not others:
        return []
    count = sum(len(each.stack) for each in others)
    return [
        f"Of the {count + len(taken.stack)} slices of the DICOM series, the {len(taken.stack)} of {_listed([taken], labels).rpartition(' (')[0]} were taken; "
        f"left out: {_listed(others, labels)}."
    ]
