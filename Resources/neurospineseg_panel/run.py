"""One request to the worker from the scene's side, cut into steps so short that the window stays responsive.

Nothing here waits and nothing needs Qt: whoever drives it calls ``step`` again and again, from a timer or from a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any
from uuid import uuid4

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.errors.of_files import is_of_the_system, use_failed
from neurospineseg.locks import remove_left_locks
from neurospineseg.mrml import node_geometry, node_voxels
from neurospineseg.pipeline.stages import Stage
from neurospineseg.staging import staging_name
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.private_folder import remove_folder
from neurospineseg.worker.protocol import CaseBegun, CaseOver, Died, Done, Failed, Progress, Refused
from neurospineseg.worker.requests import FindRegion, Measure, Request, RunFiles, ScanFile, Segment, StoreCorrection
from neurospineseg_panel.remaining_time import RemainingTime

SLAB_BYTES = 4 * 2**20
"""Voxels are copied in pieces of this size, each in some milliseconds."""
TURN_SECONDS = 0.012
"""How long a run goes on in one turn of the event loop."""


class Pause(Enum):
    """What a step gives where the turn ends: to show what was told, or since there is nothing to do but wait for the worker."""

    TURN = 1


Steps = Generator[Pause | None, Any, None]
"""After each piece of some milliseconds, ``None``: the next may follow in the same turn."""


@dataclass
class Listener:
    """What a run tells. Each is called in the thread that calls ``step``.

    Attributes:
        progress: stage, fraction of the whole (0 to 1) and remaining seconds (None while unknown).
        finished: the result, see each run; then sentences for the user.
        failed: one sentence, then details for a report. The scene is as it was.
        log: a line for the log.
        implausible: one sentence: the scans are not what the model expects; with ``force`` they are segmented. None: as ``failed``.
    """

    progress: Callable[[Stage, float, float | None], None] = lambda stage, fraction, seconds: None
    finished: Callable[[Any, list[str]], None] = lambda result, notes: None
    failed: Callable[[str, str], None] = lambda message, detail: None
    log: Callable[[str], None] = lambda line: None
    implausible: Callable[[str], None] | None = None


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
        request: the worker's; where ``scans`` are given they are filled in.
        listener: see ``Listener``.
        times: what earlier runs took, for the remaining time.
        writes_into: a folder that the worker writes into; what is half written there goes when the run fails.
    """

    def __init__(
        self,
        client: WorkerClient,
        scans: Mapping[str, Any],
        request: Request,
        listener: Listener,
        times: RemainingTime,
        writes_into: Path | None = None,
    ) -> None:
        self.client, self.scans, self.request = client, dict(scans), request
        self.listener, self.times = listener, times
        self.over = False
        self.paused = True
        self._told = False
        self._folder: Path | None = None
        self._number: int | None = None
        self._files: list[str] = []
        self._token = uuid4().hex[:8]
        self._staging = writes_into and writes_into / staging_name()
        if isinstance(request, RunFiles | StoreCorrection):
            self.request = replace(request, staging=self._staging)
        self._steps = self._work()
        times.begin()

    def step(self) -> bool:
        """Goes on for one short turn; returns whether the run is over. The client must have been polled.

        ``paused`` tells then whether there is nothing more to do at once.
        """
        if self.over:
            return True
        until, self.paused = perf_counter() + TURN_SECONDS, False
        try:
            while not self.paused and perf_counter() < until:
                self.paused = next(self._steps) is not None
        except StopIteration:
            self._end()
        except ImplausibleInput as error:
            self._fail(str(error), implausible=True)
        except InputError as error:
            self._fail(str(error))
        except OSError as error:
            reason = str(use_failed(error)) if is_of_the_system(error) else str(error)
            self._fail(_("The segmentation process could not be used: {reason}").format(reason=reason))
        except Exception as error:
            import traceback

            self._fail(
                _("The result could not be used ({kind}); copy the report and send it to the developers.").format(
                    kind=type(error).__name__
                ),
                traceback.format_exc(),
            )
        return self.over

    @property
    def done(self) -> bool:
        """Whether the result was told or the run has failed; whatever is left then is to let the views draw."""
        return self.over or self._told

    def abandon(self, message: str) -> None:
        """Ends the run from outside, with a sentence unless its result was told already.

        The worker is stopped, since it may be in the midst of it.
        """
        if not self.over and self._told:
            self._end()
        elif not self.over:
            self._steps.close()  # Windows removes no file that is mapped
            if self._number is not None:
                self.client.stop()
            self._fail(message)

    def _end(self) -> None:
        self.over = True
        self._steps.close()
        self._remove_files()

    def _fail(self, message: str, detail: str = "", implausible: bool = False) -> None:
        self.over = True
        self._steps.close()
        self._remove_files()
        if self._staging is not None:
            remove_folder(self._staging)
            remove_left_locks(self._staging.parent)
        if implausible and self.listener.implausible is not None:
            self.listener.implausible(message)
        else:
            self.listener.failed(message, detail)

    def file(self, name: str) -> str:
        """The name of a file in the worker's folder that no other run uses and that goes when this run is over."""
        self._files.append(f"{self._token}-{name}")
        return self._files[-1]

    def _remove_files(self) -> None:
        folder = self._folder
        if folder is None or self.client.folder != folder:
            return
        files = [folder / name for name in self._files]
        Thread(target=_remove, args=(files,)).start()  # a large file's pages take a tenth of a second to be given back

    def _work(self) -> Steps:
        answer = yield from self._ask()
        self.listener.finished(answer, [])

    def place(self, name: str) -> Path:
        """Where a file lies in the worker's folder.

        Raises:
            WorkerEnded: the worker that this run began with is no more.
        """
        if self._folder is None or self.client.folder != self._folder:
            raise WorkerEnded(unasked=self._number is None and self.client.exit_code == 0)
        if not self._folder.is_dir():  # a worker takes its folder away just before it ends
            raise WorkerEnded(unasked=self._number is None)
        return self._folder / name

    def _ask(self) -> Generator[Pause | None, Any, Any]:
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
        self._tell(Stage.SENDING, 0.0)
        yield Pause.TURN
        files = {}
        for number, (name, node) in enumerate(self.scans.items()):
            affine, voxels = node_geometry(node), node_voxels(node)
            file = self.file(f"scan{number}.npy")
            for written in self.write(file, voxels):
                self._tell(Stage.SENDING, (number + written) / len(self.scans))
                yield None
            yield Pause.TURN
            files[name] = ScanFile(file, tuple(tuple(map(float, row)) for row in affine))
        self.place("")
        if isinstance(self.request, Segment | FindRegion | StoreCorrection | Measure):
            self.request = replace(self.request, scans=files)
        self._number = self.client.send(self.request)

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

    def _answer(self) -> Generator[Pause | None, Any, Any]:
        """Waits for the worker; returns its result.

        Raises:
            InputError: it refused, failed or died; the message says so.
        """
        assert self._number is not None
        begun = False
        while True:
            for answer in self.client.answers_to(self._number):
                if isinstance(answer, Died):
                    self.listener.log(answer.log)
                    raise WorkerEnded(unasked=not begun and answer.exit_code == 0, message=answer.message)
                begun = True
                if isinstance(answer, Progress):
                    self._tell(answer.stage, answer.fraction)
                elif isinstance(answer, Done):
                    return answer.result
                elif isinstance(answer, CaseBegun | CaseOver):
                    self.heard(answer)
                elif isinstance(answer, Failed):
                    self.listener.log(answer.detail)
                    raise InputError(answer.message)
                elif isinstance(answer, Refused):
                    raise (ImplausibleInput if answer.forcible else InputError)(answer.message)
            yield Pause.TURN

    def heard(self, answer: CaseBegun | CaseOver) -> None:
        """What the worker says of the cases of a batch."""

    def _tell(self, stage: Stage, fraction: float) -> None:
        self.times.at(stage, fraction)
        self.listener.progress(stage, self.times.fraction, self.times.remaining)


def slabs(voxels: np.ndarray) -> list[tuple[int, int]]:
    """Cuts (K, J, I) along k into pieces of about ``SLAB_BYTES``."""
    thickness = max(1, SLAB_BYTES // max(1, voxels[0].nbytes))
    return [(first, min(len(voxels), first + thickness)) for first in range(0, len(voxels), thickness)]


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError:
            pass  # still mapped by the worker, which Windows minds; it goes with the folder
