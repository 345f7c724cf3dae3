"""Stands where the worker would, and lets another computer do its work: to the window it speaks as the worker does, to the other by ``ssh``.

It connects with the first request, sends the files that a request names, and lays those of the answer into the private folder. Whatever goes
wrong between the computers answers the requests that wait, with one sentence; then it ends, and the next request starts it anew.

    python -m neurospineseg.worker.relay --folder FOLDER --host=NAME [--python=COMMAND] [--idle SECONDS]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Any, NoReturn, TextIO

from neurospineseg import __version__
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import is_of_the_system, use_failed, writing_failed
from neurospineseg.pipeline.stages import Stage
from neurospineseg.worker.frame_stream import Frame, FrameStream, StreamError, write_received
from neurospineseg.worker.json_lines import line_of, message_in, number_in, own_lines
from neurospineseg.worker.private_folder import remove_folder, share_with
from neurospineseg.worker.protocol import FINAL, IDLE_SECONDS, LEAST_PROGRESS_SECONDS, Answer, Done, Failed, Idle, Progress, Ready, Refused
from neurospineseg.worker.requests import SERVED_ELSEWHERE, Describe, FindRegion, Quit, Request, Segment, Warm
from neurospineseg.worker.results import Described, RegionFound, Segmented, Warmed
from neurospineseg.worker.same_weights import name_here, weights_here
from neurospineseg.worker.ssh_connection import NoConnection, SshConnection
from neurospineseg.worker.ssh_failures import of_host, other_version, why_cut
from neurospineseg.worker.ssh_host import DEFAULT_PYTHON, SshHost

BEAT_SECONDS, ENDING_SECONDS = 10.0, 5.0


class Relay:
    """Passes requests and answers on.

    Args:
        folder: private folder of the voxel files.
        host: the other computer.
        idle_seconds: after which this process, or what runs over there, ends where nothing was asked.
        answers: where the JSON lines go.
    """

    def __init__(self, folder: Path, host: SshHost, idle_seconds: float, answers: TextIO) -> None:
        self.folder, self.host, self._idle_seconds, self._answers = folder, host, idle_seconds, answers
        self._waiting: set[int | None] = set()
        self._lines: queue.Queue[Any] = queue.Queue()
        self._connection: SshConnection | None = None
        self._hearing: Thread | None = None
        self._received: set[str] = set()
        self._lock = Lock()

    def serve(self, lines: TextIO) -> NoReturn:
        """Until ``Quit``, until nothing was asked for long, or until the connection ends."""
        self._say(Ready(os.getpid(), __version__))
        Thread(target=self._read, args=(lines,), daemon=True).start()
        while True:
            try:
                self._pass_on(self._lines.get(timeout=BEAT_SECONDS if self._connection else self._idle_seconds))
            except queue.Empty:
                if self._connection is None:
                    self._say(Idle())
                    self.leave(0)
                with suppress(OSError):  # whoever hears its end answers
                    self._connection.stream.send("beat")

    def leave(self, code: int) -> NoReturn:
        """Ends the process at once, from any thread; what runs over there ends as its input does."""
        if self._connection is not None:
            self._connection.close()
        remove_folder(self.folder)
        os._exit(code)

    def _say(self, answer: Answer, number: int | None = None) -> None:
        try:
            with self._lock:
                self._answers.write(line_of(answer, number))
                self._answers.flush()
        except OSError:
            self.leave(1)

    def _read(self, lines: TextIO) -> None:
        code = 1
        try:
            for line in lines:
                if line.strip():
                    self._lines.put(json.loads(line))
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            self.leave(code)

    def _pass_on(self, said: Any) -> None:
        """Sends a request with its files; what prevents it is answered."""
        number = None
        try:
            number, request = number_in(said), message_in(said, Request)
            if isinstance(request, Quit):
                self.leave(0)
            self._waiting.add(number)
            if not isinstance(request, SERVED_ELSEWHERE):
                raise StreamError(f"Another computer is not asked for {type(request).__name__}.")
            self._say(Progress(Stage.SENDING, 0.0), number)
            fields: dict[str, Any] = {"number": number}
            if not isinstance(request, Describe):
                request, fields["weights"] = _with_weights(request)
            self._connect()
            if isinstance(request, Segment | FindRegion):
                self._send_scans(request, number)
            self._stream.send("request", line_of(request).encode("utf-8"), **fields)
        except NoConnection as error:
            self._give_up(str(error), error.detail)
        except InputError as error:
            self._answer(Refused(str(error)), number)
        except Exception as error:
            if self._hearing is not None and isinstance(error, OSError):
                self._hearing.join(ENDING_SECONDS)  # where the connection broke, it answers and ends the process
            sentence = str(use_failed(error)) if isinstance(error, OSError) and is_of_the_system(error) else str(error)
            self._answer(Failed(sentence, traceback.format_exc()), number)

    @property
    def _stream(self) -> FrameStream:
        assert self._connection is not None
        return self._connection.stream

    def _connect(self) -> None:
        """Connects, where there is no connection yet.

        Raises:
            NoConnection: it cannot be made.
        """
        if self._connection is None:
            self._connection = SshConnection(self.host, self._idle_seconds)
            self._hearing = Thread(target=self._hear, args=(self._connection,), daemon=True)
            self._hearing.start()

    def _send_scans(self, request: Segment | FindRegion, number: int | None) -> None:
        files = [scan.file for scan in request.scans.values()]
        told = 0.0

        def tell(done: int, fraction: float) -> None:
            nonlocal told
            if monotonic() - told > LEAST_PROGRESS_SECONDS:
                told = monotonic()
                self._say(Progress(Stage.SENDING, round((done + fraction) / len(files), 4)), number)

        for done, file in enumerate(files):
            self._stream.send_file(self.folder / file, partial(tell, done))

    def _hear(self, connection: SshConnection) -> None:
        """Takes what comes from the other computer; when nothing can come any more, the process ends."""
        try:
            while (frame := connection.stream.receive()) is not None:
                if frame.kind == "file":
                    self._received.add(write_received(self.folder, frame))
                elif frame.kind == "answer":
                    self._take_answer(frame)
        except OSError as error:
            self._give_up(f"The result cannot be kept: {writing_failed(error, self.folder)}", traceback.format_exc())
        except StreamError:
            self._give_up(other_version(self.host, __version__, __version__), traceback.format_exc())
        self._give_up(why_cut(self.host, connection.close(ENDING_SECONDS)), connection.said)

    def _take_answer(self, frame: Frame) -> None:
        try:
            said = json.loads(frame.content)
            number, answer = number_in(said), message_in(said, Answer)
        except ValueError as error:
            raise StreamError("An answer cannot be read.") from error
        if isinstance(answer, Done):
            self._check(answer.result)
        if isinstance(answer, Refused | Failed):
            answer = replace(answer, message=of_host(self.host, answer.message))
        self._answer(answer, number)

    def _check(self, result: Any) -> None:
        """Whoever takes a result reads the files that it names, and removes them.

        Raises:
            StreamError: it is none that was asked for, or it names another file than those that came.
        """
        if not isinstance(result, Warmed | Segmented | RegionFound | Described):
            raise StreamError(f"{type(result).__name__} was not asked for.")
        if isinstance(result, Segmented) and not self._received.issuperset(result.files):
            raise StreamError("A result names files that did not come.")

    def _answer(self, answer: Answer, number: int | None) -> None:
        if number not in self._waiting:
            return
        if isinstance(answer, FINAL):
            self._waiting.discard(number)
            if self._connection is not None:  # into the log
                print(f"{self._stream.sent} bytes sent and {self._stream.received} received so far", file=sys.stderr, flush=True)
        self._say(answer, number)

    def _give_up(self, sentence: str, detail: str) -> NoReturn:
        """Answers the requests that wait, and ends."""
        for number in list(self._waiting):
            self._answer(Failed(sentence, detail), number)
        self.leave(0)


def _with_weights(request: Warm | Segment | FindRegion) -> tuple[Warm | Segment | FindRegion, dict[str, str]]:
    """The request, with the name of the model that this computer would use, and the checksums of its weights, where it is installed here."""
    name = name_here(request.task, request.settings.model)
    if name is None:
        return request, {}
    return replace(request, settings=replace(request.settings, model=name)), weights_here(name)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--python", default=DEFAULT_PYTHON)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    options = parser.parse_args()
    share_with(options.folder, os.getpid())
    lines, answers = own_lines()
    Relay(options.folder, SshHost(options.host, options.python), options.idle, answers).serve(lines)


if __name__ == "__main__":
    main()
