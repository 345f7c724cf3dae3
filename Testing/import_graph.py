"""Reads from the sources who imports whom, without importing anything, and draws it by folders and floors.

python -m Testing.import_graph    # prints the picture of .github/ARCHITECTURE.md
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "Resources"
FACE = "neurospineseg"
"""The package itself: it lends names from everywhere, looked up when they are first used, and so stands on no floor."""
MODULE_FILES = ("TumorSeg", "SpineSeg", "SubcorticalSeg")
FLOORS = (
    ("errors", "owners"),
    ("atomic_files", "geometry", "locks", "staging"),
    ("images", "packages"),
    ("tasks",),
    ("models",),
    ("inference", "checks", "measurements", "pages", "exports", "mrml"),
    ("pipeline",),
    ("worker",),
    ("viewer",),
    ("cli",),
    ("neurospineseg_panel", "Training", "__main__"),
    MODULE_FILES,
)
"""Folders (and the files beside them) from the lowest floor to the highest; who stands higher may import from below."""


@dataclass(frozen=True)
class Import:
    """One file's import of another module.

    Attributes:
        importer: the importing module's dotted name.
        imported: the dotted name of what is imported: a module of this project, or a package of somebody else.
        when: ``start`` when the importing module is, ``lazy`` in a function, ``typing`` for a type checker alone.
    """

    importer: str
    imported: str
    when: str


def modules() -> dict[str, Path]:
    """The project's modules by dotted name: the library, the panel, the training programs and the three module files."""
    files = [path for package in (FACE, "neurospineseg_panel", "Training") for path in (SOURCES / package).rglob("*.py")]
    named = {_dotted(path): path for path in sorted(files)}
    return named | {name: ROOT / name / f"{name}.py" for name in MODULE_FILES}


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def all_imports() -> list[Import]:
    known = modules()
    return sorted(
        {each for name, path in known.items() for each in imports_of(name, path, known)}, key=lambda each: (each.importer, each.imported)
    )


def imports_of(name: str, path: Path, known: Iterable[str]) -> Iterator[Import]:
    """The imports of one file; ``from package import module`` counts as one of the module."""
    for statement, when in _statements(ast.parse(path.read_text(encoding="utf-8")).body, "start"):
        for imported in _targets(statement, known):
            yield Import(name, imported, when)


def _statements(body: list[ast.stmt], when: str) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement, when
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _statements(statement.body, "lazy")
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _statements(statement.body, "typing")
            yield from _statements(statement.orelse, when)
        else:
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from _statements(getattr(statement, field, []), when)


def _targets(statement: ast.Import | ast.ImportFrom, known: Iterable[str]) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if statement.level:
        raise ValueError(f"imports are written in full here, line {statement.lineno} is relative")
    whole = [f"{statement.module}.{alias.name}" for alias in statement.names]
    return [name if name in known else str(statement.module) for name in whole]


def folder_of(name: str) -> str:
    """The folder of a module as ``FLOORS`` names it: ``images`` for ``neurospineseg.images.volume``; somebody else's package as it is."""
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == FACE and rest else first


def floor_of(name: str) -> int | None:
    """How high a module's folder stands; None for the face and for what is not this project's."""
    folder = folder_of(name)
    return next((height for height, folders in enumerate(FLOORS) if folder in folders), None)


def circle_in(imports: Iterable[Import], key=lambda name: name) -> list[str]:
    """One circle among importers and imported, each taken as ``key`` of its name; empty where there is none."""
    below: dict[str, set[str]] = {}
    for each in imports:
        importer, imported = key(each.importer), key(each.imported)
        if importer != imported:
            below.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def reached_at_start(name: str, imports: Iterable[Import]) -> set[str]:
    """Everything that importing ``name`` imports in turn, with the packages around each module; somebody else's packages by their first name."""
    at_start: dict[str, set[str]] = {}
    for each in imports:
        if each.when == "start":
            at_start.setdefault(each.importer, set()).add(each.imported)
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            parents = {current.rpartition(".")[0]} - {""}
            waiting += parents | at_start.get(current, set())
    return reached


def picture() -> str:
    """Floors from the highest to the lowest, each folder with the folders that it imports from."""
    below: dict[str, set[str]] = {folder: set() for floor in FLOORS for folder in floor}
    for each in all_imports():
        if folder_of(each.importer) in below:
            below[folder_of(each.importer)].add(folder_of(each.imported))
    lines = []
    for height, floor in reversed(list(enumerate(FLOORS))):
        for folder in floor:
            lower = [name for name in below if name in below[folder] - {folder}]
            lines.append(f"{height}  {folder:20}{' '.join(lower)}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    print(picture())
