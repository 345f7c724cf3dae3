"""Output files that appear whole and together, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.locks import locked
from neurospineseg.staging import clear_abandoned, move_without_replacing, place, staging_folder

SEGMENTATION_ENDING = ".seg.nrrd"
MASK_ENDINGS = (SEGMENTATION_ENDING, ".nii.gz", ".nii", ".nrrd", ".mha")
"""Kinds of mask that can be written, longest match first."""


def mask_ending(path: Path) -> str:
    """Which of ``MASK_ENDINGS`` a file name has.

    Raises:
        InputError: none of them.
    """
    name = path.name.lower()
    for ending in MASK_ENDINGS:
        if name.endswith(ending) and name != ending:
            return ending
    raise InputError(f"The output '{path.name}' is of no kind that can be written; its name must end in {', '.join(MASK_ENDINGS)}.")


def beside(path: Path, ending: str) -> Path:
    """The file next to a mask that has its name and another ending: ``out.seg.nrrd`` to ``out.json``."""
    return path.with_name(path.name[: -len(mask_ending(path))] + ending)


class HeldOpen(PermissionError):
    """A file cannot be replaced, since another program holds it open, as Excel does on Windows."""


@contextmanager
def whole_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Where to write what becomes ``path`` when the block ends without an error: a file of the same name in a hidden folder beside it.

    A file that was there before is replaced; after an error it is as it was.

    Raises:
        FileExistsError: a file is there, and it is not to be overwritten.
        HeldOpen: another program holds the former file open.
        OSError: the folder cannot be written to.
    """
    with staging_folder(path.parent) as staging:
        new = staging / path.name
        yield new
        try:
            if overwrite:
                os.replace(new, path)
            else:
                move_without_replacing(new, path)
        except PermissionError as error:
            raise HeldOpen(*error.args) from error


class Outputs:
    """Reserves files before the work and moves them into place when all of it succeeded.

    Meanwhile no other run, on whatever computer, can reserve one of them.
    A hidden folder next to the first file holds what is being written; it is removed in every case. The first file comes last into its place.

    Args:
        paths: the files to be written, all in one folder; one that is not written in the end is left out, but for the first.
        inputs: files that must not be overwritten, whatever the user says.
        overwrite: whether existing files may be replaced.
        staging: the name of the hidden folder, where somebody else must be able to remove it.

    Attributes:
        placed: whether the files are in their place.

    Raises:
        InputError: (on entering) the folder is missing or cannot be written to, a file exists,
            is a folder, is one of the inputs, or another run is writing it; (on leaving) one cannot be moved or has appeared meanwhile.
    """

    def __init__(self, paths: Sequence[Path], *, inputs: Sequence[Path] = (), overwrite: bool = False, staging: Path | None = None) -> None:
        self.paths, self.inputs, self.overwrite = [Path(path) for path in paths], list(inputs), overwrite
        self._agreed, self.placed = staging, False

    def __enter__(self) -> Outputs:
        folder = self.paths[0].parent
        if not folder.is_dir():
            raise InputError(f"The output folder '{folder}' does not exist; create it or choose another one.")
        clear_abandoned(folder.absolute())
        with ExitStack() as cleaning:
            for path in self.paths:
                cleaning.enter_context(locked(path, f"'{path.name}' is being written by another run"))
            try:
                self._staging = cleaning.enter_context(staging_folder(folder, self._agreed))
            except OSError as error:
                raise writing_failed(error, folder) from error
            for path in self.paths:
                self._check(path)
            self._cleaning = cleaning.pop_all()
        return self

    def _check(self, path: Path) -> None:
        try:
            self.temporary(path).touch()  # now, not after the work, if the file system does not take the name
            self.temporary(path).unlink()
        except OSError as error:
            raise writing_failed(error, path) from error
        if path.is_dir():
            raise InputError(f"The output '{path}' is a folder; give the name of a file.")
        if not path.exists():
            return
        if any(other.exists() and path.samefile(other) for other in self.inputs):
            raise InputError(f"The output '{path.name}' is one of the inputs; choose another name.")
        if not self.overwrite:
            raise InputError(f"The output '{path.name}' exists already; choose another name or add --overwrite.")

    def temporary(self, path: Path) -> Path:
        """Where to write what will become ``path``."""
        return self._staging / path.name

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._cleaning:
            if kind is None:
                self._place()

    def _place(self) -> None:
        try:
            written = [path for path in self.paths[1:] if self.temporary(path).exists()]
            place(self._staging, [path.name for path in reversed([self.paths[0], *written])], overwrite=self.overwrite)
        except FileExistsError as error:
            name = Path(error.filename2 or error.filename).name
            raise InputError(f"'{name}' has appeared meanwhile and was not replaced; choose another name or add --overwrite.") from error
        except OSError as error:
            raise writing_failed(error, self.paths[0].parent) from error
        finally:
            self.placed = not self.temporary(self.paths[0]).exists()
