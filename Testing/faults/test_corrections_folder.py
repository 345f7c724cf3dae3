"""One folder of corrections: two processes that store into it at once, and a clock that jumps back."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.images.volume import Volume
from neurospineseg.pipeline import corrections
from neurospineseg.pipeline.corrections import store_correction
from Testing.small_scans import ball, oblique_affine

STORER = """
import sys
from datetime import datetime
from pathlib import Path
import numpy as np
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline import corrections
from Testing.small_scans import ball, oblique_affine

class Noon(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 12, 0, 0)

corrections.datetime = Noon
number, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
scans = {"t1c": Volume(ball(), oblique_affine())}
print("ready", flush=True)
sys.stdin.readline()
for _ in range(count):
    corrections.store_correction(folder, "tumor", scans, Volume(np.full(ball().shape, number, np.uint16), oblique_affine()), None, None)
"""


def store(folder: Path, label: int = 1) -> Path:
    labels = Volume(np.full(ball().shape, label, np.uint16), oblique_affine())
    return store_correction(folder, "tumor", {"t1c": Volume(ball(), oblique_affine())}, labels, None, None)[0]


def test_two_processes_that_store_at_the_same_moments(tmp_path: Path) -> None:
    count = 15
    command = [sys.executable, "-c", STORER]
    processes = [
        subprocess.Popen([*command, str(number), str(count), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number in (1, 2)
    ]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert [process.wait(120) for process in processes] == [0, 0]
    for process in processes:
        process.stdin.close()
        process.stdout.close()
    cases = sorted(tmp_path.iterdir())
    assert len(cases) == 2 * count, "nothing is lost, nothing half written is left"
    found = [int(np.asarray(nib.load(case / "label.nii.gz").dataobj).max()) for case in cases]
    assert sorted(found) == [1] * count + [2] * count
    assert all(json.loads((case / "case.json").read_text())["task"] == "tumor" for case in cases)


@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=400)])
def test_a_correction_comes_after_the_last_one_though_the_clock_jumped_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    first = store(tmp_path)

    class JumpedBack(datetime):
        @classmethod
        def now(cls, tz=None) -> datetime:
            return datetime.now() - back

    monkeypatch.setattr(corrections, "datetime", JumpedBack)
    second, third = store(tmp_path), store(tmp_path)
    assert first.name < second.name < third.name


def test_what_others_call_their_folders_does_not_matter(tmp_path: Path) -> None:
    first = store(tmp_path)
    checksum = first.name.rsplit("-", 1)[1]
    for name in (f"tumor-mine-{checksum}", f"tumor--{checksum}", f"tumor-99999999-999999-{checksum}"):
        (tmp_path / name).mkdir()
    assert store(tmp_path).name > first.name
