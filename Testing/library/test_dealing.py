"""Which worker of a cluster gets which case: with a connection that answers at once, so that every turn can be seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import neurospineseg
from neurospineseg.cli.time_left import TimeLeft
from neurospineseg.errors import InputError
from neurospineseg.locks import locked
from neurospineseg.models.fingerprint import fingerprint
from neurospineseg.pipeline import cluster as connection
from neurospineseg.pipeline import cluster_case, dealing
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.cluster import Cluster, Worker, called_there, model_for_all
from neurospineseg.pipeline.cluster_case import judged, segment_case, token_of
from neurospineseg.pipeline.dealing import MOST_LOSSES, Dealing
from neurospineseg.pipeline.overlap import Outcome
from neurospineseg.pipeline.summary import SUMMARY

DONE = {"warnings": []}


class Future:
    """As Dask's: over at once, unless nothing came of it."""

    def __init__(self, key: str, answer: Any, status: str = "finished") -> None:
        self.key, self.answer, self.status = key, answer, status

    def result(self, timeout: float) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def add_done_callback(self, call: Callable[[Future], None]) -> None:
        if self.answer is not None:
            call(self)


class Stand:
    """As ``Cluster``: its workers answer what ``answer`` says of a worker and a case; None where they never do."""

    order: Mapping[str, Any] = {}

    def __init__(self, workers: Sequence[Worker], answer: Callable[[str, str], Any] = lambda worker, case: DONE) -> None:
        self.there = {worker.address: worker for worker in workers}
        self.answer, self.gave, self.left_out, self.tidy_times = answer, [], [], 0

    def workers(self) -> Mapping[str, Worker]:
        return self.there

    def is_connected(self, worker: str) -> bool:
        return worker in self.there

    def submit(self, function: str, order: Mapping[str, Any], worker: Worker) -> Future:
        case = order["case"]["name"]
        self.gave.append((worker.address, case))
        answer = self.answer(worker.address, case)
        return Future(f"{case}-{len(self.gave)}", answer, "error" if isinstance(answer, Exception) else "finished")

    def cancel(self, futures: Sequence[Future]) -> None:
        pass

    def leave_out(self, worker: str, why: str) -> None:
        self.left_out.append(why)
        self.there.pop(worker, None)

    def tidy(self) -> None:
        self.tidy_times += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(dealing, "AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(cluster_case, "SHARE_SECONDS", 0.0)


def cases(*names: str) -> list[Case]:
    return [Case(name, {"image": Path(f"{name}.nii")}) for name in names]


def words(stand: Stand, folder: Path, some: Sequence[Case]) -> list[tuple[str, str]]:
    return [(outcome.case.name, outcome.words) for outcome in Dealing(stand, folder, {}).outcomes(some)]


def test_a_worker_has_as_many_cases_as_it_takes_and_one_with_a_gpu_one(tmp_path: Path) -> None:
    stand = Stand([Worker("gpu", 1, True), Worker("cpu", 3)], lambda worker, case: None)
    steps = Dealing(stand, tmp_path, {}).outcomes(cases(*"abcdefg"))

    def end(*waited: object) -> Mapping[str, Worker]:
        if len(stand.gave) == 4:
            raise InputError("enough was seen")
        return stand.there

    stand.workers = end
    with pytest.raises(InputError, match="enough"):
        list(steps)
    assert [worker for worker, _ in stand.gave].count("gpu") == 1
    assert [worker for worker, _ in stand.gave].count("cpu") == 3


def test_cases_of_a_lost_worker_go_to_another_once_each(tmp_path: Path) -> None:
    def answer(worker: str, case: str) -> Any:
        if worker == "bad":
            stand.there.pop("bad")
            return None
        return DONE

    stand = Stand([Worker("bad", 1), Worker("good", 1)], answer)
    assert sorted(words(stand, tmp_path, cases("a", "b", "c"))) == [("a", "done"), ("b", "done"), ("c", "done")]
    assert stand.tidy_times == 1


def test_a_case_whose_workers_end_one_after_the_other_stops_no_other(tmp_path: Path) -> None:
    def answer(worker: str, case: str) -> Any:
        if case != "b":
            return DONE
        stand.there.pop(worker)
        stand.there[f"{worker}+"] = Worker(f"{worker}+", 1)
        return None

    stand = Stand([Worker("w", 1)], answer)
    found = dict(words(stand, tmp_path, cases("a", "b", "c")))
    assert found == {"a": "done", "b": found["b"], "c": "done"}
    assert "they may lack memory" in found["b"]
    assert [case for _, case in stand.gave].count("b") == MOST_LOSSES + 1


def test_a_case_with_a_problem_or_a_mask_is_given_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "a.seg.nrrd").write_text("mask")
    stand = Stand([Worker("w", 1)])
    some = [*cases("a"), Case("b", problem="It has no scan."), *cases("c")]
    assert words(stand, tmp_path, some) == [("a", "kept"), ("b", "It has no scan."), ("c", "done")]
    assert stand.gave == [("w", "c")]


def test_what_another_process_still_holds_is_tried_again_and_at_last_told(tmp_path: Path) -> None:
    held = {"a": 2, "b": 99}

    def answer(worker: str, case: str) -> Any:
        held[case] -= 1
        return {"again": "Another run writes it."} if held[case] >= 0 else DONE

    stand = Stand([Worker("w", 1)], answer)
    assert sorted(words(stand, tmp_path, cases("a", "b"))) == [("a", "done"), ("b", "Another run writes it.")]


def test_a_mask_that_a_lost_worker_wrote_counts_as_done(tmp_path: Path) -> None:
    assert words(Stand([Worker("w", 1)], lambda worker, case: {"kept": True}), tmp_path, cases("a")) == [("a", "done")]


def test_a_worker_of_another_version_is_left_out_and_its_case_goes_elsewhere(tmp_path: Path) -> None:
    stand = Stand([Worker("old", 1), Worker("w", 1)], lambda worker, case: {"unfit": "has neurospineseg 0"} if worker == "old" else DONE)
    assert sorted(words(stand, tmp_path, cases("a", "b"))) == [("a", "done"), ("b", "done")]
    assert stand.left_out == ["has neurospineseg 0"]


class Client:
    """As Dask's, with workers of any Python."""

    status = "running"

    def __init__(self, pythons: Mapping[str, str], answers: Mapping[str, Any]) -> None:
        self.pythons, self.answers = pythons, answers

    def close(self, timeout: float = 0.0) -> None:
        pass

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.pythons, 8)

    def get_versions(self) -> dict[str, Any]:
        return {"workers": {worker: {"host": {"python": version}} for worker, version in self.pythons.items()}}

    def run(self, function: object, order: object, workers: Sequence[str], on_error: str) -> dict[str, Any]:
        return {worker: self.answers[worker] for worker in workers}


HERE = ".".join(str(number) for number in sys.version_info[:3])


def connected(tmp_path: Path, client: Client, told: list[str]) -> Cluster:
    pytest.importorskip("distributed")
    cluster = Cluster("tcp://somewhere:1", told.append)
    cluster._client = client
    with locked(tmp_path / SUMMARY, "held"):
        cluster.check(cases("a"), tmp_path, "tumor", None)
    return cluster


def test_each_worker_is_asked_and_those_that_cannot_are_named(tmp_path: Path) -> None:
    told: list[str] = []
    pythons = {"gpu": HERE, "cpu": HERE, "blind": HERE, "old": "3.8.1", "odd": HERE}
    answers = {"gpu": {"resources": {"GPU": 1}}, "cpu": {"resources": {}}, "blind": {"unfit": "cannot see it"}, "odd": TypeError("x")}
    cluster = connected(tmp_path, Client(pythons, answers), told)
    assert dict(cluster.workers()) == {"gpu": Worker("gpu", 1, True), "cpu": Worker("cpu", connection.MOST_AT_ONCE)}
    assert "The worker blind cannot see it; it is given no cases." in told
    assert any("old runs Python 3.8 and this computer" in sentence for sentence in told)
    assert "The worker odd could not be asked (TypeError); look into its log; it is given no cases." in told


def test_a_cluster_in_which_no_worker_can_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No worker can segment these cases: the worker blind cannot see it."):
        connected(tmp_path, Client({"blind": HERE}, {"blind": {"unfit": "cannot see it"}}), [])


def test_workers_that_come_later_are_asked_too_and_those_that_go_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    client = Client({"a": HERE}, {"a": {"resources": {}}, "b": {"resources": {}}, "c": {"unfit": "cannot see it"}})
    cluster = connected(tmp_path, client, told)
    client.pythons, cluster._due = {"b": HERE, "c": HERE}, 0.0
    assert set(cluster.workers()) == {"b"}
    assert told == ["The worker a has gone; its cases are segmented by others.", "The worker c cannot see it; it is given no cases."]
    client.pythons, cluster._due = {}, 0.0
    cluster.workers()
    assert told[-1] == "No worker is left that can go on; the batch waits for others."


async def reached(address: str) -> None:
    """As if a scheduler answered."""


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", lambda *arguments, **options: Client({}, {}))
    monkeypatch.setattr(connection, "_reach", reached)
    with pytest.raises(InputError, match="has no workers; start some with `dask worker tcp:"):
        with Cluster("tcp://somewhere:1"):
            pass


def test_a_scheduler_that_is_lost_is_a_sentence(tmp_path: Path) -> None:
    cluster = connected(tmp_path, Client({"a": HERE}, {"a": {"resources": {}}}), [])
    cluster._client.status, cluster._due = "closed", 0.0
    with pytest.raises(InputError, match="was lost; the masks that were written are kept: run the command again to go on"):
        cluster.workers()


def test_another_version_and_a_missing_package_are_told_by_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    call = called_there("cluster_case.judged", "0.0")
    assert call({})["unfit"].startswith(f"has neurospineseg {neurospineseg.__version__} and this computer 0.0;")
    monkeypatch.setitem(sys.modules, "neurospineseg", None)
    assert call({})["unfit"] == "lacks the package neurospineseg; install it there"


def write_model(folder: Path, weights: bytes = b"weights", helper: str | None = None) -> Path:
    """A folder that looks like a bundle."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps({"neurospineseg": {"name": folder.name, "recognizer": helper}}))
    (folder / "models" / "model.pt").write_bytes(weights)
    return folder


@pytest.fixture
def order(tmp_path: Path) -> dict[str, Any]:
    """What a worker is asked by a batch that runs: scans, masks and model are there."""
    model = str(write_model(tmp_path / "mine"))
    found = {"folder": str(tmp_path), "output": str(tmp_path), "task": "tumor", "model": model}
    return {**found, "fingerprint": fingerprint("tumor", model)}


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, None),
        ({"folder": "/nowhere/scans"}, "cannot see the folder '/nowhere/scans'"),
        ({"output": "/nowhere/masks"}, "sees another folder '/nowhere/masks' than this computer, or none"),
        ({"token": "another's"}, "sees another folder"),
        ({"model": "no_such_model"}, "does not have the model 'no_such_model' as this computer has it"),
        ({"model": None, "fingerprint": "another's"}, "does not have the default model of tumor as this computer has it"),
        ({"task": "knees", "model": None}, "does not know the task 'knees'"),
    ],
)
def test_a_worker_says_why_it_cannot_work(order: dict[str, Any], tmp_path: Path, change: dict[str, Any], said: str | None) -> None:
    with locked(tmp_path / SUMMARY, "held"):
        answer = judged({**order, "token": token_of(tmp_path), **change})
    assert said in answer["unfit"] if said else answer == {}


def test_a_case_of_a_batch_that_is_over_is_not_begun(order: dict[str, Any]) -> None:
    assert "the batch is over" in segment_case({**order, "token": "of a batch before"})["again"]


def test_the_fingerprint_tells_weights_apart_and_those_of_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tmp_path))
    write_model(tmp_path / "a", helper="looks_first")
    helper = write_model(tmp_path / "looks_first") / "models" / "model.pt"
    found = [fingerprint("tumor", "a")]
    helper.write_bytes(b"others")
    found.append(fingerprint("tumor", "a"))
    (tmp_path / "a" / "models" / "model.pt").write_bytes(b"others")
    found.append(fingerprint("tumor", "a"))
    assert len({*found, ""}) == 4


def test_a_worker_keeps_the_networks_of_the_last_models_by_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_case, "_NETWORKS", {})
    cluster_case._warm("before")["tumor"] = "network"
    assert cluster_case._warm("now") == {}
    assert cluster_case._warm("before") == {"tumor": "network"}
    for files in ("2", "3", "4"):
        cluster_case._warm(files)
    assert cluster_case._warm("before") == {}


def test_a_models_folder_is_named_as_others_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert model_for_all("tumor", "mine") == str(tmp_path / "mine")
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tmp_path))
    assert model_for_all("tumor", "mine") == "mine"


def test_the_time_left_is_that_of_cases_that_were_segmented() -> None:
    told, now = [], [0.0]
    left = TimeLeft(told.append, lambda: now[0])
    for seconds, outcome in ((0, "kept"), (60, "done"), (120, "It is damaged."), (120, "done")):
        now[0] = seconds
        left(len(told) + 1, 4, Outcome(Case(f"c{len(told)}"), outcome))
    assert told == [
        "1 of 4: c0 had its mask",
        "2 of 4: c1 done, about 2 min left",
        "3 of 4: c2 failed, about 1 min left",
        "4 of 4: c3 done",
    ]
