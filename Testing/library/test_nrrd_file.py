"""NRRD files: what their headers say, their voxels, and Slicer's segmentations in one and in several layers."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.errors import InputError
from neurospineseg.images.nrrd_file import read_header, read_voxels, write_nrrd
from neurospineseg.images.segmentation_file import FileSegment, read_segmentation, write_segmentation
from neurospineseg.images.volume import Volume, read_volume, write_volume
from neurospineseg.pipeline.batch import run_batch
from Testing.small_scans import ball, oblique_affine

DIRECTIONS = "(2,0.1,0) (0,3,0.2) (0,0,4)"
THREE = "dimension: 3\nsizes: 4 3 2\n"
LPS = f"space: left-posterior-superior\nspace directions: {DIRECTIONS}\nspace origin: (10,20,30)\n"


def raw_nrrd(folder: Path, fields: str, count: int = 24, name: str = "scan.nrrd") -> Path:
    """A file of 16-bit numbers 0, 1, 2, ... with these fields."""
    path = folder / name
    header = f"NRRD0005\ntype: short\nencoding: raw\nendian: little\n{fields}\n"
    path.write_bytes(header.encode() + np.arange(count, dtype="<i2").tobytes())
    return path


def layered(folder: Path, fields: str = "") -> Path:
    """A segmentation of three segments in two layers, as Slicer writes it where segments overlap."""
    first, second = np.zeros((5, 6, 7), np.uint8), np.zeros((5, 6, 7), np.uint8)
    first[1:3, 1:4, 1:4], first[4, 5, 6], second[2:4, 2:5, 2:5] = 1, 2, 1
    notes = "".join(
        f"Segment{n}_ID:=Segment_{n}\nSegment{n}_Name:={name}\nSegment{n}_Color:={color}\nSegment{n}_LabelValue:={label}\nSegment{n}_Layer:={layer}\n"
        for n, (name, color, label, layer) in enumerate((("Kern", "1 0 0", 1, 0), ("Größe", "0 1 0", 2, 0), ("Rand", "0 0 1", 1, 1)))
    )
    header = (
        "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 7 6 5\nencoding: raw\n"
        f"space directions: none (1,0,0) (0,1,0) (0,0,2)\nkinds: list domain domain domain\nspace origin: (3,4,5)\n{fields}{notes}\n"
    )
    path = folder / "two.seg.nrrd"
    path.write_bytes(header.encode() + np.stack([first, second], -1).tobytes())
    return path


def test_a_header_tells_what_simpleitk_hides(tmp_path: Path) -> None:
    path = raw_nrrd(
        tmp_path, f'{THREE}{LPS}kinds: domain domain domain\nspace units: "mm" "mm" "mm"\nname:=Größe \\\\ a\\nb\nname:=Länge\n'
    )
    header = read_header(path)
    assert header["space"] == "left-posterior-superior"
    assert header["kinds"] == ["domain", "domain", "domain"]
    assert header["space units"] == ["mm", "mm", "mm"]
    assert header["endian"] == "little"
    assert header["name"] == "Länge"


@pytest.mark.parametrize("text", ["plain", "Größe µ 脊椎", "a\\b\\n", "two\nlines", "colon: and := too"])
def test_values_come_back_as_they_were(text: str, tmp_path: Path) -> None:
    write_nrrd(np.zeros((2, 3, 4), np.uint8), np.eye(4), tmp_path / "mask.nrrd", {"name": text})
    assert read_header(tmp_path / "mask.nrrd")["name"] == text


@pytest.mark.parametrize(
    "content", [b"", b"NRRD", b"NRRD0004\n", b"NRRD0009\ntype: short\n\n", b"NRRD0004\nsizes: a b\n\n", b"P5 1 1\n", bytes(300)]
)
def test_what_is_no_header_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "scan.nrrd").write_bytes(content)
    with pytest.raises(InputError, match="'scan.nrrd'"):
        read_volume(tmp_path / "scan.nrrd")


def test_an_endless_header_ends(tmp_path: Path) -> None:
    (tmp_path / "scan.nrrd").write_bytes(b"NRRD0004\n" + b"x" * 2**25)
    with pytest.raises(InputError, match="no NRRD header"):
        read_header(tmp_path / "scan.nrrd")


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", ">f4", "<f8"])
def test_simpleitk_reads_what_is_written(dtype: str, tmp_path: Path) -> None:
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype) * 2
    write_volume(Volume(voxels[::-1], oblique_affine()), tmp_path / "mask.nrrd")
    image = sitk.ReadImage(str(tmp_path / "mask.nrrd"))
    found = sitk.GetArrayFromImage(image)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(found, voxels[::-1])
    np.testing.assert_allclose(read_volume(tmp_path / "mask.nrrd").ijk_to_ras, oblique_affine(), rtol=0, atol=1e-12)


def test_yes_and_no_become_1_and_0(tmp_path: Path) -> None:
    write_volume(Volume(np.arange(60).reshape(3, 4, 5) % 2 == 0, np.eye(4)), tmp_path / "mask.nrrd")
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "mask.nrrd"))).ravel()[:3].tolist() == [1, 0, 1]


def test_masks_are_written_without_simpleitk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    monkeypatch.delitem(sys.modules, "neurospineseg.images.itk_file", raising=False)
    write_volume(Volume(np.zeros((3, 4, 5), np.uint16), np.eye(4)), tmp_path / "mask.nrrd")
    assert read_header(tmp_path / "mask.nrrd")["type"] == "unsigned short"


def test_ordinary_files_are_read_as_by_simpleitk(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((0.7, 0.8, 3.3))
    image.SetOrigin((-4, 5, 6))
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    sitk.WriteImage(image, str(tmp_path / "scan.nrrd"))
    found = read_volume(tmp_path / "scan.nrrd")
    assert np.array_equal(found.voxels, sitk.GetArrayFromImage(image))
    corner = np.array(image.TransformIndexToPhysicalPoint((4, 3, 2))) * (-1, -1, 1)
    np.testing.assert_allclose(found.ijk_to_ras @ (4, 3, 2, 1), (*corner, 1), atol=1e-9)


@pytest.mark.parametrize("odd", [DIRECTIONS.replace(" ", ""), "( 2 , 0.1,0 )  (0, 3 ,0.2) (0,0,4)"])
def test_capitals_and_odd_spaces_are_no_hindrance(odd: str, tmp_path: Path) -> None:
    fields = f"{THREE}{LPS}".replace("space:", "Space:").replace(DIRECTIONS, odd)
    assert read_header(raw_nrrd(tmp_path, fields))["space directions"].tolist() == [[2, 0.1, 0], [0, 3, 0.2], [0, 0, 4]]
    expected = read_volume(raw_nrrd(tmp_path, f"{THREE}{LPS}", name="straight.nrrd"))
    assert np.array_equal(read_volume(tmp_path / "scan.nrrd").ijk_to_ras, expected.ijk_to_ras)


@pytest.mark.parametrize(
    "kind, count, words",
    [
        ("complex", 2, "complex numbers; export the magnitude"),
        ("RGB-color", 3, "holds colors"),
        ("4-color", 4, "holds colors"),
        ("3D-masked-symmetric-matrix", 7, "a 3d-masked-symmetric-matrix in each voxel"),
        ("quaternion", 4, "a quaternion in each voxel"),
    ],
)
def test_kinds_that_are_no_gray_values_are_refused_by_name(kind: str, count: int, words: str, tmp_path: Path) -> None:
    fields = f"dimension: 4\nsizes: {count} 4 3 2\nkinds: {kind} domain domain domain\n" + LPS.replace("directions: ", "directions: none ")
    with pytest.raises(InputError, match=words):
        read_volume(raw_nrrd(tmp_path, fields, 24 * count), frame=0)


@pytest.mark.parametrize(
    "field",
    ['space units: "um" "um" "um"', 'space units: "Meters" "Meters" "Meters"', 'units: "cm" "cm" "cm"', 'space units: "µm" "µm" "µm"']
    + [f'units: "{unit}" "{unit}" "{unit}"' for unit in ("microns", "inch", "nm", "centimeters".replace("ters", "tres"))],
)
def test_lengths_that_are_not_mm_are_refused_with_the_field(field: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"field '{field.split(':')[0]}'.*which Slicer reads as mm"):
        read_volume(raw_nrrd(tmp_path, f"{THREE}{LPS}{field}\n"))


@pytest.mark.parametrize("field", ['space units: "mm" "mm" "mm"', 'units: "" "" ""', 'space units: "millimeters" "pixels" "?"'])
def test_other_units_are_no_hindrance(field: str, tmp_path: Path) -> None:
    assert read_volume(raw_nrrd(tmp_path, f"{THREE}{LPS}{field}\n")).shape == (2, 3, 4)


def test_a_frame_of_a_list_has_its_voxels(tmp_path: Path) -> None:
    fields = "dimension: 4\nsizes: 2 4 3 2\nkinds: list domain domain domain\n" + LPS.replace("directions: ", "directions: none ")
    path = raw_nrrd(tmp_path, fields, 48)
    with pytest.raises(InputError, match="2 volumes"):
        read_volume(path)
    assert np.array_equal(read_volume(path, frame=1).voxels, np.arange(1, 48, 2).reshape(2, 3, 4))


def test_what_overlaps_is_told_where_it_counts_to_one_segment_only(tmp_path: Path) -> None:
    path = layered(tmp_path)
    layers = read_voxels(path, read_header(path))[0]
    overlap = np.count_nonzero((layers[0] > 0) & (layers[1] == 1))
    volume, _ = read_segmentation(path)
    assert overlap > 0
    assert volume.notes == (f"The segments overlap in {overlap} voxels; there each counts to the last of them alone.",)


def test_a_segmentation_of_layers_beside_scans_stops_no_batch(tmp_path: Path) -> None:
    layered(tmp_path).rename(tmp_path / "layers.nrrd")
    write_volume(Volume(np.ones((4, 5, 6), np.int16), np.eye(4)), tmp_path / "scan.nrrd")

    def read(scans: Mapping[str, Path], target: Path) -> None:
        read_volume(scans["image"])

    outcomes = run_batch("spine", tmp_path, tmp_path / "masks", read)
    assert outcomes["scan"] == "done"
    assert "'layers.nrrd' is a Slicer segmentation of 2 layers" in outcomes["layers"]


def test_layers_are_no_scan(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a Slicer segmentation of 2 layers"):
        read_volume(layered(tmp_path), frame=0)


def test_layers_become_one_label_map(tmp_path: Path) -> None:
    labels, segments = read_segmentation(layered(tmp_path))
    expected = np.zeros((5, 6, 7), np.uint16)
    expected[1:3, 1:4, 1:4], expected[4, 5, 6] = 1, 2
    expected[2:4, 2:5, 2:5] = 3
    assert np.array_equal(labels.voxels, expected)
    assert [(segment.name, segment.label) for segment in segments] == [("Kern", 1), ("Größe", 2), ("Rand", 3)]
    assert [segment.color for segment in segments] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    np.testing.assert_allclose(labels.ijk_to_ras, [[-1, 0, 0, -3], [0, -1, 0, -4], [0, 0, 2, 5], [0, 0, 0, 1]])


@pytest.mark.parametrize("layer", [b"7", b"-1", b"first", b"", b"9" * 400])
def test_a_layer_that_is_not_there_is_named(layer: bytes, tmp_path: Path) -> None:
    path = layered(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Segment2_Layer:=1", b"Segment2_Layer:=" + layer))
    with pytest.raises(InputError, match="lacks the layer.*'Rand'"):
        read_segmentation(path)


@pytest.mark.parametrize("odd", [b"Segment1_Color:=red", b"Segment1_Color:=1 0", b"Segment1_Color:=nan 1 1", b"Segment1_Color:=1e999 0 0"])
def test_a_color_that_is_none_is_gray(odd: bytes, tmp_path: Path) -> None:
    path = layered(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Segment1_Color:=0 1 0", odd))
    assert read_segmentation(path)[1][1].color == (128, 128, 128)


def test_a_segmentation_comes_back_as_it_was_written(tmp_path: Path) -> None:
    voxels = np.zeros((4, 5, 6), np.uint16)
    voxels[1:3, 1:3, 1:3], voxels[3, 4, 5] = 7, 300
    tags = {"TerminologyEntry": "Context~SCT^1^One~SCT^2^Two~^^~~^^~^^", "Other": "a:b"}
    segments = [FileSegment("one", "Größe", 7, (1, 2, 3), tags), FileSegment("two", "Ménisque", 300, (255, 0, 128))]
    write_segmentation(Volume(voxels, oblique_affine()), segments, tmp_path / "mask.seg.nrrd")
    labels, found = read_segmentation(tmp_path / "mask.seg.nrrd")
    assert np.array_equal(labels.voxels, voxels)
    assert found == segments


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16])
def test_label_maps_of_every_whole_number_are_written(dtype: type, tmp_path: Path) -> None:
    voxels = np.zeros((3, 4, 5), dtype)[::-1]
    voxels[1, 1, 1] = 9
    write_segmentation(Volume(voxels, np.eye(4)), [FileSegment("a", "A", 9, (0, 0, 0))], tmp_path / "mask.seg.nrrd")
    assert np.array_equal(read_volume(tmp_path / "mask.seg.nrrd").voxels, voxels)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there, or not any more"):
        write_segmentation(Volume(np.zeros((2, 2, 2), np.uint16), np.eye(4)), [], tmp_path / "gone" / "mask.seg.nrrd")


def test_the_page_shows_layers_by_their_names(tmp_path: Path) -> None:
    matrix = np.diag([-1.0, -1, 2, 1])
    matrix[:3, 3] = -3, -4, 5
    write_volume(Volume(np.random.default_rng(1).integers(0, 99, (5, 6, 7)).astype(np.int16), matrix), tmp_path / "scan.nrrd")
    page = tmp_path / "page.html"
    assert main(["view", str(tmp_path / "scan.nrrd"), str(layered(tmp_path)), "-o", str(page)]) == DONE
    text = page.read_text(encoding="utf-8")
    assert [name for name in ("Kern", "Größe", "Rand") if name in text] == ["Kern", "Größe", "Rand"]


def test_a_segmentation_of_layers_is_not_segmented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "spine", str(layered(tmp_path)), "-o", str(tmp_path / "mask.nii.gz"), "--device", "cpu"]) == BAD_INPUT
    assert "a Slicer segmentation of 2 layers" in capsys.readouterr().err


def test_a_float_segmentation_is_no_label_map(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(ball().astype(np.float32))
    image.SetMetaData("Segment0_ID", "one")
    sitk.WriteImage(image, str(tmp_path / "mask.seg.nrrd"))
    with pytest.raises(InputError, match="is no label map"):
        read_segmentation(tmp_path / "mask.seg.nrrd")


ODD = (
    b"nan",
    b"-1",
    b"9" * 20,
    b"1e999",
    b"none",
    b"()",
    b"(1,2)",
    b'"',
    b"\\",
    b"\xff",
    b"???",
    b"",
    b"\n",
    b":=",
    b"list",
    b"complex",
    b"\0",
)


@pytest.mark.parametrize("read", [lambda path: read_volume(path, frame=0), read_segmentation], ids=["scan", "segmentation"])
def test_damaged_headers_end_in_a_sentence(read: Callable[[Path], object], tmp_path: Path) -> None:
    chance, path = random.Random(5), tmp_path / "odd.seg.nrrd"
    header, _, data = layered(tmp_path).read_bytes().partition(b"\n\n")
    told = 0
    for _ in range(300):
        words = list(re.finditer(rb'[^\s:=(),"]+', header))
        odd = bytearray(header)
        for word in sorted(chance.sample(words, 3), key=lambda each: -each.start()):
            odd[word.start() : word.end()] = chance.choice(ODD)
        path.write_bytes(bytes(odd) + b"\n\n" + data)
        try:
            read(path)
        except InputError as error:
            told += "'odd.seg.nrrd'" in str(error)
    assert told > 100


def test_the_page_of_overlapping_segments_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_volume(Volume(np.arange(210, dtype=np.int16).reshape(5, 6, 7), np.diag([1.0, 1, 2, 1])), tmp_path / "scan.nrrd")
    assert main(["view", str(tmp_path / "scan.nrrd"), str(layered(tmp_path)), "-o", str(tmp_path / "page.html")]) == DONE
    assert "The segments overlap in 4 voxels" in capsys.readouterr().err


@pytest.mark.parametrize("pattern", ["s%d.raw 0 1 1", "s%d.raw 1 0 -1"])
def test_slices_in_numbered_files_come_in_the_order_of_their_numbers(pattern: str, tmp_path: Path) -> None:
    voxels = np.arange(24, dtype="<i2").reshape(2, 3, 4)
    for number, layer in enumerate(voxels):
        (tmp_path / f"s{number}.raw").write_bytes(layer.tobytes())
    path = tmp_path / "scan.nhdr"
    path.write_text(f"NRRD0004\ntype: short\n{THREE}{LPS}endian: little\nencoding: raw\ndata file: {pattern}\n")
    np.testing.assert_array_equal(read_volume(path).voxels, voxels[::-1] if pattern.endswith("-1") else voxels)
