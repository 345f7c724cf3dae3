"""Names that another program gives its scans and labels, matched with the scans that a task takes and the structures it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neurospineseg.errors import InputError
from neurospineseg.measurements.segment_names import structure_key
from neurospineseg.models.recipe import AddedStructure, Paint
from neurospineseg.tasks.added_structures import FIRST_LABEL, key_of, plain_name
from neurospineseg.tasks.task import Task, registered_tasks

WORDS = {
    "t1ce": "t1c",
    "t1gd": "t1c",
    "t1wce": "t1c",
    "t1wgd": "t1c",
    "t1wc": "t1c",
    "t1contrast": "t1c",
    "t1post": "t1c",
    "t1gad": "t1c",
    "t1km": "t1c",
    "t1n": "t1",
    "t1w": "t1",
    "t2w": "t2",
    "t2f": "flair",
    "t2flair": "flair",
    "fl": "flair",
}
"""Contrasts in other programs' words."""
REGIONS = {
    "tc": "tumor_core",
    "wt": "whole_tumor",
    "et": "enhancing_tumor",
    "enhancing": "enhancing_tumor",
    "enhancing_core": "enhancing_tumor",
    "ncr": "necrotic_core",
    "net": "necrotic_core",
    "ncr_net": "necrotic_core",
    "necrosis": "necrotic_core",
    "necrotic_tumor": "necrotic_core",
    "necrotic_tumor_core": "necrotic_core",
    "ed": "edema",
    "peritumoral_edema": "edema",
    "snfh": "edema",
    "core": "tumor_core",
    "whole": "whole_tumor",
}
"""Structures and unions in other programs' words, those of BraTS."""


@dataclass(frozen=True)
class Named:
    """Something with a name, as ``structure_key`` wants it."""

    name: str
    key: str = ""
    label: int = 0
    tags: Mapping[str, str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", {})


class Unmatched(InputError):
    """Which scans some of a model's channels are cannot be told.

    Attributes:
        names: the model's own of these channels.
    """

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


def _plain(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", words.lower())


def channel_of(name: str, task: Task) -> str | None:
    """The key of the scan that a channel's name means; None for one that cannot be told."""
    plain = _plain(name)
    plain = WORDS.get(plain, plain)
    for channel in task.channels:
        if plain in {_plain(channel.key), _plain(channel.name), *map(_plain, channel.file_words)}:
            return channel.key
    return None


def meaning_of(name: str, task: Task) -> str | None:
    """The key of the structure, or of the union of structures, that a label's name means; None for something else."""
    words = re.sub("o?edema", "edema", re.sub("tumou?r", "tumor", key_of(name)))
    words = REGIONS.get(words, words)
    if any(words == union.key for union in task.composites):
        return words
    return structure_key(Named(words.replace("_", " "), words), task) or structure_key(Named(name), task)


def matched_channels(names: Sequence[str], task: Task, asked: Mapping[str, str]) -> tuple[str, ...]:
    """The task's scans in the order of a network's channels.

    Args:
        asked: what the user said: the model's name for a channel, or its number, and the task's.

    Raises:
        InputError: one cannot be matched; the message says how to.
    """
    _refuse_unknown(asked, names, "channel")
    found: list[str | None] = []
    for number, name in enumerate(names):
        said = asked.get(name) or asked.get(str(number))
        if said is not None:
            found.append(task.channel(said).key)
        else:
            found.append(task.channels[0].key if task.single and len(names) == 1 else channel_of(name, task))
    lost = [name for name, key in zip(names, found) if key is None]
    if lost:
        shown = ", ".join(f"'{name}'" for name in lost)
        known = ", ".join(task.channel_keys)
        raise Unmatched(f"Which scan the model's channel {shown} is cannot be told; say which of {known} each is.", lost)
    keys = [key for key in found if key is not None]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise InputError(f"Two channels of the model would be the scan {twice}; say which scan each is.")
    return tuple(keys)


def task_of(channels: Sequence[str], labels: Sequence[str], asked: str | None) -> Task:
    """The task that knows most of a model's labels and takes its channels.

    Raises:
        InputError: none does, or there is no such task.
    """
    from neurospineseg.tasks.task import task_named

    if asked is not None:
        return task_named(asked)
    fits = {}
    for task in registered_tasks():
        takes = len(channels) <= len(task.channels) and (task.single or all(channel_of(name, task) for name in channels))
        fits[task.name] = sum(meaning_of(name, task) is not None for name in labels) + (not task.single) if takes else 0
    best = max(fits, key=lambda name: fits[name])
    if not fits[best]:
        raise InputError(
            f"For what the model is cannot be told from its labels ({', '.join(labels[:6])}); say for which task it is: {', '.join(fits)}."
        )
    return task_named(best)


def _refuse_unknown(asked: Mapping[str, str], names: Sequence[str], kind: str, first: int = 0) -> None:
    known = {*names, *(str(number + first) for number in range(len(names)))}
    unknown = next((name for name in asked if name not in known), None)
    if unknown is not None:
        raise InputError(f"The model has no {kind} '{unknown}'; it has {', '.join(names[:20])}.")


class LabelMatch:
    """What a model's labels become.

    Args:
        labels: the model's names of its classes (without the background) or regions.
        asked: what the user said: a name or number of a label, and a structure's key or a name for a segment.
        taken: structures of added models that are there, by key.
        first: the model's number of the first of ``labels``.

    Attributes:
        keys: of each label, a structure's or a union's.
        added: the structures that no task knows.

    Raises:
        InputError: what was asked cannot be done.
    """

    def __init__(
        self, labels: Sequence[str], task: Task, asked: Mapping[str, str], taken: Mapping[str, AddedStructure], first: int = 1
    ) -> None:
        _refuse_unknown(asked, labels, "label", first)
        self.labels, self.task, self._taken = labels, task, dict(taken)
        self.added: dict[str, AddedStructure] = {}
        self.keys = [self._key(name, asked.get(name) or asked.get(str(number))) for number, name in enumerate(labels, first)]

    def _key(self, name: str, said: str | None) -> str:
        wanted = said or name
        return meaning_of(wanted, self.task) or self._add(wanted)

    def _add(self, name: str) -> str:
        key = key_of(name)[:100]
        known = {structure.key for task in registered_tasks() for structure in task.structures}
        key = f"added_{key}" if key in known else key
        if key not in self._taken:
            used = {each.label for each in self._taken.values()}
            free = next(label for label in range(FIRST_LABEL, 65_536) if label not in used)
            self._taken[key] = AddedStructure(key=key, name=plain_name(name), label=free)
        self.added[key] = self._taken[key]
        return key

    def classes(self) -> list[str]:
        """The structures of labels that exclude each other.

        Raises:
            InputError: a label is a union of structures.
        """
        return [key if not self._is_union(key) else self._add(name) for key, name in zip(self.keys, self.labels)]

    def painted(self, order: Sequence[int] | None = None) -> tuple[list[str], list[tuple[int, str]]]:
        """Of regions that may overlap: the structures that there can be, and for each region, in the order of painting, its channel and the
        structure that is left of it where later ones are painted over it.

        Args:
            order: of painting; None for the larger unions first, then the regions as they come.
        """
        order = list(order) if order is not None else sorted(range(len(self.keys)), key=lambda number: -len(self._parts(self.keys[number])))
        steps = []
        for place, number in enumerate(order):
            left = set(self._parts(self.keys[number]))
            for later in order[place + 1 :]:
                left -= set(self._parts(self.keys[later])) if self._is_union(self.keys[number]) else set()
            key = left.pop() if len(left) == 1 else self._add(self.labels[number])
            steps.append((number, key))
        return list(dict.fromkeys(key for _, key in steps)), steps

    def _is_union(self, key: str) -> bool:
        return any(union.key == key for union in self.task.composites)

    def _parts(self, key: str) -> tuple[str, ...]:
        return next((union.parts for union in self.task.composites if union.key == key), (key,))


def paint_of(steps: Sequence[tuple[int, str]], classes: Sequence[str], first: int = 0) -> tuple[Paint, ...]:
    """What is painted, by the numbers of classes, of which the background is 0; ``first`` is the output channel of the first region."""
    return tuple(Paint(channel=number + first, number=classes.index(key)) for number, key in steps)
