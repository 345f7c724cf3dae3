"""The DICOM images that a mask lies on: whose they are, and which image each slice of the mask belongs to."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from neurospineseg.images.dicom_frames import Frame
from neurospineseg.images.dicom_series import read_dicom
from neurospineseg.images.dicom_start import AS_RECORDED, Reading
from neurospineseg.images.volume import Volume, is_dicom

logging.getLogger("highdicom").setLevel(logging.CRITICAL + 1)  # what it says of a header quotes the header
warnings.filterwarnings("ignore", module="highdicom")

SAME_MM = 0.01


@dataclass(frozen=True, eq=False)
class DicomSource:
    """The images that a scan was read from.

    Attributes:
        images: headers of the files, each once, in the order of the slices.
        frames: the image of each slice of the scan, in the order of k.
        places: index into ``images`` of each slice's file.
        grid: of the scan.
    """

    images: tuple[Dataset, ...]
    frames: tuple[Frame, ...]
    places: tuple[int, ...]
    grid: Grid

    @property
    def first(self) -> Dataset:
        """The header that says whose scan it is."""
        return self.images[0]

    @property
    def frame_of_reference(self) -> str:
        return str(self.first.FrameOfReferenceUID)

    @property
    def step_mm(self) -> float:
        """From slice to slice, across them."""
        first, last = self.frames[0], self.frames[-1]
        return abs(float((last.position - first.position) @ first.normal)) / (len(self.frames) - 1)

    def check_grid(self, labels: Volume) -> None:
        """Refuses a mask that does not lie on the scan's own voxels.

        Raises:
            InputError: it does not.
        """
        corners = labels.grid.corners(), self.grid.corners()
        if labels.shape != self.grid.shape or np.abs(corners[0] - corners[1]).max() > SAME_MM:
            raise InputError("The mask does not lie on the voxels of the DICOM images; give the series that it was made of.")


def dicom_source(path: Path, reading: Reading = AS_RECORDED) -> DicomSource:
    """The images of the scan that ``read_volume`` reads.

    Raises:
        InputError: it is no DICOM, cannot be read, or the images do not say where they lie.
    """
    if not is_dicom(path):
        raise InputError(
            f"'{path.name}' is no DICOM series; a DICOM SEG or RTSTRUCT can be written for scans that came as DICOM images only."
        )
    read = read_dicom(path, reading)
    if not all(frame.placed for frame in read.frames):
        raise InputError("The DICOM images do not record where they lie, so that no DICOM SEG or RTSTRUCT can be written for them.")
    files = list(dict.fromkeys(frame.path for frame in read.frames))
    images = tuple(_header(file) for file in files)
    missing = [name for name in ("FrameOfReferenceUID", "StudyInstanceUID", "SOPInstanceUID", "SOPClassUID") if not images[0].get(name)]
    if missing:
        raise InputError(f"The DICOM images lack '{missing[0]}', without which no DICOM SEG or RTSTRUCT can refer to them.")
    places = {file: number for number, file in enumerate(files)}
    grid = Grid(triple(int(n) for n in read.voxels.shape), read.affine)
    return DicomSource(images, read.frames, tuple(places[frame.path] for frame in read.frames), grid)


def _header(path: Path) -> Dataset:
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)
    except OSError as error:
        raise reading_failed(error, path.name) from error
