"""The server behind the page: who is answered, what is taken, and that nothing stays."""

from __future__ import annotations

import errno
import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from neurospineseg.cli.browser import open_case
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.stages import Stage
from neurospineseg.viewer import drops
from neurospineseg.viewer.server import ViewerServer
from neurospineseg.viewer.viewer import Viewer
from neurospineseg.worker.protocol import Answer, Done, FilesWritten, Progress, Refused, RunFiles
from Testing.library.test_dicom_cases import series
from Testing.small_scans import ball, write_nifti


class Stub:
    """Stands for the worker: says that it is at work, then writes a mask where told, unless it is held back."""

    def __init__(self) -> None:
        self.asked: list[RunFiles] = []
        self.hold = threading.Event()
        self.stopped = threading.Event()
        self.doubt = ""

    def request(self, request: Any) -> int:
        self.asked.append(request)
        return len(self.asked)

    def poll(self) -> list[Answer]:
        return []

    def answers_to(self, number: int) -> list[Answer]:
        asked = self.asked[number - 1]
        if self.hold.is_set():
            return [Progress(Stage.SEGMENTING, 0.4)]
        if self.doubt and not asked.settings.force:
            return [Refused(self.doubt, forcible=True)]
        from neurospineseg.images.volume import read_volume

        reference = next(iter(asked.scans))
        scan = read_volume(asked.scans[reference])
        labels = Volume((scan.voxels > 200).astype(np.uint16) * 2, scan.ijk_to_ras)
        write_segmentation(labels, [FileSegment("edema", "Edema", 2, (10, 20, 30))], asked.output)
        return [Progress(Stage.SEGMENTING, 1.0), Done(FilesWritten({"reference": reference}, ("It was doubtful.",)))]

    def stop(self) -> None:
        self.stopped.set()


class Page:
    """Asks as the page does."""

    def __init__(self, server: ViewerServer) -> None:
        self.server, self.root = server, f"/{server.guard.token}/"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        line = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=60)
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        told = answer.status, answer.read(), answer.headers
        line.close()
        return told

    def get(self, path: str) -> Any:
        status, body, _ = self.ask("GET", self.root + path)
        assert status == 200, body
        return json.loads(body)

    def post(self, path: str, said: Any = None) -> tuple[int, Any]:
        status, body, _ = self.ask("POST", self.root + path, json.dumps(said or {}).encode())
        return status, json.loads(body)

    def drop(self, *files: Path, names: tuple[str, ...] = ()) -> str:
        number = self.post("drops")[1]["drop"]
        for file, name in zip(files, names or [file.name for file in files]):
            assert self.ask("PUT", f"{self.root}drops/{number}/files?name={name}", file.read_bytes())[0] == 204
        return number

    def until(self, condition: Callable[[], bool]) -> None:
        until = monotonic() + 60
        while not condition():
            assert monotonic() < until
            sleep(0.02)

    def job_over(self, number: str) -> dict[str, Any]:
        until = monotonic() + 60
        while (job := self.get(f"jobs/{number}"))["state"] == "running":
            assert monotonic() < until
            sleep(0.02)
        return job


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.mkdir()
    return made


@pytest.fixture
def page(folder: Path, stub: Stub, tmp_path: Path) -> Iterator[Page]:
    scan = write_nifti(tmp_path / "head.nii.gz", ball())
    server = ViewerServer(Viewer(folder, open_case, stub, open_case({"head": scan}, None)))
    server.start()
    yield Page(server)
    server.close()


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


def test_a_dropped_scan_is_segmented_and_shown(page: Page, stub: Stub, tmp_path: Path) -> None:
    files = [write_nifti(tmp_path / f"p1_{word}.nii.gz", ball(seed=number)) for number, word in enumerate(("t1ce", "flair"))]
    drop = page.drop(*files)
    assert page.get(f"drops/{drop}")["task"] == "tumor"
    (case,) = page.get(f"drops/{drop}/matches?task=tumor")["cases"]
    assert case["scans"] == {"t1c": "p1_t1ce.nii.gz", "flair": "p1_flair.nii.gz"}
    job = page.post(f"drops/{drop}/segment", {"task": "tumor", "scans": case["scans"]})[1]
    over = page.job_over(job["number"])
    assert over["state"] == "done"
    facts = page.get(f"cases/{over['case']}")
    assert [scan["name"] for scan in facts["scans"]] == ["t1c", "flair"]
    assert [each["name"] for each in facts["segments"]] == ["Edema"]
    assert facts["notes"] == ["It was doubtful."]
    status, body, headers = page.ask("GET", f"{page.root}cases/{over['case']}/mask")
    assert (status, body[:4]) == (200, b"NRRD")
    assert "p1_t1ce.seg.nrrd" in headers["Content-Disposition"]
    assert page.get("cases/0")["segments"] == []


def test_a_canceled_segmentation_ends_its_process(page: Page, stub: Stub, tmp_path: Path) -> None:
    stub.hold.set()
    drop = page.drop(write_nifti(tmp_path / "lumbar.nii.gz", ball()))
    asked = {"task": "spine", "scans": {"image": "lumbar.nii.gz"}}
    job = page.post(f"drops/{drop}/segment", asked)[1]
    assert page.post(f"drops/{drop}/segment", asked) == (400, {"error": "Another segmentation is running; wait for it or cancel it."})
    page.until(lambda: stub.asked != [])
    assert stub.asked[0].output.parent.is_dir()
    page.post(f"jobs/{job['number']}/cancel")
    over = page.job_over(job["number"])
    assert (over["state"], over["message"]) == ("canceled", "Canceled; nothing was kept.")
    assert stub.stopped.is_set()
    stub.hold.clear()
    assert page.job_over(page.post(f"drops/{drop}/segment", asked)[1]["number"])["state"] == "done"


def test_a_doubtful_scan_is_segmented_when_it_is_asked_for(page: Page, stub: Stub, tmp_path: Path) -> None:
    stub.doubt = "This looks like no spine."
    drop = page.drop(write_nifti(tmp_path / "lumbar.nii.gz", ball()))
    asked = {"task": "spine", "scans": {"image": "lumbar.nii.gz"}}
    over = page.job_over(page.post(f"drops/{drop}/segment", asked)[1]["number"])
    assert (over["state"], over["message"], over["forcible"]) == ("refused", stub.doubt, True)
    assert page.job_over(page.post(f"drops/{drop}/segment", {**asked, "force": True})[1]["number"])["state"] == "done"


def test_a_scan_dropped_with_its_mask_is_looked_at(page: Page, stub: Stub, tmp_path: Path) -> None:
    scan = write_nifti(tmp_path / "scan.nii.gz", ball())
    mask = write_nifti(tmp_path / "scan_seg.nii.gz", (ball() > 0).astype(np.uint8))
    drop = page.drop(scan, mask)
    contents = page.get(f"drops/{drop}")
    assert (contents["scans"], contents["masks"]) == (["scan.nii.gz"], ["scan_seg.nii.gz"])
    case = page.post(f"drops/{drop}/look", {"scans": contents["scans"], "mask": contents["masks"][0]})[1]["case"]
    assert [each["name"] for each in page.get(f"cases/{case}")["segments"]] == ["Label 1"]
    assert stub.asked == []


def test_what_is_no_scan_is_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(b"no scan")
    drop = page.drop(tmp_path / "scan.nii.gz")
    status, told = page.post(f"drops/{drop}/look", {"scans": ["scan.nii.gz"], "mask": None})
    assert status == 400
    assert "scan.nii.gz" in told["error"]


@pytest.mark.parametrize(
    "name",
    [
        "../x.nii",
        "/x.nii",
        "a/../../x.nii",
        "..",
        "",
        ".x.nii",
        "a//x.nii",
        "a%5Cx.nii",
        "C:x.nii",
        "x%00.nii",
        "nul.nii",
        "a" * 200,
        "a/" * 9 + "x.nii",
    ],
)
def test_names_that_lead_elsewhere_are_refused(page: Page, folder: Path, name: str) -> None:
    drop = page.drop()
    assert page.ask("PUT", f"{page.root}drops/{drop}/files?name={name}", b"x")[0] == 400
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert page.post(f"drops/{drop}/look", {"scans": ["../../head.nii.gz"], "mask": None})[0] == 400


def test_too_much_is_refused_before_it_is_read(page: Page, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drops, "MOST_BYTES", 100)
    drop = page.drop()
    assert page.ask("PUT", f"{page.root}drops/{drop}/files?name=a.nii", b"x" * 60)[0] == 204
    assert page.ask("PUT", f"{page.root}drops/{drop}/files?name=b.nii", b"x" * 60)[0] == 400
    assert [path.name for path in folder.rglob("*.nii")] == ["a.nii"]


@pytest.mark.parametrize(
    "headers", [{"Content_Length": "99999999999999"}, {"Content_Length": "-1"}, {"Content_Length": "x"}, {"Transfer_Encoding": "chunked"}]
)
def test_a_size_that_is_not_told_or_too_large_is_refused(page: Page, headers: dict[str, str]) -> None:
    drop = page.drop()
    assert page.ask("PUT", f"{page.root}drops/{drop}/files?name=a.nii", b"", **headers)[0] == 400


def test_a_browser_that_goes_away_leaves_no_half_file(page: Page, folder: Path) -> None:
    drop = page.drop()
    line = http.client.HTTPConnection("127.0.0.1", page.server.server_address[1], timeout=60)
    line.putrequest("PUT", f"{page.root}drops/{drop}/files?name=a.nii")
    line.putheader("Content-Length", "1000000")
    line.endheaders(b"x" * 1000)
    until = monotonic() + 60
    while not list(folder.rglob("a.nii")) and monotonic() < until:
        sleep(0.02)
    line.close()
    while list(folder.rglob("a.nii")) and monotonic() < until:
        sleep(0.02)
    assert list(folder.rglob("a.nii")) == []


def test_a_full_disk_is_a_sentence(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    drop = page.drop()
    monkeypatch.setattr(drops.shutil, "disk_usage", full)
    status, told, _ = page.ask("PUT", f"{page.root}drops/{drop}/files?name=a.nii", b"x")
    assert (status, "is full" in json.loads(told)["error"]) == (400, True)
    monkeypatch.setattr(Path, "mkdir", full)
    status, said = page.post("drops")
    assert (status, "is full" in said["error"]) == (400, True)


def test_the_oldest_drops_go(page: Page, folder: Path, tmp_path: Path) -> None:
    scan = write_nifti(tmp_path / "scan.nii.gz", ball())
    made = [page.drop(scan) for _ in range(drops.MOST_DROPS)]
    case = page.post(f"drops/{made[0]}/look", {"scans": ["scan.nii.gz"], "mask": None})[1]["case"]
    page.drop()
    assert page.ask("GET", f"{page.root}cases/{case}")[0] == 404
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"drop{int(number) + 1}" for number in made)


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


def test_dropped_dicom_images_are_scans_of_their_channels(page: Page, tmp_path: Path) -> None:
    series(tmp_path / "study", 1, "t1_mprage_tra +KM")
    series(tmp_path / "study", 2, "t2 tirm dark-fluid")
    files = sorted((tmp_path / "study").iterdir())
    drop = page.drop(*files, names=tuple(f"study/{file.name}" for file in files))
    (case,) = page.get(f"drops/{drop}/matches?task=tumor")["cases"]
    assert set(case["scans"]) == {"t1c", "flair"}
    over = page.job_over(page.post(f"drops/{drop}/segment", {"task": "tumor", "scans": case["scans"]})[1]["number"])
    assert (over["state"], over["message"]) == ("done", "")


def test_a_dropped_dicom_series_is_looked_at(page: Page, tmp_path: Path) -> None:
    files = sorted(series(tmp_path / "study", 1, "anything").iterdir())
    drop = page.drop(*files)
    assert page.post(f"drops/{drop}/look", {"scans": page.get(f"drops/{drop}")["scans"], "mask": None})[0] == 200


def test_a_page_that_comes_later_is_told_what_runs(page: Page, stub: Stub, tmp_path: Path) -> None:
    assert page.get("greeting")["job"] is None
    stub.hold.set()
    drop = page.drop(write_nifti(tmp_path / "lumbar.nii.gz", ball()))
    job = page.post(f"drops/{drop}/segment", {"task": "spine", "scans": {"image": "lumbar.nii.gz"}})[1]
    assert page.get("greeting")["job"]["number"] == job["number"]
    page.post(f"jobs/{job['number']}/cancel")
    page.job_over(job["number"])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such thing")
def test_the_folder_is_only_the_users(tmp_path: Path) -> None:
    from neurospineseg.worker.private_folder import make_private_folder, remove_folder

    folder = make_private_folder()
    assert folder.stat().st_mode & 0o077 == 0
    remove_folder(folder)
