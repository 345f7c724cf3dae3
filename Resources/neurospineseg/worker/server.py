"""The process that holds torch and the loaded models, so that a window that asks it for work never freezes.

It reads requests as JSON lines from its standard input and answers with JSON lines on its standard output, see ``protocol``. It listens on no
port. It ends when its input ends (with the program that started it), on ``Quit``, and after ``--idle`` seconds without work.

    python -m neurospineseg.worker.server --folder FOLDER [--idle SECONDS]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, TextIO

from neurospineseg import __version__
from neurospineseg.errors import ImplausibleInput, InputError, missing_package
from neurospineseg.errors.of_files import is_of_the_system, use_failed
from neurospineseg.locks import remove_held_locks
from neurospineseg.pipeline import stages
from neurospineseg.pipeline.memory import give_back
from neurospineseg.pipeline.stages import Stage
from neurospineseg.worker.json_lines import line_of, message_in, number_in, own_lines
from neurospineseg.worker.operations import OPERATIONS, Bench
from neurospineseg.worker.private_folder import remove_folder, share_with
from neurospineseg.worker.protocol import IDLE_SECONDS, LEAST_PROGRESS_SECONDS, Answer, Done, Failed, Idle, Progress, Ready, Refused
from neurospineseg.worker.requests import Quit, Request, StopBatch

NICENESS = 5
"""Below the window's priority, which a thread less would not need; it would round sums otherwise than the shell's threads do."""


class Worker:
    """Answers requests, one after the other, and keeps the networks.

    Args:
        folder: private folder of the voxel files.
        answers: where the JSON lines go.
    """

    def __init__(self, folder: Path, answers: TextIO) -> None:
        self.folder, self.answers = folder, answers
        self._networks: dict[str, Any] = {}
        self._staging: Path | None = None
        self.stopped = threading.Event()
        """Set where the request that is under way is to end; other threads may."""

    def say(self, answer: Answer, number: int | None = None) -> None:
        """Writes an answer; where nobody is left to read it, the process ends."""
        try:
            self.answers.write(line_of(answer, number))
            self.answers.flush()
        except OSError:
            self.leave(1)

    def leave(self, code: int) -> NoReturn:
        """Ends the process at once, from any thread, and takes its folder and what is half written away."""
        remove_folder(self.folder)
        if self._staging is not None:
            remove_folder(self._staging)
        remove_held_locks()
        os._exit(code)

    def answer(self, said: Any) -> None:
        """Does what a line asks; a fault in it never ends the process."""
        number = None
        try:
            number = number_in(said)
            request = message_in(said, Request)
            if isinstance(request, Quit):
                self.leave(0)
            self._staging = getattr(request, "staging", None)
            bench = Bench(self.folder, number or 0, self._progress(number), self._networks, lambda answer: self.say(answer, number))
            self.say(Done(OPERATIONS[type(request)](request, bench)), number)
        except KeyboardInterrupt:
            self.say(Refused("The batch was stopped; what was segmented is kept."), number)
        except Exception as error:
            self.say(answer_to(error), number)
        finally:
            self._staging = None
            self.stopped.clear()

    def _progress(self, number: int | None) -> stages.Progress:
        """Tells each stage when it begins, and then not too often."""
        last: Stage | None = None
        told = 0.0

        def tell(stage: Stage, fraction: float) -> None:
            nonlocal last, told
            if self.stopped.is_set():
                raise KeyboardInterrupt
            now = monotonic()
            if stage != last or now - told >= LEAST_PROGRESS_SECONDS:
                last, told = stage, now
                self.say(Progress(Stage(stage), round(float(fraction), 4)), number)

        return tell


def answer_to(error: Exception) -> Refused | Failed:
    """What the window is told of a request that raised an exception."""
    if isinstance(error, InputError):
        return Refused(str(error), isinstance(error, ImplausibleInput))
    if isinstance(error, MemoryError):
        return Failed("This computer ran out of memory; choose a region of interest or close other programs.")
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, ImportError):
        return Failed(missing_package(error), detail)
    if isinstance(error, OSError) and is_of_the_system(error):
        return Failed(str(use_failed(error)), detail)
    return Failed(f"The segmentation failed ({type(error).__name__}); copy the report and send it to the developers.", detail)


def rest() -> None:
    """Hands back what no request needs any more, so that an idle worker leaves memory to others."""
    give_back()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def serve(folder: Path, idle_seconds: float, lines: TextIO, answers: TextIO) -> NoReturn:
    """Answers until ``Quit`` or until nothing was asked for ``idle_seconds``; then the process ends.

    A thread watches the input: when it ends, in mid-run too, the folder is removed and the process ends.
    """
    requests: queue.Queue[Any] = queue.Queue()
    worker = Worker(folder, answers)

    def read() -> None:
        code = 1
        try:
            for line in lines:
                if not line.strip():
                    continue
                said = json.loads(line)
                if isinstance(said, dict) and said.get("message") == StopBatch.__name__:
                    worker.stopped.set()
                else:
                    requests.put(said)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            worker.leave(code)

    worker.say(Ready(os.getpid(), __version__))
    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            said = requests.get(timeout=idle_seconds)
        except queue.Empty:
            worker.say(Idle())
            worker.leave(0)
        worker.answer(said)
        rest()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    options = parser.parse_args()
    share_with(options.folder, os.getpid())
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    lines, answers = own_lines()
    serve(options.folder, options.idle, lines, answers)


if __name__ == "__main__":
    main()
