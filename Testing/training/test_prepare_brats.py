"""The glioma data sets in the forms that they were published in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.images.volume import Volume
from Testing.raw_miniatures_brats import brats, glioma
from Training import prepare
from Training.datasets.raw_dataset import read_dataset

SIZE = 24
OURS = np.array([0, 1, 2, 3])
"""Value of background, necrotic core, edema and enhancing tumor: the parts of ``glioma`` are in this order."""


def run(raw: Path, data: Path, *more: str) -> int:
    return prepare.main(["brats", str(raw), "-o", str(data), "--no-preview", *more])


def said(capsys: pytest.CaptureFixture) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def relabel(raw: Path, table: dict[int, int]) -> None:
    for path in raw.rglob("*seg.nii*"):
        image = nib.load(path)
        old = image.get_fdata()
        new = np.select([old == value for value in table], list(table.values()), old).astype(np.int16)
        nib.save(nib.Nifti1Image(new, image.affine), path)


def centroid(labels: Volume) -> np.ndarray:
    return labels.ijk_to_ras[:3, :3] @ np.argwhere(labels.voxels > 0).mean(0)[::-1] + labels.ijk_to_ras[:3, 3]


@pytest.mark.parametrize("naming", ["2018", "2020", "2021", "2023", "decathlon"])
def test_all_namings_give_the_same_truth(naming: str, tmp_path: Path) -> None:
    assert run(brats(tmp_path / "raw", naming, cases=3, size=SIZE), tmp_path / "data") == 0
    dataset = read_dataset(tmp_path / "data")
    names = sorted(dataset.split.named("all"))
    assert dataset.labels == {"background": 0, "necrotic_core": 1, "edema": 2, "enhancing_tumor": 3}
    assert len(names) == 3
    assert dataset.channels == ("t1c", "t1", "t2", "flair")
    for number in (0, 1, 2):
        channels, parts = glioma(number, SIZE, enhancing=number != 1)
        scans, labels = dataset.read(next(name for name in names if np.array_equal(dataset.read(name)[1].voxels, parts)))
        np.testing.assert_array_equal(labels.voxels, OURS[parts])
        for channel, voxels in channels.items():
            np.testing.assert_array_equal(scans[channel].voxels, voxels)


def test_a_data_set_without_any_enhancing_tumor_is_read(tmp_path: Path) -> None:
    raw = brats(tmp_path / "raw", cases=2, size=SIZE)
    relabel(raw, {4: 0})
    assert run(raw, tmp_path / "data") == 0
    assert set(np.unique(read_dataset(tmp_path / "data").read("BraTS2021_00000")[1].voxels)) == {0, 1, 2}


@pytest.mark.parametrize(("scheme", "values"), [("2023", {1: 1, 2: 2, 3: 3}), ("decathlon", {1: 2, 2: 1, 3: 3})])
def test_ambiguous_labels_are_refused_until_labels_decides(scheme: str, values: dict, tmp_path: Path, capsys) -> None:
    raw = brats(tmp_path / "raw", "2021", cases=2, size=SIZE)
    relabel(raw, {4: 3})
    assert run(raw, tmp_path / "data") == 2
    assert "give --labels 2023 or --labels decathlon" in said(capsys)
    assert not (tmp_path / "data").exists()
    assert run(raw, tmp_path / "data", "--labels", scheme) == 0
    parts = glioma(0, SIZE)[1]
    labels = read_dataset(tmp_path / "data").read("BraTS2021_00000")[1].voxels
    assert all((labels[parts == part] == ours).all() for part, ours in values.items())


def test_the_five_classes_of_2013_become_three(tmp_path: Path) -> None:
    raw = brats(tmp_path / "raw", "2021", cases=2, size=SIZE)
    path = raw / "BraTS2021_00000" / "BraTS2021_00000_seg.nii.gz"
    image = nib.load(path)
    voxels = image.get_fdata().astype(np.int16)
    voxels[tuple(np.argwhere(voxels == 1)[0])] = 3
    nib.save(nib.Nifti1Image(voxels, image.affine), path)
    assert run(raw, tmp_path / "data") == 0
    np.testing.assert_array_equal(read_dataset(tmp_path / "data").read("BraTS2021_00000")[1].voxels, glioma(0, SIZE)[1])


def test_a_crop_keeps_the_whole_tumor_in_its_place(tmp_path: Path) -> None:
    raw = brats(tmp_path / "raw", cases=3, size=32)
    assert run(raw, tmp_path / "whole") == 0
    assert run(raw, tmp_path / "data", "--crop", "18") == 0
    for name in read_dataset(tmp_path / "data").split.named("all"):
        before, after = (read_dataset(tmp_path / part).read(name)[1] for part in ("whole", "data"))
        assert after.shape == (18, 18, 18)
        assert np.count_nonzero(after.voxels) == np.count_nonzero(before.voxels)
        np.testing.assert_allclose(centroid(after), centroid(before), atol=1e-3)


def test_scaling_arrays_and_the_choice_of_channels(tmp_path: Path) -> None:
    raw = brats(tmp_path / "raw", cases=2, size=SIZE)
    assert run(raw, tmp_path / "data", "--scale", "minmax", "--npy", "--channels", "t1c,t2,flair") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.channels == ("t1c", "t2", "flair")
    for name in dataset.split.named("all"):
        scans, labels = dataset.read(name)
        image, label = (np.load(tmp_path / "data" / "npy" / f"{name}_{kind}.npy") for kind in ("image", "label"))
        assert image.dtype == np.float32
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(image, np.stack([scan.voxels for scan in scans.values()]))
        np.testing.assert_array_equal(label, labels.voxels)
        assert all(channel.min() == 0 and channel.max() == 1 for channel in image)


def test_small_tumors_are_left_out_with_the_reason(tmp_path: Path, capsys) -> None:
    raw = brats(tmp_path / "raw", cases=3, size=SIZE)
    volumes = sorted(np.count_nonzero(glioma(number, SIZE, number != 1)[1]) * 0.064 for number in range(3))
    assert run(raw, tmp_path / "data", "--least-tumor-ml", str(sum(volumes[:2]) / 2)) == 0
    assert "is smaller than --least-tumor-ml" in said(capsys)
    assert len(read_dataset(tmp_path / "data").split.named("all")) == 2


def test_a_missing_modality_is_named_while_the_others_go_on(tmp_path: Path, capsys) -> None:
    raw = brats(tmp_path / "raw", "2023", cases=3, size=SIZE)
    next(raw.glob("BraTS-GLI-00000-000/*-t2f.nii.gz")).unlink()
    assert run(raw, tmp_path / "data") == 1
    assert "'BraTS-GLI-00000-000-t2f.nii.gz' is missing" in said(capsys)
    assert len(read_dataset(tmp_path / "data").split.named("all")) == 2


def test_folders_named_like_the_files_in_them_are_looked_into(tmp_path: Path) -> None:
    raw = brats(tmp_path / "raw", "2021", cases=2, size=SIZE)
    for path in sorted(raw.rglob("*.nii.gz")):
        packed = path.rename(path.with_name("packed"))
        path.mkdir()
        packed.rename(path / "0057_brain.nii.gz")
        (path / "._0057_brain.nii.gz").write_bytes(b"\x00\x05")
    assert run(raw, tmp_path / "data") == 0
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["BraTS2021_00000", "BraTS2021_00002"]


def test_two_files_of_one_contrast_are_both_named_and_the_case_left_out(tmp_path: Path, capsys) -> None:
    raw = brats(tmp_path / "raw", "2021", cases=3, size=SIZE)
    first = next(raw.rglob("BraTS2021_00000_t1ce.nii.gz"))
    shutil.copy(first, first.with_name("BraTS2021_00000_t1c.nii.gz"))
    assert run(raw, tmp_path / "data") == 1
    assert "'BraTS2021_00000_t1c.nii.gz' and 'BraTS2021_00000_t1ce.nii.gz' in " in said(capsys)
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["BraTS2021_00002", "BraTS2021_00004"]


@pytest.mark.parametrize("one", ["BraTS-MEN-RT-0001-1", "BraTS19_CBICA_AAB_1", "BraTS-GLI-00001-000", "Brats18_TCIA02_100_1"])
def test_scans_of_a_patient_are_told_by_their_names(one: str, tmp_path: Path) -> None:
    from Training.datasets.brats import _patient

    assert _patient(one) == _patient(one[:-1] + "2") != one


def test_several_tasks_of_the_decathlon_are_not_chosen_from(tmp_path: Path, capsys) -> None:
    for name in ("Task02_Heart", "Task03_Liver"):
        brats(tmp_path / "raw" / name, "decathlon", cases=1, size=SIZE)
    assert run(tmp_path / "raw", tmp_path / "data") == 2
    assert "holds several data sets (Task02_Heart, Task03_Liver)" in said(capsys)


def test_the_odd_mask_name_of_case_355_is_noted(tmp_path: Path) -> None:
    assert run(brats(tmp_path / "raw", "2020", cases=2, size=SIZE), tmp_path / "data") == 0
    notes = json.loads((tmp_path / "data" / "report.json").read_text())["notes"]
    assert "The label map is 'W39_1998.09.19_Segm.nii'." in notes["BraTS20_Training_355"]
    assert "The label map is" not in " ".join(notes["BraTS20_Training_001"])


@pytest.mark.parametrize(
    ("naming", "table", "sentence"),
    [
        ("2021", {1: 1, 2: 1, 4: 1}, "only the label 1"),
        ("decathlon", {3: 4}, "Label 4 does not occur in the Decathlon's"),
        ("2021", {4: 9}, "which no BraTS label map has"),
    ],
)
def test_label_maps_that_no_scheme_has_are_refused(naming: str, table: dict, sentence: str, tmp_path: Path, capsys) -> None:
    raw = brats(tmp_path / "raw", naming, cases=1, size=SIZE)
    for path in [*raw.rglob("*seg.nii.gz"), *raw.glob("labelsTr/BRATS*")]:
        image = nib.load(path)
        old = image.get_fdata()
        new = np.select([old == value for value in table], list(table.values()), old).astype(np.int16)
        nib.save(nib.Nifti1Image(new, image.affine), path)
    assert run(raw, tmp_path / "data") == 2
    assert sentence in said(capsys)
