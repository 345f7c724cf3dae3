"""``neurospineseg view`` without a page to write: what it opens, and that nothing of it stays."""

from __future__ import annotations

import json
import signal
import tempfile
import webbrowser
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from neurospineseg.cli import browser
from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.viewer.server import ViewerServer
from Testing.small_scans import ball, write_nifti


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    scan = write_nifti(tmp_path / "SMITH.nii.gz", ball())
    return str(scan), str(write_nifti(tmp_path / "SMITH_seg.nii.gz", (ball() > 0).astype(np.uint8)))


def test_the_files_are_shown_and_nothing_stays(
    files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = {}

    def wait(server: ViewerServer) -> None:
        shown["address"] = server.address
        shown["facts"] = json.loads(urlopen(f"{server.address}cases/0").read())
        assert len(list((tmp_path / "temporary").iterdir())) == 1

    monkeypatch.setattr(browser, "_wait", wait)
    before = sorted(tmp_path.iterdir())
    assert main(["view", *files, "--no-browser"]) == DONE
    assert [each["name"] for each in shown["facts"]["segments"]] == ["Label 1"]
    assert list((tmp_path / "temporary").iterdir()) == []
    assert sorted(tmp_path.iterdir()) == before
    said = capfd.readouterr()
    assert said.out.startswith(shown["address"])
    assert "SMITH" not in said.out + said.err


def test_the_browser_is_started_with_a_ticket_and_not_the_token(files: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    tokens: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(browser, "_wait", lambda server: tokens.append(server.guard.token))
    assert main(["view", files[0]]) == DONE
    assert "/open/" in opened[0]
    assert tokens[0] not in opened[0]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_it_ends_when_it_is_asked_to(files: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"this system has no {name}")
    asked: list[float] = []

    def ask(seconds: float) -> None:
        assert not asked, "it goes on"
        asked.append(seconds)
        signal.raise_signal(number)

    monkeypatch.setattr(browser, "sleep", ask)
    former = signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
    try:
        assert main(["view", files[0], "--no-browser"]) == DONE
    finally:
        signal.signal(number, former)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_started_with_nohup_it_outlives_its_terminal(files: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def ask(seconds: float) -> None:
        asked.append(seconds)
        signal.raise_signal(signal.SIGHUP)
        monkeypatch.setattr(browser, "SILENT_SECONDS", 0.0)

    monkeypatch.setattr(browser, "sleep", ask)
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["view", files[0], "--no-browser"]) == DONE
    finally:
        signal.signal(signal.SIGHUP, former)
    assert len(asked) == 1


def test_it_ends_when_no_page_is_open(files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(browser, "SILENT_SECONDS", 0.3)
    assert main(["view", files[0], "--no-browser"]) == DONE
    assert "No page has been open" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["scan", "nowhere.seg.nrrd"], "'nowhere.seg.nrrd' does not exist"),
        (["mask.seg.nrrd", "scan"], "is a mask; give the scan first"),
        (["scan", "-o", "page.html"], "give both"),
        (["scan", "mask", "--also", "scan", "-o", "page.html"], "--also is for the browser"),
        (["scan", "--also", "scan"], "given twice"),
        (["scan", "--port", "99999"], "The port 99999 cannot be used"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    named = {"scan": files[0], "mask": files[1]}
    assert main(["view", *[named.get(each, each) for each in arguments], "--no-browser"]) == BAD_INPUT
    assert words in capsys.readouterr().err
