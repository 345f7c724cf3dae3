"""Installing what is missing without making the window wait: look up, download, and only then write into Slicer."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from pathlib import Path

from slicer.i18n import tr as _

from neurospineseg.errors import MODULES, InputError
from neurospineseg.errors.of_files import is_of_the_system, use_failed
from neurospineseg.packages.wheel import Wheel, reason_of, wheels_of
from neurospineseg.packages.wheel_folder import check_folder
from neurospineseg.staging import STAGING_PREFIX
from neurospineseg_panel.dependencies import (
    comes_through_extension,
    constraint_lines,
    install_torch,
    missing_packages,
    missing_requirements,
    sources_of,
    what_is_still_missing,
)
from neurospineseg_panel.pip_process import PipProcess
from neurospineseg_panel.torch_build import refuse_cuda

RAW_PROGRESS = ">=24.1"
"""Since this version pip tells its progress in numbers; Slicer 5.12 has 26.1."""
DRAWN_MILLISECONDS = 200
"""After so long the window shows what it was told."""


class Meanwhile(Enum):
    """What the user can do during a step."""

    CANCEL = 0
    GO_ON = 1
    WAIT = 2


@dataclass(frozen=True)
class Told:
    """What an installation tells; each is called in the main thread.

    Attributes:
        progress: a sentence, the fraction of what it says (None while unknown), and what the user can do meanwhile.
        ended: one sentence on what went wrong, empty where all is well; then whether Slicer must be restarted.
        log: a line of pip's.
    """

    progress: Callable[[str, float | None, Meanwhile], None]
    ended: Callable[[str, bool], None]
    log: Callable[[str], None]


def _sentence_on(error: Exception) -> str:
    """What the operating system says of a file; empty where it says nothing."""
    return str(use_failed(error)) if isinstance(error, OSError) and is_of_the_system(error) else ""


class Installation:
    """One installation. Only its last step, which is short and cannot be canceled, changes anything in Slicer.

    Args:
        told: see there.
        folder: of wheels; None for the network.
    """

    def __init__(self, told: Told, folder: Path | None) -> None:
        self.told, self.folder = told, folder
        self._place = tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, ignore_cleanup_errors=True)
        self._process: PipProcess | None = None
        self._lines: list[str] = []
        self._loaded: set[str] = set()
        self._wheels: list[Wheel] = []
        self._number, self._name = 0, ""
        self._given_up = False

    def begin(self) -> None:
        """Starts; how it ends is told."""
        import qt
        import slicer.packaging

        if self._given_up:
            return
        if slicer.packaging.isPipInstallInProgress():
            self._end(_("Slicer installs packages for another module at the moment; wait until that is done, then try again."))
        elif self.folder is None and comes_through_extension():
            self.told.progress(_("Installing PyTorch by the PyTorch extension ..."), None, Meanwhile.WAIT)
            qt.QTimer.singleShot(DRAWN_MILLISECONDS, lambda: self._try(self._torch_first))
        else:
            self._try(self._install)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except InputError as error:
            self._end(str(error))
        except Exception as error:
            self.told.log("".join(traceback.format_exception(error)))
            other = _("The packages could not be installed ({problem}); restart Slicer and try again.")
            self._end(_sentence_on(error) or other.format(problem=error))

    def _torch_first(self) -> None:
        if not self._given_up:
            install_torch(ask=False)
            self._install()

    def _install(self) -> None:
        """Installs what is missing, in a process beside Slicer but for the last step.

        Raises:
            InputError: the folder lacks something. OSError: pip cannot be started.
        """
        self._requirements = missing_requirements()
        self._loaded = {name for name in missing_packages() if MODULES.get(name, name) in sys.modules}
        if self.folder is not None:
            check_folder(self.folder, self._requirements)
        sources = sources_of(self._requirements, self.folder)
        self._path("constraints.txt").write_text(constraint_lines(sources), encoding="utf-8")
        if self._requirements:
            self._look_up() if self.folder is None else self._write(self.folder)
        else:
            self._end("")

    def give_up(self) -> None:
        """Cancels what can be canceled, and tells nothing any more."""
        self._given_up = True
        if self._process is not None:
            self._process.kill()
            self._place.cleanup()

    def _path(self, name: str) -> Path:
        return Path(self._place.name) / name

    def _look_up(self) -> None:
        self.told.progress(_("Looking up what is needed ..."), None, Meanwhile.CANCEL)
        arguments = ["install", "--dry-run", "--report", str(self._path("report.json")), "-c", str(self._path("constraints.txt"))]
        self._run([*arguments, *self._requirements], self._download)

    def _download(self) -> None:
        from packaging.specifiers import SpecifierSet

        self._wheels = wheels_of(json.loads(self._path("report.json").read_text(encoding="utf-8")))
        refuse_cuda(self._wheels)
        addresses = "".join(f"{wheel.checked_url}\n" for wheel in self._wheels)
        self._path("addresses.txt").write_text(addresses, encoding="utf-8")
        raw = SpecifierSet(RAW_PROGRESS).contains(version("pip"), prereleases=True)
        arguments = ["download", "--no-deps", "--progress-bar", "raw" if raw else "off", "--dest", str(self._path("wheels"))]
        self._run([*arguments, "-r", str(self._path("addresses.txt"))], lambda: self._write(self._path("wheels")))

    def _write(self, folder: Path) -> None:
        import slicer.packaging

        self._process = None
        self.told.progress(_("Writing the packages into Slicer; this cannot be stopped ..."), None, Meanwhile.GO_ON)
        slicer.packaging.pip_install(
            ["--no-index", "--find-links", str(folder), *self._requirements],
            constraints=self._path("constraints.txt"),
            blocking=False,
            show_progress=False,
            logCallback=self._hear,
            completedCallback=self._written,
        )

    def _written(self, code: int) -> None:
        self._end(what_is_still_missing() if code == 0 else self._sentence())

    def _run(self, arguments: list[str], then: Callable[[], None]) -> None:
        def ended(code: int) -> None:
            self._try(then) if code == 0 else self._end(self._sentence())

        self._process = PipProcess(arguments, self._path("pip.log"), self._hear, ended)

    def _hear(self, line: str) -> None:
        """A line of pip's: progress in numbers, the next wheel, or one for the log."""
        if self._given_up:
            return
        raw = re.fullmatch(r"\s*Progress (\d+) of (\d+)", line)
        if raw is not None:
            self._tell_download(int(raw[1]), int(raw[2]))
            return
        self._lines.append(line)
        self.told.log(line)
        if self._wheels and line.startswith("Collecting "):
            self._number += 1
            self._name = line.split()[1].partition("@")[0]
            self._tell_download(0, 0)

    def _tell_download(self, done: int, size: int) -> None:
        count, number = len(self._wheels), min(self._number, len(self._wheels))
        text = _("Downloading {name} ({number} of {count})").format(name=self._name, number=number, count=count)
        if size:
            text += _(": {done} of {size} MB").format(done=round(done / 1e6), size=round(size / 1e6))
        self.told.progress(text, done / size if size else None, Meanwhile.CANCEL)

    def _sentence(self) -> str:
        """Why pip failed, and what to do."""
        kind, what = reason_of("\n".join(self._lines))
        if kind == "missing" and self.folder is not None:
            return _("The folder of wheels lacks {what}; fill it anew with the command neurospineseg wheels, then try again.").format(
                what=what
            )
        known = {
            "network": _(
                "The package index could not be reached or broke off; check the network and try again, or install from a folder of wheels that was filled on another computer."
            ),
            "disk": _("The disk is full; make room (some GB) and try again."),
            "missing": _("There is no package {what} for this Slicer and this system; install the newest Slicer, then try again.").format(
                what=what
            ),
        }
        return known.get(kind) or _(
            "pip could not install the packages ({what}); another extension may need other versions: restart Slicer and try again."
        ).format(what=what)

    def _end(self, problem: str) -> None:
        self._place.cleanup()
        if not self._given_up:
            self.told.ended(problem, not problem and bool(self._loaded))
