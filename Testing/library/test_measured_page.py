"""What was measured on a page: tables by place, small pictures of where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.pages.html_page import Case, write_page
from neurospineseg.pages.measurement_pictures import _in_picture, drawing_of, views
from neurospineseg.pages.measurement_tables import measurement_tables
from neurospineseg.pages.slice_pictures import PLANES, cut
from Testing.library.test_measure_command import GRAY
from Testing.small_scans import ball, oblique_affine


def height(place: str, where: str, x: float, value: float | None = 25.0, flags: tuple[str, ...] = ()) -> Measurement:
    ends = ((x, 0.0, -12.0), (x, 1.0, 13.0))
    return Measurement(f"height_{where}", f"Height, {where}", place, place, "mm", value, 24.0, 26.0, "line", ends, flags, "Bodies")


def width(place: str) -> Measurement:
    return Measurement("width", "Width", place, place, "mm", 40.0, shape="line", points=((-20.0, 0, 0), (20.0, 0, 0)), group="Bodies")


def test_a_row_for_each_place_where_places_have_the_same_measures() -> None:
    (table,) = measurement_tables(Measurements("spine", tuple(height(p, w, 0.0) for p in ("L1", "L2") for w in ("front", "back"))))
    assert list(table.heads) == ["Height, front", "Height, back"]
    assert [(place, cells[0].value, cells[0].error) for place, cells in table.rows] == [("L1", "25.0 mm", "24.0 to 26.0")] + [
        ("L2", "25.0 mm", "24.0 to 26.0")
    ]


def test_a_row_for_each_number_otherwise() -> None:
    alone = Measurement("lordosis", "Lordosis", "", "L1 to S1", "deg", None, flags=("no S1",), group="Alignment")
    (table,) = measurement_tables(Measurements("spine", (alone,)))
    ((heading, (cell,)),) = table.rows
    assert (heading, cell.value, cell.flags) == ("L1 to S1: Lordosis", "-", "no S1")


def test_slices_are_chosen_that_show_most_lines() -> None:
    items = [height("L1", "front", 3.0), height("L2", "front", 4.0), height("L3", "front", 60.0), width("L1")]
    chosen = list(views([drawing for item in items if (drawing := drawing_of(item))]))
    assert [(plane.name, len(shown)) for plane, _, shown in chosen] == [("Coronal", 4)]
    chosen = list(views([drawing for item in items[:3] if (drawing := drawing_of(item))]))
    assert (sum(len(shown) for _, _, shown in chosen), chosen[0][0].normal in (0, 1)) == (3, True)


def test_a_number_without_a_place_is_not_drawn() -> None:
    assert drawing_of(height("L1", "front", 0.0, None, ("cut",))) is None
    assert drawing_of(Measurement("volume", "Volume", "", "", "mL", 3.0)) is None


@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_points_are_drawn_where_they_lie(plane) -> None:
    voxels = np.zeros((24, 26, 28), np.float32)
    voxels[10, 15, 8] = 1000
    scan = Volume(voxels, oblique_affine())
    point = scan.affine.apply_kji(np.array([[10, 15, 8]]))
    low, high = point[0] - [31, 24, 17], point[0] + [22, 35, 28]
    view = cut(scan, Volume(np.zeros(voxels.shape, np.uint16), scan.affine), [], plane, point[0], (low, high))
    row, column = np.unravel_index(int(view.gray.argmax()), view.gray.shape)
    x, y = _in_picture(view, point, low, high)
    assert abs(x[0] - (column + 0.5)) < 1
    assert abs(y[0] - (row + 0.5)) < 1


def test_the_page_shows_numbers_pictures_and_notes(tmp_path: Path) -> None:
    scan = Volume(ball(), oblique_affine())
    labels = Volume((ball() > 380).astype(np.uint16), scan.affine)
    measured = Measurements("spine", (height("<b>L1", "front", 0.0, flags=("unsure",)),), ("Look at <L1>.",))
    write_page(tmp_path / "page.html", [Case("spine", {"image": scan}, labels, [], {}, measured=measured)])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "24.0 to 26.0" in text
    assert "unsure" in text
    assert "&lt;b&gt;L1" in text
    assert "Look at &lt;L1&gt;." in text
    assert text.count("data:image/png") == 4


def test_a_page_of_a_run_and_of_a_file(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    options = ["--model", "tiny_tumor", "--device", "cpu", "--page", "--measure"]
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / "mask.seg.nrrd"), *options]) == DONE
    assert "where it was measured" in (tmp_path / "mask.html").read_text(encoding="utf-8")
    command = ["view", str(head), str(tmp_path / "mask.seg.nrrd"), "-o", str(tmp_path / "page.html")]
    assert main([*command, "--measure"]) == DONE
    assert "where it was measured" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_of_a_mask_that_is_not_measured(head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = Volume((ball() > 0).astype(np.uint16), oblique_affine())
    write_segmentation(labels, [FileSegment("Segment_1", "liver", 1, GRAY)], tmp_path / "mask.seg.nrrd")
    assert main(["view", str(head), str(tmp_path / "mask.seg.nrrd"), "-o", str(tmp_path / "page.html"), "--measure"]) == BAD_INPUT
    assert "'liver'" in capsys.readouterr().err
