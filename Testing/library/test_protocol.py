"""What window and worker say to each other survives the way through JSON, and what is not declared is refused by name."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

import neurospineseg
from neurospineseg.cli.main import make_parser
from neurospineseg.cli.run_options import settings_of
from neurospineseg.errors import InputError
from neurospineseg.geometry.region import Region
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Stage, StageWatch
from neurospineseg.worker.json_lines import ProtocolError, line_of, message_in
from neurospineseg.worker.operations import OPERATIONS
from neurospineseg.worker.protocol import Answer, CaseBegun, CaseOver, Died, Done, Failed, Idle, Progress, Ready, Refused
from neurospineseg.worker.requests import (
    AddModel,
    Describe,
    FindRegion,
    Follow,
    MatchFolder,
    Measure,
    Quit,
    Request,
    RunBatch,
    RunFiles,
    ScanFile,
    Segment,
    StopBatch,
    StoreCorrection,
    StudyFiles,
    Warm,
)
from neurospineseg.worker.results import (
    BatchOver,
    Core,
    CorrectionStored,
    Described,
    FilesWritten,
    FolderMatched,
    Followed,
    InsideFile,
    MatchedCase,
    Measured,
    ModelAdded,
    RegionFound,
    Segmented,
    StructureBox,
    UncertainPlace,
    Warmed,
)

LIBRARY = Path(neurospineseg.__file__).parent
EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
BOX = Region((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
CHOSEN = Settings("spine_3d", "cpu", ("edema",), BOX, True, True, True, True)
SCANS = {"t1c": ScanFile("a.npy", EYE)}
REQUESTS = [
    Warm("tumor"),
    Segment("tumor", CHOSEN, SCANS, inside=True),
    Segment("spine", CHOSEN, SCANS, levels={"vertebra_L1": (1.0, 2.0, 3.0)}),
    FindRegion("spine", Settings(region="auto"), SCANS),
    RunFiles("tumor", {"t1c": Path("a.nii.gz")}, Path("b.nrrd"), CHOSEN, Path("hidden")),
    RunFiles("tumor", {"t1c": Path("a")}, Path("b.nrrd"), CHOSEN, None, 2, "LPS", (0.5, 0.5, 3.0), ("series=4", "flair:series=7")),
    StoreCorrection("tumor", Path("cases"), SCANS, "l.npy", None, {"name": "x"}),
    Measure("subcortical", SCANS["t1c"], SCANS, ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
    Follow("tumor", (StudyFiles("2024", SCANS["t1c"], SCANS["t1c"]), StudyFiles("2025", SCANS["t1c"]))),
    MatchFolder("tumor", Path("cases"), Path("masks")),
    RunBatch("tumor", Path("masks/cases.csv"), Path("masks"), CHOSEN),
    StopBatch(),
    AddModel("tumor", Path("model.zip"), {"post": "t1c"}),
    Describe(),
    Quit(),
]
RESULTS = [
    Warmed("tiny", "cpu"),
    Described("cuda:0", "a GPU", ("cuda:0", "cpu"), ("tiny",)),
    Segmented("l.npy", {"task": "tumor"}, ("edema",), (StructureBox("edema", 2, (0, 1, 2, 3, 4, 5), 0.5),), "u.npy",
              (UncertainPlace((1.0, 2.0, 3.0), "edema", True, 0.5, 0.25),), InsideFile("i.npy", (1, 2, 3)), ("a sentence",),
              Core((1, 2, 3), (0, 1, 2), (4, 5, 6))),
    RegionFound(BOX),
    FilesWritten({"a": [1, 2]}, ()),
    CorrectionStored(Path("case"), {"edema": 0.5}),
    Measured({"task": "spine", "notes": [], "measurements": []}),
    ModelAdded(None, ("post",), ("a sentence",)),
    Followed((("2024", "Volumes"), ("2025", "Volumes")), ("change0.npy",), ("a sentence",)),
    FolderMatched((MatchedCase("p1", {"t1c": Path("a")}, {"t1c": "its name"}, "no"),), ("a sentence",)),
    BatchOver({"p1": "done"}),
]  # fmt: skip
ANSWERS = [
    Ready(3, "0.1.0"),
    Idle(),
    Progress(Stage.CHECKING, 0.5),
    CaseBegun("p1", 0, 3),
    CaseOver("p1", "done", ("a sentence",)),
    *map(Done, RESULTS),
    Refused("no", True),
    Failed("no", "why"),
    Died((1, 2), None, "gone"),
]


def through_json(message: Any, kinds: Any) -> Any:
    return message_in(json.loads(line_of(message, 1)), kinds)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda message: type(message).__name__)
def test_a_request_arrives_as_it_was_sent(request_: Any) -> None:
    assert through_json(request_, Request) == request_


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda message: type(getattr(message, "result", message)).__name__)
def test_an_answer_arrives_as_it_was_sent(answer: Any) -> None:
    assert through_json(answer, Answer) == answer


def test_every_request_but_those_to_end_has_an_operation() -> None:
    assert {*OPERATIONS, Quit, StopBatch} == set(get_args(Request)) == set(map(type, REQUESTS))


@pytest.mark.parametrize(
    "said, words",
    [
        ({"message": "Nonsense"}, "There is no message 'Nonsense'; there are Warm, Segment"),
        ({"message": "Warm", "fields": {"task": "tumor", "shade": 1}}, "The message Warm has no field 'shade'."),
        ({"message": "Warm", "fields": {}}, "The message Warm lacks its field 'task'."),
        ({"message": "Warm", "fields": {"task": 3}}, "Warm.task is 3"),
        ({"message": "Segment", "fields": {"task": "tumor", "scans": {"t1c": 3}}}, "Segment.scans is 3"),
        ({"message": "Warm", "fields": ["task"]}, "The fields of Warm are ['task']"),
        ({"message": "Warm", "fields": 5}, "The fields of Warm are 5"),
        ({"message": ["x"], "fields": {}}, "is no message"),
        ({"message": "Segment", "fields": {"task": "tumor", "scans": {"t1c": {"fields": {}}}}}, "{'fields': {}} is no message"),
        ({"message": "Quit", "fields": {}, "version": 9}, "The message Quit has 'version' beside its fields."),
        ({"id": [1], "message": "Quit", "fields": {}}, "The number of a request is [1]"),
        ({"id": True, "message": "Quit", "fields": {}}, "The number of a request is True"),
        ([1], "[1] is no message."),
    ],
)
def test_what_is_not_declared_is_refused_by_name(said: Any, words: str) -> None:
    with pytest.raises(ProtocolError, match=re.escape(words)):
        message_in(said, Request)


def test_a_truth_value_is_no_number() -> None:
    with pytest.raises(ProtocolError, match="Ready.pid is True"):
        message_in({"message": "Ready", "fields": {"pid": True, "version": "0.1.0"}}, Answer)


@pytest.mark.parametrize("result", [None, 5, {"message": "Warmed"}, {"fields": {}}])
def test_a_result_that_is_no_message_is_refused(result: Any) -> None:
    with pytest.raises(ProtocolError):
        message_in({"message": "Done", "fields": {"result": result}}, Answer)


def test_an_unknown_option_of_a_run_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="There is no option 'smooth'; choose among model, device"):
        message_in({"message": "Warm", "fields": {"task": "tumor", "settings": {"smooth": True}}}, Request)


def test_an_unknown_stage_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="There is no stage 'Dreaming'; the stages are"):
        message_in({"message": "Progress", "fields": {"stage": "Dreaming", "fraction": 0.5}}, Answer)
    with pytest.raises(ValueError, match="There is no stage 'Dreaming'"):
        StageWatch().start("Dreaming")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given, keys",
    [
        (None, None),
        ([], None),
        ("edema", ("edema",)),
        ("edema, core", ("edema", "core")),
        (["edema"], ("edema",)),
        (("edema",), ("edema",)),
    ],
)
def test_structures_have_one_form_however_they_are_given(given: Any, keys: tuple[str, ...] | None) -> None:
    assert Settings.of({"structures": given}).structures == keys


@pytest.mark.parametrize("given", [BOX, BOX.as_lists(), "-1,3,-0.5,4.5,0,6", (-1, 3, -0.5, 4.5, 0, 6)])
def test_a_region_has_one_form_however_it_is_given(given: Any) -> None:
    assert Settings.of({"region": given}).region == BOX


@pytest.mark.parametrize(
    "options, words",
    [
        ({"structures": " , "}, "No structure was named"),
        ({"region": "left half"}, "is not six numbers"),
        ({"region": (3, 1, 0, 1, 0, 1)}, "low before high"),
        ({"anyway": True}, "There is no option 'anyway'"),
        ({"model": ""}, "There is no model ''"),
        ({"model": 7}, "'model' is 7"),
        ({"device": None}, "'device' is None"),
        ({"device": ""}, "There is no device ''"),
        ({"structures": 5}, "The structures 5"),
        ({"structures": [1, 2]}, "'structures' is"),
        ({"region": 5}, "is not six numbers"),
        ({"region": True}, "is not six numbers"),
        ({"region": {"a": 1}}, "region is malformed"),
        ({"region": {**BOX.as_lists(), "center_ras_mm": [float("nan"), 0, 0]}}, "not finite"),
        ({"region": {**BOX.as_lists(), "size_mm": [float("inf"), 1, 1]}}, "not finite"),
        ({"force": "no"}, "'force' is 'no'; give True or False"),
        ({"force": None}, "'force' is None"),
        ({"register": "false"}, "'register' is 'false'"),
        ({"uncertainty": "x"}, "'uncertainty' is 'x'"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_in_a_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Settings.of(options)


@pytest.mark.parametrize(
    "fields",
    [{"region": "bogus"}, {"region": (1, 2)}, {"structures": "edema"}, {"structures": ()}, {"model": ""}, {"force": 1}, {"device": 5}],
)
def test_settings_hold_nothing_of_another_type(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Settings(**fields)


def test_settings_survive_the_way_through_json() -> None:
    assert Settings.of(json.loads(json.dumps(CHOSEN.to_json()))) == CHOSEN


def test_every_option_of_a_run_is_one_of_the_shell() -> None:
    parsed = make_parser().parse_args(["segment", "tumor", "--t1c", "a.nii.gz", "-o", "b.nii.gz"])
    assert {each.name for each in fields(Settings)} - set(vars(parsed)) == {"uncertainty"}, "the shell has no way to show uncertainty"
    assert settings_of(parsed) == Settings()


def test_a_run_option_goes_to_the_worker_without_being_named_on_the_way() -> None:
    """Who adds an option names it in ``Settings`` and where it is chosen and heeded, nowhere between."""
    between = ("protocol", "requests", "results", "json_lines", "operations", "server", "client")
    texts = [(LIBRARY / "worker" / f"{name}.py").read_text(encoding="utf-8") for name in between]
    texts += [(LIBRARY / name).read_text(encoding="utf-8") for name in ("pipeline/file_job.py", "cli/segment.py", "cli/batch.py")]
    named = [name for name in ("register", "force", "device") for text in texts if f"{name}=" in text or f'"{name}"' in text]
    assert named == []
