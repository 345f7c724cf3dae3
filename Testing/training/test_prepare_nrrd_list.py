"""A list of images and label maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.images.volume import Volume, read_volume, write_volume
from Testing.raw_miniatures_spine import NRRD_LABELS, nrrd_list, sagittal
from Training import prepare
from Training.datasets.raw_dataset import RawDataset, read_dataset


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return nrrd_list(tmp_path / "raw")


def run(listed: Path, data: Path, *more: str, labels: str = NRRD_LABELS) -> int:
    return prepare.main(["nrrd-list", str(listed), "-o", str(data), "--no-preview", "--labels", labels, *more])


def said(capsys: pytest.CaptureFixture) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def centroid(labels: Volume, value: int) -> np.ndarray:
    """RAS mm of a value's voxels."""
    return labels.ijk_to_ras[:3, :3] @ np.argwhere(labels.voxels == value).mean(0)[::-1] + labels.ijk_to_ras[:3, 3]


def files(dataset: RawDataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for folder in ("imagesTr", "labelsTr") for path in (dataset.folder / folder).iterdir()}


def test_labels_with_ranges_and_sums_become_the_named_classes(listed: Path, tmp_path: Path) -> None:
    assert run(listed, tmp_path / "data", labels="vertebra=20-22+24+23,disc=50") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.task == "spine"
    assert dataset.labels == {"background": 0, "vertebra": 1, "disc": 2}
    for case in dataset.split.named("all"):
        raw = read_volume(listed.parent / f"{case}_label.nrrd")
        _, labels = dataset.read(case)
        expected = np.select([(raw.voxels >= 20) & (raw.voxels <= 24), raw.voxels == 50], [1, 2], 0)
        np.testing.assert_array_equal(labels.voxels, expected)
        np.testing.assert_allclose(labels.ijk_to_ras, raw.ijk_to_ras, atol=1e-4)


@pytest.mark.parametrize(
    "labels", ["disc", "disc=a", "disc=", "disc=5-1", "disc=1-2-3", "disc=-1", "disc=1-9,canal=5", "disc=0", "disc=3+3"]
)
def test_labels_that_say_nothing_or_two_things_are_refused(labels: str, listed: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        run(listed, tmp_path / "data", labels=labels)
    assert "argument --labels" in said(capsys)


def test_a_class_named_twice_takes_all_its_values(listed: Path, tmp_path: Path) -> None:
    assert run(listed, tmp_path / "data", "--strict", labels="disc=50,vertebra=20-22,vertebra=23-24") == 0
    assert read_dataset(tmp_path / "data").read("spine_1")[1].voxels.max() == 2


def test_a_class_that_the_task_lacks_is_refused(listed: Path, tmp_path: Path, capsys) -> None:
    assert run(listed, tmp_path / "data", labels="elbow=3") == 2
    assert "knows no class 'elbow'; its classes are vertebra" in said(capsys)
    assert run(listed, tmp_path / "data", "--task", "tumor", labels="disc=50") == 2
    assert "knows no class 'disc'" in said(capsys)


def test_faulty_lines_are_named_by_their_number_while_the_others_go_on(listed: Path, tmp_path: Path, capsys) -> None:
    lines = listed.read_text().splitlines()
    lines += [
        "spine_1.nrrd",
        "a,b,c",
        "gone.nrrd,spine_1_label.nrrd",
        "spine_1.nrrd,gone_label.nrrd",
        "",
        "spine_2.nrrd,spine_1_label.nrrd",
    ]
    listed.write_text("\n".join(lines))
    assert run(listed, tmp_path / "data") == 1
    text = said(capsys)
    first = len(lines) - 5
    for number in (first, first + 1):
        assert f"Line {number} of 'list.txt' does not hold two names" in text
    assert f"Line {first + 2} of 'list.txt': 'gone.nrrd' does not exist" in text
    assert f"Line {first + 3} of 'list.txt': 'gone_label.nrrd' does not exist" in text
    assert f"Line {first + 5} of 'list.txt': 'spine_2.nrrd' is the image of line 4 too" in text
    assert len(read_dataset(tmp_path / "data").split.named("all")) == 4


def test_a_list_that_was_saved_by_a_windows_editor_is_read(listed: Path, tmp_path: Path) -> None:
    lines = [line for line in listed.read_text().splitlines() if line and line[0] != "#"]
    listed.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).replace(",", " , ").encode())
    assert run(listed, tmp_path / "data") == 0
    assert len(read_dataset(tmp_path / "data").split.named("all")) == 4


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_list_that_cannot_be_read_is_a_sentence(content, tmp_path: Path, capsys) -> None:
    if content:
        (tmp_path / "list.txt").write_bytes(content)
    assert run(tmp_path / "list.txt", tmp_path / "data") == 2
    assert "cannot be read; give a text file" in said(capsys)


def test_images_of_one_name_in_several_folders_all_become_cases(listed: Path, tmp_path: Path) -> None:
    lines = []
    for number, folder in enumerate(("one/scan", "two/scan", "three/scan"), 1):
        place = listed.parent / folder
        place.mkdir(parents=True)
        for kind in ("", "_label"):
            (listed.parent / f"spine_{number}{kind}.nrrd").rename(place / f"image{kind}.nrrd")
        lines.append(f"{folder}/image.nrrd,{folder}/image_label.nrrd")
    listed.write_text("\n".join(lines))
    assert run(listed, tmp_path / "data") == 0
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["image", "scan_image", "scan_image_2"]


def test_a_value_without_a_name_is_noted_and_with_strict_faulty(listed: Path, tmp_path: Path, capsys) -> None:
    assert run(listed, tmp_path / "data", labels="vertebra=20-24") == 0
    notes = json.loads((tmp_path / "data" / "report.json").read_text())["notes"]
    assert len(notes) == 4
    assert all(note[0].startswith("Label 50 (") for note in notes.values())
    assert run(listed, tmp_path / "strict", "--strict", labels="vertebra=20-24") == 2
    assert "'spine_1_label.nrrd' holds the label 50, which --labels does not name" in said(capsys)


def test_a_label_map_of_fractions_is_named(listed: Path, tmp_path: Path, capsys) -> None:
    label = read_volume(listed.parent / "spine_2_label.nrrd")
    write_volume(Volume(label.voxels * 0.5, label.ijk_to_ras), listed.parent / "spine_2_label.nrrd")
    assert run(listed, tmp_path / "data") == 1
    assert "'spine_2_label.nrrd' holds values that are not whole numbers" in said(capsys)


def test_a_cube_lies_around_what_is_labeled_in_its_place(listed: Path, tmp_path: Path) -> None:
    run(listed, tmp_path / "whole")
    assert run(listed, tmp_path / "cubes", "--cube", "72") == 0
    whole, cubes = read_dataset(tmp_path / "whole"), read_dataset(tmp_path / "cubes")
    for case in ("spine_1", "spine_3"):
        (_, before), (scans, after) = whole.read(case), cubes.read(case)
        assert after.shape == scans["image"].shape == (72, 72, 72)
        np.testing.assert_allclose(after.spacing, 1)
        for value in (1, 2):
            np.testing.assert_allclose(centroid(after, value), centroid(before, value), atol=0.6)
            assert np.sum(after.voxels == value) == pytest.approx(2 * np.sum(before.voxels == value), rel=0.06)
        middle = np.mean([np.argwhere(after.voxels > 0).min(0), np.argwhere(after.voxels > 0).max(0)], axis=0)
        np.testing.assert_allclose(middle, 35.5, atol=2)


def test_with_a_cube_an_image_in_another_place_is_still_refused(listed: Path, tmp_path: Path, capsys) -> None:
    scan = read_volume(listed.parent / "spine_2.nrrd")
    matrix = scan.ijk_to_ras.copy()
    matrix[:3, 3] += (0, 0, 20)
    write_volume(Volume(scan.voxels, matrix), listed.parent / "spine_2.nrrd")
    assert run(listed, tmp_path / "data", "--cube", "32", "--spacing", "2") == 1
    assert "'spine_2_label.nrrd' and 'spine_2.nrrd' lie up to 20.00 mm apart" in said(capsys)
    assert "spine_2" not in read_dataset(tmp_path / "data").split.named("all")


@pytest.mark.parametrize("more", [["--cube", "0"], ["--cube", "-3"], ["--cube", "8", "--spacing", "0"], ["--copies", "-1"]])
def test_numbers_that_make_no_cube_are_a_sentence(more: list[str], listed: Path, tmp_path: Path, capsys) -> None:
    assert run(listed, tmp_path / "data", *more) == 2
    assert "--cube must be 2 or more" in said(capsys)


COPIES = ("--copies", "2", "--n-train", "2", "--n-val", "1")


def test_copies_are_of_training_cases_only_and_the_same_on_every_start(listed: Path, tmp_path: Path) -> None:
    assert run(listed, tmp_path / "data", *COPIES) == 0
    dataset = read_dataset(tmp_path / "data")
    originals = [name for name in dataset.split.train if "_copy" not in name]
    assert len(originals) == 2
    assert len(dataset.split.val) == len(dataset.split.test) == 1
    copies = {f"{name}_copy{number}" for name in originals for number in (1, 2)}
    assert set(dataset.split.train) == {*originals, *copies}
    assert json.loads((tmp_path / "data" / "dataset.json").read_text())["numTraining"] == 8
    before = files(dataset)
    assert len(before) == 16
    assert run(listed, tmp_path / "data", *COPIES) == 0
    assert files(dataset) == before
    assert read_dataset(tmp_path / "data").split == dataset.split
    for name in copies:
        dataset.label_file(name).unlink()
    assert run(listed, tmp_path / "data", *COPIES) == 0
    again = files(dataset)
    assert again.keys() == before.keys()
    for name in copies:
        for one in ("image_file", "label_file"):
            path = getattr(dataset, one)(name)
            fresh = read_volume(path).voxels
            path.write_bytes(before[path.name])
            np.testing.assert_array_equal(fresh, read_volume(path).voxels)


def test_image_and_labels_of_a_copy_move_together(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    lines = []
    for number in range(2):
        k, j, i = np.indices((24, 40, 40))
        labels = (((k - 12) / 6) ** 2 + ((j - 14) / 10) ** 2 + ((i - 26) / 5) ** 2 < 1).astype(np.uint8)
        for kind, voxels in (("", (labels * 200 + 50).astype(np.int16)), ("_label", labels)):
            write_volume(Volume(voxels, sagittal(number, (2, 1, 1))), tmp_path / "raw" / f"case{number}{kind}.nrrd")
        lines.append(f"case{number}.nrrd,case{number}_label.nrrd")
    (tmp_path / "raw" / "list.txt").write_text("\n".join(lines))
    more = ("--copies", "3", "--n-train", "1", "--n-val", "1")
    assert run(tmp_path / "raw" / "list.txt", tmp_path / "data", *more, labels="disc=1") == 0
    dataset = read_dataset(tmp_path / "data")
    original = dataset.read(dataset.split.train[0])[1].voxels
    for name in dataset.split.train[1:]:
        scans, labels = dataset.read(name)
        bright = scans["image"].voxels > (scans["image"].voxels.min() + scans["image"].voxels.max()) / 2
        overlap = 2 * np.sum(bright & (labels.voxels == 1)) / (bright.sum() + labels.voxels.sum())
        stayed = 2 * np.sum((original == 1) & (labels.voxels == 1)) / (original.sum() + labels.voxels.sum())
        assert overlap > 0.9, (name, overlap, stayed)
        assert stayed < 0.99, (name, overlap, stayed)


def test_copies_of_a_case_that_no_longer_trains_are_removed(listed: Path, tmp_path: Path) -> None:
    run(listed, tmp_path / "data", *COPIES)
    gone = next(name for name in read_dataset(tmp_path / "data").split.train if "_copy" not in name)
    listed.write_text("\n".join(line for line in listed.read_text().splitlines() if not line.startswith(f"{gone}.")))
    assert run(listed, tmp_path / "data", *COPIES) == 0
    dataset = read_dataset(tmp_path / "data")
    assert not list((tmp_path / "data").glob(f"*Tr/{gone}*"))
    assert {path.name for path in (tmp_path / "data" / "labelsTr").iterdir()} == {f"{name}.nii.gz" for name in dataset.split.named("all")}


def test_a_case_named_like_a_copy_is_not_overwritten(listed: Path, tmp_path: Path, capsys) -> None:
    for kind in ("", "_label"):
        (listed.parent / f"spine_2{kind}.nrrd").rename(listed.parent / f"spine_1_copy1{kind}.nrrd")
    lines = [f"spine_1{middle}.nrrd,spine_1{middle}_label.nrrd" for middle in ("", "_copy1")]
    listed.write_text("\n".join(lines))
    assert run(listed, tmp_path / "data", "--copies", "1", "--n-train", "2") == 2
    assert "The case 'spine_1_copy1' is named like a copy of 'spine_1'" in said(capsys)
