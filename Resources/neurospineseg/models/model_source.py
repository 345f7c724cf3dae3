"""The files of a model that somebody else made, in a folder or a zip file: read by the names that are expected, never unpacked."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import LARGEST, json_of
from neurospineseg.errors.of_files import is_of_the_system, reading_failed
from neurospineseg.models.bundle import LARGEST_WEIGHTS

MOST_MEMBERS = 20_000


class ModelSource(Protocol):
    """Files by their path, with ``/`` between its parts."""

    name: str

    def files(self) -> list[str]: ...

    def json(self, file: str) -> Any: ...

    def copy(self, file: str, target: Path) -> None: ...


class FolderSource:
    """Of a folder; a link that leads out of it is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.resolve().name

    def files(self) -> list[str]:
        """Of the folder and two floors below."""
        return self._files

    @cached_property
    def _files(self) -> list[str]:
        found = [path for pattern in ("*", "*/*", "*/*/*") for path in self.folder.glob(pattern) if path.is_file()]
        if len(found) > MOST_MEMBERS:
            raise InputError(f"The folder '{self.name}' holds {len(found)} files, more than a model has; give the model's own folder.")
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def json(self, file: str) -> Any:
        try:
            return json_of(self._inside(file))
        except OSError as error:
            raise reading_failed(error, file) from error
        except InputError:
            raise
        except ValueError as error:
            raise _no_json(file) from error

    def copy(self, file: str, target: Path) -> None:
        path = self._inside(file)
        if path.stat().st_size > LARGEST_WEIGHTS:
            raise _too_large(file)
        shutil.copyfile(path, target)

    def _inside(self, file: str) -> Path:
        path = self.folder / file
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise InputError(f"The file '{file}' of the model is a link that leads out of its folder; copy the file there.")
        return path


class ZipSource:
    """Of a zip file, whose members may lie in one folder; paths that lead elsewhere are never asked for."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.archive, self.name = archive, path.stem
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MOST_MEMBERS:
            raise InputError(f"The file '{path.name}' holds {len(members)} files, more than a model has; give the model's own zip file.")
        plain = {member.filename: member for member in members if _is_plain(member.filename)}
        tops = {PurePosixPath(name).parts[0] for name in plain}
        shared = f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in plain) else ""
        self._members = {name.removeprefix(shared): member for name, member in plain.items()}

    def files(self) -> list[str]:
        return sorted(self._members)

    def json(self, file: str) -> Any:
        with self._opened(file) as member:
            content = member.read(LARGEST + 1)
        try:
            if len(content) > LARGEST:
                raise ValueError("too large")
            return json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise _no_json(file) from error

    def copy(self, file: str, target: Path) -> None:
        if self._members[file].file_size > LARGEST_WEIGHTS:
            raise _too_large(file)
        left = self._members[file].file_size
        with self._opened(file) as member, open(target, "wb") as new:
            while left > 0 and (piece := member.read(min(left, 2**20))):
                new.write(piece)
                left -= len(piece)

    @contextmanager
    def _opened(self, file: str) -> Iterator[IO[bytes]]:
        try:
            with self.archive.open(self._members[file]) as member:
                yield member
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            if isinstance(error, OSError) and is_of_the_system(error):
                raise  # such as a full disk, to which it is copied
            raise InputError(f"The file '{file}' in the zip file is damaged or encrypted; fetch the zip file again.") from error


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and ":" not in parts[0] and "\0" not in name


def _no_json(file: str) -> InputError:
    return InputError(f"The file '{file}' of the model is not valid JSON, or too large; fetch the model again.")


def _too_large(file: str) -> InputError:
    return InputError(f"The file '{file}' of the model is larger than any network's weights; give another model.")


@contextmanager
def model_source(path: Path) -> Iterator[ModelSource]:
    """The files of a model in a folder or a zip file.

    Raises:
        InputError: there is neither.
    """
    source = _source_of(path)
    try:
        yield source
    finally:
        if isinstance(source, ZipSource):
            source.archive.close()


def _source_of(path: Path) -> FolderSource | ZipSource:
    try:
        if path.is_dir():
            return FolderSource(path)
        if not path.exists():
            raise InputError(f"'{path}' does not exist; give the folder or the zip file of a model.")
        if not path.is_file() or not zipfile.is_zipfile(path):
            raise InputError(f"'{path.name}' is no folder and no zip file; give the folder or the zip file of a model.")
        return ZipSource(path, zipfile.ZipFile(path))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"The zip file '{path.name}' is damaged; fetch it again.") from error
    except OSError as error:
        raise reading_failed(error, path) from error
    except InputError:
        raise
    except ValueError as error:
        raise InputError("The path of the model holds signs that no path has; give another one.") from error
