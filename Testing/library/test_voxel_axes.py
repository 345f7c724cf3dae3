"""Files with more axes than space has: a channel, vectors, colors, times; taken where there is one way to, else one sentence."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.cli.main import BAD_INPUT, main
from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from Testing.small_scans import ball, write_nifti

I_FIRST = np.ascontiguousarray(ball().T)
"""(28, 26, 24), as NIfTI has it."""
AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def nifti(folder: Path, voxels: np.ndarray, intent: str = "none", time: str | None = None) -> Path:
    image = nib.Nifti1Image(voxels, AFFINE)
    image.header.set_intent(intent)
    image.header.set_xyzt_units("mm", time)
    nib.save(image, folder / "scan.nii")
    return folder / "scan.nii"


TAKEN = {
    "a channel last": I_FIRST[..., None],
    "two axes of one": I_FIRST[..., None, None],
    "a channel first": I_FIRST[None],
}


@pytest.mark.parametrize("voxels", TAKEN.values(), ids=list(TAKEN))
@pytest.mark.parametrize("frame", [None, 0])
def test_an_axis_of_one_is_left_out(tmp_path: Path, voxels: np.ndarray, frame: int | None) -> None:
    volume = read_volume(nifti(tmp_path, voxels), frame=frame)
    assert np.array_equal(volume.voxels, ball())
    assert np.array_equal(volume.ijk_to_ras, AFFINE)
    assert len(volume.notes) == (voxels.shape[0] == 1)


def test_one_component_of_a_vector_is_taken_where_it_is_chosen(tmp_path: Path) -> None:
    voxels = np.stack([I_FIRST, I_FIRST + 1, I_FIRST + 2], -1)[:, :, :, None]
    assert np.array_equal(read_volume(nifti(tmp_path, voxels, "vector"), frame=1).voxels, ball() + 1)


REFUSED = {
    "a vector": (
        np.stack([I_FIRST] * 3, -1)[:, :, :, None],
        "3 numbers in each voxel, not gray values; pick one with --frame 0 to --frame 2",
    ),
    "times": (np.stack([I_FIRST] * 5, -1), "5 volumes (4D); pick one with --frame 0 to --frame 4"),
    "times and vectors": (np.stack([np.stack([I_FIRST] * 5, -1)] * 2, -1), "28 x 26 x 24 x 5 x 2 voxels in 5 dimensions"),
    "channels first": (np.stack([I_FIRST] * 3), "3 channels first and space after"),
    "slices over time": (I_FIRST[:, :, None], "24 times a single slice"),
    "coronal slices over time": (I_FIRST[:, None], "24 times a single slice"),
    "a slice": (I_FIRST[:, :, :1], "a single slice or a 2D image"),
    "colors": (np.zeros((28, 26, 24), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])), "colors or records"),
    "complex numbers": (I_FIRST.astype(np.complex64), "complex numbers"),
}


@pytest.mark.parametrize("voxels, words", REFUSED.values(), ids=list(REFUSED))
def test_the_sentence_says_what_the_file_holds(tmp_path: Path, voxels: np.ndarray, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_volume(nifti(tmp_path, voxels))
    assert words in str(refused.value)


@pytest.mark.parametrize("frame", [None, 0])
def test_no_frame_is_made_of_channels(tmp_path: Path, frame: int | None) -> None:
    with pytest.raises(InputError, match="write one channel as 28 x 26 x 24 voxels"):
        read_volume(nifti(tmp_path, np.stack([I_FIRST] * 3)), frame=frame)


def test_one_sagittal_slice_at_many_times_is_no_volume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a channel first and space after"):
        read_volume(nifti(tmp_path, I_FIRST[None], time="sec"))


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_a_channel_first_in_other_formats_is_refused(tmp_path: Path, ending: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(ball()[..., None], isVector=False), str(tmp_path / f"scan{ending}"))
    with pytest.raises(InputError, match="a channel first and space after"):
        read_volume(tmp_path / f"scan{ending}")


def test_a_mask_of_several_layers_is_refused_in_a_sentence(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = write_nifti(tmp_path / "mask.nii", np.stack([ball() > 200] * 2).astype(np.uint8))
    assert main(["view", str(head), str(mask), "-o", str(tmp_path / "page.html")]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "'mask.nii' holds several volumes" in said
    assert "give a file that holds it alone" in said
    assert not (tmp_path / "page.html").exists()
