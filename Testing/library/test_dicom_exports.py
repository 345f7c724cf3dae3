"""DICOM SEG and RTSTRUCT, read back onto the scan's voxels: oblique, tilted, unsorted, of many frames; what they say of patient and program."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from matplotlib.path import Path as Outline
from pydicom.dataset import Dataset

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.errors import InputError
from neurospineseg.exports.coded_segment import CodedSegment, Maker, of_file, of_structure
from neurospineseg.exports.contours import contours
from neurospineseg.exports.dicom_source import dicom_source
from neurospineseg.exports.structure_set import write_structure_set
from neurospineseg.geometry.affine import LPS_AND_RAS
from neurospineseg.images.dicom_start import Reading
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.structure import segment_tags
from Testing.dicom_scans import Slices, enhanced, saved, slices, write_series
from Testing.small_scans import ball, write_nifti

STUDY = dict(FrameOfReferenceUID="1.2.826.0.1.3680043.2.1125.9", StudyDate="20240131", PatientBirthDate="19600229", PatientSex="F")
SEGMENTS = [of_structure(structure(key)) for key in ("vertebra_L2", "left_thalamus")]
LABELS = [segment.label for segment in SEGMENTS]
MAKER = Maker("spine_3d", "1.2")
SEGMENT = ["--model", "tiny_tumor", "--device", "cpu"]


def shuffled(folder: Path, scan: Slices) -> Path:
    return write_series(folder, scan, lambda k: STUDY, order=np.random.default_rng(1).permutation(len(scan.voxels)))


def unlike(folder: Path, scan: Slices) -> Path:
    """As scanners write them that compute each slice's directions anew."""
    turned = lambda k: [f"{x + 2e-6 * (k % 2):.6f}" for x in (*scan.row, *scan.column)]  # noqa: E731
    return write_series(folder, scan, lambda k: dict(STUDY, ImageOrientationPatient=turned(k)))


def many_frames(folder: Path, scan: Slices) -> Path:
    saved(enhanced(scan, order=np.random.default_rng(2).permutation(len(scan.voxels)).tolist(), **STUDY), folder / "all.dcm")
    return folder


def second_echo(folder: Path, scan: Slices) -> Path:
    for n, time in enumerate((10.0, 90.0)):
        write_series(folder, scan, lambda k, n=n, time=time: dict(STUDY, EchoTime=time, EchoNumbers=n + 1), first=1 + 24 * n)
    return folder


SOURCES: dict[str, tuple[Callable[[Path, Slices], Path], Slices, str | None]] = {
    "oblique, unsorted": (shuffled, slices(turn=20), None),
    "gantry tilt": (shuffled, slices(tilt=20), None),
    "directions rounded": (unlike, slices(turn=33), None),
    "many frames": (many_frames, slices(turn=20), None),
    "one of two echoes": (second_echo, slices(turn=20), "echo=2"),
}


@pytest.fixture(params=SOURCES)
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Reading]:
    write, drawn, volume = SOURCES[request.param]
    return write(tmp_path / "scan", drawn), Reading(volume)


def mask_on(path: Path, reading: Reading) -> Volume:
    """Two structures with a hole, an island and voxels that touch at a corner."""
    grid = read_volume(path, volume=reading.volume).grid
    labels = np.zeros(grid.shape, np.uint16)
    labels[4:15, 5:18, 6:22] = LABELS[0]
    labels[6:9, 8:12, 9:14] = 0
    labels[8, 9, 10] = labels[7, 12, 14] = labels[3, 0, 0] = LABELS[0]
    labels[12:22, 20:25, 3:25] = LABELS[1]
    return Volume(labels, grid.affine)


def seg_voxels(path: Path, grid_of: Volume, number: int) -> np.ndarray:
    """A segment of a DICOM SEG on the grid of a volume, by the position of each frame."""
    import highdicom

    seg = highdicom.seg.segread(path)
    frames = seg.pixel_array
    found = np.zeros(grid_of.shape, bool)
    for group, frame in zip(seg.PerFrameFunctionalGroupsSequence, frames):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            lps = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
            ijk = np.linalg.solve(LPS_AND_RAS @ grid_of.ijk_to_ras, [*lps, 1])[:3]
            assert np.abs(ijk - [0, 0, round(ijk[2])]).max() < 1e-3
            found[round(ijk[2])] |= frame.astype(bool)
    return found


def rtstruct_voxels(path: Path, grid_of: Volume, number: int) -> np.ndarray:
    """An ROI of an RTSTRUCT on the grid of a volume: whose centers lie inside an odd number of outlines."""
    made = pydicom.dcmread(path)
    found = np.zeros(grid_of.shape, bool)
    j, i = np.meshgrid(*(np.arange(n) for n in grid_of.shape[1:]), indexing="ij")
    for line in made.ROIContourSequence[number - 1].ContourSequence:
        lps = np.array(line.ContourData, float).reshape(-1, 3)
        ijk = np.linalg.solve(LPS_AND_RAS @ grid_of.ijk_to_ras, np.c_[lps, np.ones(len(lps))].T)[:3].T
        k = round(ijk[:, 2].mean())
        assert np.abs(ijk[:, 2] - k).max() < 1e-3
        inside = Outline(np.r_[ijk[:, :2], ijk[:1, :2]]).contains_points(np.c_[i.ravel(), j.ravel()])
        found[k] ^= inside.reshape(j.shape)
    return found


def write_seg(mask: Volume, path: Path, reading: Reading, to: Path) -> Path:
    pytest.importorskip("highdicom")
    from neurospineseg.exports.dicom_segmentation import write_dicom_segmentation

    write_dicom_segmentation(mask, SEGMENTS, dicom_source(path, reading), MAKER, to)
    return to


def test_segmentation_read_back(scan: tuple[Path, Reading], tmp_path: Path) -> None:
    mask = mask_on(*scan)
    made = write_seg(mask, *scan, tmp_path / "mask.dcm")
    for number, label in enumerate(LABELS, 1):
        assert (seg_voxels(made, mask, number) == (mask.voxels == label)).all()


def test_structure_set_read_back(scan: tuple[Path, Reading], tmp_path: Path) -> None:
    mask = mask_on(*scan)
    write_structure_set(mask, SEGMENTS, dicom_source(*scan), MAKER, tmp_path / "mask.dcm")
    for number, label in enumerate(LABELS, 1):
        assert (rtstruct_voxels(tmp_path / "mask.dcm", mask, number) == (mask.voxels == label)).all()


def images_of(path: Path) -> dict[tuple[str, int], np.ndarray]:
    """Position of each image of a folder by its object and frame."""
    found = {}
    for file in path.iterdir():
        image = pydicom.dcmread(file)
        if "PerFrameFunctionalGroupsSequence" not in image:
            found[image.SOPInstanceUID, 0] = np.array(image.ImagePositionPatient, float)
            continue
        for n, group in enumerate(image.PerFrameFunctionalGroupsSequence, 1):
            found[image.SOPInstanceUID, n] = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
    return found


def named(item: Dataset) -> tuple[str, int]:
    return item.ReferencedSOPInstanceUID, item.get("ReferencedFrameNumber", 0)


def test_each_frame_names_the_image_that_it_lies_on(scan: tuple[Path, Reading], tmp_path: Path) -> None:
    made = pydicom.dcmread(write_seg(mask_on(*scan), *scan, tmp_path / "mask.dcm"))
    images = images_of(scan[0])
    for group in made.PerFrameFunctionalGroupsSequence:
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        np.testing.assert_allclose(images[named(source)], np.array(group.PlanePositionSequence[0].ImagePositionPatient, float), atol=1e-3)
    listed = {item.ReferencedSOPInstanceUID for item in made.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert listed <= {uid for uid, _ in images}


def test_each_contour_names_the_image_that_it_lies_on(scan: tuple[Path, Reading], tmp_path: Path) -> None:
    write_structure_set(mask_on(*scan), SEGMENTS, dicom_source(*scan), MAKER, tmp_path / "mask.dcm")
    made, images, drawn = pydicom.dcmread(tmp_path / "mask.dcm"), images_of(scan[0]), pydicom.dcmread(next(scan[0].iterdir()))
    shared = drawn.PerFrameFunctionalGroupsSequence[0].PlaneOrientationSequence[0] if "NumberOfFrames" in drawn else drawn
    normal = np.cross(*np.array(shared.ImageOrientationPatient, float).reshape(2, 3))
    for line in made.ROIContourSequence[0].ContourSequence:
        away = np.array(line.ContourData, float).reshape(-1, 3) - images[named(line.ContourImageSequence[0])]
        assert np.abs(away @ normal).max() < 0.01


@pytest.fixture
def both(tmp_path: Path) -> list[Dataset]:
    scan = (shuffled(tmp_path / "scan", slices(turn=20)), Reading())
    write_structure_set(mask_on(*scan), SEGMENTS, dicom_source(*scan), MAKER, tmp_path / "set.dcm")
    return [pydicom.dcmread(file) for file in (write_seg(mask_on(*scan), *scan, tmp_path / "seg.dcm"), tmp_path / "set.dcm")]


def test_patient_study_and_frame_are_the_images(both: list[Dataset], tmp_path: Path) -> None:
    image = pydicom.dcmread(next((tmp_path / "scan").iterdir()))
    same = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "FrameOfReferenceUID")
    for made in both:
        assert {name: made.get(name) for name in same} == {name: image.get(name) for name in same}
        assert made.SeriesInstanceUID != image.SeriesInstanceUID


def test_they_say_that_they_are_for_research(both: list[Dataset]) -> None:
    assert [made.ContentQualification for made in both] == ["RESEARCH", "RESEARCH"]
    assert both[0].ContentDescription == both[1].StructureSetDescription == "Research only; not for clinical use."
    assert both[1].ApprovalStatus == "UNAPPROVED"


def test_codes_and_algorithm(both: list[Dataset]) -> None:
    seg = both[0].SegmentSequence[1]
    roi, seen = both[1].StructureSetROISequence[1], both[1].RTROIObservationsSequence[1]
    assert (seg.SegmentLabel, roi.ROIName) == ("Left thalamus", "Left thalamus")
    for kind in (seg.SegmentedPropertyTypeCodeSequence[0], seen.RTROIIdentificationCodeSequence[0]):
        assert (kind.CodingSchemeDesignator, kind.CodeValue) == ("SCT", "42695009")
        assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"
    assert (seg.SegmentAlgorithmType, seg.SegmentAlgorithmName) == ("AUTOMATIC", "NeuroSpineSeg spine_3d")
    assert (roi.ROIGenerationAlgorithm, roi.ROIGenerationDescription) == ("AUTOMATIC", "NeuroSpineSeg spine_3d")
    assert both[1].ROIContourSequence[1].ROIDisplayColor == list(SEGMENTS[1].color)


def test_odd_headers_are_carried_over_and_not_quoted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    odd = dict(
        STUDY, PatientName="Marker=", PatientSex="W", PatientBirthDate="Marker 1960", StudyTime="25:61", PatientID=None, StudyID=None
    )
    with pydicom.config.disable_value_validation(), caplog.at_level(logging.DEBUG):
        scan = (write_series(tmp_path / "scan", slices(), lambda k: odd), Reading())
        made = pydicom.dcmread(write_seg(mask_on(*scan), *scan, tmp_path / "seg.dcm"))
        assert (made.PatientSex, made.PatientBirthDate, made.StudyTime, made.PatientID) == ("W", "Marker 1960", "25:61", "")
    assert "Marker" not in caplog.text


@pytest.mark.parametrize("missing", ["FrameOfReferenceUID", "StudyInstanceUID"])
def test_images_that_cannot_be_referred_to(tmp_path: Path, missing: str) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: {**STUDY, missing: None})
    with pytest.raises(InputError, match=f"lack '{missing}'"):
        dicom_source(folder)


def test_segments_of_other_programs() -> None:
    tagged = FileSegment("Segment_1", "Mine", 1, (1, 2, 3), segment_tags(structure("left_thalamus")))
    ours, plain = FileSegment("vertebra_L2", "L2", 2, (1, 2, 3)), FileSegment("Segment_3", "Something", 3, (1, 2, 3))
    found = of_file([tagged, ours, plain])
    assert [segment.type.value for segment in found] == ["42695009", structure("vertebra_L2").type.value, "85756007"]
    assert [segment.side is not None for segment in found] == [True, False, False]


def test_outlines_part_the_centers_of_any_mask() -> None:
    rng = np.random.default_rng(0)
    j, i = np.meshgrid(np.arange(14), np.arange(17), indexing="ij")
    for share in (0.1, 0.3, 0.5, 0.7, 0.9) * 6:
        mask, found = rng.random((1, 14, 17)) < share, np.zeros((14, 17), bool)
        for _, ring in contours(mask):
            found ^= Outline(np.r_[ring, ring[:1]]).contains_points(np.c_[i.ravel(), j.ravel()]).reshape(found.shape)
        assert (found == mask[0]).all()


def test_holes_are_reached_by_channels() -> None:
    mask = np.zeros((1, 12, 16), bool)
    mask[0, 1:11, 1:15] = True
    mask[0, 3:5, 3:6] = mask[0, 7:9, 4:6] = mask[0, 3:9, 9:12] = False
    ((_, ring),) = contours(mask)
    x, y = ring.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert abs(area - mask.sum()) <= 0.125 * 16


def test_from_the_shell(tmp_path: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, mask = shuffled(tmp_path / "Marker", slices()), tmp_path / "mask.nii.gz"
    command = ["segment", "tumor", "--t1c", str(folder), "-o", str(mask), "--dicom-seg", "--rtstruct", *SEGMENT]
    assert main(command) == DONE
    labels, record = read_volume(mask), (tmp_path / "mask.json").read_text()
    label = int(labels.voxels[labels.voxels > 0].min())
    assert (seg_voxels(tmp_path / "mask.seg.dcm", labels, 1) == (labels.voxels == label)).all()
    assert (rtstruct_voxels(tmp_path / "mask.rtstruct.dcm", labels, 1) == (labels.voxels == label)).all()
    assert "marker" not in (record + str(capsys.readouterr())).lower().replace(str(tmp_path).lower(), "")


def test_where_nothing_is_found_nothing_is_written_and_nothing_old_stays(
    tmp_path: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, mask = shuffled(tmp_path / "scan", slices()), tmp_path / "mask.nii.gz"
    command = ["segment", "tumor", "--t1c", str(folder), "-o", str(mask), "--rtstruct", *SEGMENT]
    assert main(command) == DONE
    assert main([*command, "--overwrite", "--roi", "55,60,50,55,-50,-46"]) == DONE
    assert "no DICOM object was written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("mask.*")) == ["mask.json", "mask.nii.gz"]


def test_scans_that_are_no_dicom(head: Path, tmp_path: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / "mask.nii.gz"), "--dicom-seg", *SEGMENT]) == BAD_INPUT
    assert "'head.nii.gz' is no DICOM series" in capsys.readouterr().err
    assert not (tmp_path / "mask.nii.gz").exists()


def test_a_missing_package_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["segment", "tumor", "--t1c", "scan", "-o", str(tmp_path / "mask.nii.gz"), "--dicom-seg", *SEGMENT]) == BAD_INPUT
    assert "python -m pip install highdicom" in capsys.readouterr().err


def test_a_batch_writes_them_and_what_an_earlier_one_left_out(tmp_path: Path, with_tiny_models: Path) -> None:
    shuffled(tmp_path / "cases" / "a", slices())
    (tmp_path / "cases" / "b").mkdir()
    write_nifti(tmp_path / "cases" / "b" / "b_t1c.nii.gz", ball())
    masks = tmp_path / "masks"
    command = ["batch", "tumor", str(tmp_path / "cases"), "-o", str(masks), "--volume", "t1c:series=4", *SEGMENT]
    cases = tmp_path / "cases" / "a"
    cases.rename(tmp_path / "cases" / "t1c")
    (tmp_path / "cases" / "a").mkdir()
    (tmp_path / "cases" / "t1c").rename(tmp_path / "cases" / "a" / "t1c")
    assert main(command) == DONE
    assert main([*command, "--rtstruct"]) == DONE
    assert sorted(path.name for path in masks.glob("*.dcm")) == ["a.rtstruct.dcm"]
    assert "no DICOM images" in (masks / "summary.csv").read_text()
    (masks / "a.seg.nrrd").unlink()
    (masks / "a.json").unlink()
    (masks / "a.rtstruct.dcm").unlink()
    assert main([*command, "--rtstruct"]) == DONE
    assert (masks / "a.rtstruct.dcm").exists()


def test_a_corrected_mask_is_exported(tmp_path: Path) -> None:
    scan = (shuffled(tmp_path / "scan", slices(turn=20)), Reading())
    mask = mask_on(*scan)
    cropped = Volume(mask.voxels[2:, :20], mask.grid.crop((2, 0, 0), (24, 20, 28)).affine)
    segments = [FileSegment(each.name, each.name, each.label, each.color) for each in SEGMENTS]
    write_segmentation(cropped, segments, tmp_path / "mask.seg.nrrd")
    made = tmp_path / "out.rtstruct.dcm"
    assert main(["export", str(tmp_path / "mask.seg.nrrd"), "--scan", str(scan[0]), "-o", str(made)]) == DONE
    assert (rtstruct_voxels(made, mask, 1) == (mask.voxels == LABELS[0])).all()
    assert pydicom.dcmread(made).StructureSetROISequence[0].ROIGenerationAlgorithm == "SEMIAUTOMATIC"


def test_what_does_not_lie_on_the_images_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = (shuffled(tmp_path / "scan", slices(turn=20)), Reading())
    mask = mask_on(*scan)
    segments = [FileSegment(each.name, each.name, each.label, each.color) for each in SEGMENTS]
    far = mask.ijk_to_ras.copy()
    far[:3, 3] += 500 * far[:3, 0] / np.linalg.norm(far[:3, 0])
    write_segmentation(Volume(mask.voxels, far), segments, tmp_path / "far.seg.nrrd")
    assert main(["export", str(tmp_path / "far.seg.nrrd"), "--scan", str(scan[0]), "-o", str(tmp_path / "far.dcm")]) == BAD_INPUT
    assert "Nothing of the mask lies where the DICOM images are" in capsys.readouterr().err
    box = np.argwhere(mask.voxels == LABELS[0])
    half = mask.ijk_to_ras.copy()
    half[:3, 3] += half[:3, 2] * (mask.shape[0] - (box[:, 0].min() + box[:, 0].max()) / 2)
    write_segmentation(Volume(mask.voxels, half), segments, tmp_path / "half.seg.nrrd")
    assert main(["export", str(tmp_path / "half.seg.nrrd"), "--scan", str(scan[0]), "-o", str(tmp_path / "half.dcm")]) == DONE
    assert f"% of '{SEGMENTS[0].name}' lies on the DICOM images; the rest is not written" in capsys.readouterr().err


def test_an_export_without_its_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "mask.seg.nrrd", "-o", str(tmp_path / "out.dcm")]) == BAD_INPUT
    assert "--scan" in capsys.readouterr().err
    assert CodedSegment(1, "a", (1, 2, 3)).type.value == "85756007"


def test_an_image_is_never_replaced_by_an_export(tmp_path: Path) -> None:
    scan = write_series(tmp_path / "scan", slices())
    image = next(scan.iterdir())
    before = image.read_bytes()
    assert main(["export", "mask.seg.nrrd", "--scan", str(scan), "-o", str(image), "--overwrite"]) == BAD_INPUT
    assert image.read_bytes() == before
