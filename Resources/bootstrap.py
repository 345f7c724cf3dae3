"""Sets up a local environment, then runs the demonstration or the tests.

    python3 Resources/bootstrap.py demo [options of demo.py]
    python3 Resources/bootstrap.py test [options of pytest]
    python3 Resources/bootstrap.py setup

Needs nothing but Python 3.10 or newer. Everything goes into ``.venv`` in the checkout; what is there and
up to date is not installed again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CONSTRAINTS = ROOT / "Resources" / "constraints.txt"
EXTRAS = {"demo": "", "test": "[test,training]", "setup": "[test,training]"}
TESTS = ("-m", "pytest", "-n", "auto", "--maxprocesses", "8", "--dist", "loadfile", "--max-worker-restart", "0")
"""On all cores; what a caller adds comes later and so wins, such as ``-n 0`` for one process only.

A process that crashes ends the run: pytest-xdist 3.8 may wait for ever for one that takes its place
(https://github.com/pytest-dev/pytest-xdist/issues/1323)."""
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


class SetupError(Exception):
    """The environment cannot be made; the message is one sentence: what is wrong and what to do."""


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 10):
        print(f"Python 3.10 or newer is needed, this is {platform.python_version()}; install a newer one and use it here.", file=sys.stderr)
        return 2
    command = arguments[0] if arguments else ""
    if command not in EXTRAS:
        print(__doc__)
        return 0 if command in ("-h", "--help") else 2
    try:
        prepare(EXTRAS[command])
        if command == "setup":
            print(f"Ready: {ENVIRONMENT.relative_to(ROOT)} holds the command neurospineseg.")
            return 0
        program = TESTS if command == "test" else [str(ROOT / "Resources" / "demo.py")]
        return subprocess.run([str(PYTHON), *program, *arguments[1:]], cwd=ROOT).returncode
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def prepare(extras: str) -> None:
    """Makes or completes the environment; does nothing where its stamp matches the requirements.

    Raises:
        SetupError: it cannot be made.
    """
    if works() and any(is_stamped(each) for each in {extras, EXTRAS["setup"]}):
        return
    if not works():
        make_environment()
    print("Installing what is needed into .venv (some minutes the first time) ...", flush=True)
    install("torch", "setuptools", *cpu_wheels())
    install("--no-build-isolation", "-e", f".{extras}")
    partial = stamp_of(extras).with_suffix(".part")
    partial.write_text(fingerprint(extras), encoding="utf-8")
    partial.replace(stamp_of(extras))


def stamp_of(extras: str) -> Path:
    """The file that says what was last installed completely; it is written last."""
    return ENVIRONMENT / f"installed{extras.replace('[', '-').replace(']', '').replace(',', '-')}.txt"


def is_stamped(extras: str) -> bool:
    return stamp_of(extras).is_file() and stamp_of(extras).read_text(encoding="utf-8") == fingerprint(extras)


def fingerprint(extras: str) -> str:
    """SHA-256 over everything that decides what is installed and where."""
    parts = [
        (ROOT / "pyproject.toml").read_bytes(),
        CONSTRAINTS.read_bytes(),
        extras.encode(),
        str(ROOT).encode(),
        platform.python_version().encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def works() -> bool:
    """Whether the environment's Python starts."""
    return PYTHON.exists() and subprocess.run([str(PYTHON), "-c", ""], capture_output=True).returncode == 0


def make_environment() -> None:
    """Makes ``.venv``, where ensurepip is missing (Debian without python3-venv) with the pip of this Python."""
    print("Making the environment .venv ...", flush=True)
    base = [sys.executable, "-m", "venv", "--clear"]
    if importlib.util.find_spec("venv") is None:
        raise SetupError("This Python cannot make environments; install the missing part with: apt install python3-venv")
    if importlib.util.find_spec("ensurepip") is not None and subprocess.run([*base, str(ENVIRONMENT)], capture_output=True).returncode == 0:
        return
    if not has_pip_for_others():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        raise SetupError("This Python has no pip for new environments; install it with: apt install python3-venv")
    if subprocess.run([*base, "--without-pip", str(ENVIRONMENT)]).returncode != 0:
        raise SetupError(f"The environment {ENVIRONMENT} cannot be made; check the folder and the free space.")


def has_pip_for_others() -> bool:
    """Whether this Python's pip can install into another environment (``--python``, since 22.3)."""
    try:
        return tuple(int(part) for part in version("pip").split(".")[:2]) >= (22, 3)
    except (PackageNotFoundError, ValueError):
        return False


def install(*what: str) -> None:
    """Installs into the environment with its own pip, or with this Python's pip where it has none."""
    own = subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode == 0
    pip = [str(PYTHON), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    command = [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location", "-c", str(CONSTRAINTS), *what]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        raise SetupError(
            "Installing failed, see the lines above; check the network and the free disk space (about 3 GB), then run the command again."
        )


def cpu_wheels() -> list[str]:
    """On Linux without an NVIDIA driver: where the PyTorch build without CUDA lies, which is much smaller, if that place answers."""
    if sys.platform != "linux" or Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi"):
        return []
    try:
        with urllib.request.urlopen(f"{CPU_WHEELS}/torch/", timeout=10):
            return ["--extra-index-url", CPU_WHEELS]
    except OSError:
        return []


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
