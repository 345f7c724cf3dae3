"""Which structure a named segment of any program is: ours by its tag or key, others by what their names say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol

from neurospineseg.errors import InputError
from neurospineseg.tasks.structure import STRUCTURE_TAG
from neurospineseg.tasks.task import Task, registered_tasks, task_named

LEVEL = r"(?:C[1-7]|T(?:1[0-3]|[1-9])|L[1-6]|S1)"
NEUTRAL = set("segment seg label mask mr mri ct the of and corrected edited manual new copy final auto".split())
VERTEBRA = NEUTRAL | set("vertebra vertebrae vertebral vert body bodies bone spine level lumbar thoracic cervical sacral sacrum".split())
DISC = NEUTRAL | set(
    "disc disk discs disks ivd intervertebral vertebral vertebra vertebrae space spine level lumbar thoracic cervical".split()
)
CANAL = NEUTRAL | set("canal spinal spine vertebral lumbar thoracic cervical".split())
"""Words that may stand in the name of each; any other, as in *L3 nerve root* or *auditory canal*, makes it something else."""


class NamedSegment(Protocol):
    """What is known of a segment."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def label(self) -> int: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


def structures_of_segments(segments: Sequence[NamedSegment], values: Iterable[int], task: str | None = None) -> tuple[str, dict[int, str]]:
    """The task that a mask's segments belong to, and structures' keys by label value.

    Args:
        segments: named ones; where there are none, the label values are taken for the task's own.
        values: label values in the mask.
        task: where it is known; otherwise the one that knows most of the names.

    Raises:
        InputError: no segment is of a known structure, or the task cannot be told.
    """
    tasks = [task_named(task)] if task else [each for each in registered_tasks() if each.measures is not None]
    if segments:
        found = {each.name: _named(segments, each) for each in tasks}
        best = max(found, key=lambda name: len(found[name]))
        if not found[best]:
            shown = ", ".join(f"'{each.name}'" for each in list(segments)[:4])
            like = ", ".join([structure.name for each in tasks for structure in each.structures][:3]) if task else "L3, L3-L4 disc, sacrum"
            raise InputError(f"None of the segments ({shown}) has the name of a known structure; name them like {like}.")
        return best, found[best]
    if task is None:
        raise InputError("The mask does not name its segments; say with --task which structures its label values are.")
    known = {structure.label: structure.key for structure in tasks[0].structures}
    keys = {value: known[value] for value in values if value in known}
    if not keys:
        raise InputError(f"None of the mask's label values is one of {task}'s structures; give a .seg.nrrd file with named segments.")
    return task, keys


def _named(segments: Sequence[NamedSegment], task: Task) -> dict[int, str]:
    keys = {segment.label: key for segment in segments if (key := structure_key(segment, task)) is not None}
    return dict(sorted(keys.items()))


def structure_key(segment: NamedSegment, task: Task) -> str | None:
    """The key of the structure of a task that a segment shows; None for something else."""
    known = {structure.key for structure in task.structures}
    for stated in (segment.tags.get(STRUCTURE_TAG, ""), segment.key):
        if stated in known:
            return stated
    by_name = _by_name(task)
    for words in (segment.name, segment.key):
        if _plain(words) in by_name:
            return by_name[_plain(words)]
        spoken = _spine_key(words)
        if spoken in known:
            return spoken
    return None


@cache
def _by_name(task: Task) -> dict[str, str]:
    """The keys of a task's structures by what they are called."""
    return {_plain(words): structure.key for structure in task.structures for words in (structure.name, structure.key)}


def shown_twice(segments: Sequence[NamedSegment], keys: Mapping[int, str]) -> list[str]:
    """A sentence for each structure that several segments show, which are measured as one."""
    names: dict[str, list[str]] = {}
    for segment in segments:
        if segment.label in keys:
            names.setdefault(keys[segment.label], []).append(f"'{segment.name}'")
    return [
        f"The segments {', '.join(own[:-1])} and {own[-1]} are measured as one, {key}; rename what is something else."
        for key, own in names.items()
        if len(own) > 1
    ]


def rib_labels(segments: Sequence[NamedSegment]) -> list[int]:
    """Label values of segments that are named as ribs, such as *rib_left_12*."""
    return [segment.label for segment in segments if re.search(r"\brib(s)?\b", _plain(f"{segment.name} {segment.key}"))]


def _plain(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", words.lower()).strip()


def _spine_key(words: str) -> str | None:
    """``vertebra_L3`` for *vertebrae_L3*, *L3*; ``disc_L3_L4`` for *IVD L3-L4*, *disc_L3_L4*; the sacrum and the canal."""
    text = re.sub(r"[^a-z0-9]+", " ", words.lower())
    levels = re.findall(rf"\b{LEVEL}\b", text.upper())
    others = set(re.findall(r"\b[a-z][a-z0-9]*", re.sub(rf"\b{LEVEL.lower()}\b", " ", text)))
    if len(levels) == 2:
        return f"disc_{levels[0]}_{levels[1]}" if others <= DISC else None
    if len(levels) == 1 and others <= VERTEBRA:
        return "sacrum" if levels[0] == "S1" else f"vertebra_{levels[0]}"
    if not levels and "canal" in others and others <= CANAL:
        return "spinal_canal"
    return "sacrum" if not levels and "sacrum" in others and others <= VERTEBRA else None
