"""One request to the worker from the scene's side, cut into steps so short that the window stays responsive.

Nothing here waits and nothing needs Qt: whoever drives it calls ``step`` again and again, from a timer or from a loop.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.anatomy import structure
from neurospineseg.client import WorkerClient
from neurospineseg.errors import InputError
from neurospineseg.mrml import FoundStructure, Merge, MergeRule, RegionMerge, node_geometry, node_voxels
from neurospineseg.outputs import ROOM_PREFIX
from neurospineseg.private_folder import remove_folder
from panel.correction_scans import remember_scans
from panel.outcome import Outcome, PackedMask, Part
from panel.remaining_time import RemainingTime

SLAB_BYTES = 4 * 2**20
"""Voxels are copied in pieces of this size, each in some milliseconds."""
Steps = Generator[None, dict[str, Any] | None, None]


@dataclass
class Listener:
    """What a run tells. Each is called in the thread that calls ``step``.

    Attributes:
        progress: stage, fraction of the whole (0 to 1) and remaining seconds (None while unknown).
        finished: the result, see each run; then sentences for the user.
        failed: one sentence, then details for a report. The scene is as it was.
        log: a line for the log.
    """

    progress: Callable[[str, float, float | None], None] = lambda stage, fraction, seconds: None
    finished: Callable[[Any, list[str]], None] = lambda result, notes: None
    failed: Callable[[str, str], None] = lambda message, detail: None
    log: Callable[[str], None] = lambda line: None


class WorkerEnded(InputError):
    """The worker is gone, and with it what it was given.

    Attributes:
        unasked: whether it had not begun with the request, but ended for want of work.
    """

    def __init__(self, unasked: bool, message: str | None = None) -> None:
        super().__init__(message or _("The segmentation process ended before the work was done; nothing was changed: try again."))
        self.unasked = unasked


class Run:
    """Sends scans, waits for the worker's answer, takes it.

    Args:
        client: the worker.
        scans: scalar volume node by channel.
        fields: of the worker's request; ``op`` and ``task`` at least.
        listener: see ``Listener``.
        times: what earlier runs took, for the remaining time.
        writes_into: a folder that the worker writes into; what is half written there goes when the run fails.
    """

    def __init__(
        self,
        client: WorkerClient,
        scans: Mapping[str, Any],
        fields: Mapping[str, Any],
        listener: Listener,
        times: RemainingTime,
        writes_into: Path | None = None,
    ) -> None:
        self.client, self.scans, self.fields = client, dict(scans), dict(fields)
        self.listener, self.times = listener, times
        self.over = False
        self._folder: Path | None = None
        self._number: int | None = None
        self._files: list[str] = []
        self._token = uuid4().hex[:8]
        self._room = writes_into and writes_into / f"{ROOM_PREFIX}{self._token}"
        if self._room is not None:
            self.fields["room"] = str(self._room)
        self._steps = self._work()
        times.begin()

    def step(self) -> bool:
        """Goes on by one short step; returns whether the run is over. The client must have been polled."""
        if self.over:
            return True
        try:
            next(self._steps)
        except StopIteration:
            self.over = True
            self._remove_files()
        except InputError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(_("The segmentation process could not be used ({reason}); check the free disk space.").format(reason=error.strerror))
        except Exception as error:
            import traceback

            self._fail(
                _("The result could not be used ({kind}); copy the report and send it to the developers.").format(
                    kind=type(error).__name__
                ),
                traceback.format_exc(),
            )
        return self.over

    def abandon(self, message: str) -> None:
        """Ends the run from outside with a sentence; the worker is stopped, since it may be in the midst of it."""
        if not self.over:
            self._steps.close()  # Windows removes no file that is mapped
            if self._number is not None:
                self.client.stop()
            self._fail(message)

    def _fail(self, message: str, detail: str = "") -> None:
        self.over = True
        self._steps.close()
        self._remove_files()
        if self._room is not None:
            remove_folder(self._room)
        self.listener.failed(message, detail)

    def file(self, name: str) -> str:
        """The name of a file in the worker's folder that no other run uses and that goes when this run is over."""
        self._files.append(f"{self._token}-{name}")
        return self._files[-1]

    def _remove_files(self) -> None:
        for name in self._files if self._folder is not None and self.client.folder == self._folder else ():
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError:
                pass  # still mapped by the worker, which Windows minds; it goes with the folder

    def _work(self) -> Steps:
        answer = yield from self._ask()
        self.listener.finished(answer, [])

    def place(self, name: str) -> Path:
        """Where a file lies in the worker's folder.

        Raises:
            WorkerEnded: the worker that this run began with is no more.
        """
        if self.client.folder != self._folder:
            raise WorkerEnded(unasked=self._number is None and self.client.exit_code == 0)
        if not self._folder.is_dir():  # a worker takes its folder away just before it ends
            raise WorkerEnded(unasked=self._number is None)
        return self._folder / name

    def _ask(self) -> Generator[None, Any, dict[str, Any]]:
        """Gives the worker the request and waits for its result; once more if it was just ending for want of work."""
        for attempt in (1, 2):
            self.client.start()
            self._folder, self._number = self.client.folder, None
            try:
                yield from self._send()
                return (yield from self._answer())
            except WorkerEnded as error:
                if attempt == 2 or not error.unasked:
                    raise

    def _send(self) -> Steps:
        """Copies the scans into the worker's folder and sends the request."""
        self._tell("Sending", 0.0)
        inputs = {}
        for number, (name, node) in enumerate(self.scans.items()):
            affine, voxels = node_geometry(node), node_voxels(node)
            file = self.file(f"scan{number}.npy")
            for written in self.write(file, voxels):
                self._tell("Sending", (number + written) / len(self.scans))
                yield
            inputs[name] = {"file": file, "ijk_to_ras": affine.tolist()}
        self.place("")
        self._number = self.client.send(**self.fields, inputs=inputs)

    def write(self, file: str, voxels: np.ndarray) -> Iterator[float]:
        """Writes (K, J, I) into the worker's folder; gives the fraction that is written."""
        header = {"descr": np.lib.format.dtype_to_descr(voxels.dtype), "fortran_order": False, "shape": voxels.shape}
        try:
            written = open(self.place(file), "wb")  # a mapped file would end Slicer with SIGBUS on a full disk
        except FileNotFoundError as error:
            raise WorkerEnded(unasked=True) from error
        with written:
            np.lib.format.write_array_header_1_0(written, header)
            for first, last in slabs(voxels):
                written.write(np.ascontiguousarray(voxels[first:last]).data)
                yield last / len(voxels)

    def _answer(self) -> Generator[None, Any, dict[str, Any]]:
        """Waits for the worker; returns its result.

        Raises:
            InputError: it refused, failed or died; the message says so.
        """
        begun = False
        while True:
            for event in self.client.answers_to(self._number):
                kind = event["event"]
                if kind == "died":
                    self.listener.log(event["log"])
                    raise WorkerEnded(unasked=not begun and event["exit_code"] == 0, message=event["message"])
                begun = True
                if kind == "progress":
                    self._tell(event["stage"], event["fraction"])
                elif kind == "done":
                    return event["result"]
                elif kind in ("refused", "failed"):
                    self.listener.log(event.get("detail", ""))
                    raise InputError(event["message"])
            yield

    def _tell(self, stage: str, fraction: float) -> None:
        self.times.at(stage, fraction)
        self.listener.progress(stage, self.times.fraction, self.times.remaining)


class SegmentationRun(Run):
    """Segments scans and merges the result into a segmentation node; ``finished`` gets an ``Outcome``.

    Args:
        scene: the scene of the scans.
        target: the segmentation that receives the result; None for a new one.
        rule: what happens to its segments.
        name: of a new segmentation node.
        inside_only: whether, with a region, the structures that are there stay as they are outside it.
        save_undo: called once before an existing segmentation is changed.
        earlier: with ``inside_only``, what the segmentation holds of an earlier run, if that is known.
    """

    def __init__(
        self,
        client: WorkerClient,
        scans: Mapping[str, Any],
        fields: Mapping[str, Any],
        listener: Listener,
        times: RemainingTime,
        *,
        scene: Any,
        target: Any = None,
        rule: MergeRule = MergeRule.REPLACE,
        name: str = "Segmentation",
        inside_only: bool = False,
        save_undo: Callable[[Any], None] | None = None,
        earlier: Outcome | None = None,
    ) -> None:
        super().__init__(client, scans, {**fields, "op": "segment", "doubts": True, "inside": inside_only}, listener, times)
        self.scene, self.target, self.rule, self.name = scene, target, rule, name
        self.inside_only, self.save_undo, self.earlier = inside_only, save_undo, earlier

    def step(self) -> bool:
        if not self.over and any(not self.scene.IsNodePresent(node) for node in self.scans.values()):
            self.abandon(_("A scan was removed from the scene while it was being segmented; nothing was changed."))
        return super().step()

    def _work(self) -> Steps:
        result = yield from self._ask()
        self._tell("Taking the result", 0.0)
        self._files += [result[name] for name in ("labels", "doubt") if result[name]]
        self._files += [result["inside"]["file"]] if result.get("inside") else []
        notes = list(result["warnings"])
        target = self.target
        if target is not None and not self.scene.IsNodePresent(target):
            target = None
            notes.append(_("The chosen segmentation was removed meanwhile; the result went into a new one."))
        yield
        labels = np.load(self.place(result["labels"]), mmap_mode="r")
        merge = self._merge(result, target, labels.shape)
        masks = []
        for number, found in enumerate(result["found"]):
            k0, k1, j0, j1, i0, i1 = found["box"]
            crop = labels[k0:k1, j0:j1, i0:i1]
            mask = np.empty(crop.shape, np.uint8)
            for first, last in slabs(crop):
                np.equal(crop[first:last], found["label"], out=mask[first:last], casting="unsafe")
                yield
            merge.prepare(FoundStructure(structure(found["key"]), mask, (k0, j0, i0)))
            masks.append(PackedMask(found["label"], tuple(found["box"]), np.packbits(mask)))
            self._tell("Taking the result", (number + 1) / (len(result["found"]) + 1))
            yield
        del labels
        report = result["report"]
        outcome = Outcome(
            None,
            report,
            self._token,
            result["doubtful"],
            masks,
            {name: scan.GetID() for name, scan in self.scans.items()},
            self._part(result),
            self.earlier,
        )
        attributes = {
            "Task": report["task"],
            "Model": report["model"]["name"],
            "ModelVersion": report["model"]["version"],
            "ModelSHA256": report["model"]["sha256"],
            "Settings": json.dumps(report["settings"]),
            "Doubtful": json.dumps(outcome.places()),
        }
        save_undo = None if self.save_undo is None or target is None else lambda: self.save_undo(target)
        node = merge.apply(save_undo, attributes, self._token)
        remember_scans(node, self.scans)
        if isinstance(self.fields.get("region"), dict) and not self.inside_only and self.rule is MergeRule.REPLACE and merge.replaces:
            notes.append(
                _(
                    "Only the box was segmented, so the replaced segments hold nothing outside it; Undo brings them back. "
                    "To keep what lies outside, use 'Segment only inside the box again'."
                )
            )
        if node is not self.target:
            outcome = replace(outcome, part=None, earlier=None, predicted=outcome.part is None)
        self.times.end()
        self.listener.finished(replace(outcome, node=node), [*notes, *merge.notes])

    def _part(self, result: Mapping[str, Any]) -> Part | None:
        """The region that a run was restricted to."""
        if not result.get("inside"):
            return None
        inside = np.load(self.place(result["inside"]["file"]))
        start = result["inside"]["start"]
        box = tuple(edge for at, size in zip(start, inside.shape) for edge in (at, at + size))
        labels = frozenset(structure(key).label for key in result["sought"])
        return Part(PackedMask(1, box, np.packbits(inside)), labels, node_geometry(self.scans[result["report"]["reference"]]))

    def _merge(self, result: Mapping[str, Any], target: Any, shape: tuple[int, int, int]) -> Merge:
        """Prepared for a result on a grid of ``shape`` (K, J, I)."""
        reference = self.scans[result["report"]["reference"]]
        if not result.get("inside"):
            return Merge(self.scene, reference, target, self.rule, self.name, shape)
        inside = np.load(self.place(result["inside"]["file"]), mmap_mode="r")
        sought = [structure(key) for key in result["sought"]]
        return RegionMerge(self.scene, reference, target, inside, tuple(result["inside"]["start"]), sought, self.name, shape)


def slabs(voxels: np.ndarray) -> list[tuple[int, int]]:
    """Cuts (K, J, I) along k into pieces of about ``SLAB_BYTES``."""
    thickness = max(1, SLAB_BYTES // max(1, voxels[0].nbytes))
    return [(first, min(len(voxels), first + thickness)) for first in range(0, len(voxels), thickness)]
