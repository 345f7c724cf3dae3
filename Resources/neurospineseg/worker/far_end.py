"""What runs on the other computer: it takes scans from its standard input, lets a worker of its own segment them, and sends masks back.

``ssh`` starts it. Voxels lie in the worker's private folder for as long as a request takes. It ends, with the worker and the folder, when its
input ends, when nothing has been heard from the computer that asked for ``--silence`` seconds, and after ``--idle`` seconds without work.

    python -m neurospineseg.worker.far_end [--idle SECONDS] [--silence SECONDS]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

from neurospineseg import __version__
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import is_of_the_system, writing_failed
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.frame_stream import GREETING, Frame, FrameStream, StreamError, write_received
from neurospineseg.worker.json_lines import line_of, message_in
from neurospineseg.worker.protocol import FINAL, IDLE_SECONDS, Answer, Died, Done, Failed, Refused
from neurospineseg.worker.requests import SERVED_ELSEWHERE, Describe, FindRegion, Request, Segment, Warm
from neurospineseg.worker.results import Segmented
from neurospineseg.worker.same_weights import name_here, weights_here, what_differs

SILENCE_SECONDS = 120.0
BUSY_TURN, IDLE_TURN = 0.02, 0.5
_WAITING_FRAMES = 8


@dataclass
class Asked:
    """A request that is under way: its number over there, and its files in the folder here."""

    number: int | None
    files: list[str]


class FarEnd:
    """Serves one connection.

    Args:
        stream: to the computer that asks.
        idle_seconds, silence_seconds: after which it ends.
    """

    def __init__(self, stream: FrameStream, idle_seconds: float, silence_seconds: float) -> None:
        self.stream, self._silence_seconds = stream, silence_seconds
        self.client = WorkerClient(sys.executable, idle_seconds=threading.TIMEOUT_MAX / 2)  # while scans are sent it must stay
        self._idle_seconds = idle_seconds
        self._frames: queue.Queue[Frame] = queue.Queue(_WAITING_FRAMES)
        self._asked: dict[int, Asked] = {}
        self._files: list[str] = []
        self._problem = ""
        self._heard = self._worked = monotonic()

    def serve(self) -> NoReturn:
        """Answers until the connection ends; then the process does."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            while True:
                self._turn()
        except OSError:
            self.leave(1)  # nobody is left to be answered

    def leave(self, code: int) -> NoReturn:
        """Ends the worker and the process at once, from any thread, and takes the folder away."""
        try:
            self.client.stop()
        finally:
            os._exit(code)

    def _read(self) -> None:
        code = 1
        try:
            while (frame := self.stream.receive()) is not None:
                self._heard = monotonic()
                self._frames.put(frame)
                self._heard = monotonic()
            code = 0
        except (OSError, StreamError) as error:
            print(error, file=sys.stderr)
        finally:
            self.leave(code)

    def _watch(self) -> None:
        """A connection may vanish without an end, as where a laptop is closed."""
        while monotonic() - self._heard < self._silence_seconds:
            sleep(min(1.0, self._silence_seconds / 4))
        self.leave(1)

    def _turn(self) -> None:
        try:
            self._take(self._frames.get(timeout=BUSY_TURN if self.client.busy else IDLE_TURN))
        except queue.Empty:
            pass
        self.client.poll()
        self._pass_on_answers()
        if not self._asked and monotonic() - self._worked > self._idle_seconds:
            self.leave(0)

    def _take(self, frame: Frame) -> None:
        if frame.kind == "file":
            self._take_file(frame)
        elif frame.kind == "request":
            self._take_request(frame)

    def _take_file(self, frame: Frame) -> None:
        """Where it cannot be kept, the request that it is for is answered so."""
        self._worked = monotonic()
        if self._problem:
            return
        try:
            self.client.start()
            assert self.client.folder is not None
            name = write_received(self.client.folder, frame)
            if name not in self._files:
                self._files.append(name)
        except (OSError, StreamError) as error:
            self._problem = _not_kept(error)
            self._remove(self._files)

    def _take_request(self, frame: Frame) -> None:
        number, files, problem = frame.fields.get("number"), self._files, self._problem
        self._files, self._problem, self._worked = [], "", monotonic()
        if problem:
            return self._say(Failed(problem), number)
        try:
            request = message_in(json.loads(frame.content), Request)
            if not isinstance(request, SERVED_ELSEWHERE):
                raise StreamError(f"A worker on another computer does not serve {type(request).__name__}.")
            if not isinstance(request, Describe):
                request = self._with_same_model(request, frame)
            self._asked[self.client.request(request)] = Asked(number, files)
        except Exception as error:  # whatever it is, the other computer must hear of it
            self._remove(files)
            self._say(Refused(str(error)) if isinstance(error, InputError) else Failed(str(error) or type(error).__name__), number)
        return None

    def _with_same_model(self, request: Warm | Segment | FindRegion, frame: Frame) -> Warm | Segment | FindRegion:
        """The request, for a model whose weights are those that the other computer has.

        Raises:
            InputError: they are others, or the model is not here.
        """
        name = name_here(request.task, request.settings.model)
        if name is None:
            return request
        there = frame.fields.get("weights")
        problem = what_differs(name, there if isinstance(there, dict) else {}, weights_here(name))
        if problem:
            raise InputError(problem)
        return replace(request, settings=replace(request.settings, model=name))

    def _pass_on_answers(self) -> None:
        for number, asked in list(self._asked.items()):
            for answer in self.client.answers_to(number):
                if isinstance(answer, Died):
                    answer = Failed(answer.message, answer.log)
                if isinstance(answer, Done) and isinstance(answer.result, Segmented):
                    answer = self._with_files(answer, answer.result, asked)
                self._say(answer, asked.number)
                if isinstance(answer, FINAL):
                    del self._asked[number]
                    self._remove(asked.files)
                    self._worked = monotonic()

    def _with_files(self, answer: Answer, result: Segmented, asked: Asked) -> Answer:
        """Sends the files that an answer names before it."""
        asked.files += result.files
        folder = self.client.folder
        paths = [] if folder is None else [folder / name for name in result.files]
        if not all(path.is_file() for path in paths) or not paths:
            return Failed("The result was lost before it was sent; try again.")
        for path in paths:
            self.stream.send_file(path)
        return answer

    def _say(self, answer: Answer, number: int | None) -> None:
        self.stream.send("answer", line_of(answer, number).encode("utf-8"))

    def _remove(self, files: list[str]) -> None:
        folder = self.client.folder
        for name in files if folder is not None else []:
            (Path(folder or "") / name).unlink(missing_ok=True)


def _not_kept(error: Exception) -> str:
    if isinstance(error, OSError) and is_of_the_system(error):
        return f"Scans cannot be kept on this computer while they are segmented: {writing_failed(error, tempfile.gettempdir())}"
    return str(error)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    parser.add_argument("--silence", type=float, default=SILENCE_SECONDS)
    options = parser.parse_args()
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print must not get among the frames
    outgoing.write(GREETING)
    far = FarEnd(FrameStream(incoming, outgoing), options.idle, options.silence)
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: far.leave(1))
    far.stream.send("hello", version=__version__)
    far.serve()


if __name__ == "__main__":
    main()
