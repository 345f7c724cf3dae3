"""Which scans in the folder of a case belong together: those of one patient, session and space, one for each channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neurospineseg.images.scan_names import MASK_FOLDER, ScanFile, entities_of, folders_in, is_mask, scan_ending, scan_files, words_of
from neurospineseg.images.scan_words import free_words, identifiers, shows_agent, visit_marks
from neurospineseg.tasks.task import Task

DEEPEST = 3
"""Folders below a case's own, such as ``ses-1/anat``."""
APART = ("sub", "ses", "space")
"""BIDS's entities of which each value, and their absence, is a case of its own."""
VARIANTS = ("run", "acq", "rec", "desc", "proc", "res", "den", "echo", "inv", "mod", "trc", "split")
"""BIDS's entities that make cases of their own where a scan would be there twice."""
OF_AGENT = frozenset({"pre", "post"})
"""Words for before and after, of contrast agent in the name of a T1 scan, of an operation where scans of other contrasts bear them."""
OTHER_PARTS = ("phase", "real", "imag")
"""Values of BIDS's ``part-`` that are no gray images."""


@dataclass(frozen=True)
class NamedScan:
    """A scan whose name tells its channel.

    Attributes:
        channel: key of the task's channel.
        why: what in its name tells that.
        entities: BIDS's, of its name and its folders.
        marks: dates and words for a time in its name and its folders.
        ids: words that may tell one patient or visit from another.
    """

    file: ScanFile
    channel: str
    why: str
    entities: dict[str, str]
    marks: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Visit:
    """Scans that belong together.

    Attributes:
        label: what tells it from the others of its folder; empty where there are none.
        scans: path by channel; empty where there is a problem.
        problem: a sentence.
        why: by channel, what in the scan's name tells it.
    """

    label: str
    scans: dict[str, Path] = field(default_factory=dict)
    problem: str = ""
    why: dict[str, str] = field(default_factory=dict)


def visits_in(folder: Path, task: Task) -> list[Visit]:
    """The visits in the folder of a case.

    Raises:
        InputError: it cannot be read.
    """
    return visits_among(_files_of(folder, task, DEEPEST), folder, task)


def visits_among(files: Sequence[ScanFile], folder: Path, task: Task) -> list[Visit]:
    """The visits among some files of one patient, which lie in a folder or below."""
    scans = _named(files, folder, task)
    return [visit for label, group in _apart(scans) for visit in _visits_of(label, group)]


def _files_of(folder: Path, task: Task, deepest: int) -> list[ScanFile]:
    """Image files of a folder and of those in it that are named for a session, a contrast or anatomy, without masks."""
    files = [file for file in scan_files(folder) if not is_mask(file)]
    for inner in folders_in(folder) if deepest else []:
        if not scan_ending(inner.name) and not MASK_FOLDER.fullmatch(inner.name) and _is_of_case(inner.name, task):
            files += _files_of(inner, task, deepest - 1)
    return files


def _is_of_case(name: str, task: Task) -> bool:
    last = words_of(name)[-1:]
    return name.lower() == "anat" or "ses" in entities_of(name) or bool(visit_marks(name)) or any(channel_of(word, task) for word in last)


def channel_of(word: str, task: Task) -> str | None:
    """The key of the channel that a word in small letters names, as the last of a file's name does."""
    return next((channel.key for channel in task.channels if word in (channel.key, *channel.file_words)), None)


def _named(files: Sequence[ScanFile], folder: Path, task: Task) -> list[NamedScan]:
    """Those whose last word names a channel; a T1 after contrast agent is one of the channel for such, whatever its last word."""
    found = [(file, key) for file in files if (words := words_of(file.name)) and (key := channel_of(words[-1], task))]
    others = frozenset(word for file, key in found if task.channel(key).contrast not in ("t1", "t1c") for word in words_of(file.name))
    enhanced = next((channel.key for channel in task.channels if channel.contrast == "t1c"), None)
    scans = []
    for file, key in found:
        agent = task.channel(key).contrast == "t1" and shows_agent(file.name, others)
        if (agent and enhanced is None) or entities_of(file.name).get("part") in OTHER_PARTS:
            continue
        channel = enhanced if agent and enhanced else key
        why = "contrast agent in its name" if agent else f"'{words_of(file.name)[-1]}' in its name"
        scans.append(
            _named_scan(file, channel, why, folder, () if task.channel(channel).contrast not in ("t1", "t1c") else OF_AGENT - others)
        )
    return scans


def _named_scan(file: ScanFile, channel: str, why: str, folder: Path, of_agent: Collection[str]) -> NamedScan:
    """Args:
    of_agent: words that tell of contrast agent here, not of a time.
    """
    texts = [*file.folder.relative_to(folder).parts, file.name]
    entities = {key: value for text in texts for key, value in entities_of(text).items()}
    marks = [mark for text in texts for mark in visit_marks("_".join(_parts_without(text))) if mark not in of_agent]
    return NamedScan(file, channel, why, entities, tuple(marks), identifiers(free_words(file.name)))


def _parts_without(text: str) -> list[str]:
    """The parts of a name that are no entities of BIDS."""
    entities = entities_of(text)
    return [part for part in text.split("_") if part.partition("-")[0].lower() not in entities]


Groups = list[tuple[str, list[NamedScan]]]


def _grouped(scans: Sequence[NamedScan], key: Callable[[NamedScan], Hashable], label: Callable[[NamedScan], str]) -> Groups:
    """Scans by a key, in their order; the label is that of the first of each, empty where there is one group only."""
    groups: dict[Hashable, list[NamedScan]] = defaultdict(list)
    for scan in scans:
        groups[key(scan)].append(scan)
    return [(label(group[0]) if len(groups) > 1 else "", group) for group in groups.values()]


def _apart(scans: Sequence[NamedScan]) -> Groups:
    """Scans of different patients, sessions, dates and spaces, which are never one case."""
    shared = set.intersection(*(set(scan.marks) for scan in scans)) if scans else set()
    differing = [key for key in APART if len({scan.entities.get(key) for scan in scans}) > 1]

    def marks(scan: NamedScan) -> list[str]:
        named = [f"{key}-{scan.entities[key]}" for key in differing if key in scan.entities]
        return [*named, *(mark for mark in scan.marks if mark not in shared)]

    return _grouped(scans, lambda scan: tuple(marks(scan)), lambda scan: "_".join(marks(scan)))


def _visits_of(label: str, scans: Sequence[NamedScan]) -> list[Visit]:
    """What of scans that may belong together does: one for each channel."""
    shared = set.intersection(*(set(scan.ids) for scan in scans))

    def ids(scan: NamedScan) -> tuple[str, ...]:
        return tuple(word for word in scan.ids if word not in shared)

    different = {ids(scan) for scan in scans} - {()}
    if len(different) > 1 and not _twice(scans):
        one, other = (next(scan for scan in scans if ids(scan) == found).file.name for found in sorted(different)[:2])
        return [
            Visit(
                label,
                problem=f"The names of '{one}' and '{other}' do not tell whether they are of one patient and session; name them alike but for the contrast, or give each session a folder.",
            )
        ]
    groups = _grouped(scans, ids, lambda scan: "_".join(ids(scan))) if _twice(scans) and different else [("", list(scans))]
    return [
        _visit("_".join(filter(None, (label, part, variant))), group) for part, several in groups for variant, group in _variants(several)
    ]


def _twice(scans: Sequence[NamedScan]) -> bool:
    return len({scan.channel for scan in scans}) < len(scans)


def _variants(scans: Sequence[NamedScan]) -> Groups:
    """Scans apart by an entity that all of them have, where that leaves one for each channel."""
    for key in VARIANTS:
        values = {scan.entities.get(key) for scan in scans}
        if None in values or len(values) < 2 or not (_twice(scans) or key == "run"):
            continue
        by_value = {
            value: [scan for scan in scans if scan.entities[key] == value] for value in dict.fromkeys(scan.entities[key] for scan in scans)
        }
        groups = [(f"{key}-{value}", group) for value, group in by_value.items()]
        if not any(_twice(group) for _, group in groups):
            return groups
    return [("", list(scans))]


def _visit(label: str, scans: Sequence[NamedScan]) -> Visit:
    paths: dict[str, Path] = {}
    names: dict[str, str] = {}
    for scan in scans:
        if scan.channel in paths:
            return Visit(
                label,
                problem=f"'{names[scan.channel]}' and '{scan.file.name}' are both the scan {scan.channel} of this case; keep one of them in its folder.",
            )
        paths[scan.channel], names[scan.channel] = scan.file.path, scan.file.name
    return Visit(label, paths, why={scan.channel: scan.why for scan in scans})
