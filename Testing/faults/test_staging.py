"""Files that belong together appear together, or not at all, whatever happens to the process that writes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurospineseg import staging
from neurospineseg.atomic_files import Outputs
from neurospineseg.errors import InputError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

WRITER = """
import os, signal, sys
from pathlib import Path
from neurospineseg.atomic_files import Outputs
from neurospineseg.errors import InputError
folder, moves = Path(sys.argv[1]), int(sys.argv[2])
replace = os.replace
def replace_some(source, target):
    global moves
    if moves == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    moves -= 1
    replace(source, target)
os.replace = replace_some
with Outputs([folder / "mask.nii", folder / "mask.json"], overwrite=True) as outputs:
    for path in outputs.paths:
        outputs.temporary(path).write_text("new " + path.name)
"""


@pytest.fixture(autouse=True)
def as_a_new_process() -> Iterator[None]:
    """Each process looks once for what others have left."""
    staging.clear_abandoned.cache_clear()
    yield
    staging.clear_abandoned.cache_clear()


def killed_after(moves: int, folder: Path) -> None:
    assert subprocess.run([sys.executable, "-c", WRITER, str(folder), str(moves)]).returncode == -signal.SIGKILL


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def next_run(folder: Path) -> None:
    with Outputs([folder / "other.nii"]) as outputs:
        outputs.temporary(folder / "other.nii").write_text("other")
    (folder / "other.nii").unlink()


@pytest.mark.parametrize("moves", [0, 1])
def test_a_process_that_is_killed_while_it_puts_files_in_their_place(tmp_path: Path, moves: int) -> None:
    killed_after(moves, tmp_path)
    assert not (tmp_path / "mask.nii").exists(), "the mask comes last: it tells that the case is done"
    next_run(tmp_path)
    assert texts(tmp_path) == {"mask.nii": "new mask.nii", "mask.json": "new mask.json"}


@pytest.mark.parametrize("moves", [0, 1])
def test_a_process_that_is_killed_while_it_replaces_files(tmp_path: Path, moves: int) -> None:
    for name in ("mask.nii", "mask.json"):
        (tmp_path / name).write_text("former")
    killed_after(moves, tmp_path)
    next_run(tmp_path)
    assert texts(tmp_path) == {"mask.nii": "new mask.nii", "mask.json": "new mask.json"}


@pytest.mark.parametrize("journal", [None, "", "{", '["../escaped"]', "[3]", "[" * 100_000])
def test_what_was_not_finished_is_removed(tmp_path: Path, journal: str | None) -> None:
    output = tmp_path / "output"
    output.mkdir()
    left = output / f"{staging.STAGING_PREFIX}{staging.owner_mark().rpartition('-')[0]}-{ended_process()}-abcdefgh"
    left.mkdir()
    (left / "mask.nii").write_text("half")
    (left / "escaped").write_text("half")
    if journal is not None:
        (left / staging.FINISHED).write_text(journal)
    next_run(output)
    assert texts(output) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "name",
    [staging.staging_name(), f"{staging.STAGING_PREFIX}abcdefgh", f"{staging.STAGING_PREFIX}00000000-1-abcdefgh"],
    ids=["living", "unnamed", "elsewhere"],
)
def test_what_a_living_or_an_unknown_process_has_left_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    next_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("former", [True, False])
def test_where_one_cannot_be_placed_all_are_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, former: bool) -> None:
    names, replace = ("mask.nii", "mask.html", "mask.json"), os.replace
    for name in names if former else ():
        (tmp_path / name).write_text("former")
    before = texts(tmp_path)

    def replace_unless_held(source: Path, target: Path) -> None:
        if Path(target).name == "mask.nii" and Path(source).name == "mask.nii":
            raise PermissionError(13, "held open")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_unless_held)
    with pytest.raises(InputError, match="without permission"), Outputs([tmp_path / name for name in names], overwrite=True) as outputs:
        for path in outputs.paths:
            outputs.temporary(path).write_text("new")
    assert texts(tmp_path) == before


@pytest.mark.parametrize("move", ["link", "replace"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_files_are_placed_waits_until_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, move: str
) -> None:
    moved, former = getattr(os, move), signal.signal(signal.SIGTERM, signal.default_int_handler)

    def move_and_signal(source: Path, target: Path) -> None:
        moved(source, target)
        signal.raise_signal(number)

    monkeypatch.setattr(os, move, move_and_signal)
    paths = [tmp_path / "mask.nii", tmp_path / "mask.json"]
    try:
        with pytest.raises(KeyboardInterrupt), Outputs(paths, overwrite=move == "replace") as outputs:
            for path in outputs.paths:
                outputs.temporary(path).write_text("new")
    finally:
        signal.signal(signal.SIGTERM, former)
    assert texts(tmp_path) == {"mask.nii": "new", "mask.json": "new"}
    assert outputs.placed
