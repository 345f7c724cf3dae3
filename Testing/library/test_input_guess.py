"""Scans find their channels by their names and DICOM attributes."""

from __future__ import annotations

import pytest

from neurospineseg.tasks.channel import Channel, Suitability
from neurospineseg.tasks.input_guess import ScanInfo, contrast_of, guess_inputs, scan_info
from neurospineseg.tasks.task import Task, task_named

TUMOR = task_named("tumor")


def task_of(*channels: Channel, modalities: tuple[str, ...] = ("MR", "CT")) -> Task:
    return Task("knee", "Knee", "bones of the knee", channels, (), (10.0, 10.0, 10.0), modalities=modalities)


ANY = task_of(Channel("image", "Scan"))


@pytest.mark.parametrize(
    "name, kind",
    [
        ("BraTS-GLI-00001-000-t1n", "t1"),
        ("BraTS-GLI-00001-000-t1c", "t1c"),
        ("BraTS-GLI-00001-000-t2w", "t2"),
        ("BraTS-GLI-00001-000-t2f", "flair"),
        ("BraTS20_Training_001_t1ce", "t1c"),
        ("BraTS20_Training_001_flair", "flair"),
        ("BraTS20_Training_001_t1", "t1"),
        ("5: t1_mprage_sag_p2_iso", "t1"),
        ("5: t1_mprage_sag_p2_iso +C", "t1c"),
        ("7: T1 MPRAGE post Gd", "t1c"),
        ("t1_se_tra mit KM", "t1c"),
        ("t1_se_tra ohne KM", "t1"),
        ("t2_tirm_tra_dark-fluid", "flair"),
        ("t2_space_dark-fluid_sag", "flair"),
        ("AX T2 FLAIR", "flair"),
        ("t2_tse_tra_512", "t2"),
        ("AX T2 FSE", "t2"),
        ("ep2d_diff_3scan_trace_ADC", None),
        ("t2star swi", "t2_star"),
        ("localizer", None),
        ("spacer", None),
        ("CT1_thin", None),
        ("BRATS_012_0000", "flair"),
        ("BRATS_012_0001", "t1"),
        ("BRATS_012_0002", "t1c"),
        ("BRATS_012_0003", "t2"),
        ("UPENN-GBM-00001_11_T1GD", "t1c"),
        ("UCSF-PDGM-0004_T2", "t2"),
        ("sub-01_ce-gadolinium_T1w", "t1c"),
        ("sub-01_T1w", "t1"),
        ("sT1W_3D_TFE", "t1"),
        ("sT1W_3D_TFE+Gd", "t1c"),
        ("T1W_TSE KM", "t1c"),
        ("T2W_FLAIR SENSE", "flair"),
        ("AX T1+C", "t1c"),
        ("Ax T1 C+", "t1c"),
        ("T1-C", "t1c"),
        ("T1 -C", "t1"),
        ("SAG T1 FLAIR", "t1"),
        ("Ax T1 FLAIR +C", "t1c"),
        ("Sag CUBE T2 FLAIR", "flair"),
        ("t1_tirm_tra_dark-fluid", "t1"),
        ("t1_mpr_sag_p2_iso_nach_KM", "t1c"),
        ("t1_mprage_ohne_KM", "t1"),
        ("t1 mprage ohne Kontrastmittel", "t1"),
        ("T1 nach Kontrastmittelgabe", "t1c"),
        ("T1 vor KM", "t1"),
        ("t1_space_nativ", "t1"),
        ("T1 w/o contrast", "t1"),
        ("T1 noncontrast", "t1"),
        ("T1 w/wo contrast", None),
        ("T1 pre/post", None),
        ("AX T1 POST", "t1c"),
        ("T1 post-contrast", "t1c"),
        ("T1 postGd", "t1c"),
        ("T1 post-op", "t1"),
        ("T1 pre-op +C", "t1c"),
        ("MP-RAGE", "t1"),
        ("Ax 3D BRAVO", "t1"),
        ("MP2RAGE_INV1", None),
        ("t2_spc_da-fl_sag_p2", "flair"),
        ("3D T2 SPACE", "t2"),
        ("AxT2", "t2"),
        ("T2*", "t2_star"),
        ("t2_fl2d_tra_hemo", "t2_star"),
        ("t2_star", "t2_star"),
        ("pd_tse_fs_sag", "pd"),
        ("sag PD FS", "pd"),
        ("T2 STIR cor", None),
        ("T1 map", None),
        ("T1_SUB", None),
        ("T1_seg", None),
        ("TOF_3D_multi-slab", None),
        ("not1", None),
    ],
)
def test_contrasts(name: str, kind: str | None) -> None:
    assert contrast_of(ScanInfo(name)) == kind


def test_dicom_tells_more_than_the_name() -> None:
    assert contrast_of(ScanInfo("4: series", "MPRAGE", "MR", "GADOVIST")) == "t1c"
    assert contrast_of(ScanInfo("4: series", "MPRAGE", "MR", "NONE")) == "t1"
    assert contrast_of(ScanInfo("4: series", "MPRAGE nativ", "MR", "GADOVIST")) == "t1"
    assert contrast_of(ScanInfo("4: t1", "", "CT")) == "ct"
    assert contrast_of(ScanInfo("4: t1", is_scan=False)) is None


def test_a_whole_study() -> None:
    names = ["x-t2f", "x-t1c", "x-t2w", "x-t1n", "x-seg"]
    assert guess_inputs(TUMOR, [ScanInfo(name) for name in names]) == {"flair": 0, "t1c": 1, "t2": 2, "t1": 3}


def test_two_that_fit_equally_are_left_to_the_user() -> None:
    assert guess_inputs(TUMOR, [ScanInfo("t1c day 1"), ScanInfo("t1c day 2"), ScanInfo("flair")]) == {"flair": 2}
    assert guess_inputs(ANY, [ScanInfo("a"), ScanInfo("b")]) == {}


def test_the_same_scan_twice_is_taken() -> None:
    assert guess_inputs(TUMOR, [ScanInfo("t1c"), ScanInfo("t1c")]) == {"t1c": 0}


def test_a_channel_for_any_contrast() -> None:
    ranked = task_of(Channel("image", "Scan", suits=Suitability({"t2": 2, "t1": 1}, sagittal=2)))
    assert guess_inputs(ANY, [ScanInfo("anything")]) == {"image": 0}
    assert guess_inputs(ranked, [ScanInfo("t1_tse_sag"), ScanInfo("t2_tse_sag"), ScanInfo("t2_tse_tra")]) == {"image": 1}
    assert guess_inputs(ANY, [ScanInfo("labels", is_scan=False), ScanInfo("x_seg")]) == {}
    assert guess_inputs(ANY, []) == {}


def test_channels_of_another_task() -> None:
    knee = task_of(Channel("pd", "PD", contrast="pd"), Channel("bones", "CT", contrast="ct"), Channel("more", "Another scan"))
    scans = [ScanInfo("pd_tse_fs_cor"), ScanInfo("knee", "", "CT"), ScanInfo("t1_se_sag")]
    assert guess_inputs(knee, scans) == {"pd": 0, "bones": 1, "more": 2}


def test_two_channels_for_any_contrast_are_left_to_the_user() -> None:
    assert guess_inputs(task_of(Channel("before", "Before"), Channel("after", "After")), [ScanInfo("a")]) == {}


@pytest.mark.parametrize(
    "task, names, chosen",
    [
        ("spine", ["t1_tse_sag_LWS", "t2_tse_sag_LWS", "t2_tse_tra_LWS", "t2_tirm_sag_LWS"], 1),
        ("spine", ["T2 brain", "CT spine"], 1),
        ("spine", ["t2_tse_sag", "CT 1.0 B60"], None),
        ("spine", ["sub-verse004_ct", "T1 mprage head"], 0),
        ("spine", ["kopf_t2_sag"], None),
        ("subcortical", ["CT head"], None),
        ("subcortical", ["CT head", "t1_mprage"], 1),
        ("subcortical", ["t1_mprage", "t2_space", "SWI_Images", "Pha_Images", "mIP_Images(SW)"], 1),
        ("subcortical", ["t1_mprage", "SWI_Images", "Pha_Images"], 1),
        ("subcortical", ["t2_tse_sag_HWS", "t1_mprage"], 1),
        ("subcortical", ["t2_tse_tra", "t2_tse_cor"], None),
    ],
)
def test_what_suits_a_task(task: str, names: list[str], chosen: int | None) -> None:
    guess = guess_inputs(task_named(task), [ScanInfo(name) for name in names])
    assert guess == ({} if chosen is None else {"image": chosen})


def test_no_ct_for_the_brain() -> None:
    scans = [ScanInfo("4: head", "Kopf nativ", "CT"), ScanInfo("5: head", "", "MR")]
    assert guess_inputs(task_named("subcortical"), scans) == {"image": 1}
    assert guess_inputs(task_named("subcortical"), scans[:1]) == {}


class Node:
    def __init__(self, classes: tuple[str, ...] = ()) -> None:
        self.classes = classes

    def GetName(self) -> str:
        return "4: x"

    def GetAttribute(self, name: str) -> str | None:
        return "1.2.3 1.2.4" if name == "DICOM.instanceUIDs" else None

    def IsA(self, name: str) -> bool:
        return name in self.classes


def test_reading_a_node() -> None:
    values = {"0008,103e": "T1 MPRAGE", "0008,0060": "MR", "0018,0010": "Dotarem", "0018,0015": "BRAIN"}
    info = scan_info(Node(), lambda uid, tag: values.get(tag, "") if uid == "1.2.3" else "")
    assert contrast_of(info) == "t1c"
    assert info.description == "T1 MPRAGE BRAIN"
    assert scan_info(Node(), None) == ScanInfo("4: x")


def test_what_the_database_lost_is_empty() -> None:
    def gone(uid: str, tag: str) -> str:
        raise RuntimeError("no such instance")

    assert scan_info(Node(), gone) == ScanInfo("4: x")


@pytest.mark.parametrize("name", ["vtkMRMLLabelMapVolumeNode", "vtkMRMLTensorVolumeNode", "vtkMRMLDiffusionWeightedVolumeNode"])
def test_labels_vectors_and_tensors_are_no_scans(name: str) -> None:
    assert not scan_info(Node((name,)), None).is_scan


def test_nodes_of_slicer() -> None:
    slicer = pytest.importorskip("slicer")
    for name, is_scan in (("vtkMRMLScalarVolumeNode", True), ("vtkMRMLVectorVolumeNode", False), ("vtkMRMLLabelMapVolumeNode", False)):
        assert scan_info(getattr(slicer, name)(), None).is_scan is is_scan
