"""The report of a batch: a small picture of each case, those first that need a look most."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.pages.batch_page import is_batch_page
from neurospineseg.pages.slice_pictures import Segment
from neurospineseg.pages.thumbnail import thumbnail
from neurospineseg.pipeline.batch import OUTPUT_ENDING, run_batch
from neurospineseg.pipeline.batch_report import picture_of
from Testing.library.test_case_names import touch
from Testing.small_scans import ball, write_nifti

RED = Segment(1, "core", "Core", (255, 0, 0))
RECORDS = {
    "calm": {"uncertainty": {"share": 0.01, "places": 1}, "volumes": {"edema": {"name": "Edema", "mL": 12.5}}},
    "doubtful": {"uncertainty": {"share": 0.3, "places": 4}, "volumes": {"edema": {"name": "Edema", "mL": 2.5}}},
    "empty": {"uncertainty": {"share": None, "places": 0}, "volumes": {}},
    "huge": {"implausible": ["x"], "uncertainty": {"share": 0.0, "places": 0}, "volumes": {"edema": {"name": "Edema", "mL": 900}}},
    "torn": "no JSON",
}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Of a batch of which one case failed."""
    touch(tmp_path / "cases", *(f"{name}_flair" for name in (*RECORDS, "broken")))
    run_batch("tumor", tmp_path / "cases", tmp_path / "masks", segment, warn=lambda sentence: None, report=True)
    return tmp_path / "masks"


def segment(scans: object, target: Path) -> list[str]:
    name = target.name.removesuffix(OUTPUT_ENDING)
    if name == "broken":
        raise InputError("The scan <b>is</b> 1.2.826.0.1.3680043.9 broken.")
    target.write_text("mask")
    record = RECORDS[name]
    target.with_name(f"{name}.json").write_text(record if isinstance(record, str) else json.dumps(record))
    picture = picture_of(target, OUTPUT_ENDING)
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(name.encode())
    return ["Look & see."] if name == "calm" else []


def names_in(page: Path) -> list[str]:
    return re.findall('data-name="([^"]+)"', page.read_text())


def test_those_that_need_a_look_most_come_first(output: Path) -> None:
    assert names_in(output / "report.html") == ["broken", "empty", "huge", "doubtful", "calm", "torn"]


def test_what_is_wrong_is_said_as_text_and_names_no_series(output: Path) -> None:
    text = (output / "report.html").read_text()
    assert "The scan &lt;b&gt;is&lt;/b&gt; &lt;UID&gt; broken." in text


def test_the_page_needs_nothing_beside_it(output: Path) -> None:
    sources = re.findall('(?:src|href)="([^"]+)"', (output / "report.html").read_text())
    assert {source.partition(",")[0] for source in sources if not source.endswith(OUTPUT_ENDING)} == {"data:image/jpeg;base64"}


def test_a_later_run_shows_the_cases_of_the_first_too(output: Path, tmp_path: Path) -> None:
    RECORDS["new"] = RECORDS["calm"]
    try:
        run_batch("tumor", touch(tmp_path / "more", "new_flair"), output, segment, warn=lambda sentence: None, report=True)
    finally:
        del RECORDS["new"]
    assert {"broken", "calm", "new"} <= set(names_in(output / "report.html"))


def test_a_page_of_the_user_stays(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "report.html").write_text("mine")
    told: list[str] = []
    run_batch("tumor", touch(tmp_path / "cases", "calm_flair"), tmp_path / "masks", segment, warn=told.append, report=True)
    assert (tmp_path / "masks" / "report.html").read_text() == "mine"
    assert is_batch_page(tmp_path / "masks" / "report-2.html")
    assert any("'report-2.html'" in sentence for sentence in told)


def test_a_fault_of_the_program_in_one_case_stops_no_other(tmp_path: Path) -> None:
    def faulty(scans: object, target: Path) -> None:
        if target.name.startswith("a"):
            raise ZeroDivisionError

    outcomes = run_batch("tumor", touch(tmp_path / "cases", "a_flair", "b_flair"), tmp_path / "masks", faulty)
    assert "fault of the program (ZeroDivisionError)" in outcomes["a"]
    assert outcomes["b"] == "done"


def test_the_shell_writes_report_and_pictures(tmp_path: Path, tiny_models: Path) -> None:
    (tmp_path / "cases").mkdir()
    write_nifti(tmp_path / "cases" / "p1_flair.nii.gz", ball())
    command = ["batch", "tumor", str(tmp_path / "cases"), "-o", str(tmp_path / "masks"), "--model", str(tiny_models / "tiny_tumor")]
    assert main([*command, "--device", "cpu"]) == 0
    record = json.loads((tmp_path / "masks" / "p1.json").read_text())
    assert set(record["uncertainty"]) == {"share", "places", "mL"}
    assert Image.open(tmp_path / "masks" / "report_pictures" / "p1.jpg").size[0] == 128
    assert names_in(tmp_path / "masks" / "report.html") == ["p1"]


def drawn(labels: np.ndarray, affine: np.ndarray | None = None) -> np.ndarray:
    matrix = np.diag([2.0, 2.0, 2.0, 1.0]) if affine is None else affine
    scan = Volume(np.full(labels.shape, 100, np.int16), matrix)
    return np.array(Image.open(BytesIO(thumbnail(scan, Volume(labels, matrix), [RED])))).astype(int)


def redness(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0] - picture[..., 2] > 60


def test_a_picture_shows_the_slice_where_the_mask_is_on_its_side() -> None:
    labels = np.zeros((40, 40, 40), np.uint16)
    labels[3:7, 8:14, 4:12] = 1  # near the patient's left-posterior end of the axes: low i is R minus, shown on the right
    red = redness(drawn(labels))
    assert red.any()
    assert np.argwhere(red)[:, 1].mean() > red.shape[1] / 2


def test_what_is_long_is_shown_from_the_side() -> None:
    labels = np.zeros((80, 40, 40), np.uint16)
    labels[5:75, 18:24, 18:24] = 1
    rows = np.argwhere(redness(drawn(labels)))[:, 0]
    assert np.ptp(rows) > 70


def test_an_empty_mask_has_a_picture_too() -> None:
    assert not redness(drawn(np.zeros((20, 20, 20), np.uint16))).any()
