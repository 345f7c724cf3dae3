"""Runs the inputs of a format in processes of their own and collects what came of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("nifti", "nrrd", "meta_image", "dicom", "bundle", "weights", "record", "added")


@dataclass(frozen=True)
class Outcomes:
    """Of a format's inputs.

    Attributes:
        by_name: what ``trial`` printed of each, and ``{"outcome": "died"}`` of one that ended its process.
        decoy_changed: whether the folder outside was not as before.
    """

    by_name: dict[str, dict[str, Any]]
    decoy_changed: bool


@cache
def outcomes_of(form: str) -> Outcomes:
    with TemporaryDirectory() as place:
        chosen, decoy = Path(place, "chosen"), Path(place, "decoy")
        chosen.mkdir()
        (decoy / "deeper").mkdir(parents=True)
        for path in (decoy / "secret.raw", decoy / "deeper" / "secret.raw"):
            path.write_bytes(bytes(range(256)) * 16)
        before, found, first = _snapshot(decoy), {}, 0
        while first is not None:
            lines, ending = _tried(form, chosen, decoy, first)
            found |= {line["name"]: line for line in lines if "outcome" in line}
            begun = [line["begun"] for line in lines if "begun" in line]
            first = None
            if ending and begun:
                found[_names(form)[begun[-1]]] = {"outcome": "died", "words": ending, "seen": [], "seconds": 0.0, "grown": 0}
                first = begun[-1] + 1
            elif ending:
                raise RuntimeError(ending)
        return Outcomes(found, _snapshot(decoy) != before)


def _tried(form: str, chosen: Path, decoy: Path, first: int) -> tuple[list[dict[str, Any]], str]:
    """The lines of a child, and why it ended; empty where it came to its end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "Resources"), str(ROOT)]), "TMPDIR": str(chosen)}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)  # torch sets it in this process, to a folder outside the chosen one
    command = [sys.executable, "-W", "ignore", "-m", "Testing.hostile.trial", form, str(chosen), str(decoy), str(first)]
    done = subprocess.run(
        command, cwd=chosen, env={**environment, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, errors="replace"
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines, f"exit code {done.returncode}: {done.stderr[-400:]}" if done.returncode else ""


def _names(form: str) -> list[str]:
    return [each.name for each in inputs_of(form)]


def inputs_of(form: str) -> list[Any]:
    import importlib

    return importlib.import_module(f"Testing.hostile.{form}_inputs").INPUTS


def _snapshot(folder: Path) -> list[tuple[str, int, bytes]]:
    return [
        (str(path), path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in sorted([folder, *folder.rglob("*")])
    ]
