"""Which scan of the scene is which channel of a task, told from names and DICOM attributes.

Names are those of BraTS, the Medical Segmentation Decathlon, and what Siemens, GE and Philips write into series descriptions,
in English and German. Where two scans fit a channel equally well, none is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from neurospineseg.tasks.channel import Suitability
from neurospineseg.tasks.task import Task

SERIES_DESCRIPTION, PROTOCOL_NAME, BODY_PART, MODALITY, CONTRAST_AGENT = "0008,103e", "0018,1030", "0018,0015", "0008,0060", "0018,0010"
NOT_SCANS = ("vtkMRMLLabelMapVolumeNode", "vtkMRMLTensorVolumeNode", "vtkMRMLDiffusionWeightedVolumeNode")
"""Volume nodes that Slicer derives from its scalar ones but that hold labels, vectors, colors or tensors."""

_KIND = r"(?:w|n|se|tse|fse|ffe|tfe|gre|fs|3d|ax|sag|cor|tra)?"
_AGENT = r"(?:ce|km|gd|gad\w*|kontrast\w*|contrast\w*|dotarem|magnevist|clariscan|prohance|multihance)"
_FLAIR = r"(?:t2w?)?flair\w*|t2f|dark ?fluid\w*|da fl|tirm"
_T1_FLAIR = r"t1w? (?:(?!t2)\w+ )?(?:flair|tirm)"
_T1 = rf"(?:3d)?t1{_KIND}|t1(?:space|spc|vibe|mpr)|(?:t1)?mp2? ?rage|(?:ir)?f?spgr|bravo|vibe|tfl"
_T2 = rf"(?:3d)?t2{_KIND}|t2(?:space|spc|blade)"
_PD = r"(?:3d)?pdw?(?:fs|tse|fse|spair)?|proton\w*"
_T1C = r"t1w?ce?|t1gd|t1post|t1km"
_CONTRAST = rf"{_AGENT}|\+ c|c \+|t1w? c|t1w? \+(?! t2)|post(?! op)|post ?(?:c|{_AGENT})|enh\w*"
_NO_CONTRAST = rf"(?:ohne|vor|kein\w*|no|non|without|wo|w o|pre|sans) ?(?:iv )?(?:c|{_AGENT})|nativ\w*|pre(?! op)|unenhanced|km frei"
_BOTH = r"w(?:ith)? (?:and )?(?:wo|w o|without)|mit (?:und|u) ohne|vor (?:und|u) nach"
_T2_STAR = r"swi\w*|swan|qsm|t2\*\w*|t2 ?star\w*|t2w? (?:\w+ )?(?:gre|ffe|fl[23]d)|susc\w*|hemo|medic|merge"
_STIR = r"stir"
_SAGITTAL = r"sag\w*|t[12]w?sag"
_CT = r"ct|cta"
_HEAD = r"brain\w*|head|kopf|sch[aä]e?del|hirn|cranial|cerebral|hypophyse|orbita?"
_SPINE = r"spine|spinal|wirbels\w*|[bhl]ws|lumbar|thoracic|[clt]sp|myelo\w*"
_BODY_PARTS = {"head": _HEAD, "spine": _SPINE}
_OTHER = (
    r"dwi|adc|diff\w*|trace\w*|dti|perf\w*|dsc|dce|asl|r?cb[fv]|mtt|mra|tof|angio\w*|veno\w*|bold|fmri|epi|ep2d|localizer|scout|survey|loc|"
    r"phase|pha|mip|map|sub(?= \|)|subtra\w*|inv[12]|ciss|fiesta|mrs|spectro\w*|calib\w*|seg|dseg|probseg|segmentation|labels?|labelmap|mask|pred\w*"
)
_NO_AGENT = ("", "0", "n", "no", "none", "ohne", "nein", "kein", "not", "without")
_DECATHLON = re.compile(r"^BRATS_\d{3}_000([0-3])(?!\d)")


@dataclass(frozen=True)
class ScanInfo:
    """What is known of a scan; empty where unknown.

    Attributes:
        name: of the node.
        description: DICOM series description, protocol name and body part.
        modality: DICOM modality, e.g. ``MR``.
        contrast: DICOM contrast agent.
        is_scan: whether it has one measured value per voxel; False for label maps, vectors and tensors.
    """

    name: str
    description: str = ""
    modality: str = ""
    contrast: str = ""
    is_scan: bool = True

    @cached_property
    def words(self) -> str:
        """Name and description in lower case with one space around every word, plus sign and, after either, a bar."""
        return f"{_plain(self.name)}|{_plain(self.description)}| "

    def says(self, words: str) -> bool:
        """Whether one of some words (a regular expression of alternatives) stands in the name or the description, as a word."""
        return re.search(rf"(?<= )(?:{words})(?= )", self.words) is not None

    @property
    def is_ct(self) -> bool:
        return self.modality == "CT" or (not self.modality and self.says(_CT))


def _plain(text: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    text = re.sub(r"(?<=\s)-\s?(?:c|km|gd)\b|\bc-(?=\s|$)", " without c ", text).replace("+", " + ")
    return f" {re.sub(r'[^a-z0-9äöüß*+]+', ' ', text).strip()} "


def scan_info(node: Any, dicom_value: Callable[[str, str], str] | None) -> ScanInfo:
    """What a volume node's name, class and DICOM attributes tell.

    Args:
        dicom_value: ``slicer.dicomDatabase.instanceValue``: the value of a DICOM tag of the instance with a UID; None without a
            database. (``fileValue`` takes the path of a file instead, and answers nothing to a UID.)
    """
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()

    def read(tag: str) -> str:
        try:
            return dicom_value(uids[0], tag) or "" if uids and dicom_value is not None else ""
        except RuntimeError:
            return ""  # the database no longer has the instance

    description = " ".join(filter(None, (read(SERIES_DESCRIPTION), read(PROTOCOL_NAME), read(BODY_PART))))
    modality = read(MODALITY) or node.GetAttribute("DICOM.Modality") or ""
    is_scan = not any(node.IsA(name) for name in NOT_SCANS) if hasattr(node, "IsA") else True
    return ScanInfo(node.GetName() or "", description, modality.upper(), read(CONTRAST_AGENT), is_scan)


def guess_inputs(task: Task, scans: Sequence[ScanInfo]) -> dict[str, int]:
    """The index of the scan for each channel; a channel is left out where no scan fits, or two different ones fit equally well.

    Channels that ask for a contrast take a scan that shows it. One that takes any contrast takes what suits best of the others, as
    the task ranks it; where there are several such channels, nothing tells them apart.
    """
    fitting = {c.key: _showing(c.contrast, scans, task) for c in task.channels if c.contrast is not None}
    others = [channel for channel in task.channels if channel.contrast is None]
    if len(others) == 1:
        left = set(range(len(scans))).difference(*fitting.values())
        fitting[others[0].key] = _suiting(others[0].suits, {number: scans[number] for number in sorted(left)}, task)
    return {key: numbers[0] for key, numbers in fitting.items() if len({scans[number] for number in numbers}) == 1}


def _showing(contrast: str, scans: Sequence[ScanInfo], task: Task) -> list[int]:
    return [number for number, scan in enumerate(scans) if _may_be_of(scan, task) and contrast_of(scan) == contrast]


def _suiting(suits: Suitability, scans: Mapping[int, ScanInfo], task: Task) -> list[int]:
    """Those that suit best."""
    ranks = {number: _rank(scan, suits) for number, scan in scans.items() if _may_be_of(scan, task) and _may_show(scan, suits)}
    return [number for number, rank in ranks.items() if rank == max(ranks.values())]


def _may_be_of(scan: ScanInfo, task: Task) -> bool:
    """Whether it is a scan of a modality that the task takes, as far as is known."""
    return scan.is_scan and scan.modality in ("", *task.modalities) and (not scan.is_ct or "CT" in task.modalities)


def _may_show(scan: ScanInfo, suits: Suitability) -> bool:
    return not scan.says(_OTHER) and not any(scan.says(_BODY_PARTS[part]) for part in suits.not_of)


def _rank(scan: ScanInfo, suits: Suitability) -> int:
    """How well a scan suits a channel that takes any contrast, the best highest."""
    sagittal = suits.sagittal if scan.says(_SAGITTAL) and not scan.is_ct else 0
    return suits.ranks.get(contrast_of(scan) or "", 0) + sagittal


def contrast_of(scan: ScanInfo) -> str | None:
    """A key of ``CONTRASTS``; None for anything else and for what says both that agent was given and that it was not."""
    decathlon = _DECATHLON.match(scan.name)
    if decathlon is not None:
        return ("flair", "t1", "t1c", "t2")[int(decathlon[1])]
    if not scan.is_scan or scan.modality not in ("", "MR", "CT") or scan.says(_OTHER):
        return None
    if scan.is_ct:
        return "ct"
    if scan.says(_STIR):
        return None
    if scan.says(_T2_STAR):
        return "t2_star"
    if scan.says(_T1C):
        return "t1c"
    if scan.says(_FLAIR) and not scan.says(_T1_FLAIR):
        return "flair"
    if scan.says(_T1):
        return _t1_with_or_without(scan)
    return "t2" if scan.says(_T2) else "pd" if scan.says(_PD) else None


def _t1_with_or_without(scan: ScanInfo) -> str | None:
    """``t1c`` or ``t1``; None where it says both."""
    if scan.says(_BOTH):
        return None
    without = re.sub(rf"(?<= )(?:{_NO_CONTRAST})(?= )", "", scan.words)
    named = re.search(rf"(?<= )(?:{_CONTRAST})(?= )", without) is not None
    if without != scan.words:
        return None if named else "t1"
    return "t1c" if named or scan.contrast.strip().lower() not in _NO_AGENT else "t1"
