"""A worker that has its answers ready, so that nothing but the panel's own turns takes time; and the spines that it answers with."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from neurospineseg.tasks.anatomy import structure
from neurospineseg.worker.private_folder import remove_folder
from neurospineseg.worker.protocol import Done
from neurospineseg.worker.requests import Segment, StoreCorrection, Warm
from neurospineseg.worker.results import CorrectionStored, Segmented, StructureBox, Warmed

CHAIN = tuple(f"{kind}_{number}" for number in range(1, 13) for kind in ("vertebra", "disc"))


def drawn_chain(shape: tuple[int, int, int], count: int) -> tuple[np.ndarray, tuple[StructureBox, ...]]:
    """A label map uint16 (K, J, I) with a chain of ellipsoids along its longest axis, none on another, and their boxes."""
    labels, axis = np.zeros(shape, np.uint16), int(np.argmax(shape))
    half = np.maximum(1, np.array(shape) // 6)
    half[axis] = max(1, shape[axis] // (2 * count + 2))
    boxes = []
    for number, key in enumerate(CHAIN[:count]):
        middle = np.array(shape) // 2
        middle[axis] = (2 * number + 1) * half[axis] + 1
        box = tuple(slice(int(a), int(b)) for a, b in zip(middle - half, middle + half))
        mesh = np.ogrid[tuple(slice(-1, 1, 1j * (part.stop - part.start)) for part in box)]
        label = structure(key).label
        labels[box][sum(part**2 for part in mesh) <= 1] = label
        boxes.append(StructureBox(key, label, tuple(edge for part in box for edge in (part.start, part.stop))))
    return labels, tuple(boxes)


class PreparedWorker:
    """Takes the place of a ``WorkerClient``; every ``Segment`` is answered with the same label map.

    Attributes:
        sent: the requests.
    """

    executable, exit_code, pid = "prepared", None, None

    def __init__(self, labels: np.ndarray, structures: tuple[StructureBox, ...], channel: str = "image") -> None:
        self._store, self._shape = Path(mkdtemp(prefix="prepared-")), labels.shape
        np.save(self._store / "labels.npy", labels)
        self._structures, self._channel = structures, channel
        self.folder: Path | None = None
        self.sent: list[Any] = []
        self._answers: dict[int, list[Any]] = {}

    running = property(lambda self: self.folder is not None)
    busy = property(lambda self: any(self._answers.values()))

    def start(self) -> None:
        if self.folder is None:
            self.folder = Path(mkdtemp(dir=self._store))

    def request(self, request: Any) -> int:
        self.start()
        return self.send(request)

    def send(self, request: Any) -> int:
        self.sent.append(request)
        self._answers[len(self.sent)] = [Done(self._answer(request))]
        return len(self.sent)

    def _answer(self, request: Any) -> Any:
        if isinstance(request, Warm):
            return Warmed("prepared", "cpu")
        if isinstance(request, StoreCorrection):
            return CorrectionStored(request.folder / "case", {})
        assert isinstance(request, Segment)
        name = f"{len(self.sent)}-labels.npy"
        os.link(self._store / "labels.npy", self.folder / name)
        sought = tuple(entry.key for entry in self._structures)
        return Segmented(name, self._report(request), sought, self._structures)

    def _report(self, request: Segment) -> dict[str, Any]:
        model = {"name": "prepared", "version": "1", "sha256": "0" * 64}
        inputs = {name: {"shape_kji": list(self._shape)} for name in request.scans}
        return {"task": request.task, "model": model, "settings": {}, "device": "cpu", "reference": self._channel, "inputs": inputs}

    def answers_to(self, number: int) -> list[Any]:
        return self._answers.pop(number, [])

    def poll(self) -> list[Any]:
        return []

    def log_tail(self) -> str:
        return ""

    def stop(self) -> None:
        if self.folder is not None:
            remove_folder(self.folder)
            self.folder = None

    def remove(self) -> None:
        self.stop()
        remove_folder(self._store)
