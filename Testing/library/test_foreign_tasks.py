"""Tasks in the folders of other people: what cannot be used is left out and named, and the rest still works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from neurospineseg import tasks
from neurospineseg.cli.doctor import _unusable_functions
from neurospineseg.cli.main import main, make_parser
from neurospineseg.cli.segment import file_job_of
from neurospineseg.errors import InputError
from neurospineseg.models.bundle import BundleError, find_bundle
from neurospineseg.tasks import task as registry
from neurospineseg.tasks.channel import Channel
from neurospineseg.tasks.declarations import called, folders_without_tasks
from neurospineseg.tasks.structure import Code, Structure
from neurospineseg.tasks.task import Phantom, Task, forget_task, refused_declarations, register_task, registered_tasks, task_named

OWN = ["tumor", "spine", "subcortical"]
GOOD = """
from neurospineseg.tasks.channel import Channel
from neurospineseg.tasks.structure import Code, Structure
from neurospineseg.tasks.task import Task

FEMUR = Structure("{name}_femur", "Femur", 1, Code("SCT", "71341001", "Femur"), (200, 180, 140))
TASK = Task("{name}", "Knee", "bones of the knee", (Channel("image", "Scan"),), (FEMUR,), (10.0, 20.0, 20.0))
"""
FEMUR = Structure("knee_femur", "Femur", 1, Code("SCT", "71341001", "Femur"), (200, 180, 140))
KNEE = Task("knee", "Knee", "bones of the knee", (Channel("image", "Scan"),), (FEMUR,), (10.0, 20.0, 20.0))


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Writes a declaration into a folder of tasks that this process then knows; returns its path."""
    registered_tasks()
    before = set(sys.modules)
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    monkeypatch.setattr(registry, "_looked_for", list(registry._looked_for))
    monkeypatch.setattr(registry, "_refused", {})
    monkeypatch.setattr(tasks, "__path__", list(tasks.__path__)[:1])

    def write(name: str, text: str = GOOD, folder: str = "theirs") -> Path:
        declaration = tmp_path / folder / name / "declaration.py"
        declaration.parent.mkdir(parents=True)
        declaration.write_text(text.replace("{name}", "knee"), encoding="utf-8")
        if str(tmp_path / folder) not in tasks.__path__:
            tasks.__path__.append(str(tmp_path / folder))
        return declaration

    yield write
    for name in set(sys.modules) - before:
        package = ".".join(name.split(".")[:3])
        if name.startswith("neurospineseg.tasks.") and package not in before:
            del sys.modules[name]
            vars(tasks).pop(package.rpartition(".")[2], None)


def names() -> list[str]:
    return [task.name for task in registered_tasks()]


@pytest.mark.parametrize(
    ("folder", "text", "said"),
    [
        ("knee - Copy", GOOD, "'knee - Copy' cannot name a module"),
        ("knee.v2", GOOD, "'knee.v2' cannot name a module"),
        ("tumor", GOOD, "'tumor' is taken, by"),
        ("anatomy", GOOD, "'anatomy' is taken, by"),
        ("leg", "import nonexistent_thing", "No module named 'nonexistent_thing'"),
        ("leg", "TASK = (", "SyntaxError"),
        ("leg", "raise SystemExit('enough')", "SystemExit: enough"),
        ("leg", "A = 1", "holds no Task"),
        ("leg", "TASK = 3", "is no Task"),
        ("leg", GOOD.replace('"{name}", "Knee"', '"tumor", "Knee"'), "There is a task 'tumor' already"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_named(folder: str, text: str, said: str, declare: Callable[..., Path]) -> None:
    refused, _ = declare(folder, text), declare("knee_of_ours")
    assert names() == [*OWN, "knee"], "the rest works"
    (sentence,) = refused_declarations()
    assert sentence.startswith(f"{refused}: ")
    assert said in sentence
    assert names() == [*OWN, "knee"]
    assert refused_declarations() == [sentence], "it is looked for once"


def test_a_folder_name_in_two_folders_of_tasks(declare: Callable[..., Path]) -> None:
    first, second = declare("knee", folder="one"), declare("knee", GOOD.replace("{name}", "elbow"), folder="two")
    assert names() == [*OWN, "knee"]
    (sentence,) = refused_declarations()
    assert sentence == f"{second}: the folder's name 'knee' is taken, by {first}; rename the folder."


def test_the_shell_says_what_was_left_out(declare: Callable[..., Path], capsys: pytest.CaptureFixture[str], tiny_models: Path) -> None:
    refused = declare("leg", "import nonexistent_thing  # 100 %")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "nonexistent_thing" in capsys.readouterr().out
    assert main(["models"]) == 0
    assert f"{refused}: " in capsys.readouterr().out
    main(["doctor"])
    said = capsys.readouterr().out
    assert f"{refused}: " in said
    assert "Ready to segment." in said
    assert main(["segment", "leg", "a.nii", "-o", "b.nii"]) == 2
    assert f"{refused}: " in capsys.readouterr().err


def test_who_asks_for_a_task_that_was_left_out_is_told(declare: Callable[..., Path]) -> None:
    refused = declare("leg", "import nonexistent_thing")
    with pytest.raises(InputError, match=f"There is no task 'leg'.*{refused}"):
        task_named("leg")


def test_folders_without_tasks_are_named(declare: Callable[..., Path], tmp_path: Path) -> None:
    knee = declare("knee").parent
    assert folders_without_tasks() == []
    tasks.__path__ += [str(tmp_path / "nowhere"), str(knee)]
    missing, itself = folders_without_tasks()
    assert f"{tmp_path / 'nowhere'}, which NEUROSPINESEG_TASKS names, is missing" in missing
    assert f"name {knee.parent} instead" in itself


def test_a_relative_folder_is_read_from_where_the_program_started(declare: Callable[..., Path], tmp_path: Path) -> None:
    declare("knee")
    code = "import os; from neurospineseg.tasks.task import registered_tasks; os.chdir('/'); print(*[t.name for t in registered_tasks()])"
    done = subprocess.run(
        [sys.executable, "-c", "import neurospineseg.tasks;" + code],
        cwd=tmp_path,
        env={**os.environ, "NEUROSPINESEG_TASKS": "theirs"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [*OWN, "knee"]


CHANNELS = ("model", "output", "device", "region", "register", "help", "debug", "pd")


def test_a_channel_may_be_named_like_an_option_of_the_shell(declare: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    register_task(replace(KNEE, channels=tuple(Channel(key, key.title()) for key in CHANNELS), registers=True))
    line = [
        "segment",
        "knee",
        "--scan-model",
        "m.nii",
        "--region",
        "r.nii",
        "--pd",
        "p.nii",
        "--model",
        "any",
        "-o",
        "out.nii",
        "--register",
    ]
    job = file_job_of(make_parser().parse_args(line))
    assert {key: path.name for key, path in job.scans.items()} == {"model": "m.nii", "region": "r.nii", "pd": "p.nii"}
    assert (job.settings.model, job.settings.region, job.settings.register) == ("any", None, True)
    assert main(["segment", "knee", "-o", "out.nii"]) == 2
    assert "--scan-model, --scan-output" in capsys.readouterr().err


def test_the_only_channel_may_be_named_so_too(declare: Callable[..., Path]) -> None:
    register_task(replace(KNEE, channels=(Channel("model", "Scan"),)))
    job = file_job_of(make_parser().parse_args(["segment", "knee", "m.nii", "-o", "out.nii"]))
    assert {key: path.name for key, path in job.scans.items()} == {"model": "m.nii"}
    assert job.settings.model is None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Channel("t1-c", "T1"), "'t1-c' cannot be the key"),
        (lambda: replace(KNEE, channels=(Channel("a", "A"), Channel("a", "B"))), "Two channels .* the same key: a"),
        (lambda: replace(FEMUR, label=0), "label value 0"),
        (lambda: replace(FEMUR, label=70000), "label value 70000"),
        (lambda: replace(FEMUR, key="fe,mur"), "'fe,mur' cannot be the key"),
        (lambda: replace(FEMUR, color=(1, 2, 900)), "900"),
        (lambda: replace(FEMUR, color=(1, 2)), r"\(1, 2\)"),
        (lambda: replace(KNEE, least_extent_mm=(80.0, 40.0)), "three lengths"),
        (lambda: replace(KNEE, least_extent_mm=(80.0, 40.0, 40.0)), "shortest first"),
        (lambda: replace(KNEE, least_extent_mm=(0.0, 40.0, 40.0)), "above 0"),
        (lambda: replace(KNEE, needed_classes=(("nope",),)), "no class 'nope'"),
        (lambda: replace(KNEE, rules="rules.py"), "'rules.py' names no function"),
    ],
)
def test_values_that_a_declaration_may_not_hold(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_a_missing_package_is_not_the_declarations_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_more.py").write_text("import nonexistent_package\n", encoding="utf-8")
    (tmp_path / "raises.py").write_text("None.nothing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nonexistent_package"):
        called("needs_more:rules")
    with pytest.raises(AttributeError, match="nothing"):
        called("raises:rules")
    with pytest.raises(InputError, match="nonexistent_package.rules:f"):
        called("nonexistent_package.rules:f")


def test_the_doctor_names_functions_that_are_missing() -> None:
    assert [_unusable_functions(task) for task in registered_tasks() if task.name in OWN] == [[], [], []]
    sentences = _unusable_functions(
        replace(KNEE, rules="nowhere:f", notes="math:nothing", fit="math:less", phantom=Phantom("nowhere.more:draw"))
    )
    assert [sentence.partition(" of knee cannot be used: ")[0] for sentence in sentences] == [
        "The rules",
        "The notes",
        "The fit",
        "The phantom",
    ]
    assert "math:nothing" in sentences[1]


@pytest.fixture
def orphan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of a task that is not registered, in a folder that is looked into."""
    folder = tmp_path / "models" / "knee_bones"
    (folder / "configs").mkdir(parents=True)
    spec = {"name": "knee_bones", "task": "gizmo", "channels": ["image"], "spacing": [1, 1, 1], "patch": [8, 8, 8]}
    metadata = {"neurospineseg": {**spec, "normalization": "foreground_zscore", "classes": ["background", "femur"]}}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (folder / "configs" / "inference.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(folder.parent))
    return folder


def test_a_model_of_an_unknown_task_hides_no_other(orphan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "tumor_" in listed
    assert f"{orphan}: The bundle 'knee_bones'" in listed
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "Ready to segment." in said
    assert f"{orphan}: " in said
    with pytest.raises(BundleError, match="There is no model 'nothing'; installed: .*tumor_"):
        find_bundle("nothing")


def test_a_task_can_be_forgotten_after_its_folder(declare: Callable[..., Path]) -> None:
    declare("knee")
    assert names() == [*OWN, "knee"]
    forget_task("knee")
    assert names() == OWN
