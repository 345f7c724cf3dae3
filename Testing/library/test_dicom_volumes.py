"""DICOM images of several volumes: split by stack, echo, phase, direction and series, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from Testing.dicom_scans import SERIES, Slices, enhanced, image, saved, slices, write_series
from Testing.library.test_dicom_geometry import EXACT_MM, largest_distance

KINDS: dict[str, tuple[str, list[Mapping[str, Any]]]] = {
    "echo": ("echo", [dict(EchoTime=10.0, EchoNumbers=1), dict(EchoTime=90.0, EchoNumbers=2)]),
    "echo times alone": ("echo", [dict(EchoTime=10.0), dict(EchoTime=90.0)]),
    "magnitude and phase": ("type", [dict(ImageType=["ORIGINAL", "PRIMARY", kind, "ND"]) for kind in "MP"]),
    "b": ("b", [dict(DiffusionBValue=0.0), dict(DiffusionBValue=1000.0)]),
    "time": ("time", [dict(TemporalPositionIdentifier=1), dict(TemporalPositionIdentifier=2)]),
    "phase of the heart": ("phase", [dict(TriggerTime=0.0), dict(TriggerTime=400.0)]),
    "inversion": ("inversion", [dict(InversionTime=700.0), dict(InversionTime=2500.0)]),
    "flip angle": ("flip", [dict(FlipAngle=4.0), dict(FlipAngle=18.0)]),
    "acquisition": ("acquisition", [dict(AcquisitionNumber=1), dict(AcquisitionNumber=2)]),
    "moment": ("moment", [dict(AcquisitionTime="101010"), dict(AcquisitionTime="101110")]),
    "nothing but the number": ("repeat", [{}, {}]),
}
FRAME_KINDS: dict[str, tuple[str, list[Mapping[str, Any]]]] = {
    "stack": ("stack", [{"FrameContentSequence": dict(StackID=name)} for name in "12"]),
    "echo": ("echo", [{"MREchoSequence": dict(EffectiveEchoTime=time)} for time in (12.0, 80.0)]),
    "time": ("time", [{"FrameContentSequence": dict(TemporalPositionIndex=n)} for n in (1, 2)]),
    "b": ("b", [{"MRDiffusionSequence": dict(DiffusionBValue=b)} for b in (0.0, 800.0)]),
    "phase": ("phase", [{"CardiacSynchronizationSequence": dict(NominalPercentageOfCardiacPhase=p)} for p in (40.0, 75.0)]),
    "component": ("type", [{"MRImageFrameTypeSequence": dict(ComplexImageComponent=c)} for c in ("MAGNITUDE", "PHASE")]),
    "nothing": ("repeat", [{}, {}]),
}


def two(first: Slices, second: Slices) -> Slices:
    """The slices of both, in turns where they are as many, else one after the other."""
    order = np.argsort(np.concatenate([np.arange(len(each.voxels)) for each in (first, second)]), kind="stable")
    joined = [np.concatenate([a, b])[order] for a, b in ((first.voxels, second.voxels), (first.positions, second.positions))]
    return Slices(*joined, first.row, first.column)


def check(volume: Volume, scan: Slices) -> None:
    """That a volume holds these slices where they lie."""
    assert (volume.voxels == scan.voxels).all()
    assert largest_distance(volume, scan) < EXACT_MM


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_two_volumes_in_one_series(tmp_path: Path, kind: str, tilt: float) -> None:
    name, tags = KINDS[kind]
    scans = [slices(tilt, seed=seed) for seed in (0, 1)]
    for n, scan in enumerate(scans):
        write_series(tmp_path / "scan", scan, lambda k, n=n: tags[n], first=1 + 24 * n)
    one, other = [f"{name}={b}" for b in ("0", "1000")] if name == "b" else [f"{name}=1", f"{name}=2"]
    with pytest.raises(InputError, match=rf"holds 2 volumes; choose one with --volume NAME: {one} \(24 slices\), {other} \(24 slices\)"):
        read_volume(tmp_path / "scan")
    check(read_volume(tmp_path / "scan", volume=one), scans[0])
    check(read_volume(tmp_path / "scan", volume=other), scans[1])
    check(read_volume(tmp_path / "scan" / "0030.dcm"), scans[1])
    check(read_volume(tmp_path / "scan", frame=1), scans[1])


@pytest.mark.parametrize("kind", FRAME_KINDS)
@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_two_volumes_in_one_file(tmp_path: Path, kind: str, tilt: float) -> None:
    name, groups = FRAME_KINDS[kind]
    scans = [slices(tilt, seed=seed) for seed in (0, 1)]
    both = two(*scans)
    path = saved(enhanced(both, groups=lambda k: groups[k % 2]), tmp_path / "scan.dcm")
    one, other = [f"{name}={b}" for b in ("0", "800")] if name == "b" else [f"{name}=1", f"{name}=2"]
    with pytest.raises(InputError, match=rf"holds 2 volumes; .*{one} \(24 slices\), {other} \(24 slices\)"):
        read_volume(path)
    check(read_volume(path, volume=one), scans[0])
    check(read_volume(path, volume=other.upper()), scans[1])


def test_a_dimension_of_the_maker_tells_volumes_apart(tmp_path: Path) -> None:
    scans = [slices(seed=seed) for seed in (0, 1)]
    pointers = [0x00209056, 0x00209057, 0x00189087 + 5]
    dimensions = [image(np.zeros((1, 1), np.int16), DimensionIndexPointer=pointer) for pointer in pointers]
    dataset = enhanced(
        two(*scans),
        groups=lambda k: {"FrameContentSequence": dict(DimensionIndexValues=[1, k // 2 + 1, k % 2 + 1])},
        DimensionIndexSequence=[_only(each, "DimensionIndexPointer") for each in dimensions],
    )
    check(read_volume(saved(dataset, tmp_path / "scan.dcm"), volume="dimension=2"), scans[1])


def _only(dataset: Any, keyword: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    setattr(item, keyword, dataset.get(keyword))
    return item


def test_stacks_side_by_side_are_not_joined(tmp_path: Path) -> None:
    """Two stacks of one direction, the second begins where the first ends."""
    scan = slices(count=24)
    groups = [{"FrameContentSequence": dict(StackID="A" if k < 10 else "B")} for k in range(24)]
    path = saved(enhanced(scan, groups=lambda k: groups[k]), tmp_path / "scan.dcm")
    with pytest.raises(InputError, match=r"stack=2 \(14 slices\), stack=1 \(10 slices\)"):
        read_volume(path)
    check(read_volume(path, volume="stack=2"), scan[10:])


def test_echoes_between_each_other_are_not_joined(tmp_path: Path) -> None:
    scans = [slices(seed=seed) for seed in (0, 1)]
    scans[1].positions[:, 2] += 2
    for n, scan in enumerate(scans):
        write_series(tmp_path / "scan", scan, lambda k, n=n: dict(EchoTime=10.0 + 80 * n), first=1 + 24 * n)
    check(read_volume(tmp_path / "scan", volume="echo=2"), scans[1])


def test_three_times_of_two_echoes(tmp_path: Path) -> None:
    scans = [slices(seed=seed) for seed in range(6)]
    for n, scan in enumerate(scans):
        tags = dict(EchoTime=10.0 + 50 * (n % 2), TriggerTime=100.0 * (n // 2))
        write_series(tmp_path / "scan", scan, lambda k, tags=tags: tags, first=1 + 24 * n)
    with pytest.raises(InputError, match="holds 6 volumes"):
        read_volume(tmp_path / "scan")
    with pytest.raises(InputError, match="holds 3 volumes"):
        read_volume(tmp_path / "scan", volume="echo=2")
    check(read_volume(tmp_path / "scan", volume="echo=2, phase=3"), scans[5])


def test_traits_that_differ_from_slice_to_slice_split_nothing(tmp_path: Path) -> None:
    scan = slices()
    tags = lambda k: dict(AcquisitionNumber=k, AcquisitionTime=f"{101010 + k}", EchoTime=10 + k / 1000, TriggerTime=float(k))  # noqa: E731
    check(read_volume(write_series(tmp_path / "scan", scan, tags)), scan)


def turned(count: int, degrees: float, seed: int = 3) -> Slices:
    """Slices turned about L, around one line, as through a disc."""
    t = np.radians(degrees)
    column = np.array([0, np.cos(t), np.sin(t)])
    normal = np.cross([1, 0, 0], column)
    start = np.array([-60.0, -55.0, -50.0]) + np.arange(count)[:, None] * 4 * normal
    return Slices(slices(count=count, seed=seed).voxels, start, np.array([1.0, 0, 0]), column)


def test_one_odd_slice_is_left_out_and_named(tmp_path: Path) -> None:
    scan = slices()
    write_series(tmp_path / "scan", scan)
    write_series(tmp_path / "scan", turned(1, 90), first=25)
    volume = read_volume(tmp_path / "scan")
    check(volume, scan)
    assert volume.notes == ("Of the 25 slices of the DICOM series, the 24 of plane=axial were taken; left out: plane=coronal (1 slice).",)


def test_a_localizer_of_three_planes_asks(tmp_path: Path) -> None:
    """Three slices of each plane, as localizers have them."""
    planes = [turned(3, 0), turned(3, 90)]
    sagittal = Slices(planes[0].voxels, planes[0].positions[:, [2, 0, 1]], np.array([0.0, 1, 0]), np.array([0.0, 0, 1]))
    for n, scan in enumerate([*planes, sagittal]):
        write_series(tmp_path / "scan", scan, first=1 + 3 * n)
    with pytest.raises(
        InputError, match=r"holds 3 volumes.*plane=axial \(3 slices\).*plane=coronal \(3 slices\).*plane=sagittal \(3 slices\)"
    ):
        read_volume(tmp_path / "scan")


def test_a_fan_through_discs_offers_its_largest_group(tmp_path: Path) -> None:
    groups = [turned(5, 0, 1), turned(4, 11, 2), turned(4, 24, 3)]
    for n, scan in enumerate(groups):
        write_series(tmp_path / "scan", scan, first=1 + 5 * n)
    with pytest.raises(InputError, match=r"NAME: plane=axial1 \(5 slices\), plane=axial2 \(4 slices\), plane=axial3 \(4 slices\)"):
        read_volume(tmp_path / "scan")
    check(read_volume(tmp_path / "scan", volume="plane=axial3"), groups[2])


def test_slices_all_at_different_angles_make_no_volume(tmp_path: Path) -> None:
    for n in range(8):
        write_series(tmp_path / "scan", turned(1, 5.0 * n), first=1 + n)
    with pytest.raises(InputError, match="8 different ways, no two parallel"):
        read_volume(tmp_path / "scan")


def test_a_small_parallel_group_among_many_others_is_offered_only(tmp_path: Path) -> None:
    group = turned(3, 0)
    write_series(tmp_path / "scan", group)
    for n in range(8):
        write_series(tmp_path / "scan", turned(1, 5.0 + 5.0 * n), first=4 + n)
    with pytest.raises(InputError, match=r"one group of parallel slices and 8 slices in other directions.*plane=axial1 \(3 slices\)"):
        read_volume(tmp_path / "scan")
    check(read_volume(tmp_path / "scan", volume="plane=axial1"), group)


def test_several_series_are_chosen_by_number_uid_or_file(tmp_path: Path) -> None:
    scans = [slices(seed=0), slices(20, seed=1)]
    for n, scan in enumerate(scans):
        tags = dict(SeriesInstanceUID=f"{SERIES}.{n}", SeriesNumber=301 + n)
        write_series(tmp_path / "study" / f"deep{n}" / "in a folder", scan, lambda k, tags=tags: tags)
    with pytest.raises(InputError, match=r"series=301 \(24 slices\), series=302 \(24 slices\)"):
        read_volume(tmp_path / "study")
    for name in ("series=302", "302", f"series={SERIES}.1", f"{SERIES}.1"):
        check(read_volume(tmp_path / "study", volume=name), scans[1])
    check(read_volume(tmp_path / "study" / "deep1" / "in a folder" / "0003.dcm"), scans[1])
    with pytest.raises(InputError, match="has no volume 'series=9'; it holds series=301"):
        read_volume(tmp_path / "study", volume="series=9")


def test_series_of_one_number_are_named_by_uid(tmp_path: Path) -> None:
    scans = [slices(seed=0), slices(seed=1)]
    for n, scan in enumerate(scans):
        write_series(tmp_path / f"{n}", scan, lambda k, n=n: dict(SeriesInstanceUID=f"{SERIES}.{n}"))
    with pytest.raises(InputError, match=f"series={SERIES}.0 .*series={SERIES}.1 "):
        read_volume(tmp_path)
    check(read_volume(tmp_path, volume=f"series={SERIES}.1"), scans[1])


def test_images_of_another_size_are_another_volume(tmp_path: Path) -> None:
    scan, small = slices(), slices(count=4)
    write_series(tmp_path / "scan", scan)
    write_series(tmp_path / "scan", Slices(small.voxels[:, :10, :10], small.positions, small.row, small.column), first=25)
    volume = read_volume(tmp_path / "scan")
    check(volume, scan)
    assert "left out: size=2 (4 slices)" in volume.notes[0]


def test_notes_name_no_patient_and_no_file(tmp_path: Path) -> None:
    write_series(tmp_path / "Marker" / "Mary", slices())
    write_series(tmp_path / "Marker" / "Mary", turned(1, 90), first=25)
    text = " ".join(read_volume(tmp_path / "Marker").notes)
    assert "marker" not in text.lower()
    assert "mary" not in text.lower()


def test_mosaics_are_refused(tmp_path: Path) -> None:
    tags = dict(ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], ImagePositionPatient=[0, 0, 0])
    with pytest.raises(InputError, match="mosaics"):
        read_volume(write_series(tmp_path / "scan", slices(count=3), lambda k: tags))
