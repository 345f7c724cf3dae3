"""Records beside masks, recipes, corrections and data sets: JSON and YAML that somebody else wrote."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from Testing.hostile.case import Hostile, endless, fifo, payload, sparse, written
from Training.datasets import corrections, nnunet
from Training.datasets.raw_dataset import read_dataset
from Training.training.recipe import RECIPES, read_recipe

RECORD = {"program": {"name": "NeuroSpineSeg"}, "task": "tumor", "volumes": {"a": {"name": "A", "mL": 1}}}
CASE = {"task": "tumor", "scans": {"t1c": "t1c.nii.gz"}, "label": "label.nii.gz", "structures": {"edema": 2}}
NNUNET = {"channel_names": {"0": "t1c"}, "labels": {"background": 0, "edema": 1}, "file_ending": ".nii.gz"}
PREPARED = {**NNUNET, "neurospineseg": {"task": "tumor"}}
SPLITS = [{"train": ["a"], "val": ["b"]}]
DAMAGED: dict[str, tuple[str, bytes]] = {
    "deep": ("nesting", b"[" * 10_000 + b"]" * 10_000),
    "deep-objects": ("nesting", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "empty": ("truncated", b""),
    "cut": ("truncated", b'{"program": {"na'),
    "not-utf8": ("encoding", b'{"\xff\xfe": 1}'),
    "digits": ("sizes", b'{"a": ' + b"9" * 100_000 + b"}"),
    "large": ("sizes", b'{"a": "' + b"x" * 2**25 + b'"}'),
}
SPECIAL: dict[str, Callable[[Path], Any]] = {"pipe": fifo, "endless": endless, "sparse": sparse, "folder": lambda path: path.mkdir()}


def put(path: Path, content: Any) -> Path:
    """Bytes as they are, anything else as JSON, a function makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):
        content(path)
        return path
    return written(path.parent, path.name, content if isinstance(content, bytes) else json.dumps(content).encode())


def record(name: str, kind: str, content: Any, harmless: bool = False) -> Hostile:
    def make(folder: Path) -> Path:
        put(folder / "mask.json", content)
        return folder / "mask.nii.gz"

    return Hostile(f"record-{name}", kind, make, read_sidecar, harmless)


def recipe(name: str, kind: str, content: Any) -> Hostile:
    return Hostile(
        f"recipe-{name}",
        kind,
        lambda folder: put(folder / "mine.yaml", content() if callable(content) and kind != "special files" else content),
        lambda path: read_recipe(str(path)),
    )


def _corrections(folder: Path) -> None:
    made = corrections.plan(argparse.Namespace(source=folder, task="tumor"))
    if made.problems:
        raise InputError(made.problems[0])
    for case in made.cases:
        case.load()


def correction(name: str, kind: str, content: Any) -> Hostile:
    def make(folder: Path) -> Path:
        case = folder / "tumor-20260101-000000000000-aaaaaaaa"
        for file in ("t1c.nii.gz", "label.nii.gz"):
            written(case, file, b"none")
        put(case / "case.json", content)
        return folder

    return Hostile(f"correction-{name}", kind, make, _corrections)


def _nnunet(folder: Path) -> None:
    made = nnunet.plan(argparse.Namespace(source=folder, task="tumor", rename={}, fold=0))
    if not made.cases:
        raise InputError("The data set holds no case.")
    made.cases[0].load()


def dataset(name: str, kind: str, description: Any, splits: Any = None, prepared: bool = False) -> Hostile:
    def make(folder: Path) -> Path:
        for file in ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"):
            written(folder, file, b"none")
        put(folder / "dataset.json", description() if callable(description) and kind != "special files" else description)
        if splits is not None:
            put(folder / "splits_final.json", splits)
        return folder

    return Hostile(f"{'prepared' if prepared else 'nnunet'}-{name}", kind, make, _prepared if prepared else _nnunet)


def _prepared(folder: Path) -> None:
    found = read_dataset(folder)
    found.read(found.split.named("all")[0])


def _recipe_text(**changes: str) -> bytes:
    import yaml

    content = yaml.safe_load((RECIPES / "tumor_glioma.yaml").read_text(encoding="utf-8"))
    return yaml.safe_dump({**content, **changes}).encode()


LAUGHS = b"a0: &a0 [x, x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)) + b"model: *a39\n"
INPUTS = [
    *(record(name, kind, content) for name, (kind, content) in DAMAGED.items()),
    *(record(name, "special files", special) for name, special in SPECIAL.items()),
    *(record(f"{field}-{value!r}", "wrong types", {**RECORD, field: value}) for field in ("task", "model", "volumes", "seconds", "warnings", "segments", "software") for value in (7, "x", None, [7], {"a": []})
      if not (field == "task" and value == "x")),
    record("color", "wrong types", {**RECORD, "segments": [{"label": 1, "key": "a", "name": "A", "color": [1]}]}),
    record("not-finite", "wrong types", {**RECORD, "volumes": {"a": {"name": "A", "mL": float("nan")}}}, harmless=True),
    record("markup", "$ expressions", {**RECORD, "volumes": {"<script>": {"name": "{{ 7 * 7 }}", "mL": 1}}}, harmless=True),
    record("of-another-program", "wrong types", {"program": {"name": "other"}}, harmless=True),
    *(recipe(name, kind, content) for name, (kind, content) in DAMAGED.items()),
    *(recipe(name, "special files", special) for name, special in SPECIAL.items()),
    recipe("python-object", "pickles", lambda: f"!!python/object/apply:eval [{payload()!r}]".encode()),
    recipe("python-new", "pickles", b"a: !!python/object/new:os.system [true]\n"),
    recipe("python-name", "pickles", b"a: !!python/name:os.system\n"),
    recipe("anchors", "nesting", LAUGHS),
    recipe("anchor-of-itself", "nesting", b"model: &a [*a]\n"),
    recipe("merge", "nesting", b"a: &a {<<: *a}\n"),
    recipe("twice", "duplicates", b"name: a\nname: b\n"),
    recipe("tabs", "encoding", b"\tname: a\n"),
    recipe("null", "encoding", b"name: a\0b\n"),
    recipe("date", "wrong types", b"2026-99-99\n"),
    recipe("key-list", "wrong types", b"? [a, b]\n: 1\n"),
    recipe("key-map", "wrong types", b"{{a: 1}: 2}\n"),
    *(recipe(f"name-{name[:20]!r}", "..", lambda n=name: _recipe_text(name=n)) for name in ("../x", "/etc/x", "", "x/y")),
    *(correction(name, kind, content) for name, (kind, content) in DAMAGED.items()),
    *(correction(name, "special files", special) for name, special in SPECIAL.items() if name != "folder"),
    *(correction(f"scan-{n[:30]!r}", "..", {**CASE, "scans": {"t1c": n}}) for n in ("../../../decoy/secret.raw", "/etc/passwd", "", ".", "a\0b", "x" * 5000, "/dev/zero")),
    *(correction(f"label-{n!r}", "..", {**CASE, "label": n}) for n in ("../../../decoy/secret.raw", "/dev/zero")),
    *(correction(f"{field}-{value!r}", "wrong types", {**CASE, field: value}) for field in CASE for value in (7, None, [[1]])),
    *(correction(f"value-{n!r}", "wrong types", {**CASE, "structures": {"edema": n}}) for n in ("x", None, [], float("inf"))),
    *(dataset(name, kind, content) for name, (kind, content) in DAMAGED.items()),
    *(dataset(name, "special files", special) for name, special in SPECIAL.items()),
    *(dataset(f"ending-{n!r}", "..", {**NNUNET, "file_ending": n}) for n in ("/../../decoy/secret.raw", "*", "[", "**/*", "", 7, None, "\0", "/")),
    *(dataset(f"channel-{n!r}", "wrong types", {**NNUNET, "channel_names": n}) for n in ({"²": "t1c"}, {"x": "t1c"}, {"0": 7}, {"0": "mars"}, [], 7, {})),
    *(dataset(f"labels-{n!r}", "wrong types", {**NNUNET, "labels": n}) for n in ({"edema": "x"}, {"edema": [1]}, {"²": "edema"}, {"edema": 1e300}, {"mars": 1}, [], {"edema": None})),
    dataset("labels-million", "a million labels", lambda: {**NNUNET, "labels": {f"l{n}": n for n in range(100_000)}}),
    *(dataset(f"splits-{name}", kind, NNUNET, content) for name, (kind, content) in DAMAGED.items()),
    *(dataset(f"splits-{n!r}", "wrong types", NNUNET, n) for n in (7, [], [7], [{"train": 7, "val": 7}], [{"train": [[1]], "val": [[1]]}])),
    *(dataset(name, kind, content, SPLITS, True) for name, (kind, content) in DAMAGED.items()),
    *(dataset(f"case-{n!r}", "..", PREPARED, [{"train": [n], "val": ["b"]}], True) for n in ("../../decoy/secret", "/etc/passwd", "a/b", "a\0b", 7, None)),
    dataset("ending-outside", "..", {**PREPARED, "file_ending": "/../../../decoy/secret.raw"}, SPLITS, True),
    dataset("test-outside", "..", {**PREPARED, "neurospineseg": {"task": "tumor", "test": [str(7), "../x"]}}, SPLITS, True),
    dataset("channel-²", "wrong types", {**PREPARED, "channel_names": {"²": "t1c"}}, SPLITS, True),
    dataset("label-infinite", "wrong types", {**PREPARED, "labels": {"background": 0, "edema": float("inf")}}, SPLITS, True),
]  # fmt: skip
