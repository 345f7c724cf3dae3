"""DICOM files for tests, written with pydicom: series of single images, and enhanced files of many frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage

from Testing.small_scans import ball

SERIES = "1.2.826.0.1.3680043.2.1125.4"


@dataclass(frozen=True)
class Slices:
    """Slices in patient space, LPS mm.

    Attributes:
        voxels: int16 (K, J, I).
        positions: of the first voxel of each slice, (K, 3).
        row, column: unit vectors along a row and a column, or (K, 3) of them where they differ.
        spacing: mm between neighbors along a row and along a column.
    """

    voxels: np.ndarray
    positions: np.ndarray
    row: np.ndarray
    column: np.ndarray
    spacing: tuple[float, float] = (5.0, 4.0)

    def of(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        return (self.row, self.column) if self.row.ndim == 1 else (self.row[k], self.column[k])

    def ras(self, k: int, j: int, i: int) -> np.ndarray:
        """Where a voxel lies, from its slice's own position alone; RAS mm."""
        row, column = self.of(k)
        return (self.positions[k] + i * self.spacing[0] * row + j * self.spacing[1] * column) * [-1, -1, 1]

    def __getitem__(self, kept: Any) -> Slices:
        """Some of the slices."""
        turned = self.row.ndim > 1
        return replace(
            self,
            voxels=self.voxels[kept],
            positions=self.positions[kept],
            row=self.row[kept] if turned else self.row,
            column=self.column[kept] if turned else self.column,
        )


def slices(tilt: float = 0.0, step: float = 4.0, turn: float = 0.0, count: int = 24, seed: int = 0) -> Slices:
    """Axial slices of a ball.

    Args:
        tilt: of the gantry, degrees: so far are the slices turned about L, while the table moves along S.
        step: mm of the table between slices.
        turn: degrees about S.
    """
    t, u = np.radians(tilt), np.radians(turn)
    about_s = np.array([[np.cos(u), -np.sin(u), 0], [np.sin(u), np.cos(u), 0], [0, 0, 1]])
    row, column = about_s @ [1, 0, 0], about_s @ [0, np.cos(t), np.sin(t)]
    positions = np.array([-60.0, -55.0, -50.0]) + np.arange(count)[:, None] * (about_s @ [0, 0, step])
    return Slices(ball((count, 26, 28), seed), positions, row, column)


def image(pixels: np.ndarray, number: int = 1, **elements: Any) -> FileDataset:
    """A file with int16 or uint16 voxels (J, I) or (N, J, I), without position; ``elements`` are added, those that are None removed."""
    dataset = FileDataset(None, {}, preamble=b"\0" * 128)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, Any] = dict(
        SOPClassUID=MRImageStorage, SOPInstanceUID=f"{SERIES}.1.{number}", SeriesInstanceUID=SERIES, StudyInstanceUID=f"{SERIES}.0",
        SeriesNumber=4, InstanceNumber=number, Modality="MR", PatientName="Marker^Mary", PatientID="MARKER", SeriesDescription="MARKER",
        Rows=pixels.shape[-2], Columns=pixels.shape[-1], SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=int(pixels.dtype.kind == "i"),
    )  # fmt: skip
    for name, value in {**values, **elements}.items():
        if value is not None:
            setattr(dataset, name, value)
    if "PixelData" not in elements:
        dataset.PixelData = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    return dataset


def saved(dataset: FileDataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    scan: Slices,
    tags: Callable[[int], Mapping[str, Any]] = lambda k: {},
    order: Sequence[int] | None = None,
    first: int = 1,
) -> Path:
    """A file for each slice, named and numbered in ``order``.

    Args:
        tags: further elements of slice k, or others in place of the usual ones; None removes one.
        first: the first instance number.
    """
    for number, k in enumerate(range(len(scan.voxels)) if order is None else order, first):
        row, column = scan.of(k)
        own = dict(
            ImagePositionPatient=[f"{x:.5f}" for x in scan.positions[k]],
            ImageOrientationPatient=[f"{x:.7f}" for x in (*row, *column)],
            PixelSpacing=list(scan.spacing[::-1]),
        )
        saved(image(scan.voxels[k], number, **{**own, **tags(k)}), folder / f"{number:04d}.dcm")
    return folder


def enhanced(
    scan: Slices,
    order: Sequence[int] | None = None,
    groups: Callable[[int], Mapping[str, Mapping[str, Any]]] = lambda k: {},
    **elements: Any,
) -> FileDataset:
    """One file of many frames.

    Args:
        order: of the slices in the file.
        groups: further functional groups of slice k, ``{"MREchoSequence": {"EffectiveEchoTime": 90.0}}``; None removes one.
    """
    order = list(range(len(scan.voxels)) if order is None else order)
    frames = []
    for k in order:
        row, column = scan.of(k)
        own: dict[str, Any] = dict(
            PlanePositionSequence=dict(ImagePositionPatient=[float(f"{x:.5f}") for x in scan.positions[k]]),
            PlaneOrientationSequence=dict(ImageOrientationPatient=[float(f"{x:.7f}") for x in (*row, *column)]),
            PixelMeasuresSequence=dict(PixelSpacing=list(scan.spacing[::-1]), SliceThickness=3.0),
        )
        frames.append(_item({name: value for name, value in {**own, **groups(k)}.items() if value is not None}))
    return image(
        scan.voxels[order],
        **{
            **dict(SOPClassUID=EnhancedMRImageStorage, NumberOfFrames=len(order), PerFrameFunctionalGroupsSequence=Items(frames)),
            **elements,
        },
    )


def _item(groups: Mapping[str, Mapping[str, Any]]) -> Dataset:
    item = Dataset()
    for name, values in groups.items():
        inner = Dataset()
        for keyword, value in values.items():
            setattr(inner, keyword, value)
        setattr(item, name, Items([inner]))
    return item
