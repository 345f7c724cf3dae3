"""Is this what the model expects? Doubts about scans before, and about volumes after, a model has worked on them."""

from __future__ import annotations

from collections.abc import Mapping

from neurospineseg.bundle import Task
from neurospineseg.recognize import NAMES, Head, Recognizer, is_hounsfield, is_mask
from neurospineseg.volume import Volume

SURE = 0.85
DARK_FLUID = ("t1c", "t1", "flair")
"""Contrasts in which cerebrospinal fluid is dark."""
LARGEST_BONE_CONTRAST = 25.0
"""Of 28 heads in MR none had over 12; two head CTs had 60 and, windowed, far more."""
LEAST_BRAIN_SEEN = 0.85
LARGEST_TUMOR_ML = 500.0
PLAUSIBLE_ML = {
    "subthalamic_nucleus": (0.03, 0.5),
    "red_nucleus": (0.06, 0.9),
    "substantia_nigra": (0.1, 1.5),
    "thalamus": (2.5, 16.0),
    "caudate": (1.2, 10.0),
    "putamen": (1.8, 13.0),
}
"""Wide limits: about a quarter to three times the volumes of DESIGN's atlas (ZonaBB in MNI152)."""
MOST_IMPLAUSIBLE = 3


def doubts(task: Task, volumes: Mapping[str, Volume], reference: str, recognizer: Recognizer) -> tuple[list[str], list[str]]:
    """What speaks against segmenting these scans, and what the user should know besides.

    Args:
        reference: name of the scan in ``volumes`` in which a head is looked for.
    """
    found = [
        f"{_words(name)} holds only a few different values, as a mask does; choose the scan itself."
        for name, volume in volumes.items()
        if is_mask(volume)
    ]
    if found:
        return found, []
    if task == "spine":
        if recognizer.head(volumes[reference]) is not None:
            return [f"{_words(reference)} shows a head, and this model segments spines; choose a scan of the spine."], []
        return [], []
    found = [
        f"{_words(name)} is a CT (its values are Hounsfield units), and this model knows MR only; choose an MR scan."
        for name, volume in volumes.items()
        if is_hounsfield(volume)
    ]
    if found:
        return found, []
    head = recognizer.head(volumes[reference])
    if head is None:
        return [f"No brain was found in {_words(reference, False)}; choose a brain MR that holds both thalami."], []
    return _contrast_doubts(task, volumes, head, recognizer), _cut(head)


def _contrast_doubts(task: Task, volumes: Mapping[str, Volume], head: Head, recognizer: Recognizer) -> list[str]:
    """Wrong slots, as far as they can be told: T2 from all others, and T1 and FLAIR where each is in the other's slot."""
    found = [
        f"{_words(name)} looks like a CT (its bone outshines all that is in the brain), and this model knows MR only; choose an MR scan."
        for name, volume in volumes.items()
        if recognizer.bone_contrast(volume, head.pose) > LARGEST_BONE_CONTRAST
    ]
    if found or task != "tumor":
        return found
    shares = {name: recognizer.contrasts(volume, head.pose) for name, volume in volumes.items()}
    for name, seen in shares.items():
        dark = sum(seen[contrast] for contrast in DARK_FLUID)
        if (name != "t2" and seen["t2"] > SURE) or (name == "t2" and dark > SURE):
            likeliest = NAMES[max(seen, key=lambda contrast: seen[contrast])]
            found.append(f"{_words(name)} looks like {likeliest}; check which scan is in which slot.")
    for name in ("t1c", "t1"):
        if name in shares and "flair" in shares and t1_share(shares[name]) < 0.5 * shares[name]["flair"]:
            if shares["flair"]["flair"] < 0.5 * t1_share(shares["flair"]):
                found.append(f"The scans given as {NAMES[name]} and as FLAIR seem to be exchanged; check which scan is in which slot.")
    return found


def t1_share(seen: Mapping[str, float]) -> float:
    """Probability of T1, with or without contrast agent: where nothing enhances they look alike."""
    return seen["t1"] + seen["t1c"]


def _cut(head: Head) -> list[str]:
    if head.brain_seen >= LEAST_BRAIN_SEEN:
        return []
    return [f"The field of view holds about {head.brain_seen:.0%} of the brain; what lies outside it is not judged."]


def _words(name: str, first: bool = True) -> str:
    words = "the scan" if name == "image" else f"the scan given as {NAMES.get(name, name)}"
    return words[:1].upper() + words[1:] if first else words


def implausible(task: Task, volumes_ml: Mapping[str, float]) -> str | None:
    """What is wrong with a result as a whole, judged by its structures' volumes in mL; None where nothing is.

    Single odd volumes are noted elsewhere; this is about results that cannot be.
    """
    if task == "tumor":
        total = sum(volumes_ml.values())
        if total > LARGEST_TUMOR_ML:
            return f"The tumor found measures {total:.0f} mL, a third of a brain or more; check that the right scans were chosen."
    if task == "subcortical":
        odd = [key for key, ml in volumes_ml.items() if not _plausible(key.split("_", 1)[-1], ml)]
        if len(odd) >= MOST_IMPLAUSIBLE:
            return f"{len(odd)} of the nuclei found are far too small or too large to be true; check the scan and its voxel size."
    return None


def _plausible(structure: str, ml: float) -> bool:
    low, high = PLAUSIBLE_ML.get(structure, (0.0, float("inf")))
    return low <= ml <= high
