"""The structures of the three tasks: names, label values, codes and colors.

Codes of thalamus, caudate, putamen, globus pallidus, hippocampus, amygdala, accumbens, substantia nigra,
sacrum, edema and necrosis are those of Slicer's ``SegmentationCategoryTypeModifier-DICOM-Master.json``; vertebrae are DICOM
CID 7603's (PS3.16) and TotalSegmentator's (``totalsegmentator_snomed_mapping.csv``), discs CID 7604's. Nuclei that none of these
lists (subthalamic nucleus, red nucleus, zona incerta, the pallidal segments) carry UBERON identifiers. What the
master list lacks names the context of ``terminology.py``.

Vertebrae have VerSe's label values (1-7 cervical, 8-19 thoracic, 20-25 lumbar, 26 sacrum, 28 T13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin


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
_IN_DICOM_MASTER = frozenset("6574001 79654002 70007007 42695009 11000004 89278009 5366008 4958002 427667007 54735007 51282000".split())
"""Of the codes used here, the types that Slicer 5.12's DICOM master list holds."""


@dataclass(frozen=True)
class Structure:
    """What a segment shows.

    Attributes:
        key: stable identifier, e.g. ``left_subthalamic_nucleus``.
        name: for people.
        label: value in label maps, unique within a task.
        type: coded type; ``category`` is its coded category and ``side`` its laterality, if it has one.
        color: RGB, 0 to 255.
    """

    key: str
    name: str
    label: int
    type: Code
    color: tuple[int, int, int]
    category: Code = ANATOMICAL_STRUCTURE
    side: Code | None = None


def in_dicom_master(code: Code) -> bool:
    """Whether Slicer's DICOM master list holds a type."""
    return code.scheme == "SCT" and code.value in _IN_DICOM_MASTER


def terminology_entry(structure: Structure) -> str:
    """The structure as Slicer's ``vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry`` (5.12) writes it."""
    side = str(structure.side) if structure.side else "^^"
    context = CONTEXT if in_dicom_master(structure.type) else OWN_CONTEXT
    return f"{context}~{structure.category}~{structure.type}~{side}~~^^~^^"


_TUMOR = (
    Structure("necrotic_core", "Necrotic core", 1, Code("SCT", "6574001", "Necrosis"), (216, 191, 216), ALTERED_STRUCTURE),
    Structure("edema", "Edema", 2, Code("SCT", "79654002", "Edema"), (140, 224, 228), ALTERED_STRUCTURE),
    Structure("enhancing_tumor", "Enhancing tumor", 3, Code("NCIt", "C113842", "Enhancing Lesion"), (226, 90, 60), ALTERED_STRUCTURE),
)

_NUCLEI = (
    ("subthalamic_nucleus", "subthalamic nucleus", Code("UBERON", "0001906", "Subthalamic nucleus")),
    ("red_nucleus", "red nucleus", Code("UBERON", "0001947", "Red nucleus")),
    ("substantia_nigra", "substantia nigra", Code("SCT", "70007007", "Substantia nigra")),
    ("zona_incerta", "zona incerta", Code("UBERON", "0001907", "Zona incerta")),
    ("thalamus", "thalamus", Code("SCT", "42695009", "Thalamus")),
    ("caudate", "caudate nucleus", Code("SCT", "11000004", "Caudate nucleus")),
    ("putamen", "putamen", Code("SCT", "89278009", "Putamen")),
    ("globus_pallidus_externus", "globus pallidus externus", Code("UBERON", "0002476", "Lateral globus pallidus")),
    ("globus_pallidus_internus", "globus pallidus internus", Code("UBERON", "0002477", "Medial globus pallidus")),
    ("hippocampus", "hippocampus", Code("SCT", "5366008", "Hippocampus")),
    ("amygdala", "amygdala", Code("SCT", "4958002", "Amygdala")),
    ("nucleus_accumbens", "nucleus accumbens", Code("SCT", "427667007", "Nucleus accumbens")),
)

_LEVELS = [f"C{n}" for n in range(1, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 7)]
_VERTEBRA_CODES = (
    "14806007 39976000 113205007 5329002 36978003 36054005 87391001 "
    "64864005 53733008 1626008 73071006 56401006 45296009 62487009 11068009 82687006 7610001 12989004 23215003 "
    "66794005 14293000 36470004 11994002 49668003"
).split()
_DISC_CODES = (
    "1078209008 58820006 49400002 73959003 75095006 37414007 "
    "40908007 6004007 2620004 82965004 72692000 74401007 28693002 9188009 113209001 34959001 1537001 76206002 "
    "80064006 67459009 62551000 84020006 715056000"
).split()
_VERTEBRA, _DISC = Code("SCT", "51282000", "Vertebra"), Code("SCT", "360499006", "Intervertebral disc")
NEUTRAL_COUNT = 30


_SLICER_COLORS = {
    "substantia_nigra": (0, 108, 112),
    "thalamus": (122, 101, 38),
    "caudate": (30, 111, 85),
    "putamen": (210, 157, 166),
    "amygdala": (98, 153, 112),
}
"""Recommended display colors of Slicer's DICOM master list, alike on both sides; necrosis and edema have theirs too."""


def _oklch(lightness: float, chroma: float, degrees: float) -> tuple[int, int, int]:
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
    encoded = (1.055 * max(value, 0.0) ** (1 / 2.4) - 0.055 if value > 0.0031308 else 12.92 * max(value, 0.0) for value in linear)
    return tuple(round(255 * min(1.0, value)) for value in encoded)


def _subcortical() -> list[Structure]:
    found = []
    for number, (key, name, code) in enumerate(_NUCLEI):
        for offset, (side, meaning) in enumerate((("left", LEFT), ("right", RIGHT))):
            color = _SLICER_COLORS.get(key) or _oklch(0.74 - 0.1 * offset, 0.14, 137.5 * number)
            found.append(Structure(f"{side}_{key}", f"{side.capitalize()} {name}", 2 * number + 1 + offset, code, color, side=meaning))
    return found


def _ramp(place: float, step: int = 0) -> tuple[int, int, int]:
    """A hue for a place along the spine, 0 at C1 (violet) to 1 at the sacrum (red); neighbors, told by ``step``, differ in lightness."""
    return _oklch(0.78 if step % 2 == 0 else 0.68, 0.13, 305 - 280 * place)


def _disc_color(place: float) -> tuple[int, int, int]:
    """Its neighbors' hue, pale."""
    return _oklch(0.88, 0.06, 305 - 280 * place)


def _spine() -> list[Structure]:
    found = []
    for number, level in enumerate(_LEVELS):
        code = Code("SCT", _VERTEBRA_CODES[number], f"{level} vertebra") if number < len(_VERTEBRA_CODES) else _VERTEBRA
        found.append(Structure(f"vertebra_{level}", f"{level} vertebra", number + 1, code, _ramp(number / 26, number)))
    found.append(Structure("sacrum", "Sacrum", 26, Code("SCT", "54735007", "Sacrum"), _ramp(1.0)))
    found.append(Structure("vertebra_T13", "T13 vertebra", 28, _VERTEBRA, _ramp(18.5 / 26)))
    chain = [*_LEVELS[1:24], "S1"]
    for number, (upper, lower) in enumerate(zip(chain, chain[1:])):
        name = f"{upper}-{lower} disc"
        code = Code("SCT", _DISC_CODES[number], f"{upper}-{lower} intervertebral disc")
        found.append(Structure(f"disc_{upper}_{lower}", name, 101 + number, code, _disc_color((number + 1.5) / 26)))
    found.append(Structure("disc_L5_L6", "L5-L6 disc", 124, _DISC, _disc_color(24.3 / 26)))
    found.append(Structure("disc_L6_S1", "L6-S1 disc", 125, _DISC, _disc_color(24.8 / 26)))
    for number, (upper, lower, place) in enumerate((("T12", "T13", 18.3), ("T13", "L1", 18.8), ("L4", "S1", 23.8))):
        found.append(Structure(f"disc_{upper}_{lower}", f"{upper}-{lower} disc", 126 + number, _DISC, _disc_color(place / 26)))
    found.append(Structure("spinal_canal", "Spinal canal", 60, Code("SCT", "61853006", "Spinal canal"), (90, 170, 230)))
    for number in range(1, NEUTRAL_COUNT + 1):
        place = 1 - (number - 1) / NEUTRAL_COUNT
        found.append(Structure(f"vertebra_{number}", f"Vertebra {number} (from below)", 200 + number, _VERTEBRA, _ramp(place, number)))
        found.append(Structure(f"disc_{number}", f"Disc {number} (from below)", 250 + number, _DISC, _disc_color(place)))
    return found


@cache
def structures_of(task: str) -> tuple[Structure, ...]:
    """Every structure of ``tumor``, ``spine`` or ``subcortical``."""
    return tuple({"tumor": lambda: list(_TUMOR), "spine": _spine, "subcortical": _subcortical}[task]())


@cache
def _by_key() -> dict[str, Structure]:
    return {found.key: found for task in ("tumor", "spine", "subcortical") for found in structures_of(task)}


def structure(key: str) -> Structure:
    """The structure of a key.

    Raises:
        KeyError: there is none.
    """
    return _by_key()[key]


def family(key: str) -> str:
    """What kind of structure a key names: ``vertebra`` or ``disc`` for those of any level, ``canal``, else the key itself."""
    first = key.split("_")[0]
    return "canal" if key == "spinal_canal" else first if first in ("vertebra", "disc") else key


def structures_of_classes(task: str, classes: Sequence[str]) -> tuple[Structure, ...]:
    """Every structure that a model with these classes can find (``vertebra_body`` and ``vertebra_arch`` make vertebrae)."""
    families = {"vertebra" if name.startswith("vertebra") else name for name in classes}
    return tuple(found for found in structures_of(task) if family(found.key) in families)
