"""The handle on the worker process: starts, watches, stops and revives it. It never blocks and needs no thread.

Whoever holds it calls ``poll`` now and then (a timer in a window, a loop in a script). Several may share it: what the worker
says of a request waits in ``answers_to`` until whoever asked takes it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from time import monotonic
from typing import IO, Any

from neurospineseg import __version__
from neurospineseg.worker.json_lines import line_of, message_in, number_in
from neurospineseg.worker.private_folder import make_private_folder, remove_folder, sweep_private_folders
from neurospineseg.worker.process_group import kill_tree, own_group
from neurospineseg.worker.protocol import FINAL, IDLE_SECONDS, Answer, Died, Failed, Ready
from neurospineseg.worker.requests import Request, StopBatch
from neurospineseg.worker.ssh_host import SshHost

LOG_TAIL_CHARACTERS = 4000
_LIBRARY = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]; from neurospineseg.worker.{program} import main; main()"
"""Python puts the current folder first, as an empty name; whatever lies there must not be imported."""


CHANGED = "The files of NeuroSpineSeg changed while it was running; nothing was changed in the scene: restart the application."


class WorkerClient:
    """One worker process, started on the first request.

    Args:
        executable: the Python that runs it; Slicer's ``PythonSlicer`` where there is one, else this one.
        idle_seconds: after how long without work it ends by itself.
        host: another computer that does the work; None for this one. It serves only requests that name no files of this computer's, and
            the process here is the ``relay``.
    """

    def __init__(self, executable: str | None = None, idle_seconds: float = IDLE_SECONDS, host: SshHost | None = None) -> None:
        self.host = host
        self.executable, self.idle_seconds = executable or shutil.which("PythonSlicer") or sys.executable, idle_seconds
        self.folder: Path | None = None
        self.exit_code: int | None = None
        """Of the last process that ended; 0 if it had nothing to do, None if it was stopped."""
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._number = 0
        self._waiting: set[int] = set()
        self._answers: dict[int, list[Answer]] = {}
        self._ended_at: float | None = None
        self._is_another = False
        """Whether the process has said what this version of the program does not understand, to nobody who waits."""

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def busy(self) -> bool:
        """Whether a request has no final answer yet."""
        return bool(self._waiting)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process, if there is none or it has taken its folder away to end; returns at once.

        Raises:
            OSError: it cannot be started.
        """
        if self._process is not None:
            if self.folder is not None and self.folder.is_dir():
                return
            self.stop()
        sweep_private_folders()
        self.folder = make_private_folder()
        program = "server" if self.host is None else "relay"
        elsewhere = [] if self.host is None else [f"--host={self.host.name}", f"--python={self.host.python}"]
        start = [self.executable, "-c", _START.format(program=program), str(_LIBRARY)]
        command = [*start, "--folder", str(self.folder), "--idle", str(self.idle_seconds), *elsewhere]
        environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}
        try:
            with open(self.folder / "worker.log", "wb") as log:
                self._process = subprocess.Popen(
                    command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, **own_group()
                )
        except OSError:
            self._remove_folder()
            raise
        _, stdout = _pipes(self._process)
        os.set_blocking(stdout.fileno(), False)
        self._unread, self._ended_at, self._is_another = b"", None, False
        self._waiting.clear()

    def request(self, request: Request) -> int:
        """Sends a request, starting the process where there is none; returns the request's number.

        Raises:
            OSError: the process cannot be started.
        """
        self.start()
        return self.send(request)

    def send(self, request: Request) -> int:
        """As ``request``, to the process that was started and to no other: where it has ended meanwhile, ``poll`` says so.

        Raises:
            OSError: none was started, or ``poll`` has said that it ended.
        """
        if self._process is None:
            raise OSError("There is no process to send a request to.")
        stdin, _ = _pipes(self._process)
        self._number += 1
        self._waiting.add(self._number)
        self._answers[self._number] = []
        try:
            stdin.write(line_of(request, self._number).encode("utf-8"))
        except OSError:
            pass  # it has just died; poll says so
        return self._number

    def stop_batch(self) -> None:
        """Asks the worker to end the batch that is under way; its request is answered when its tables are written."""
        if self._process is not None:
            try:
                _pipes(self._process)[0].write(line_of(StopBatch()).encode("utf-8"))
            except OSError:
                pass  # it has just died; poll says so

    def answers_to(self, number: int) -> list[Answer]:
        """What the worker has said of a request since the last call; each answer is given once."""
        answers = self._answers.get(number, [])
        self._answers[number] = []
        if number not in self._waiting:
            del self._answers[number]
        return answers

    def poll(self) -> list[Answer]:
        """What the worker has said since the last call; returns at once.

        Besides the worker's own answers there may be ``Died``: the process ended with work undone, or not well, or is one of another version of
        the program. It is gone then, and the next request starts a new one. An answer that cannot be read is ``Failed``.
        """
        if self._process is None:
            return []
        answers, ended = self._read(self._process)
        if self._is_another:
            return [*answers, self._end(Died(tuple(sorted(self._waiting)), None, CHANGED, self.log_tail()))]
        code = self._process.poll()
        if ended and code is None:
            self._ended_at = self._ended_at or monotonic()
            if monotonic() - self._ended_at < 1.0:
                return answers
        if code is None and not ended:
            return answers
        if not ended:
            answers += self._read(self._process)[0]
        died = self._end(Died(tuple(sorted(self._waiting)), code, _words_for(code), self.log_tail()))
        return [*answers, died] if died.undone or code != 0 else answers

    def _read(self, process: subprocess.Popen[bytes]) -> tuple[list[Answer], bool]:
        """What complete lines say, which also waits for who asked, and whether the worker closed its output."""
        ended = False
        _, stdout = _pipes(process)
        while True:
            try:
                block = os.read(stdout.fileno(), 1 << 16)
            except BlockingIOError:
                break
            except OSError:
                ended = True
                break
            if not block:
                ended = True
                break
            self._unread += block
        *lines, self._unread = self._unread.split(b"\n")
        answers = [self._take(said) for said in filter(None, map(_said_in, lines))]
        return [answer for answer in answers if answer is not None], ended

    def _take(self, said: dict[str, Any]) -> Answer | None:
        """The answer that a line says, which also waits for who asked; None where it cannot be read and nobody waits for it."""
        try:
            number, answer = number_in(said), message_in(said, Answer)
        except Exception:  # whatever the worker says, who waits for the other answers must get them
            number = said.get("id")
            if not isinstance(number, int) or number not in self._waiting:
                self._is_another = True
                return None
            answer = Failed(CHANGED, f"{said!r:.1000}\n{traceback.format_exc()}")
        if isinstance(answer, Ready) and answer.version != __version__:
            self._is_another = True
        if number in self._waiting:
            self._answers[number].append(answer)
            if isinstance(answer, FINAL):
                self._waiting.discard(number)
        return answer

    def log_tail(self) -> str:
        """The end of what the worker and its libraries printed."""
        if self.folder is None:
            return ""
        try:
            return (self.folder / "worker.log").read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]
        except OSError:
            return ""

    def stop(self) -> None:
        """Ends the process with all its children at once and removes its folder; undone requests are answered with ``died``."""
        message = "The segmentation process was stopped; nothing was changed: click Segment again."
        self._end(Died(tuple(sorted(self._waiting)), None, message))

    def _end(self, died: Died) -> Died:
        process, self._process = self._process, None
        self.exit_code = died.exit_code
        for number in self._waiting:
            self._answers[number].append(died)
        self._waiting.clear()
        if process is not None:
            kill_tree(process)
            for pipe in _pipes(process):
                pipe.close()
        self._remove_folder()
        return died

    def _remove_folder(self) -> None:
        if self.folder is not None:
            remove_folder(self.folder)
            self.folder = None


def _said_in(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is not the worker's but, say, a launcher's."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"id", "message"} <= said.keys() else None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """What the worker reads and what it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _words_for(exit_code: int | None) -> str:
    """One sentence for the user about a worker that ended with work undone."""
    if exit_code in (-9, 137):
        return "The segmentation process was killed, as happens when memory runs out; nothing was changed: choose a region of interest or close other programs, then click Segment again."
    if exit_code is None:
        return "The segmentation process stopped answering; nothing was changed: click Segment again."
    return f"The segmentation process ended unexpectedly (exit code {exit_code}); nothing was changed: click Segment again, and copy the report if it happens again."
