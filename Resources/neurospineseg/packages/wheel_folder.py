"""What a folder of wheels lacks for the Python that asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.packages.target import Target


def check_folder(folder: Path, requirements: Sequence[str]) -> None:
    """Looks whether a folder holds wheels of the given packages that this Python can use; what those need in turn is pip's to see.

    Args:
        requirements: such as ``torch>=2.8``.

    Raises:
        InputError: there is no such folder, it holds no wheels, a package is lacking, or is for another Python or system.
    """
    from packaging.requirements import Requirement
    from packaging.tags import sys_tags
    from packaging.utils import canonicalize_name

    wheels, usable = _wheels_in(folder), frozenset(sys_tags())
    absent, foreign = [], []
    for requirement in map(Requirement, requirements):
        found = [(version, tags) for name, version, tags in wheels if name == canonicalize_name(requirement.name)]
        fitting = [tags for version, tags in found if requirement.specifier.contains(version, prereleases=True)]
        if not fitting:
            absent.append(str(requirement))
        elif not any(tags & usable for tags in fitting):
            foreign.append(requirement.name)
    if foreign:
        raise InputError(
            f"The wheels of {', '.join(foreign)} in the folder '{folder}' are for another Python or system than this one; {_how_to_fill()}."
        )
    if absent:
        raise InputError(f"The folder '{folder}' lacks {', '.join(absent)}; {_how_to_fill()}.")


def _wheels_in(folder: Path) -> list[tuple[str, Any, frozenset[Any]]]:
    """Name, version and tags of all wheels; files of other names are passed over."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    if not folder.is_dir():
        raise InputError(f"The folder of wheels '{folder}' does not exist; choose another one.")
    found: list[tuple[str, Any, frozenset[Any]]] = []
    for path in _listed(folder):
        try:
            name, version, _, tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        found.append((name, version, tags))
    if not found:
        raise InputError(f"The folder '{folder}' holds no wheels; {_how_to_fill()}.")
    return found


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.glob("*.whl"))
    except OSError as error:
        raise reading_failed(error, folder) from error


def _how_to_fill() -> str:
    return f"fill it on a computer with a network: neurospineseg wheels DIR --python {Target().version} --platform {_own_platform()}"


def _own_platform() -> str:
    """This computer's tag as ``Target`` takes it."""
    from packaging.tags import sys_tags

    tags = [tag.platform for tag in sys_tags()]
    return next((tag for tag in tags if tag.startswith(("manylinux_2_", "win_", "macosx_"))), "manylinux_2_28_x86_64")
