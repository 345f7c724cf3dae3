"""DICOM SEG and RTSTRUCT beside the mask of a scan that came as DICOM images. Light: what writes them is imported when it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurospineseg.atomic_files import beside
from neurospineseg.exports.optional_package import need

if TYPE_CHECKING:
    from neurospineseg.exports.coded_segment import CodedSegment, Maker
    from neurospineseg.exports.dicom_source import DicomSource
    from neurospineseg.images.volume import Volume

SEG, RTSTRUCT = "seg", "rtstruct"
ENDINGS = {SEG: ".seg.dcm", RTSTRUCT: ".rtstruct.dcm"}


def dicom_paths(mask: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Where the objects of each kind lie: ``mask.seg.dcm`` and ``mask.rtstruct.dcm``."""
    return {kind: beside(mask, ENDINGS[kind]) for kind in kinds}


def need_packages(kinds: Sequence[str]) -> None:
    """
    Raises:
        InputError: a package is missing that one of the kinds needs.
    """
    if SEG in kinds:
        need("highdicom", "Writing DICOM SEG")


def write_dicom(kinds: Mapping[str, Path], labels: Volume, segments: Sequence[CodedSegment], source: DicomSource, maker: Maker) -> None:
    """Writes a mask as objects of an archive, each kind into its file.

    Raises:
        InputError: the mask is empty or lies elsewhere, the headers cannot be used, or a file cannot be written.
    """
    if SEG in kinds:
        from neurospineseg.exports.dicom_segmentation import write_dicom_segmentation

        write_dicom_segmentation(labels, segments, source, maker, kinds[SEG])
    if RTSTRUCT in kinds:
        from neurospineseg.exports.structure_set import write_structure_set

        write_structure_set(labels, segments, source, maker, kinds[RTSTRUCT])
