"""What is dropped onto the page: what is taken, segmented and shown, and that nothing half written stays."""

from __future__ import annotations

import errno
import http.client
import json
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from neurospineseg.viewer import drops
from Testing.library.test_dicom_cases import series
from Testing.small_scans import ball, write_nifti
from Testing.viewer.asking import Page, Stub


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
