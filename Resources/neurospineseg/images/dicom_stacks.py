"""Images in stacks: parallel slices at places of their own, split where several lie at one place (echoes, phases, times, repeats)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neurospineseg.images.dicom_frames import Frame

PARALLEL = 2e-3
"""So far may the directions of slices differ that count as parallel: 0.1 degrees."""
ONE_PLACE_MM = 0.01
GAP = 1.5
"""A distance of neighbors above this many usual ones is a gap."""
KINDS = ("stack", "echo", "b", "time", "inversion")
"""Traits that tell volumes apart also where these lie at places of their own."""
PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, eq=False)
class Stack:
    """Images that may be a volume.

    Attributes:
        name: what tells it from the other stacks of its series, such as ``{"plane": "axial", "echo": "2"}``; may be empty.
        frames: in the order of their places; as they are numbered where ``placed`` is False.
        placed: whether each records its place and its directions, and not all the same place.
    """

    name: dict[str, str]
    frames: tuple[Frame, ...]
    placed: bool = True

    def __len__(self) -> int:
        return len(self.frames)

    def named(self, key: str, value: str) -> Stack:
        """The same with one more word in its name."""
        return Stack({**self.name, key: value}, self.frames, self.placed)

    def without(self, frames: Iterable[Frame]) -> Stack:
        left_out = set(map(id, frames))
        return Stack(self.name, tuple(frame for frame in self.frames if id(frame) not in left_out), self.placed)

    @property
    def places(self) -> np.ndarray:
        """Where the frames lie along the normal of the first, mm; of a placed stack."""
        return places_of(self.frames)

    def parts(self) -> list[Stack]:
        """The stack cut at its gaps, ``slab=1`` and so on; itself where there is none."""
        steps = np.diff(self.places)
        cuts = np.flatnonzero(steps > GAP * np.median(steps)) + 1 if len(steps) else np.zeros(0, int)
        if not cuts.size:
            return [self]
        runs = np.split(np.arange(len(self.frames)), cuts)
        return [Stack({**self.name, "slab": str(n + 1)}, tuple(self.frames[i] for i in run)) for n, run in enumerate(runs)]


def places_of(frames: Sequence[Frame]) -> np.ndarray:
    """Where parallel frames lie along their normal, LPS mm, shape (N,)."""
    return np.array([frame.position for frame in frames]) @ frames[0].normal


def stacks_of(frames: Sequence[Frame], voxels_of: Callable[[Frame], Hashable]) -> tuple[list[Stack], int]:
    """The stacks of one series, largest first, and how many copies of images were left out.

    Args:
        frames: the gray images of the series.
        voxels_of: what is equal for two frames where their voxels are; asked only of those that are alike else.
    """
    stacks, repeated = [], 0
    forms = _grouped(frames, lambda frame: frame.form)
    for number, form in enumerate(forms, 1):
        of_form, dropped = _stacks_of_form(form, voxels_of)
        repeated += dropped
        stacks += of_form if len(forms) == 1 else [stack.named("size", str(number)) for stack in of_form]
    return sorted(stacks, key=len, reverse=True), repeated


def _stacks_of_form(frames: list[Frame], voxels_of: Callable[[Frame], Hashable]) -> tuple[list[Stack], int]:
    """The stacks of images of one size and class; one unplaced stack where a place is missing or all are the same."""
    frames = sorted(frames, key=lambda frame: frame.order)
    if not all(frame.placed for frame in frames):
        return [Stack({}, tuple(frames), placed=False)], 0
    planes = _planes(frames)
    if len(planes) == 1 and len(frames) > 1 and not _levels(frames).any():
        return [Stack({}, tuple(frames), placed=False)], 0
    stacks, repeated = [], 0
    for plane, parallel in planes:
        for stack in _by_kind(parallel):
            kept = _without_copies(stack.frames, voxels_of)
            repeated += len(stack) - len(kept)
            stacks += [Stack({**plane, **stack.name, **part.name}, part.frames) for part in _by_trait(kept)]
    return stacks, repeated


def _grouped(frames: Iterable[Frame], key: Callable[[Frame], Hashable]) -> list[list[Frame]]:
    groups: dict[Hashable, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return sorted(groups.values(), key=len, reverse=True)


def _planes(frames: Sequence[Frame]) -> list[tuple[dict[str, str], list[Frame]]]:
    """The parallel groups, largest first, each with its name where there are several."""
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if _parallel(frame, group[0]):
                group.append(frame)
                break
        else:
            groups.append([frame])
    if len(groups) == 1:
        return [({}, groups[0])]
    groups.sort(key=len, reverse=True)
    words = [PLANES[int(np.abs(group[0].normal).argmax())] for group in groups]
    names = [word if words.count(word) == 1 else f"{word}{words[: n + 1].count(word)}" for n, word in enumerate(words)]
    return [({"plane": name}, group) for name, group in zip(names, groups)]


def _parallel(one: Frame, other: Frame) -> bool:
    if np.abs(one.directions - other.directions).max() > PARALLEL:
        return False
    if one.spacing is None or other.spacing is None:
        return one.spacing is other.spacing
    return bool(np.abs(one.spacing / other.spacing - 1).max() < 1e-3)


def _by_kind(frames: list[Frame], kinds: Sequence[str] = KINDS) -> list[Stack]:
    """The frames split by traits that never differ inside a volume, each where the frames of every value lie at several places."""
    for number, kind in enumerate(kinds):
        groups = _grouped(frames, _trait(kind))
        if len(groups) > 1 and all(_levels(group).any() for group in groups):
            words = _words(frames, kind)
            split = [(words[group[0].traits[kind]], part) for group in groups for part in _by_kind(group, kinds[number + 1 :])]
            return [Stack({kind: word, **part.name}, part.frames) for word, part in split]
    return [Stack({}, tuple(frames))]


def _trait(name: str) -> Callable[[Frame], Hashable]:
    return lambda frame: frame.traits[name]


def _levels(frames: Sequence[Frame]) -> np.ndarray:
    """A number for each place along the normal, int (N,)."""
    places = places_of(frames)
    order = np.argsort(places, kind="stable")
    levels = np.empty(len(frames), int)
    levels[order] = np.cumsum(np.diff(places[order], prepend=places[order[0]]) > ONE_PLACE_MM)
    return levels


def _without_copies(frames: Sequence[Frame], voxels_of: Callable[[Frame], Hashable]) -> list[Frame]:
    """The frames, only the first of those with the same place, number, traits and voxels."""
    groups: dict[Hashable, list[Frame]] = {}
    for frame, level in zip(frames, _levels(frames).tolist()):
        groups.setdefault((level, frame.number, *frame.traits.items()), []).append(frame)
    kept: list[Frame] = []
    for group in groups.values():
        kept += group if len(group) == 1 else {voxels_of(frame): frame for frame in reversed(group)}.values()
    return sorted(kept, key=lambda frame: frame.order)


def _by_trait(frames: list[Frame]) -> list[Stack]:
    """Frames at places of their own, split by the fewest traits that tell apart those at one place."""
    levels = _levels(frames)
    most = int(np.bincount(levels).max())
    names = _telling(frames, levels, most)
    if names is None:
        return [Stack({"repeat": str(n + 1)}, _in_order(group)) for n, group in enumerate(_by_turn(frames, levels, most))]
    words = {name: _words(frames, name) for name in names}
    groups: dict[tuple[str, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(tuple(words[name][frame.traits[name]] for name in names), []).append(frame)
    return [Stack(dict(zip(names, values)), _in_order(group)) for values, group in groups.items()]


def _telling(frames: list[Frame], levels: np.ndarray, most: int) -> tuple[str, ...] | None:
    """The names of the traits, at most three, that have ``most`` values in all and never the same twice at one place; None where none do."""
    if most == 1:
        return ()
    varying = [name for name in frames[0].traits if 1 < len({frame.traits[name] for frame in frames})]
    for count in (1, 2, 3):
        for names in combinations(varying, count):
            values = [tuple(frame.traits[name] for name in names) for frame in frames]
            if len(set(values)) == most and len(set(zip(levels.tolist(), values))) == len(frames):
                return names
    return None


def _by_turn(frames: list[Frame], levels: np.ndarray, most: int) -> list[list[Frame]]:
    """The first frames of all places, the second ones, and so on, as they are numbered."""
    turns: list[list[Frame]] = [[] for _ in range(most)]
    seen: dict[int, int] = {}
    for frame, level in zip(frames, levels.tolist()):
        turns[seen.get(level, 0)].append(frame)
        seen[level] = seen.get(level, 0) + 1
    return turns


def _in_order(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(sorted(frames, key=lambda frame: float(frame.position @ frame.normal)))


def _words(frames: Sequence[Frame], trait: str) -> dict[Hashable, str]:
    """What each value of a trait is called: a b-value by itself, the others counted from 1 in their order."""
    values = sorted({frame.traits[trait] for frame in frames}, key=_sortable)
    if trait == "b":
        return {value: f"{value or 0:g}" for value in values}
    return {value: str(number) for number, value in enumerate(values, 1)}


def _sortable(value: Hashable) -> tuple:
    parts = value if isinstance(value, tuple) else (value,)
    return tuple((part is not None, isinstance(part, str), part if part is not None else 0) for part in parts)
