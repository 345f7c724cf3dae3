"""Every stand-in of the bench has only what Python sees of the original; its README says which line of which source it follows."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from Testing.panel import bench as benches
from Testing.panel.bench.sources import CTK, SLICER, Sources

FOLDER = Path(benches.__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (FOLDER / "README.md").read_text("utf-8").splitlines()
    if line.startswith("| `")
]
NO_CLASSES = {"make_sample_data", "make_packaging", "patch_util", "make_i18n", "parameterNodeWrapper"}
SECTION = (
    r"(?:public\s+(?:slots|Q_SLOTS)|signals|Q_SIGNALS)\s*:(.*?)(?=\n(?:public|protected|private|signals|Q_SIGNALS)\b[^\n;]*:|\n\};|\Z)"
)
"""Of a class in a header: what PythonQt shows beside properties and what is marked invokable."""


def stand_in(row: list[str]) -> Any:
    module, name = row[0].strip("`").split(".")
    return getattr(importlib.import_module(f"Testing.panel.bench.{module}"), name)


def sources_of(row: list[str]) -> tuple[Sources, list[str]]:
    """Where the row's files lie, and their paths; the first with a line number."""
    found = Sources(CTK if row[1].startswith("ctk ") else SLICER)
    if found.place is None:
        pytest.skip(f"the sources are not here (set {found.variable})")
    return found, re.findall(r"`([^`]+)`", row[1] + row[2])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_it_follows_the_line_that_is_named(application: Any, row: list[str]) -> None:
    sources, (first, *_) = sources_of(row)
    path, _, line = first.partition(":")
    text = sources.read(path).splitlines()[int(line) - 1]
    assert re.match(r"(class|def) ", text.strip()), text


def seen_by_python(path: str, text: str) -> set[str]:
    """Names that Python code reaches: of a C++ header properties, slots, signals and what is invokable; all words of another file."""
    if not path.endswith(".h"):
        return set(re.findall(r"\w+", text))
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    found = re.findall(r"Q_PROPERTY\([^)]*?[\s*&](\w+)\s+(?:READ|MEMBER)", code)
    found += re.findall(r"Q_INVOKABLE[^;{(]*?[\s*&](\w+)\s*\(", code)
    for section in re.findall(SECTION, code, re.DOTALL):
        found += re.findall(r"[\s*&](\w+)\s*\(", section)
    return set(found)


HEADER = """
class A : public B
{
  Q_OBJECT
  Q_PROPERTY(bool on READ isOn WRITE setOn)
public:
  int hidden() const;
  Q_INVOKABLE vtkNode* told() const; // not this()
public slots:
  virtual void run(int x);
protected slots:
  void own();
signals:
  void done();
};
"""


def test_python_does_not_see_what_is_public_only() -> None:
    assert seen_by_python("a.h", HEADER) == {"on", "told", "run", "done"}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[0].strip("`").split(".")[1] not in NO_CLASSES], ids=lambda row: row[0].strip("`")
)
def test_it_has_no_name_that_python_does_not_see_of_the_original(application: Any, row: list[str]) -> None:
    sources, paths = sources_of(row)
    files = [path.partition(":")[0] for path in paths]
    seen = set().union(*(seen_by_python(path, sources.read(path)) for path in files if not path.endswith(".cxx")))
    names = {name for name in vars(stand_in(row)) if not name.startswith("_")} - {"staticMetaObject", "minimumSizeHint", "paintEvent"}
    assert names - seen - set(row[3].split()) == set()


def functions_of(made: Any) -> Iterator[tuple[str, set[str]]]:
    """``Class.name`` or ``name`` and parameters of every function of a class or module; ``*`` and ``**`` for those that take any."""
    for name, kind in vars(made).items():
        plain = kind.__func__ if isinstance(kind, staticmethod) else kind
        if isinstance(plain, types.FunctionType) and (name == "__init__" or not name.startswith("_")):
            stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
            taken = {stars.get(each.kind, each.name) for each in inspect.signature(plain).parameters.values()}
            yield (f"{made.__name__}.{name}" if inspect.isclass(made) else name), taken - {"self"}
        elif inspect.isclass(kind) and isinstance(made, types.ModuleType):
            yield from functions_of(kind)


def originals_of(text: str) -> dict[str, set[str]]:
    """What each function and method of a Python file takes."""
    found = {}
    for owner in (tree := ast.parse(text), *(each for each in tree.body if isinstance(each, ast.ClassDef))):
        for each in owner.body:
            if isinstance(each, ast.FunctionDef):
                names = {argument.arg for argument in (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)}
                stars = {star for star, there in (("*", each.args.vararg), ("**", each.args.kwarg)) if there}
                found[f"{owner.name}.{each.name}" if isinstance(owner, ast.ClassDef) else each.name] = names | stars
    return found


def made_by(row: list[str], application: Any) -> Any:
    """A class, or the module that a function makes."""
    found = stand_in(row)
    return found if inspect.isclass(found) else found(*[application][: len(inspect.signature(found).parameters)])


IN_PYTHON = [row for row in ROWS if ".py:" in row[1] and not any(name in row[0] for name in ("patch_util", "parameterNodeWrapper"))]
"""Not those that keep the original's signature by themselves, or make a class."""


@pytest.mark.parametrize("row", IN_PYTHON, ids=lambda row: row[0].strip("`"))
def test_its_functions_take_no_other_arguments(application: Any, row: list[str]) -> None:
    sources, (first, *_) = sources_of(row)
    originals = originals_of(sources.read(first.partition(":")[0]))
    for name, taken in functions_of(made_by(row, application)):
        original = originals.get(name) or originals.get(name.partition(".")[2])
        assert original is None or taken <= original, name


def test_every_class_of_the_bench_is_in_the_table(application: Any) -> None:
    listed = {row[0].strip("`") for row in ROWS}
    tools = {"application.Signals", "application.Modules", "pythonqt.PythonQtObject", "sources.Sources", "parameter_node._Wrapper"}
    found = set()
    for path in FOLDER.glob("*.py"):
        module = importlib.import_module(f"Testing.panel.bench.{path.stem}") if path.stem != "__init__" else benches
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                found.add(f"{path.stem}.{name}")
    assert found - listed - tools == set()
