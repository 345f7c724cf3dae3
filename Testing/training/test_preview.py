"""The page that shows every case of a prepared data set."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from Testing.prepared_miniature import write_dataset
from Training import prepare
from Training.datasets.raw_dataset import read_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data", 1, 1, 1, channels=("t1c", "flair"), size=24)


def test_the_page_lists_every_case_with_its_part_picture_and_notes(data: Path) -> None:
    report = {"notes": {"case1": ["<b>bold</b> & told"]}, "faulty": {"gone": "its <file> is broken"}, "left_out": {}, "problems": ["a > b"]}
    (data / "report.json").write_text(json.dumps(report))
    assert prepare.main(["check", str(data)]) == 0
    page = (data / "overlays.html").read_text(encoding="utf-8")
    for case, part in (("case0", "training"), ("case1", "validation"), ("case2", "test")):
        assert f'<h2>{case}</h2><span class="soft">{part}</span>' in page
        assert f'src="overlays/{case}.png"' in page
        assert (data / "overlays" / f"{case}.png").read_bytes()[:4] == b"\x89PNG"
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; told" in page
    assert "gone: its &lt;file&gt; is broken" in page
    assert "a &gt; b" in page


def test_pictures_are_drawn_again_only_where_the_labels_changed(data: Path) -> None:
    prepare.main(["check", str(data)])
    made = {path.name: path.stat().st_mtime_ns for path in (data / "overlays").iterdir()}
    prepare.main(["check", str(data)])
    assert made == {path.name: path.stat().st_mtime_ns for path in (data / "overlays").iterdir()}
    later = max(made.values()) + 10**9
    os.utime(read_dataset(data).label_file("case1"), ns=(later, later))
    os.utime(data / "overlays" / "case1.png", ns=(0, 0))
    prepare.main(["check", str(data)])
    now = {path.name: path.stat().st_mtime_ns for path in (data / "overlays").iterdir()}
    assert [name for name in made if made[name] != now[name]] == ["case1.png"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
def test_names_are_escaped(data: Path) -> None:
    for path in [*data.glob("*Tr/case0*")]:
        path.rename(path.with_name(path.name.replace("case0", 'a"<i>#1')))
    splits = data / "splits_final.json"
    splits.write_text(splits.read_text().replace("case0", r"a\"<i>#1"))
    assert prepare.main(["check", str(data)]) == 0
    page = (data / "overlays.html").read_text(encoding="utf-8")
    assert 'src="overlays/a%22%3Ci%3E%231.png"' in page
    assert "<i>" not in page
