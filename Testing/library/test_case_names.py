"""Which files of a folder are scans, of which case and channel: what BIDS, BraTS, macOS and people name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from neurospineseg.pipeline.batch import run_batch
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.cases import find_cases
from Testing.dicom_scans import slices, write_series
from Testing.small_scans import ball, write_nifti

END = ".nii.gz"


def touch(folder: Path, *names: str) -> Path:
    """Makes empty files; those without an ending get ``END``."""
    for name in names:
        path = folder / (name if "." in Path(name).name.strip(".") else f"{name}{END}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(cases: list[Case]) -> dict[str, dict[str, str]]:
    return {case.name: {key: path.name.removesuffix(END) for key, path in case.scans.items()} for case in cases}


CONTRASTS = {
    "after contrast agent": (["s_ce-gadolinium_T1w", "s_FLAIR"], {"t1c": "s_ce-gadolinium_T1w", "flair": "s_FLAIR"}),
    "before and after": (["s_T1w", "s_ce-gd_T1w"], {"t1": "s_T1w", "t1c": "s_ce-gd_T1w"}),
    "said to be without": (["s_ce-none_T1w", "s_T2w"], {"t1": "s_ce-none_T1w", "t2": "s_T2w"}),
    "in the acquisition": (["s_acq-postGd_T1w", "s_acq-3D_FLAIR"], {"t1c": "s_acq-postGd_T1w", "flair": "s_acq-3D_FLAIR"}),
    "in a word": (["p_T1_gd_T1", "p_flair"], {"t1c": "p_T1_gd_T1", "flair": "p_flair"}),
    "before and after in words": (["p_pre_t1", "p_post_t1", "p_flair"], {"t1": "p_pre_t1", "t1c": "p_post_t1", "flair": "p_flair"}),
    "agent in every name": (["GD_7_t1", "GD_7_flair"], {"t1": "GD_7_t1", "flair": "GD_7_flair"}),
    "other acquisitions of other contrasts": (["s_acq-mprage_T1w", "s_acq-space_T2w"], {"t1": "s_acq-mprage_T1w", "t2": "s_acq-space_T2w"}),
    "phase": (["s_part-phase_T2w", "s_part-mag_T2w"], {"t2": "s_part-mag_T2w"}),
    "words that describe": (["p_ax_t1c", "p_3d_flair"], {"t1c": "p_ax_t1c", "flair": "p_3d_flair"}),
    "numbers that all share": (
        ["BraTS-GLI-00001-000-t1c", "BraTS-GLI-00001-000-t2f"],
        {"t1c": "BraTS-GLI-00001-000-t1c", "flair": "BraTS-GLI-00001-000-t2f"},
    ),
    "masks beside": (
        ["c_t1c", "c_seg", "c-t2f_mask", "c_t1c_seg", "s_desc-brain_mask", "s_label-core_dseg", "mask_t2", "c_t1.seg.nrrd", "OnlySeg_2"],
        {"t1c": "c_t1c"},
    ),
    "a data set named for masks": (["BraSeg_1_t1c", "BraSeg_1_flair"], {"t1c": "BraSeg_1_t1c", "flair": "BraSeg_1_flair"}),
    "macOS": (["._c_t1c", "c_t1c", "__MACOSX/c_flair", ".hidden/c_t2"], {"t1c": "c_t1c"}),
    "folders named like files": (
        ["c_t1ce.nii/0057_brain.nii", "c_flair.nii.gz/._0057.nii", "c_flair.nii.gz/0057.nii"],
        {"t1c": "0057_brain.nii", "flair": "0057.nii"},
    ),
    "in depth": (["anat/s_T1w", "anat/s_FLAIR", "dwi/s_dwi", "masks/s_T2w", "old/s_T2w"], {"t1": "s_T1w", "flair": "s_FLAIR"}),
}


@pytest.mark.parametrize("names, scans", CONTRASTS.values(), ids=list(CONTRASTS))
def test_each_contrast_is_told_by_its_name(tmp_path: Path, names: list[str], scans: dict[str, str]) -> None:
    touch(tmp_path / "case", *names)
    assert found(find_cases("tumor", tmp_path)) == {"case": scans}


APART = {
    "sessions": (["ses-1/anat/s_ses-1_T1w", "ses-2/anat/s_ses-2_FLAIR"], {"ses-1": ["t1"], "ses-2": ["flair"]}),
    "sessions in one folder": (["s_ses-1_T1w", "s_ses-2_FLAIR", "s_ses-2_T1w"], {"ses-1": ["t1"], "ses-2": ["flair", "t1"]}),
    "years": (["2019_flair", "2021_flair", "2021_t1c"], {"2019": ["flair"], "2021": ["flair", "t1c"]}),
    "days": (["p_2019-03-01_flair", "p_2019-03-02_t1c"], {"2019-03-01": ["flair"], "2019-03-02": ["t1c"]}),
    "short days": (["190301_flair", "190302_t1c"], {"190301": ["flair"], "190302": ["t1c"]}),
    "German days": (["p_01.03.2019_flair.nii", "p_02.03.2019_t1c.nii"], {"01.03.2019": ["flair"], "02.03.2019": ["t1c"]}),
    "folders of dates": (["20190301/flair", "20190302/t1c"], {"20190301": ["flair"], "20190302": ["t1c"]}),
    "before and after an operation": (["preop_flair", "postop_t1c"], {"preop": ["flair"], "postop": ["t1c"]}),
    "visits": (["p_visit1_flair", "p_visit2_t1c"], {"visit1": ["flair"], "visit2": ["t1c"]}),
    "spaces": (["s_space-MNI_T1w", "s_FLAIR"], {"space-mni": ["t1"], "": ["flair"]}),
    "numbers": (["B-1-000-t1c", "B-1-001-t1c", "B-1-001-t2f"], {"000": ["t1c"], "001": ["flair", "t1c"]}),
    "runs": (["s_run-1_T1w", "s_run-2_FLAIR"], {"run-1": ["t1"], "run-2": ["flair"]}),
    "acquisitions": (["s_acq-a_FLAIR", "s_acq-b_FLAIR"], {"acq-a": ["flair"], "acq-b": ["flair"]}),
}


@pytest.mark.parametrize("names, visits", APART.values(), ids=list(APART))
def test_what_is_not_of_one_visit_is_never_one_case(tmp_path: Path, names: list[str], visits: dict[str, list[str]]) -> None:
    touch(tmp_path / "case", *names)
    cases = {case.name: sorted(case.scans) for case in find_cases("tumor", tmp_path)}
    assert cases == {f"case_{label}" if label else "case": channels for label, channels in visits.items()}


TWO = {
    "spellings": ["c_t1c", "c_t1ce", "c_flair"],
    "endings": ["c_t1c.nii", "c_t1c.nii.gz"],
    "one with a description": ["c_t1c", "c_bet_t1c"],
    "runs beside one scan": ["s_run-1_FLAIR", "s_run-2_FLAIR", "s_T1w"],
    "reconstructions": ["s_rec-norm_T1w", "s_T1w"],
}


@pytest.mark.parametrize("names", TWO.values(), ids=list(TWO))
def test_two_files_for_one_place_are_both_named_and_the_others_segmented(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path / "case", *names)
    touch(tmp_path / "good", "t1c")
    seen: list[str] = []
    outcomes = run_batch("tumor", tmp_path, tmp_path / "masks", lambda scans, target: seen.append(target.name))
    assert seen == ["good.seg.nrrd"]
    assert outcomes["good"] == "done"
    assert all(f"'{name}" in outcomes["case"] for name in names[:2])
    assert outcomes["case"].count(".") == 1 + sum(name.count(".") or 2 for name in names[:2])


def test_names_that_do_not_tell_whether_they_belong_together(tmp_path: Path) -> None:
    touch(tmp_path / "case", "p7_t1c", "p8_flair")
    (case,) = find_cases("tumor", tmp_path)
    assert case.scans == {}
    assert "'p7_t1c.nii.gz' and 'p8_flair.nii.gz'" in case.problem


ONE_SCAN = {
    "masks beside": (
        ["a", "a_seg", "a-mask", "a_dseg", "a_label", "a.seg.nrrd", "b_T2w", "b_T2w_mask", "masks/a"],
        {"a": "a", "b_T2w": "b_T2w"},
    ),
    "hidden": (["a", "._a", ".b", "__MACOSX/a"], {"a": "a"}),
    "folders named like files": (["b.nii/._x.nii", "b.nii/x.nii"], {"b": "x.nii"}),
    "folders of one file": (["c1/scan", "c2/scan", "c2/mask"], {"c1": "scan", "c2": "scan"}),
    "BIDS": (
        [
            "sub-1/anat/sub-1_T2w",
            "sub-1/anat/sub-1_T1w",
            "sub-1/func/sub-1_bold",
            "sub-2/ses-1/anat/sub-2_ses-1_T2w",
            "derivatives/x/sub-1/anat/sub-1_T2w",
        ],
        {"sub-1_T1w": "sub-1_T1w", "sub-1_T2w": "sub-1_T2w", "sub-2": "sub-2_ses-1_T2w"},
    ),
    "folders of dates": (["p/2019/scan", "p/2021/scan"], {"p_2019_scan": "scan", "p_2021_scan": "scan"}),
}


@pytest.mark.parametrize("names, cases", ONE_SCAN.values(), ids=list(ONE_SCAN))
def test_cases_of_one_scan(tmp_path: Path, names: list[str], cases: dict[str, str]) -> None:
    touch(tmp_path, *names)
    assert found(find_cases("spine", tmp_path)) == {name: {"image": file} for name, file in cases.items()}


def test_masks_of_this_program_are_no_scans(tmp_path: Path) -> None:
    touch(tmp_path, "scan", "spine", "described")
    (tmp_path / "spine.json").write_text('{\n  "program": {\n    "name": "NeuroSpineSeg",\n    "version": "0.1.0"\n  }\n}\n')
    (tmp_path / "described.json").write_text('{"Modality": "MR"}')
    told: list[str] = []
    assert [case.name for case in find_cases("spine", tmp_path, warn=told.append)] == ["described", "scan"]
    assert told == ["Left aside as segmentations, not scans: 'spine.nii.gz'."]


def test_a_folder_of_masks_only_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "a_seg", "b_seg", "c_seg")
    with pytest.raises(InputError, match="'a_seg.nii.gz' and 2 other files"):
        find_cases("spine", tmp_path)


def test_a_folder_of_dicom_images_stays_one_case_whatever_they_are_called(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "series", slices()).iterdir():
        path.rename(path.with_suffix(".nii"))
    assert [(case.name, case.scans["image"]) for case in find_cases("spine", tmp_path)] == [("series", tmp_path / "series")]
    assert read_volume(tmp_path / "series").shape == (24, 26, 28)


@pytest.mark.parametrize("name", ["case_flair.nii", "case"])
def test_a_folder_with_one_file_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    write_nifti(tmp_path / name / "0057.nii", ball())
    touch(tmp_path / name, "._0057", "0057_seg")
    assert read_volume(tmp_path / name).shape == (24, 26, 28)


def test_a_folder_with_several_files_names_two(tmp_path: Path) -> None:
    touch(tmp_path / "case", "a", "b", "c")
    with pytest.raises(InputError, match=r"holds 3 scans \('a.nii.gz', 'b.nii.gz'\); give one of them"):
        read_volume(tmp_path / "case")


def test_scans_that_no_case_was_made_of_are_told(tmp_path: Path) -> None:
    for name in ("a_t1c.nii.gz", "a_seg.nii.gz", "odd.nii.gz", "b/b_t1c.nii.gz", "c/strange.nii.gz", "d/readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    told: list[str] = []
    assert [case.name for case in find_cases("tumor", tmp_path, warn=told.append)] == ["a", "b"]
    (sentence,) = told
    assert "'odd.nii.gz' and 'c'" in sentence


def test_nothing_is_told_where_all_scans_are_of_a_case(tmp_path: Path) -> None:
    for name in (
        "a_t1c.nii.gz",
        "a_flair.nii.gz",
        "HGG/b/b_t1c.nii.gz",
        "Dataset1/imagesTr/c_0000.nii.gz",
        "d/d1_t1c.nii",
        "d/d1_t1c.nii.gz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / "Dataset1" / "dataset.json").write_text('{"channel_names": {"0": "t1c"}, "file_ending": ".nii.gz"}')
    told: list[str] = []
    assert len(find_cases("tumor", tmp_path, warn=told.append)) == 4
    assert told == []
