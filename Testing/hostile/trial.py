"""The child process: tries the inputs of one format one after the other and prints a line of JSON for each.

    python -m Testing.hostile.trial FORMAT FOLDER DECOY [FIRST]

An input that takes longer than ``SECONDS`` ends the process, as a crash does; who started it begins again after that input.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import traceback
from pathlib import Path
from time import perf_counter
from typing import Any

SECONDS = 30.0
"""An input's cap; the slowest takes about one where the core is idle."""
ROOM = 400 * 2**20
"""Bytes of address space beyond what the imported packages take."""


def main(form: str, folder: Path, decoy: Path, first: int = 0) -> None:
    os.environ["CANARY_OF_HOSTILE_FILES"], os.environ["DECOY_OF_HOSTILE_FILES"] = str(folder / "canary"), str(decoy)
    from Testing.hostile.canary import Canary

    inputs = importlib.import_module(f"Testing.hostile.{form}_inputs").INPUTS
    canary = Canary(folder)
    _warm(inputs[0], folder)
    _limit_memory()
    for number, each in enumerate(inputs[first:], first):
        print(json.dumps({"begun": number}), flush=True)
        print(json.dumps({"number": number, "name": each.name, **_tried(each, folder / "input", canary)}), flush=True)


def _tried(each: Any, folder: Path, canary: Any) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = each.make(folder)
    started, before = perf_counter(), _peak()
    with canary.watching():
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        answer = _answer(each, path)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {**answer, "seen": canary.seen, "seconds": round(perf_counter() - started, 3), "grown": _peak() - before}


def _answer(each: Any, path: Path) -> dict[str, str]:
    from neurospineseg.errors import InputError

    try:
        each.read(path)
    except InputError as error:
        return {"outcome": "sentence", "words": str(error)}
    except BaseException:
        return {"outcome": "traceback", "words": traceback.format_exc()[-1500:]}
    return {"outcome": "read", "words": ""}


def _warm(each: Any, folder: Path) -> None:
    """Reads one input before anything is measured, so that what is imported late is there."""
    place = folder / "warm"
    place.mkdir(exist_ok=True)
    _answer(each, each.make(place))
    shutil.rmtree(place)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _peak() -> int:
    """Bytes of memory that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0)
