"""DICOM images one by one: where each lies, what makes gray values of it, and by what images of one place differ.

Positions and directions are DICOM's: LPS, mm. An enhanced file holds many frames; each has a place of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurospineseg.images.dicom_files import Header

ORTHOGONAL = 1e-2
"""So far may the two directions of a slice be from unit length and from a right angle."""
IN_STACK = {0x00209057, 0x00200032, 0x00209056, 0x00200037, 0x00201041, 0x0020930A}
"""Dimensions of an enhanced file that say where a frame lies: position in its stack, position, stack, orientation, location."""


@dataclass(frozen=True)
class Series:
    """A series' UID and number, as they are in the header; both may be missing."""

    uid: str
    number: int | None


@dataclass(frozen=True, eq=False)
class Frame:
    """One image.

    Attributes:
        index: its place in its file, counted from 0.
        count: number of frames in that file.
        number: what a viewer calls it: its instance number, or its frame number in an enhanced file, counted from 1.
        form: what is alike in all images of a volume: class, rows, columns, color or gray.
        position: of the center of the first voxel, LPS mm, shape (3,); NaN where none is recorded.
        directions: unit vectors along a row and along a column, LPS, shape (2, 3); NaN where none are recorded.
        spacing: mm along a row and along a column, shape (2,); None where none is recorded.
        step: mm between slices, as the header states it; None where it does not.
        slope, intercept: what makes gray values of stored values.
        traits: by what images of one place may differ, by name.
        cut: whether the file is too short for it.
    """

    path: Path
    index: int
    count: int
    number: int
    series: Series
    form: tuple[str, int, int, bool]
    position: np.ndarray
    directions: np.ndarray
    spacing: np.ndarray | None
    step: float | None
    slope: float
    intercept: float
    traits: Mapping[str, Hashable]
    cut: bool

    @property
    def normal(self) -> np.ndarray:
        """Unit vector across the slice, LPS; of a frame with directions."""
        return np.cross(self.directions[0], self.directions[1])

    @property
    def order(self) -> tuple[int, str, int]:
        """Sorts frames as a viewer numbers them."""
        return (self.number if self.count == 1 else 0, str(self.path), self.index)

    @property
    def placed(self) -> bool:
        return bool(np.isfinite(self.position).all() and np.isfinite(self.directions).all())


class FrameHeader:
    """The elements that hold for one frame: its own, the shared ones of its file, those of the whole file."""

    def __init__(self, header: Header, index: int) -> None:
        self.header, self.index = header, index
        own = header.dataset.get("PerFrameFunctionalGroupsSequence") or []
        shared = header.dataset.get("SharedFunctionalGroupsSequence") or []
        self.groups = [*own[index : index + 1], *shared[:1]]
        self.enhanced = bool(own or shared)

    def value(self, name: str, *groups: str) -> Any:
        """An element's value from the first functional group (``OuterSequence/InnerSequence``) that has it, else from the file, else None."""
        for group in self.groups:
            for nested in groups:
                item = group
                for sequence in nested.split("/"):
                    item = next(iter(item.get(sequence) or ()), {})
                if item.get(name) not in (None, ""):
                    return item.get(name)
        return self.header.dataset.get(name)

    def numbers(self, name: str, count: int, *groups: str) -> np.ndarray | None:
        """An element's values as finite float64 (count,); None where they are not."""
        try:
            found = np.atleast_1d(np.array(self.value(name, *groups), float))
        except (TypeError, ValueError):
            return None
        return found if found.shape == (count,) and np.isfinite(found).all() else None

    def number(self, name: str, *groups: str) -> float | None:
        found = self.numbers(name, 1, *groups)
        return None if found is None else float(found[0])

    def scale(self, name: str, default: float) -> float:
        """Slope or intercept; the default where none is stated, NaN where what is stated is no number."""
        if self.value(name, "PixelValueTransformationSequence") in (None, ""):
            return default
        found = self.number(name, "PixelValueTransformationSequence")
        return np.nan if found is None else found

    def words(self, name: str, *groups: str) -> tuple[str, ...]:
        found = self.value(name, *groups)
        return () if found is None else (str(found),) if isinstance(found, str) else tuple(map(str, np.atleast_1d(found)))


def frames_of(header: Header) -> list[Frame]:
    """The images of a file."""
    count = 1 if header.cut else header.frames
    return [_frame(FrameHeader(header, index), index, header.frames) for index in range(count)]


def _frame(header: FrameHeader, index: int, count: int) -> Frame:
    file = header.header
    single = count == 1
    gray = str(file.dataset.get("PhotometricInterpretation", "MONOCHROME2")).startswith("MONOCHROME")
    color = file.whole("SamplesPerPixel", 1) > 1 or not gray
    spacing = header.numbers("PixelSpacing", 2, "PixelMeasuresSequence")
    return Frame(
        path=file.path,
        index=index,
        count=count,
        number=file.whole("InstanceNumber", index + 1) if single else index + 1,
        series=Series(
            str(file.dataset.get("SeriesInstanceUID", "") or ""),
            file.whole("SeriesNumber", -1) if file.dataset.get("SeriesNumber") is not None else None,
        ),
        form=(str(file.dataset.get("SOPClassUID", "")), file.whole("Rows"), file.whole("Columns"), color),
        position=_position(header, single),
        directions=_directions(header),
        spacing=None if spacing is None or (spacing <= 0).any() else spacing[::-1],
        step=_positive(header.number("SpacingBetweenSlices", "PixelMeasuresSequence")),
        slope=header.scale("RescaleSlope", 1.0),
        intercept=header.scale("RescaleIntercept", 0.0),
        traits=_traits(header),
        cut=file.cut,
    )


def _position(header: FrameHeader, single: bool) -> np.ndarray:
    """The position of a frame; one that is stated for a whole file of many frames is not theirs."""
    stated = header.numbers("ImagePositionPatient", 3, "PlanePositionSequence") if header.enhanced or single else None
    return np.full(3, np.nan) if stated is None else stated


def _directions(header: FrameHeader) -> np.ndarray:
    cosines = header.numbers("ImageOrientationPatient", 6, "PlaneOrientationSequence")
    if cosines is None:
        return np.full((2, 3), np.nan)
    row, column = cosines.reshape(2, 3)
    lengths = np.linalg.norm([row, column], axis=1)
    if np.abs(lengths - 1).max() > ORTHOGONAL or abs(row @ column) > ORTHOGONAL:
        return np.full((2, 3), np.nan)
    return np.array([row, column]) / lengths[:, None]


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _traits(header: FrameHeader) -> dict[str, Hashable]:
    """By what images of one place may differ; what tells most comes first."""
    content = "FrameContentSequence"
    cardiac, diffusion = "CardiacSynchronizationSequence", "MRDiffusionSequence"
    direction = header.numbers("DiffusionGradientOrientation", 3, f"{diffusion}/DiffusionGradientDirectionSequence")
    return {
        "stack": header.words("StackID", content),
        "echo": (header.number("EffectiveEchoTime", "MREchoSequence") or header.number("EchoTime"), *header.words("EchoNumbers")),
        "type": (
            *(header.words("FrameType", "MRImageFrameTypeSequence", "CTImageFrameTypeSequence") or header.words("ImageType")),
            *header.words("ComplexImageComponent", "MRImageFrameTypeSequence"),
        ),
        "b": header.number("DiffusionBValue", diffusion),
        "direction": None if direction is None else tuple(direction.round(4).tolist()),
        "time": header.number("TemporalPositionIndex", content) or header.number("TemporalPositionIdentifier"),
        "phase": (
            header.number("NominalPercentageOfCardiacPhase", cardiac),
            header.number("NominalCardiacTriggerDelayTime", cardiac),
            header.number("TriggerTime"),
        ),
        "inversion": header.number("InversionTime") or header.words("InversionTimes", "MRModifierSequence"),
        "flip": header.number("FlipAngle", "MRTimingAndRelatedParametersSequence"),
        "kvp": header.number("KVP", "CTXRayDetailsSequence"),
        "acquisition": header.number("FrameAcquisitionNumber", content) or header.number("AcquisitionNumber"),
        "dimension": _dimensions(header),
        "moment": header.words("FrameAcquisitionDateTime", content)
        or header.words("AcquisitionDateTime")
        or header.words("AcquisitionTime"),
        "content": header.words("ContentTime"),
        "instance": header.header.whole("InstanceNumber"),
    }


def _dimensions(header: FrameHeader) -> tuple[str, ...]:
    """The indices of a frame along the dimensions of its file that do not say where it lies."""
    pointers = [int(item.get("DimensionIndexPointer") or 0) for item in header.header.dataset.get("DimensionIndexSequence") or []]
    indices = header.words("DimensionIndexValues", "FrameContentSequence")
    return tuple(index for pointer, index in zip(pointers, indices) if pointer not in IN_STACK)
