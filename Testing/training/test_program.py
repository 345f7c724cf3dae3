"""A training program ends with one sentence and an exit code, whatever happens."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from neurospineseg.errors import InputError
from Training.training.program import run_program


def raising(error: BaseException) -> Callable[[argparse.Namespace], None]:
    def work(options: argparse.Namespace) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    "error, code, sentence",
    [
        (InputError("Nothing is there; give a folder."), 2, "Nothing is there; give a folder.\n"),
        (FileNotFoundError(2, "No such file", "scan.nii"), 2, "'scan.nii' is not there, or not any more; check the path"),
        (ModuleNotFoundError("No module named 'monai'", name="monai.losses"), 1, "The package monai cannot be imported; install it"),
        (KeyboardInterrupt(), 130, "Stopped; go on with --resume.\n"),
    ],
)
def test_what_goes_wrong_is_a_sentence(error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(argparse.ArgumentParser(), raising(error), [], stopped="Stopped; go on with --resume.") == code
    assert capsys.readouterr().err.startswith(sentence)


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_program(argparse.ArgumentParser(), raising(ZeroDivisionError()), [])


@pytest.mark.parametrize("answer, code", [(None, 0), (0, 0), (1, 1)])
def test_the_works_exit_code(answer: int | None, code: int) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", type=int)
    given = [] if answer is None else ["--answer", str(answer)]
    assert run_program(parser, lambda options: options.answer, given) == code


STARTED = """
import runpy, sys
sys.modules[sys.argv[2]] = None
sys.argv = sys.argv[1:2]
sys.modules["__main__"].__file__ = sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("package, module", [("lightning", "lightning"), ("pyyaml", "yaml")])
def test_a_package_that_is_missing_when_a_program_starts_is_a_sentence(package: str, module: str) -> None:
    program = Path(__file__).resolve().parents[2] / "Resources" / "Training" / "train.py"
    done = subprocess.run([sys.executable, "-c", STARTED, str(program), module], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith(f"The package {package} cannot be imported; install it anew with `python -m pip install")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
