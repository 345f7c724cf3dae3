"""What the words of a scan's name tell: its visit, its patient, and whether contrast agent was given."""

from __future__ import annotations

import re
from collections.abc import Iterable

from neurospineseg.images.scan_names import entities_of, stem, words_of

DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|[0-3]?\d[-_.][01]?\d[-_.](?:19|20)\d\d|(?:19|20)\d\d[-_.][01]\d|(?:19|20)\d\d|\d{2}[01]\d[0-3]\d)(?!\d)"
)
VISIT = re.compile(
    r"(?<![a-z0-9])(?:(?:ses|session|visit|v|tp|timepoint|time|scan|study|exam|day|week|month|year|m|fu|followup)[-_ ]?\d+"
    r"|(?:pre|post|intra)[-_ ]?op|baseline|bl|follow[-_ ]?up|fu|pre|post|before|after|initial|recurrence|first|second)(?![a-z0-9])"
)
DESCRIPTION = re.compile(r"[23]d|\d+(?:p\d+)?(?:mm|iso|t|um)|iso\d+|t[12]\w*|\d+x\d+(?:x\d+)?")
"""Words with digits that tell how a scan was taken, not of whom."""
TAKEN = frozenset(
    "ax axial sag sagittal cor coronal tra transversal iso isotropic se tse fse tfe gre space spc mprage vibe cube bravo "
    "bet brain stripped skullstripped n4 corrected norm normalized reg registered coreg resampled".split()
)
"""Words right before the contrast that tell how a scan was taken or treated."""
NO_AGENT_GIVEN = ("", "0", "no", "none", "non", "not", "pre", "native", "nativ", "without", "ohne", "nein", "false")
"""Values of BIDS's ``ce-`` for a scan without contrast agent."""
_AGENT = r"(?:c|ce|gd|gad\w*|km|contrast\w*|kontrast\w*)"
AGENT = re.compile(rf"(?:ce|gd|gad\w*|km|contrast\w*|kontrast\w*|post|post{_AGENT}|enh\w*|dotarem|magnevist|gadovist|prohance|multihance)")
NO_AGENT = re.compile(rf"\b(?:pre|no|non|without|wo|sans|ohne|vor) ?{_AGENT}\b|\bpre\b|\bnativ\w*|\bunenhanced\b")


def visit_marks(text: str) -> tuple[str, ...]:
    """The dates and the words for a time that stand in a name.

    >>> visit_marks("p1_2019-03-01_preop_flair")
    ('2019-03-01', 'preop')
    """
    return tuple(match[0] for pattern in (DATE, VISIT) for match in pattern.finditer(text.lower()))


def free_words(name: str) -> list[str]:
    """The words of a file's name but for the last, BIDS's entities, dates and words for a time.

    >>> free_words("sub-1_ses-2_p7_2019-03-01_ax_flair.nii")
    ['p7', 'ax']
    """
    entities = entities_of(name)
    kept = [part for part in stem(name).lower().split("_") if part.partition("-")[0] not in entities]
    text = "_".join(kept)
    for pattern in (DATE, VISIT):
        text = pattern.sub("", text)
    return words_of(text)[:-1] if kept else []


def patient_of(name: str) -> str:
    """What the name of a scan says of the patient: all but the contrast at its end, how it was taken, and when; it may be empty.

    >>> patient_of("P1_2019-03-01_ax_flair.nii"), patient_of("sub-1_ses-2_ce-gd_T1w.nii.gz"), patient_of("BraTS-GLI-00001-000-t1c.nii.gz")
    ('P1', 'sub-1', 'BraTS-GLI-00001-000')
    """
    entities = entities_of(name)
    kept = [part for part in stem(name).split("_") if part.partition("-")[0].lower() not in entities.keys() - {"sub"}]
    text = re.sub(r"[^A-Za-z0-9+äöüßÄÖÜ]*[A-Za-z0-9+äöüßÄÖÜ]+$", "", "_".join(kept))
    for pattern in (DATE, VISIT):
        text = re.sub(rf"(?<![A-Za-z]){pattern.pattern}", "", text, flags=re.IGNORECASE)
    while (last := re.search(r"(?:^|[^A-Za-z0-9+äöüß]+)([A-Za-z0-9+äöüß]+)$", text)) and _says_how(last[1].lower()):
        text = text[: last.start()]
    return re.sub(r"([-_. ])[-_. ]+", r"\1", text).strip("-_. ")


def _says_how(word: str) -> bool:
    return word in TAKEN or DESCRIPTION.fullmatch(word) is not None or AGENT.fullmatch(word) is not None


def identifiers(words: Iterable[str]) -> tuple[str, ...]:
    """Those of some words that may tell one patient or visit from another: what holds a digit and says nothing of how a scan was taken."""
    return tuple(word for word in words if any(map(str.isdigit, word)) and not DESCRIPTION.fullmatch(word))


def shows_agent(name: str, elsewhere: frozenset[str] = frozenset()) -> bool:
    """Whether the name of a T1 scan says that contrast agent was given, in BIDS's ``ce-`` or in a word.

    Args:
        elsewhere: words of scans of other contrasts beside it, which say nothing of an agent.

    >>> shows_agent("sub-1_ce-gadolinium_T1w.nii"), shows_agent("sub-1_acq-preGd_T1w.nii"), shows_agent("p1_post_t1.nii")
    (True, False, True)
    """
    given = entities_of(name).get("ce")
    if given is not None:
        return given not in NO_AGENT_GIVEN
    words = [word for word in words_of(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", stem(name))) if word not in elsewhere]
    text = re.sub(r"\b(pre|post|intra) ?op\b", "", " ".join(words))
    return not NO_AGENT.search(text) and any(map(AGENT.fullmatch, text.split()))
