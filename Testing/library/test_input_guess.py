"""Scans find their slots by their names and DICOM attributes."""

from __future__ import annotations

import pytest

from panel.input_guess import ScanInfo, contrast_of, guess_inputs, scan_info

TUMOR = ("t1c", "t1", "t2", "flair")


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
        ("t2star swi", None),
        ("localizer", None),
        ("spacer", None),
        ("CT1_thin", None),
    ],
)
def test_contrasts(name: str, kind: str | None) -> None:
    assert contrast_of(ScanInfo(name)) == kind


def test_dicom_tells_more_than_the_name() -> None:
    assert contrast_of(ScanInfo("4: series", "MPRAGE", "MR", "GADOVIST")) == "t1c"
    assert contrast_of(ScanInfo("4: t1", "", "CT")) is None


def test_a_whole_study() -> None:
    names = ["x-t2f", "x-t1c", "x-t2w", "x-t1n", "x-seg"]
    assert guess_inputs(TUMOR, [ScanInfo(name) for name in names]) == {"flair": 0, "t1c": 1, "t2": 2, "t1": 3}


def test_two_that_fit_equally_are_left_to_the_user() -> None:
    assert guess_inputs(TUMOR, [ScanInfo("t1c day 1"), ScanInfo("t1c day 2"), ScanInfo("flair")]) == {"flair": 2}
    assert guess_inputs(("image",), [ScanInfo("a"), ScanInfo("b")]) == {}


def test_one_slot() -> None:
    assert guess_inputs(("image",), [ScanInfo("anything")]) == {"image": 0}
    assert guess_inputs(("image",), [ScanInfo("t1_tse_sag"), ScanInfo("t2_tse_sag"), ScanInfo("t2_tse_tra")]) == {"image": 1}


def test_reading_a_node() -> None:
    class Node:
        def GetName(self):
            return "4: x"

        def GetAttribute(self, name):
            return "1.2.3 1.2.4" if name == "DICOM.instanceUIDs" else None

    values = {"0008,103e": "T1 MPRAGE", "0008,0060": "MR", "0018,0010": "Dotarem"}
    info = scan_info(Node(), lambda uid, tag: values.get(tag, "") if uid == "1.2.3" else "")
    assert contrast_of(info) == "t1c"
    assert scan_info(Node(), None) == ScanInfo("4: x")
