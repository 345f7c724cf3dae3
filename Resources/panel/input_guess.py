"""Which scan of the scene belongs into which slot, told from names and DICOM attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SERIES_DESCRIPTION, PROTOCOL_NAME, MODALITY, CONTRAST_AGENT = "0008,103e", "0018,1030", "0008,0060", "0018,0010"

_FLAIR = r"flair|t2f|dark[ _-]?fluid|da[ _-]fl|tirm"
_T2 = r"t2w?|t2[ _-]?(?:tse|fse|space|star|blade)|ciss|fiesta"
_T1 = r"t1n?w?|mp[ _-]?rage|bravo|fspgr|spgr|vibe|tfl|mprage"
_T1C = r"t1c|t1w?ce|t1gd|t1post|t1km"
_CONTRAST = r"\+ ?c|\+ ?gd|\+ ?km|c\+|ce|gd|gado\w*|km|post|contrast|kontrast\w*|kontrastmittel|mit km|nach km"
_NO_CONTRAST = r"ohne km|nativ|native|pre|non[ _-]?contrast|without contrast|n?ative"
_SWI = r"swi|qsm|t2\*|susc\w*"
_SAGITTAL = r"sag\w*"
_OTHER = r"dwi|adc|trace|dti|perf\w*|asl|cbf|cbv|mra|tof|localizer|scout|loc|phase|seg|label\w*|mask"


@dataclass(frozen=True)
class ScanInfo:
    """What is known of a scan; empty where unknown.

    Attributes:
        name: of the node.
        description: DICOM series description and protocol name.
        modality: DICOM modality, e.g. ``MR``.
        contrast: DICOM contrast agent.
    """

    name: str
    description: str = ""
    modality: str = ""
    contrast: str = ""

    def says(self, words: str) -> bool:
        """Whether one of some words (a regular expression of alternatives) stands in the name or the description, as a word."""
        text = f" {self.name} {self.description} ".lower()
        return re.search(rf"(?<![a-z0-9])(?:{words})(?![a-z])(?!\d)", text) is not None


def scan_info(node: Any, dicom_value: Callable[[str, str], str] | None) -> ScanInfo:
    """What a volume node's name and its DICOM attributes tell.

    Args:
        dicom_value: ``slicer.dicomDatabase.fileValue``: a DICOM tag's value in a file; None without a database.
    """

    def read(tag: str) -> str:
        uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
        return dicom_value(uids[0], tag) or "" if uids and dicom_value is not None else ""

    description = f"{read(SERIES_DESCRIPTION)} {read(PROTOCOL_NAME)}".strip()
    modality = read(MODALITY) or node.GetAttribute("DICOM.Modality") or ""
    return ScanInfo(node.GetName() or "", description, modality.upper(), read(CONTRAST_AGENT))


def guess_inputs(slots: Sequence[str], scans: Sequence[ScanInfo]) -> dict[str, int]:
    """The index of the scan for each slot; a slot is left out where no scan fits or two fit equally well.

    Args:
        slots: ``t1c``, ``t1``, ``t2``, ``flair``, or ``image`` alone.
    """
    if list(slots) == ["image"]:
        return _single(scans)
    found: dict[str, list[int]] = {}
    for number, scan in enumerate(scans):
        kind = contrast_of(scan)
        if kind in slots:
            found.setdefault(kind, []).append(number)
    return {slot: numbers[0] for slot, numbers in found.items() if len(numbers) == 1}


def contrast_of(scan: ScanInfo) -> str | None:
    """``t1c``, ``t1``, ``t2`` or ``flair``; None for anything else."""
    if scan.modality not in ("", "MR") or scan.says(_OTHER) or scan.says(_SWI):
        return None
    if scan.says(_FLAIR):
        return "flair"
    if scan.says(_T1C):
        return "t1c"
    if scan.says(_T1):
        after = not scan.says(_NO_CONTRAST) and (scan.says(_CONTRAST) or bool(scan.contrast.strip()))
        return "t1c" if after else "t1"
    return "t2" if scan.says(_T2) else None


def _single(scans: Sequence[ScanInfo]) -> dict[str, int]:
    """The only scan, or the one whose contrast shows most: T2, then T1, then anything else."""
    usable = [number for number, scan in enumerate(scans) if not scan.says(_OTHER)]
    ranks = {number: _rank(scans[number]) for number in usable}
    best = [number for number in usable if ranks[number] == max(ranks.values())]
    return {"image": best[0]} if len(best) == 1 else {}


def _rank(scan: ScanInfo) -> int:
    kind = contrast_of(scan)
    return {"t2": 4, "t1": 2, "t1c": 1, "flair": 1}.get(kind or "", 0) + (2 if scan.says(_SAGITTAL) else 0)
