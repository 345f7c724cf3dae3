"""Pictures show the right side at the right place, and the page tells what the report holds."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from neurospineseg.images.volume import Volume
from neurospineseg.pages.html_page import Case, write_page
from neurospineseg.pages.slice_pictures import PLANES, Segment, as_png, busiest_point, cut, display_bounds, gray_window, write_overlay

RED = Segment(1, "left_red_nucleus", "Left red nucleus", (255, 0, 0))
BLUE = Segment(2, "right_red_nucleus", "Right red nucleus", (0, 0, 255))


def marked(codes: tuple[int, int, int] = (1, 1, 1), spacing: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> tuple[Volume, Volume]:
    """A scan and a mask whose label 1 lies left, anterior and low, whatever the signs and sizes of the voxels' steps along R, A, S."""
    shape = (30, 30, 30)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(np.array(codes) * np.array(spacing))
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, 14.5)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1)
    ras = kji[..., ::-1] @ matrix[:3, :3].T + matrix[:3, 3]
    place = ras / np.array(spacing)
    labels = np.zeros(shape, np.uint16)
    labels[(np.abs(place - np.array([-7, 7, -7])) <= 3).all(-1)] = 1
    scan = np.where((np.abs(place) < 13).all(-1), 100.0, 0.0).astype(np.float32)
    return Volume(scan + labels * 50, matrix), Volume(labels, matrix)


@pytest.mark.parametrize("codes", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.0, 2.0, 6.0)])
def test_sides(codes: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    scan, labels = marked(codes, spacing)
    expected = {"Axial": (1, 1), "Coronal": (1, -1), "Sagittal": (-1, -1)}
    for plane in PLANES:
        view = cut(scan, labels, [RED], plane, busiest_point(labels), display_bounds(scan, labels, None))
        (segment, coverage), *others = view.coverages
        assert segment is RED
        assert others == []
        rows, columns = np.nonzero(coverage > 0.5)
        height, width = coverage.shape
        place = np.sign(columns.mean() - (width - 1) / 2), np.sign(rows.mean() - (height - 1) / 2)
        assert place == expected[plane.name]


def test_proportions_are_those_of_the_body() -> None:
    scan, labels = marked(spacing=(1.0, 2.0, 6.0))
    view = cut(scan, labels, [RED], PLANES[1], busiest_point(labels), (np.array([-15.0, -30, -90]), np.array([15.0, 30, 90])))
    assert view.gray.shape == (180, 30)
    rows, columns = np.nonzero(view.coverages[0][1] >= 0.5)
    assert np.ptp(rows) + 1 == pytest.approx(6 * 6, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(6, abs=1)


def test_oblique_scans_stand_upright() -> None:
    scan, labels = marked()
    c, s = np.cos(0.5), np.sin(0.5)
    turn = np.eye(4)
    turn[:2, :2] = [[c, -s], [s, c]]
    oblique = Volume(labels.voxels, turn @ labels.ijk_to_ras)
    point = turn[:3, :3] @ np.array([-14.0, 14.0, -14.0])
    np.testing.assert_allclose(busiest_point(oblique), point, atol=2.5)


def test_an_empty_mask_shows_the_middle() -> None:
    scan, labels = marked()
    nothing = Volume(np.zeros_like(labels.voxels), labels.ijk_to_ras)
    np.testing.assert_allclose(busiest_point(nothing), 0, atol=1e-6)
    assert cut(scan, nothing, [], PLANES[0], np.zeros(3), display_bounds(scan, nothing, 20.0)).coverages == []


def test_margin_limits_what_is_shown() -> None:
    scan, labels = marked()
    low, high = display_bounds(scan, labels, 5.0)
    np.testing.assert_allclose(low, [-25, 3, -25], atol=1.01)
    np.testing.assert_allclose(high, [-3, 25, -3], atol=1.01)


def test_windows() -> None:
    air_and_bone = Volume(np.linspace(-1000, 1500, 4096, dtype=np.float32).reshape(16, 16, 16), np.eye(4))
    assert gray_window(air_and_bone) == (-200.0, 900.0)
    low, high = gray_window(marked()[0])
    assert low == 0
    assert 100 <= high <= 150


def test_picture_is_a_colored_png(tmp_path: Path) -> None:
    scan, labels = marked()
    write_overlay(tmp_path / "picture.png", scan, labels, [RED])
    pixels = imread(tmp_path / "picture.png")
    red = (pixels[..., 0] > 0.9) & (pixels[..., 1] < 0.2) & (pixels[..., 2] < 0.2)
    assert red.sum() > 100
    view = cut(scan, labels, [RED], PLANES[0], busiest_point(labels), display_bounds(scan, labels, None))
    single = imread(BytesIO(as_png([(view, (0.0, 150.0), "Axial")])))
    assert single.shape[1] * 3 == pytest.approx(pixels.shape[1], rel=0.05)


def report_of(keys: dict[str, float], **more: object) -> dict:
    return {
        "model": {"name": "a_model", "version": "1.2.3", "sha256": "0" * 64},
        "device": "cpu",
        "precision": "float32",
        "software": {"python": "3.11"},
        "volumes": {key: {"name": key.replace("_", " ").capitalize(), "mL": value} for key, value in keys.items()},
        "seconds": {"Reading files": 0.5, "Segmenting": 1.5},
        "warnings": [],
        **more,
    }


def test_page(tmp_path: Path) -> None:
    scan, labels = marked()
    report = report_of({"left_red_nucleus": 0.3, "right_red_nucleus": 12.34}, warnings=["Beware of <b>this</b>."])
    case = Case("subcortical", {"image": scan}, labels, [RED, BLUE], report, dice={"left_red_nucleus": 0.876})
    write_page(tmp_path / "page.html", [case])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a_model 1.2.3" in text
    assert "Time: 2.0 s" in text
    assert "0.300" in text
    assert "12.3" in text
    assert "0.88" in text
    assert text.count("Red nucleus") == 1
    assert "Left mL" in text
    assert "Beware of &lt;b&gt;this&lt;/b&gt;." in text
    assert text.count("data:image/png") == 3


def test_page_with_several_scans_and_many_structures(tmp_path: Path) -> None:
    scan, labels = marked()
    report = report_of({f"vertebra_{n}": 1.0 for n in range(20)}, reference="t2")
    case = Case("tumor", {"t1": scan, "t2": scan}, labels, [RED], report)
    write_page(tmp_path / "page.html", [case, case], title="Two & two")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("data:image/png") == 2 * (3 + 2)
    assert "Two &amp; two" in text
    assert "<nav>" in text
    assert text.count("<table>") == 4


def test_page_of_an_empty_mask(tmp_path: Path) -> None:
    scan, labels = marked()
    nothing = Volume(np.zeros_like(labels.voxels), labels.ijk_to_ras)
    write_page(tmp_path / "page.html", [Case("tumor", {"t1c": scan}, nothing, [], report_of({}))])
    assert "No structure was found." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_page_shows_foreign_text_as_text(tmp_path: Path) -> None:
    scan, labels = marked()
    foreign = "<script>alert('x')</script>"
    report = report_of({"core": 0.3}, model={"name": foreign, "version": "1", "sha256": "0" * 64})
    report["volumes"]["core"]["name"] = foreign
    report["seconds"] = {foreign: 1.0}
    write_page(tmp_path / "page.html", [Case(None, {foreign: scan}, labels, [RED], report, note=foreign)], title=foreign, lead=foreign)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 9, "title and heading, lead, model twice, note, structure, stage twice"
