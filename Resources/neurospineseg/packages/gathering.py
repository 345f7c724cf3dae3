"""Fills a folder with wheels, one after another, so that what was got stays when the network goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.packages.target import Target
from neurospineseg.packages.wheel import Wheel, reason_of, wheels_of
from neurospineseg.staging import staging_folder

PIP_FOR_TARGET = """
import json, sys
given = json.loads(sys.argv.pop(1))
if given:
    from pip._vendor.packaging import markers
    own = markers.default_environment
    markers.default_environment = lambda: {**own(), **given}
from pip._internal.cli.main import main
sys.exit(main())
"""
"""pip reads a package's ``nvidia-...; sys_platform == "linux"`` for the computer that it runs on, whatever ``--platform`` says."""


def needed_wheels(requirements: Sequence[str], options: Sequence[str], target: Target) -> list[Wheel]:
    """All wheels that requirements and what they need in turn come to on a target; nothing is installed.

    Args:
        options: further ones of pip, such as constraints and indexes.

    Raises:
        InputError: the index cannot be reached, or has no wheel of some package for the target.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        elsewhere = ["--target", str(Path(folder) / "site")] if target.pip_options()[1:] else []
        arguments = ["--dry-run", "--ignore-installed", "--report", str(report), *elsewhere, *target.pip_options(), *options, *requirements]
        _run_pip(["install", *arguments], target)
        return wheels_of(json.loads(report.read_text(encoding="utf-8")))


def get_wheel(wheel: Wheel, folder: Path, target: Target) -> bool:
    """Gets a wheel into a folder, whole or not at all.

    Returns:
        Whether it was there before.

    Raises:
        InputError: it could not be got; the folder is as it was.
    """
    path = folder / wheel.file
    if wheel.is_whole(path):
        return True
    try:
        with staging_folder(folder) as staging:
            _run_pip(["download", "--no-deps", "--dest", str(staging), *target.pip_options(), wheel.checked_url], target)
            os.replace(staging / wheel.file, path)
    except OSError as error:
        raise writing_failed(error, folder) from error
    return False


def _run_pip(arguments: Sequence[str], target: Target) -> None:
    command = [sys.executable, "-c", PIP_FOR_TARGET, json.dumps(target.markers())]
    options = ["--quiet", "--disable-pip-version-check", "--retries", "2", "--no-input"]
    done = subprocess.run([*command, *arguments, *options], capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return
    log = done.stdout + done.stderr
    if "No module named 'pip'" in log:
        raise InputError("This Python has no pip; install it with `python -m ensurepip`, then run the command again.")
    if "no such option: --report" in log:
        raise InputError("This Python's pip is too old; renew it with `python -m pip install --upgrade pip`, then run the command again.")
    kind, what = reason_of(log)
    raise InputError(
        {
            "network": "The package index could not be reached or broke off; check the network (HTTPS_PROXY names a proxy), then run the command again: what was got is kept.",
            "disk": "The disk is full; make room and run the command again: what was got is kept.",
            "missing": f"The package index has no wheel of {what} for {target}; give another --python or --platform.",
            "other": f"pip could not get the packages ({what}); run the command again: what was got is kept.",
        }[kind]
    )
