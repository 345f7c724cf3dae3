"""A segment with its codes, as objects of an archive name it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neurospineseg.images.segmentation_file import FileSegment
from neurospineseg.tasks.anatomy import all_structures
from neurospineseg.tasks.structure import STRUCTURE_TAG, Code, Structure

TISSUE = Code("SCT", "85756007", "Tissue")
"""Category and type of a segment of which no more is known."""
LONGEST_LABEL = 64


@dataclass(frozen=True)
class CodedSegment:
    """A segment of a label map.

    Attributes:
        label: of its voxels.
        name: for people, at most 64 letters.
        color: RGB, 0 to 255.
        category, type: what it is.
        side: left or right, where it has one.
    """

    label: int
    name: str
    color: tuple[int, int, int]
    category: Code = TISSUE
    type: Code = TISSUE
    side: Code | None = None


@dataclass(frozen=True)
class Maker:
    """Who made a mask.

    Attributes:
        model, version: of the model; empty where it is not known.
        edited: whether a person may have changed it since.
    """

    model: str = ""
    version: str = ""
    edited: bool = False

    @property
    def algorithm(self) -> str:
        """Its name, at most 48 letters, so that words fit behind it."""
        return f"NeuroSpineSeg {self.model}".strip()[:48]


def of_structure(structure: Structure) -> CodedSegment:
    return CodedSegment(structure.label, structure.name, structure.color, structure.category, structure.type, structure.side)


def of_file(segments: Iterable[FileSegment]) -> list[CodedSegment]:
    """Segments of a file: by the terminology that it states, else by the key of one of our structures, else as tissue."""
    known = {structure.key: structure for structure in all_structures()}
    return [_of_file(segment, known.get(segment.tags.get(STRUCTURE_TAG, segment.key))) for segment in segments]


def _of_file(segment: FileSegment, structure: Structure | None) -> CodedSegment:
    name = segment.name[:LONGEST_LABEL]
    stated = _stated(segment.tags.get("TerminologyEntry", ""))
    if stated is not None:
        return CodedSegment(segment.label, name, segment.color, *stated)
    if structure is not None:
        return CodedSegment(segment.label, name, segment.color, structure.category, structure.type, structure.side)
    return CodedSegment(segment.label, name, segment.color)


def _stated(entry: str) -> tuple[Code, Code, Code | None] | None:
    """Category, type and modifier of Slicer's ``TerminologyEntry``; None where it states none."""
    parts = [_code(part) for part in entry.split("~")]
    if len(parts) < 4 or parts[1] is None or parts[2] is None:
        return None
    return parts[1], parts[2], parts[3]


def _code(text: str) -> Code | None:
    parts = text.split("^")
    return Code(*parts) if len(parts) == 3 and all(parts) else None
