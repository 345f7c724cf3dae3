"""Files that cannot be segmented, each with words that the answer must hold."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from Testing.small_scans import ball, oblique_affine, write_nifti

PIXDIM_OFFSET, SFORM_OFFSET = 76, 280


def edited(path: Path, offset: int, *values: float) -> Path:
    """Overwrites float32 fields of an uncompressed NIfTI-1 header."""
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(struct.pack(f"<{len(values)}f", *values))
    return path


def missing(folder: Path) -> Path:
    return folder / "nowhere.nii.gz"


def empty(folder: Path) -> Path:
    path = folder / "empty.nii.gz"
    path.touch()
    return path


def truncated(folder: Path) -> Path:
    path = write_nifti(folder / "cut.nii", ball())
    path.write_bytes(path.read_bytes()[:5000])
    return path


def truncated_gzip(folder: Path) -> Path:
    path = write_nifti(folder / "cut.nii.gz", ball())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def truncated_nrrd(folder: Path) -> Path:
    path = folder / "cut.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(ball()), str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def text_named_nifti(folder: Path) -> Path:
    path = folder / "letter.nii.gz"
    path.write_text("Dear colleague, please find enclosed the scan of your patient.\n" * 20)
    return path


def text_named_nrrd(folder: Path) -> Path:
    path = folder / "letter.nrrd"
    path.write_text("Dear colleague\n" * 20)
    return path


def text_file(folder: Path) -> Path:
    path = folder / "letter.txt"
    path.write_text("Dear colleague")
    return path


def text_without_ending(folder: Path) -> Path:
    (folder / "letters").mkdir()
    path = folder / "letters" / "letter"
    path.write_text("Dear colleague")
    return path


def folder_without_dicom(folder: Path) -> Path:
    path = folder / "series"
    path.mkdir()
    (path / "readme.txt").write_text("nothing here")
    return path


def single_slice(folder: Path) -> Path:
    return write_nifti(folder / "slice.nii.gz", ball()[12:13])


def flat_picture(folder: Path) -> Path:
    path = folder / "flat.mha"
    sitk.WriteImage(sitk.GetImageFromArray(ball()[12]), str(path))
    return path


def four_dimensions(folder: Path) -> Path:
    return write_nifti(folder / "frames.nii.gz", np.stack([ball(), ball(seed=1), ball(seed=2)]))


def mostly_nan(folder: Path) -> Path:
    voxels = ball().astype(np.float32)
    voxels[:14] = np.nan
    return write_nifti(folder / "holes.nii.gz", voxels)


def mostly_infinite(folder: Path) -> Path:
    voxels = ball().astype(np.float32)
    voxels[:14] = np.inf
    return write_nifti(folder / "infinite.nii.gz", voxels)


def all_nan(folder: Path) -> Path:
    return write_nifti(folder / "nothing.nii.gz", np.full((24, 26, 28), np.nan, np.float32))


def constant(folder: Path) -> Path:
    return write_nifti(folder / "constant.nii.gz", np.full((24, 26, 28), 7, np.int16))


def singular_matrix(folder: Path) -> Path:
    path = write_nifti(folder / "singular.nii", ball())
    return edited(path, SFORM_OFFSET, 5, 5, 0, -60, 5, 5, 0, -55, 0, 0, 5, -50)


def nan_matrix(folder: Path) -> Path:
    path = write_nifti(folder / "nan.nii", ball())
    return edited(path, SFORM_OFFSET, float("nan"))


def nan_direction_nrrd(folder: Path) -> Path:
    path = folder / "nan.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(ball()), str(path), useCompression=False)
    raw = path.read_bytes()
    assert b"(1,0,0)" in raw
    path.write_bytes(raw.replace(b"(1,0,0)", b"(nan,0,0)", 1))
    return path


def singular_direction_nrrd(folder: Path) -> Path:
    path = folder / "singular.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(ball()), str(path), useCompression=False)
    path.write_bytes(path.read_bytes().replace(b"(0,1,0)", b"(1,0,0)", 1))
    return path


def zero_spacing(folder: Path) -> Path:
    return edited(write_nifti(folder / "zero.nii", ball()), PIXDIM_OFFSET + 4, 5, 0, 5)


def negative_spacing(folder: Path) -> Path:
    return edited(write_nifti(folder / "negative.nii", ball()), PIXDIM_OFFSET + 4, 5, 5, -5)


def zero_spacing_mha(folder: Path) -> Path:
    path = folder / "zero.mha"
    sitk.WriteImage(sitk.GetImageFromArray(ball()), str(path), useCompression=False)
    path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 1 1 1", b"ElementSpacing = 1 0 1", 1))
    return path


def too_small(folder: Path) -> Path:
    return write_nifti(folder / "small.nii.gz", ball(), oblique_affine(spacing=0.5))


def no_orientation(folder: Path) -> Path:
    path = folder / "plain.nii"
    image = nib.Nifti1Image(ball().T, None)
    image.header.set_zooms((5, 5, 5))
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, path)
    return path


def colors(folder: Path) -> Path:
    path = folder / "colors.nii.gz"
    pixels = np.zeros((28, 26, 24), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    nib.save(nib.Nifti1Image(pixels, oblique_affine()), path)
    return path


BAD_SCANS: dict[Callable[[Path], Path], str] = {
    missing: "does not exist",
    empty: "empty",
    truncated: "truncated",
    truncated_gzip: "truncated",
    truncated_nrrd: "truncated",
    text_named_nifti: "cannot be read as an image",
    text_named_nrrd: "cannot be read as an image",
    text_file: "not read",
    text_without_ending: "not an image",
    folder_without_dicom: "no DICOM series",
    single_slice: "3D volume is needed",
    flat_picture: "3D volume is needed",
    four_dimensions: "--frame 0 to --frame 2",
    mostly_nan: "not numbers",
    mostly_infinite: "not numbers",
    all_nan: "not numbers",
    constant: "same value",
    singular_matrix: "singular",
    nan_matrix: "",
    nan_direction_nrrd: "",
    singular_direction_nrrd: "singular",
    zero_spacing: "spacing",
    negative_spacing: "spacing",
    zero_spacing_mha: "spacing",
    too_small: "field of view",
    no_orientation: "--orientation",
    colors: "gray",
}
"""Each writes a file that cannot be used; with it, words that the sentence must hold."""
