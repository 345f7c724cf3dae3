"""The audit of packages says what it found, and fails where it found something only."""

from __future__ import annotations

import pytest

from Testing import audit


def test_without_pip_audit_a_notice_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda name: None)
    assert audit.main() == 0
    assert "not audited, since pip-audit is not installed" in capsys.readouterr().out


@pytest.mark.parametrize("printed", ["", "{}", "[]", "no connection"])
def test_without_its_database_a_notice_is_printed(
    printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(audit.subprocess, "run", lambda *args, **options: audit.subprocess.CompletedProcess(args, 1, printed, ""))
    assert audit.main() == 0
    assert "its database cannot be reached" in capsys.readouterr().out


def test_a_known_fault_is_named_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    packages = [
        {"name": "sound", "version": "1", "vulns": []},
        {"name": "old", "version": "2", "vulns": [{"id": "GHSA-1", "fix_versions": ["3"]}]},
    ]
    assert audit.told(packages) == 1
    assert capsys.readouterr().out == "old 2: GHSA-1, mended in 3\n"


def test_nothing_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.told([{"name": "sound", "version": "1", "vulns": []}]) == 0
    assert "No fault is known of the 1" in capsys.readouterr().out
