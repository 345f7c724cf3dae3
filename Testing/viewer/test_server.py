"""The server behind the page: who is answered, with what, and that nothing stays."""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from neurospineseg.cli.browser import open_case
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume
from Testing.small_scans import ball, write_nifti
from Testing.viewer.asking import Page


def test_only_the_loopback_address_listens(page: Page) -> None:
    assert page.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["/", "/greeting", "//greeting", "/wrong/greeting", "/{token}x/greeting", "/{short}/greeting", "/%2e%2e/greeting"]
)
def test_without_the_token_nothing_is_answered(page: Page, path: str) -> None:
    token = page.server.guard.token
    status, body, _ = page.ask("GET", path.replace("{token}", token).replace("{short}", token[:-1]))
    assert (status, json.loads(body)) == (403, {"error": "Not allowed."})


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_without_the_token_nothing_is_taken(page: Page, folder: Path, method: str) -> None:
    status, _, headers = page.ask(method, "/wrong/drops", b"x" * 1000)
    assert status == 403
    assert headers["Connection"] == "close"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "user@127.0.0.1", "", "[::1]", "127.0.0.1:x", "0.0.0.0"]
)
def test_a_name_that_leads_here_is_refused(page: Page, host: str) -> None:
    assert page.ask("GET", page.root + "greeting", Host=host)[0] == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}]
)
def test_what_another_site_sends_is_refused(page: Page, headers: dict[str, str]) -> None:
    assert page.ask("POST", page.root + "drops", b"{}", **headers)[0] == 403


def test_a_tunnel_to_this_computer_is_answered(page: Page) -> None:
    assert page.ask("GET", page.root + "greeting", Host="localhost:8000", Origin="http://localhost:8000")[0] == 200


def test_no_other_page_may_read_or_frame_this_one(page: Page) -> None:
    _, _, headers = page.ask("GET", page.root)
    assert headers["Access-Control-Allow-Origin"] is None
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert page.ask("OPTIONS", page.root + "drops")[0] == 501


def test_a_ticket_leads_to_the_page_once(page: Page) -> None:
    path = page.server.ticket_address().split("/", 3)[3]
    assert page.ask("GET", "/open/wrong")[0] == 403
    status, _, headers = page.ask("GET", f"/{path}")
    assert (status, headers["Location"]) == (303, page.root)
    assert page.ask("GET", f"/{path}")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "nowhere",
        "../pyproject.toml",
        "%2e%2e%2fviewer.py",
        "cases/7",
        "cases/0/slices/3/0/0",
        "cases/0/slices/0/999/0",
        "cases/0/slices/0/-1/0",
        "cases/0/slices/0/0/1",
        "cases/0/surfaces/1",
        "cases/0/mask",
    ],
)
def test_what_is_not_there_is_not_there(page: Page, path: str) -> None:
    assert page.ask("GET", page.root + path)[0] == 404


def test_the_page_and_all_that_it_names_are_served(page: Page) -> None:
    text = page.ask("GET", page.root)[1].decode()
    for name in ("viewer.css", "main.js"):
        assert f'"{name}"' in text
    seen, waiting = set(), ["main.js"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        status, body, headers = page.ask("GET", page.root + name)
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        named = [line.split('"./')[1].rstrip('";') for line in body.decode().splitlines() if line.startswith("import") and '"./' in line]
        waiting += [each for each in named if each not in seen]
    assert {"slice_view.js", "surface_view.js", "drop_panel.js"} <= seen


def test_a_slice_is_sent_as_it_lies(page: Page) -> None:
    facts = page.get("cases/0")
    columns, rows, slices = facts["planes"][0]["size"]
    body = page.ask("GET", f"{page.root}cases/0/slices/0/{slices // 2}/0")[1]
    gray = np.frombuffer(body, "<u2").reshape(2, rows, columns)[0] + facts["scans"][0]["low"]
    expected = ball()[slices // 2]
    assert sorted(gray.ravel().tolist()) == sorted(expected.ravel().tolist())


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"scans": "x"}',
        b'{"scans": {"image": 3}, "task": "spine"}',
        b"[" * 100000,
        b'{"task": "nothing", "scans": {"a": "b"}}',
    ],
)
def test_what_cannot_be_understood_is_a_sentence(page: Page, body: bytes) -> None:
    drop = page.drop()
    status, told, _ = page.ask("POST", f"{page.root}drops/{drop}/segment", body)
    assert status == 400
    assert json.loads(told)["error"].endswith((".", "."))


def test_nothing_is_printed(page: Page, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page.drop(write_nifti(tmp_path / "SMITH_JOHN.nii.gz", ball()))
    page.ask("GET", page.root + "nowhere")
    line = http.client.HTTPConnection("127.0.0.1", page.server.server_address[1], timeout=60)
    line.putrequest("GET", page.root)
    line.endheaders()
    line.close()
    assert capfd.readouterr() == ("", "")


def test_measurements_come_when_they_are_done(page: Page, tmp_path: Path) -> None:
    labels = Volume((ball() > 0).astype(np.uint16), np.diag([1.0, 1, 1, 1]))
    write_segmentation(labels, [FileSegment("edema", "Edema", 1, (10, 20, 30))], tmp_path / "scan.seg.nrrd")
    drop = page.drop(write_nifti(tmp_path / "scan.nii.gz", ball(), np.eye(4)), tmp_path / "scan.seg.nrrd")
    case = page.post(f"drops/{drop}/look", {"scans": ["scan.nii.gz"], "mask": "scan.seg.nrrd"})[1]["case"]
    until = monotonic() + 60
    while (told := page.ask("GET", f"{page.root}cases/{case}/measurements"))[0] == 202 and monotonic() < until:
        sleep(0.02)
    edema = next(row for row in json.loads(told[1])["rows"] if row["name"] == "Volume" and row["place"] == "edema")
    assert edema["value"] == pytest.approx(labels.voxels.sum() / 1000, rel=0.01)


def test_a_segment_is_sent_as_a_surface_in_its_place(page: Page, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    pytest.importorskip("trimesh")
    scan = write_nifti(tmp_path / "scan.nii.gz", ball())
    mask = write_nifti(tmp_path / "scan_seg.nii.gz", (ball() > 0).astype(np.uint8))
    drop = page.drop(scan, mask)
    case = page.post(f"drops/{drop}/look", {"scans": ["scan.nii.gz"], "mask": "scan_seg.nii.gz"})[1]["case"]
    until = monotonic() + 60
    while (told := page.ask("GET", f"{page.root}cases/{case}/surfaces/1"))[0] == 202 and monotonic() < until:
        sleep(0.02)
    points, faces = np.frombuffer(told[1], "<u4", 2)
    assert len(told[1]) == 8 + 24 * points + 12 * faces
    places = np.frombuffer(told[1], "<f4", 3 * points, 8).reshape(-1, 3)
    grid = open_case({"": scan}, None).reference.grid
    np.testing.assert_allclose((places.min(0) + places.max(0)) / 2, grid.center, atol=2.0)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such thing")
def test_the_folder_is_only_the_users(tmp_path: Path) -> None:
    from neurospineseg.worker.private_folder import make_private_folder, remove_folder

    folder = make_private_folder()
    assert folder.stat().st_mode & 0o077 == 0
    remove_folder(folder)
