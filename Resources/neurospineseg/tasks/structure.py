"""What a segment shows: a structure's name, label value, codes and color."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin

from neurospineseg.tasks.channel import refuse_unless


@dataclass(frozen=True)
class Code:
    """A coded concept: designator of the coding scheme, value and meaning."""

    scheme: str
    value: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.scheme}^{self.value}^{self.meaning}"


ANATOMICAL_STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")
ALTERED_STRUCTURE = Code("SCT", "49755003", "Morphologically Altered Structure")
LEFT = Code("SCT", "7771000", "Left")
RIGHT = Code("SCT", "24028007", "Right")
CONTEXT = "Segmentation category and type - DICOM master list"
OWN_CONTEXT = "Segmentation category and type - NeuroSpineSeg"
STRUCTURE_TAG = "NeuroSpineSeg.Structure"
"""On a segment: the key of its structure."""


@dataclass(frozen=True)
class Structure:
    """What a segment shows.

    Attributes:
        key: stable identifier, e.g. ``left_subthalamic_nucleus``; no two tasks share one.
        name: for people.
        label: value in label maps, 1 to 65535, unique within a task.
        type: coded type; ``category`` is its coded category and ``side`` its laterality, if it has one.
        color: RGB, 0 to 255.
        family: what it is one of, e.g. ``vertebra``; its own key by default.
        in_dicom_master: whether Slicer's ``SegmentationCategoryTypeModifier-DICOM-Master.json`` (5.12) holds the type under the category;
            what it lacks goes into the file that ``terminology.py`` writes.

    Raises:
        InputError: a value cannot be used.
    """

    key: str
    name: str
    label: int
    type: Code
    color: tuple[int, int, int]
    category: Code = ANATOMICAL_STRUCTURE
    side: Code | None = None
    family: str = ""
    in_dicom_master: bool = False

    def __post_init__(self) -> None:
        refuse_unless(self.key.isidentifier(), f"'{self.key}' cannot be the key of a structure; take letters, digits and underscores.")
        refuse_unless(
            self.label in range(1, 65536), f"The structure '{self.key}' has the label value {self.label}; take one from 1 to 65535."
        )
        bytes_ = len(self.color) == 3 and all(value in range(256) for value in self.color)
        refuse_unless(bytes_, f"The structure '{self.key}' has the color {self.color}; give red, green and blue from 0 to 255.")
        if not self.family:
            object.__setattr__(self, "family", self.key)

    @property
    def context(self) -> str:
        """The terminology that holds the type, by its name in Slicer."""
        return CONTEXT if self.in_dicom_master else OWN_CONTEXT

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Those of its terminology entry, see ``codes_of``."""
        return codes_of(terminology_entry(self))


def terminology_entry(structure: Structure) -> str:
    """The structure as Slicer's ``vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry`` (5.12) writes it."""
    side = str(structure.side) if structure.side else "^^"
    return f"{structure.context}~{structure.category}~{structure.type}~{side}~~^^~^^"


def codes_of(entry: str) -> tuple[str, ...]:
    """Category, type and side of a serialized terminology entry, as scheme and value."""
    return tuple("^".join(part.split("^")[:2]) for part in entry.split("~")[1:4])


def segment_tags(structure: Structure) -> dict[str, str]:
    """What tells a segment's structure, in a scene and in Slicer's files."""
    return {"TerminologyEntry": terminology_entry(structure), STRUCTURE_TAG: structure.key}


def oklch(lightness: float, chroma: float, degrees: float) -> tuple[int, int, int]:
    """sRGB (0 to 255, clipped) of a color in OKLCH, the perceptual space of Ottosson ("A perceptual color space", 2020)."""
    a, b = chroma * cos(radians(degrees)), chroma * sin(radians(degrees))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (1.055 * max(value, 0.0) ** (1 / 2.4) - 0.055 if value > 0.0031308 else 12.92 * max(value, 0.0) for value in linear)
    return _byte(red), _byte(green), _byte(blue)


def _byte(value: float) -> int:
    return round(255 * min(1.0, value))
