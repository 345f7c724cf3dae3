"""What a task is: all that the program knows of tumors, spines or deep nuclei and not of the others. The registry of tasks.

A task is a folder here with a ``declaration.py`` that holds a ``Task`` named ``TASK``. Folders of other people's tasks are named in
``NEUROSPINESEG_TASKS`` (a path list); their declarations are run, so only folders that are trusted belong there. A program that runs in one process may also call ``register_task``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import RLock
from typing import Literal, get_args

from neurospineseg import tasks
from neurospineseg.errors import InputError
from neurospineseg.tasks.channel import Channel, refuse_unless
from neurospineseg.tasks.declarations import Reference, declarations_in, declared, in_words
from neurospineseg.tasks.structure import Structure

Head = Literal["expected", "needed", "unwanted", "any"]


@dataclass(frozen=True)
class PlausibleVolumes:
    """What a result's volumes may be, widely: single odd ones are noted by the rules, this refuses results that cannot be.

    Attributes:
        called: the structures in words for people.
        ml: least and greatest volume in mL of a whole structure, by its key or its family.
        most_odd: how many structures may lie beyond these limits.
        total_ml: greatest volume of all structures together.
        total_doubt: a sentence for more than that; ``{ml}`` stands for the volume.
    """

    called: str
    ml: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    most_odd: int = 2
    total_ml: float = inf
    total_doubt: str = ""


@dataclass(frozen=True)
class Composite:
    """A union of structures whose volume is reported beside the structures' own."""

    key: str
    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Hiding:
    """Where a model that looks coarsely first finds nothing, it looks once more without these channels, and the finer one does without them too.

    Attributes:
        channels: their keys.
        least_mean: how likely, on average, all that is then found must be to be kept; below, the user is told of it only.
    """

    channels: tuple[str, ...]
    least_mean: float


@dataclass(frozen=True)
class Phantom:
    """A scan that the program draws itself, for the demonstration, sample data and tests.

    Attributes:
        draw: ``(seed) -> images, ijk_to_ras, labels``: one image (K, J, I) or several by channel, 4x4 in mm, and the structures' label
            values (K, J, I).
        structures: keys of those that it draws; empty for all.
    """

    draw: Reference
    structures: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Task:
    """What a kind of segmentation job is.

    Attributes:
        name: in commands, bundles and data sets.
        title: heading of its results on pages.
        summary: what is segmented, in words that follow "Segments the".
        channels: the scans it takes; models of it take some of them.
        structures: all that it may mark.
        least_extent_mm: least lengths of a scan's field of view in mm, shortest first, that can hold the anatomy.
        greatest_extent_mm: greatest lengths that a scan can have, shortest first.
        families: class of a network -> family of the structures that it becomes; a class not named here is a structure's key.
        needed_classes: groups of classes; the rules need one of each group.
        rules: ``(probabilities, grid, spec) -> Postprocessed`` after the network, see ``class_scores``.
        notes: ``(image, probabilities, spec) -> list[str]``: what the user should know of the image, if anything.
        fit: ``(image, probabilities, grid, spec) -> probabilities`` before the rules: what the network says, fitted to what the image shows.
        measures: ``MeasuredMask -> Measurements``: what is read off a mask, see ``neurospineseg.measurements.measuring``.
        modalities: DICOM modalities that its models know.
        head: whether the scan should show a head: ``expected`` and doubted without, ``needed`` and refused without, ``unwanted`` and
            doubted with one, or ``any``.
        only_in_head: whether nothing is marked outside the head.
        plausible: volumes of a result.
        composites: unions that are reported.
        margin_mm: what pages show around a mask in mm; None for the whole scan.
        hiding: channels in which what is sought may look like its surroundings, if any.
        registers: whether its scans may have to be aligned.
        renumbers: whether its structures are numbered along a chain: a run in a region looks at the whole scan first, and who names one
            structure renumbers the others.
        phantom: what draws a scan of it, if anything does.
        order: place in lists; equal ones by name.
    """

    name: str
    title: str
    summary: str
    channels: tuple[Channel, ...]
    structures: tuple[Structure, ...]
    least_extent_mm: tuple[float, float, float]
    greatest_extent_mm: tuple[float, float, float] = (1000.0, 1000.0, 2500.0)
    families: Mapping[str, str] = field(default_factory=dict)
    needed_classes: tuple[tuple[str, ...], ...] = ()
    rules: Reference = "neurospineseg.tasks.class_scores:one_piece_each"
    notes: Reference | None = None
    fit: Reference | None = None
    measures: Reference | None = None
    modalities: tuple[str, ...] = ("MR",)
    head: Head = "any"
    only_in_head: bool = False
    plausible: PlausibleVolumes = PlausibleVolumes("structures")
    composites: tuple[Composite, ...] = ()
    margin_mm: float | None = None
    hiding: Hiding | None = None
    registers: bool = False
    renumbers: bool = False
    phantom: Phantom | None = None
    order: int = 100

    def __post_init__(self) -> None:
        refuse_unless(self.name.isidentifier(), f"'{self.name}' cannot name a task; take lower-case letters.")
        refuse_unless(self.head in get_args(Head), f"'{self.head}' says nothing of a head; say one of {', '.join(get_args(Head))}.")
        refuse_unless(bool(self.channels), f"The task '{self.name}' takes no scan; name its channels.")
        twice = _twice(self.channel_keys)
        refuse_unless(not twice, f"Two channels of the task '{self.name}' have the same key: {', '.join(twice)}.")
        twice = _twice([s.key for s in self.structures]) + _twice([str(s.label) for s in self.structures])
        refuse_unless(not twice, f"Two structures of the task '{self.name}' have the same key or label value: {', '.join(twice)}.")
        self._refuse_unknown_names()
        self._refuse_wrong_values()

    def _refuse_unknown_names(self) -> None:
        known, families = {s.key for s in self.structures}, {s.family for s in self.structures}
        named = [part for composite in self.composites for part in composite.parts]
        named += [key for key in self.plausible.ml if key not in families]
        unknown = [key for key in named if key not in known] + [family for family in self.families.values() if family not in families]
        refuse_unless(not unknown, f"The task '{self.name}' has no structure {', '.join(map(repr, unknown))}, which its declaration names.")
        needed = [name for group in self.needed_classes for name in group if name not in self.classes]
        refuse_unless(not needed, f"The task '{self.name}' has no class {', '.join(map(repr, needed))}, which it says its rules need.")
        hiding = [key for key in (self.hiding.channels if self.hiding else ()) if key not in self.channel_keys]
        refuse_unless(not hiding, f"The task '{self.name}' has no channel {', '.join(map(repr, hiding))} in which structures hide.")

    def _refuse_wrong_values(self) -> None:
        extent = tuple(self.least_extent_mm)
        rising = len(extent) == 3 and 0 < extent[0] <= extent[1] <= extent[2] < inf
        refuse_unless(rising, f"The task '{self.name}' has a least extent of {extent} mm; give three lengths above 0, the shortest first.")
        greatest = tuple(self.greatest_extent_mm)
        larger = len(greatest) == 3 and all(low < high for low, high in zip(extent, greatest)) and list(greatest) == sorted(greatest)
        refuse_unless(larger, f"The task '{self.name}' has a greatest extent of {greatest} mm; give three lengths above its least ones.")
        for reference in (self.rules, self.notes, self.fit, self.measures, self.phantom.draw if self.phantom else None):
            right = not isinstance(reference, str) or re.fullmatch(r"\w+(\.\w+)*:\w+", reference) is not None
            refuse_unless(right, f"'{reference}' names no function of the task '{self.name}'; write package.module:function.")
        for modality in self.modalities:
            refuse_unless(modality in ("MR", "CT"), f"There is no modality '{modality}'; there are MR and CT.")

    @property
    def single(self) -> bool:
        """Whether it takes one scan only."""
        return len(self.channels) == 1

    @property
    def channel_keys(self) -> tuple[str, ...]:
        return tuple(channel.key for channel in self.channels)

    def channel(self, key: str) -> Channel:
        """The channel of a key.

        Raises:
            InputError: the task has none of that key.
        """
        for channel in self.channels:
            if channel.key == key:
                return channel
        raise InputError(f"'{key}' is no scan that {self.name} takes; it takes {', '.join(self.channel_keys)}.")

    def structure(self, key: str) -> Structure:
        """The structure of a key.

        Raises:
            InputError: the task has none of that key.
        """
        for structure in self.structures:
            if structure.key == key:
                return structure
        known = ", ".join(sorted(structure.key for structure in self.structures))
        raise InputError(f"There is no structure '{key}' in {self.name}; choose among {known}.")

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that its rules understand."""
        return tuple(self.families) or tuple(structure.key for structure in self.structures)

    def check_classes(self, classes: Sequence[str]) -> None:
        """Refuses classes, background first, that the task's rules do not understand.

        Raises:
            InputError: a class is unknown, or one that the rules need is missing.
        """
        unknown = next((name for name in classes[1:] if name not in self.classes), None)
        if unknown is not None:
            raise InputError(f"'{unknown}' is no class for {self.name}; rename it to one of {', '.join(sorted(self.classes))}.")
        missing = [group for group in self.needed_classes if not set(group) & set(classes)]
        if missing:
            words = ", ".join(" or ".join(f"'{name}'" for name in group) for group in missing)
            raise InputError(f"A model for {self.name} needs the classes {words}, and lacks one of them.")

    def structures_of_classes(self, classes: Sequence[str]) -> tuple[Structure, ...]:
        """Every structure that a model with these classes can find."""
        families = {self.families[name] for name in classes if name in self.families}
        return tuple(structure for structure in self.structures if structure.family in families or structure.key in classes)


_TASKS: dict[str, Task] = {}
_looked_for: list[str] = []
_looking = RLock()
_refused: dict[Path, str] = {}


def _twice(keys: Sequence[str]) -> list[str]:
    return sorted({key for key in keys if keys.count(key) > 1})


def register_task(task: Task) -> None:
    """Makes a task known to this process.

    Raises:
        InputError: its name, or the key of one of its structures, is another task's already.
    """
    registered_tasks()
    _add(task)


def _add(task: Task) -> None:
    refuse_unless(task.name not in _TASKS, f"There is a task '{task.name}' already; give the new one another name.")
    for other in _TASKS.values():
        shared = {structure.key for structure in other.structures} & {structure.key for structure in task.structures}
        refuse_unless(not shared, f"The structure {sorted(shared)[:1]} of the task '{task.name}' is one of {other.name} already.")
    _TASKS[task.name] = task


def forget_task(name: str) -> None:
    """Takes a registered task out again."""
    task_named(name)
    del _TASKS[name]


def registered_tasks() -> tuple[Task, ...]:
    """Every task, in the order of lists. Declarations in ``NEUROSPINESEG_TASKS`` that cannot be used are left out: ``refused_declarations``.

    Raises:
        InputError: a declaration of the program itself cannot be used.
    """
    with _looking:  # a thread that comes while another looks would find some of them
        _look()
    return tuple(sorted(_TASKS.values(), key=lambda task: (task.order, task.name)))


def _look() -> None:
    """Registers what is declared in folders that were not looked into yet."""
    own = next(iter(tasks.__path__))
    for folder in tasks.__path__:
        if folder in _looked_for:
            continue
        _looked_for.append(folder)
        for declaration in declarations_in(folder):
            try:
                _register_declared(declaration)
            except (Exception, SystemExit) as error:
                if folder == own:
                    _looked_for.remove(folder)
                    raise
                _refused[declaration] = in_words(error)


def _register_declared(declaration: Path) -> None:
    task = declared(declaration)
    if not isinstance(task, Task):
        raise InputError("what it names TASK is no Task.")
    if _TASKS.get(task.name) is not task:
        _add(task)


def refused_declarations() -> list[str]:
    """``path: sentence`` for each declaration in the folders of other people's tasks that cannot be used."""
    registered_tasks()
    return [f"{declaration}: {sentence}" for declaration, sentence in _refused.items()]


def task_named(name: str) -> Task:
    """The task of a name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    known = {task.name: task for task in registered_tasks()}
    if name not in known:
        refused = "".join(f" Left out: {sentence}" for sentence in refused_declarations())
        raise InputError(f"There is no task '{name}'; there are {', '.join(known)}.{refused}")
    return known[name]
