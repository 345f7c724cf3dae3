"""The page in a browser: what it draws, and that a dropped scan becomes a case. Skipped where there is no Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.browser import open_case
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.viewer.server import ViewerServer
from neurospineseg.viewer.slice_planes import slice_planes
from neurospineseg.viewer.viewer import Viewer
from Testing.headless_browser import HeadlessBrowser, chromium
from Testing.small_scans import ball, write_nifti
from Testing.viewer.asking import Stub
from Testing.viewer.test_geometry import OBLIQUE, SHEARED

RED, BLUE = (255, 0, 0), (0, 0, 255)
COUNT_COLOR = """(() => { const all = document.querySelector('%s canvas').getContext('2d').getImageData(0, 0, 4000, 4000); let [left, right] = [0, 0];
  const middle = document.querySelector('%s canvas').width / 2;
  for (let at = 0; at < all.data.length; at += 4) if (all.data[at] > 150 && all.data[at + 2] < 80) ((at / 4) %% 4000 < middle ? left++ : right++);
  return [left, right]; })()"""
"""Red pixels on the left and on the right of a view."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadlessBrowser]:
    chromium()
    with HeadlessBrowser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewerServer]:
    """A head on a left-handed grid, with a red segment on the patient's right and a blue one on the left."""
    folder = tmp_path_factory.mktemp("private")
    scan = read_volume(write_nifti(folder / "head.nii.gz", ball(), np.diag([-2.0, 2, 3, 1])))
    labels = np.zeros(scan.shape, np.uint16)
    labels[8:16, 8:18, 4:10] = 1  # i grows to the left, so that a low one is on the patient's right
    labels[8:16, 8:18, 18:24] = 2
    segments = [FileSegment("edema", "Edema", 1, RED), FileSegment("necrotic_core", "Necrotic core", 2, BLUE)]
    write_segmentation(Volume(labels, scan.ijk_to_ras), segments, folder / "head.seg.nrrd")
    (folder / "drops").mkdir()
    server = ViewerServer(
        Viewer(folder / "drops", open_case, Stub(), open_case({"head": folder / "head.nii.gz"}, folder / "head.seg.nrrd"))
    )
    server.start()
    yield server
    server.close()


@pytest.fixture
def page(browser: HeadlessBrowser, server: ViewerServer) -> HeadlessBrowser:
    browser.events.clear()
    browser.open(server.address)
    for view in ("axial", "coronal", "sagittal"):
        browser.wait_for(f"document.querySelector('#{view}')?.dataset.drawn")
    browser.wait_for("document.querySelector('#measured').dataset.drawn")
    return browser


def test_the_page_is_whole(page: HeadlessBrowser, tmp_path: Path) -> None:
    page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes()[:4] == b"\x89PNG"
    assert page.complaints() == []


def test_the_patients_right_is_drawn_on_the_left(page: HeadlessBrowser) -> None:
    page.value("document.querySelector('#cross').click()")
    for view in ("#axial", "#coronal"):
        page.wait_for(f"{COUNT_COLOR % (view, view)}[0] > 100")
        assert page.value(COUNT_COLOR % (view, view))[1] == 0
    assert page.value("[...document.querySelectorAll('#axial .letter')].map((each) => each.textContent).join('')") == "RLAP"


@pytest.mark.parametrize("ijk_to_ras", [OBLIQUE[4], SHEARED[1]], ids=["oblique", "sheared"])
def test_the_page_places_points_as_the_grid_does(page: HeadlessBrowser, ijk_to_ras: np.ndarray) -> None:
    for plane in slice_planes(Grid((5, 6, 7), ijk_to_ras)):
        told = page.value(
            f"""import(new URL("geometry.js", location.href)).then(({{ Plane }}) => {{
              const plane = new Plane({json.dumps(plane.as_json())}), {{ width, lean, height }} = plane.metric;
              return [plane.ras([1, 4, 2]), plane.place(plane.ras([1, 4, 2])), Math.hypot(3 * width + 2 * lean, 2 * height)];
            }})"""
        )
        place = plane.to_ras.apply(np.array([1.0, 4.0, 2.0]))
        np.testing.assert_allclose(told[0], place, atol=1e-9)
        np.testing.assert_allclose(told[1], [1, 4, 2], atol=1e-9)
        assert told[2] == pytest.approx(np.linalg.norm(plane.to_ras.apply(np.array([4.0, 6.0, 2.0])) - place))


def test_a_segment_is_switched_off(page: HeadlessBrowser) -> None:
    page.wait_for(f"{COUNT_COLOR % ('#axial', '#axial')}[0] > 100")
    page.click("#segments li input")
    page.wait_for(f"{COUNT_COLOR % ('#axial', '#axial')}[0] === 0")


def test_the_slider_goes_through_every_slice(page: HeadlessBrowser) -> None:
    slider = "document.querySelector('#axial input[type=range]')"
    assert page.value(f"[{slider}.min, {slider}.max]") == ["0", "23"]
    for slice in (0, 23):
        page.value(f"{slider}.value = {slice}; {slider}.oninput()")
        page.wait_for(f"document.querySelector('#axial').dataset.drawn === '0/{slice}'")
        assert page.value("document.querySelector('#axial .top-left').textContent").startswith(f"Axial  {slice + 1}/24")


def test_a_measurement_leads_to_its_place(page: HeadlessBrowser) -> None:
    row = "[...document.querySelectorAll('tr.row')].find((row) => row.textContent.includes('Necrotic core') && row.textContent.includes('Volume'))"
    page.value(f"{row}.click()")
    page.wait_for("document.querySelector('#sagittal .top-left').textContent.includes('R \\u2212')")


def test_surfaces_are_drawn(page: HeadlessBrowser) -> None:
    pytest.importorskip("skimage")
    pytest.importorskip("trimesh")
    if not page.value("!!document.createElement('canvas').getContext('webgl2')"):
        pytest.skip("this Chromium draws no 3D")
    page.wait_for("document.querySelector('#surfaces').dataset.drawn === '2'")
    assert page.complaints() == []


def test_a_dropped_scan_becomes_a_case(page: HeadlessBrowser, tmp_path: Path) -> None:
    page.choose_files("#files", [write_nifti(tmp_path / f"p1_{word}.nii.gz", ball(seed=1)) for word in ("t1ce", "flair")])
    page.wait_for("document.querySelector('#job button.main:not([hidden])') && document.querySelector('#job .why')")
    page.click("#job button.main")
    page.wait_for("document.querySelector('#title').textContent === 'p1_t1ce'")
    page.wait_for("document.querySelector('#axial').dataset.drawn")
    assert page.value("document.querySelectorAll('#scan option').length") == 2
    assert page.value("document.querySelector('#notes').textContent") == "It was doubtful."
    assert page.complaints() == []


def test_a_mask_is_shown_on_the_scan_that_it_is_named_after(page: HeadlessBrowser, tmp_path: Path) -> None:
    files = [write_nifti(tmp_path / name, ball()) for name in ("a.nii.gz", "b.nii.gz")]
    page.choose_files("#files", [*files, write_nifti(tmp_path / "b_seg.nii.gz", (ball() > 0).astype(np.uint8))])
    page.wait_for("document.querySelector('#title').textContent === 'b'")
    assert page.value("[...document.querySelectorAll('#scan option')].map((each) => each.textContent)") == ["b", "a"]


@pytest.mark.parametrize("name, words", [("b_seg.nii.gz", "together with its mask"), ("b.txt", "None of these files")])
def test_what_is_dropped_without_a_scan_is_told(page: HeadlessBrowser, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    page.choose_files("#files", [tmp_path / name])
    page.wait_for("document.querySelector('#job .wrong')")
    assert words in page.value("document.querySelector('#job .wrong').textContent")


def test_what_cannot_be_read_is_a_sentence(page: HeadlessBrowser, tmp_path: Path) -> None:
    (tmp_path / "lumbar.nii.gz").write_bytes(b"no scan")
    page.choose_files("#files", [tmp_path / "lumbar.nii.gz"])
    look = "[...document.querySelectorAll('#job button')].find((each) => each.textContent === 'Only look')"
    page.wait_for(look)
    page.value(f"{look}.click()")
    page.wait_for("document.querySelector('#job .wrong')")
    assert "lumbar.nii.gz" in page.value("document.querySelector('#job .wrong').textContent")
