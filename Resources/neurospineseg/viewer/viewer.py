"""What is behind the page: the cases that are shown, what was dropped, and the segmentation that runs."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

from neurospineseg.atomic_files import SEGMENTATION_ENDING
from neurospineseg.errors import InputError
from neurospineseg.images.scan_names import stem
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.task import registered_tasks, task_named
from neurospineseg.viewer.drops import Drops, contents, matches
from neurospineseg.viewer.errands import Errand, Errands
from neurospineseg.viewer.segmenting import Client, Job, Segmenting
from neurospineseg.viewer.shown_case import ShownCase
from neurospineseg.viewer.surface_bytes import surface_bytes
from neurospineseg.worker.requests import RunFiles
from neurospineseg.worker.results import FilesWritten

OpenCase = Callable[[Mapping[str, Path], Path | None], ShownCase]
"""Reads scans by name, and a mask; raises InputError where one cannot be read."""
GIVEN = "0"
"""Number of the case that the program was started with."""


class Viewer:
    """
    Args:
        folder: a private one, for what is dropped and what comes of it.
        open_case: reads a case.
        client: the process that segments.
        given: what is shown first; None for nothing.
    """

    def __init__(self, folder: Path, open_case: OpenCase, client: Client, given: ShownCase | None = None) -> None:
        self._folder, self._open, self._numbers, self._lock = folder, open_case, count(1), threading.Lock()
        self._cases: dict[str, ShownCase] = {} if given is None else {GIVEN: given}
        self._drop_of: dict[str, str] = {}
        self.drops, self.segmenting = Drops(folder), Segmenting(client)
        self._measuring, self._surfaces = Errands(), Errands()

    def case(self, number: str) -> ShownCase:
        """
        Raises:
            KeyError: there is none, or not any more.
        """
        return self._cases[number]

    def greeting(self) -> dict[str, Any]:
        """What the page asks for first."""
        tasks = [{"name": task.name, "title": task.title} for task in registered_tasks()]
        running = self.segmenting.running
        return {"given": GIVEN if GIVEN in self._cases else None, "tasks": tasks, "job": running.as_json() if running else None}

    def measured(self, number: str) -> Errand:
        case = self.case(number)
        return self._measuring.of((number,), lambda: _told(case.measure()))

    def surface(self, number: str, label: int) -> Errand:
        """
        Raises:
            KeyError: there is no such case or segment.
        """
        case = self.case(number)
        labels = case.labels
        if labels is None or label not in [segment.label for segment in case.segments]:
            raise KeyError(label)
        return self._surfaces.of((number, label), lambda: surface_bytes(labels, label))

    def new_drop(self) -> str:
        """The number of an empty drop; of the oldest ones nothing is kept.

        Raises:
            InputError: its folder cannot be made.
        """
        running = self.segmenting.running
        drop, gone = self.drops.new({running.drop} if running else set())
        for number in [number for number, old in self._drop_of.items() if old in gone]:
            self._forget(number)
        for old in gone:
            shutil.rmtree(self._result_folder(old), ignore_errors=True)
        return drop.number

    def contents(self, drop: str) -> dict[str, Any]:
        return contents(self.drops.of(drop))

    def matches(self, drop: str, task: str) -> dict[str, Any]:
        return matches(self.drops.of(drop), task)

    def look(self, drop: str, scans: list[str], mask: str | None) -> str:
        """Opens dropped files as they are; returns the number of the case.

        Raises:
            InputError: they cannot be read.
        """
        kept = self.drops.of(drop)
        if not scans:
            raise InputError("Drop a scan together with its mask.")
        paths = {stem(Path(name).name) or "scan": kept.path_of(name) for name in scans}
        return self._keep(drop, self._open(paths, None if mask is None else kept.path_of(mask)))

    def segment(self, drop: str, task: str, scans: Mapping[str, str], force: bool = False) -> Job:
        """Begins to segment dropped files.

        Raises:
            InputError: the task or a channel is unknown, a file was not dropped, or another segmentation is running.
        """
        kept, declared = self.drops.of(drop), task_named(task)
        unknown = [key for key in scans if key not in declared.channel_keys]
        if unknown or not scans:
            raise InputError(f"Say which file is which scan: {', '.join(declared.channel_keys)}.")
        paths = {key: kept.path_of(scans[key]) for key in declared.channel_keys if key in scans}
        first = next(iter(paths.values()))
        folder = self._result_folder(drop) / str(next(self._numbers))  # of this run alone: another one may be writing
        folder.mkdir(parents=True)
        output = folder / f"{stem(first.name) if first.is_file() else declared.name}{SEGMENTATION_ENDING}"
        request = RunFiles(task, paths, output, Settings(force=force))
        return self.segmenting.begin(drop, request, lambda written: self._result(drop, paths, output, written))

    def close(self) -> None:
        self.segmenting.close()

    def _result(self, drop: str, paths: Mapping[str, Path], output: Path, written: FilesWritten) -> str:
        reference = str(written.report.get("reference", ""))
        ordered = dict(sorted(paths.items(), key=lambda each: each[0] != reference))
        case = self._open(ordered, output)
        title = output.name.removesuffix(SEGMENTATION_ENDING)
        return self._keep(drop, replace(case, title=title, notes=tuple(dict.fromkeys((*case.notes, *written.warnings)))))

    def _keep(self, drop: str, case: ShownCase) -> str:
        with self._lock:
            number = str(next(self._numbers))
            self._cases[number], self._drop_of[number] = case, drop
            earlier = [each for each, of in self._drop_of.items() if of == drop and each != number]
            for each in earlier:
                self._forget(each)
            return number

    def _forget(self, number: str) -> None:
        self._cases.pop(number, None)
        self._drop_of.pop(number, None)
        self._measuring.forget(number)
        self._surfaces.forget(number)

    def _result_folder(self, drop: str) -> Path:
        return self._folder / f"result{drop}"


def _told(measured: Measurements) -> dict[str, Any]:
    rows = [{**asdict(each), "text": each.text, "error": each.error_text} for each in measured]
    return {"task": measured.task, "rows": rows, "notes": list(measured.notes)}
