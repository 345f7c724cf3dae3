"""Is this what the model expects? Doubts about scans before, and about volumes after, a model has worked on them."""

from __future__ import annotations

from collections.abc import Mapping

from neurospineseg.bundle import Bundle, Task
from neurospineseg.recognize import NAMES, Head, Predict, contrasts, find_head, is_hounsfield, is_mask
from neurospineseg.volume import Volume

SURE, UNLIKELY = 0.6, 0.15
"""A contrast is recognized above the first; a slot's own contrast is ruled out below the second."""
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


def doubts(task: Task, volumes: Mapping[str, Volume], reference: str, recognizer: Bundle, predict: Predict) -> tuple[list[str], list[str]]:
    """What speaks against segmenting these scans, and what the user should know besides.

    Args:
        reference: name of the scan in ``volumes`` in which a head is looked for.
        recognizer, predict: see ``recognize.find_head``.
    """
    found = [
        f"{_words(name)} holds only a few different values, as a mask does; choose the scan itself."
        for name, volume in volumes.items()
        if is_mask(volume)
    ]
    if found:
        return found, []
    if task == "spine":
        if find_head(volumes[reference], recognizer, predict, contrast=False) is not None:
            return [f"{_words(reference)} shows a head, and this model segments spines; choose a scan of the spine."], []
        return [], []
    found = [
        f"{_words(name)} is a CT (its values are Hounsfield units), and this model knows MR only; choose an MR scan."
        for name, volume in volumes.items()
        if is_hounsfield(volume)
    ]
    if found:
        return found, []
    head = find_head(volumes[reference], recognizer, predict)
    if head is None:
        return [f"No brain was found in {_words(reference, False)}; choose a brain MR that holds both thalami."], []
    return _contrast_doubts(task, volumes, reference, head, predict), _cut(head)


def _contrast_doubts(task: Task, volumes: Mapping[str, Volume], reference: str, head: Head, predict: Predict) -> list[str]:
    found = []
    for name, volume in volumes.items():
        seen = head.contrasts if name == reference else contrasts(volume, head.pose, predict)
        likeliest = max(seen, key=lambda contrast: seen[contrast])
        if seen[likeliest] < SURE:
            continue
        if likeliest == "ct":
            found.append(f"{_words(name)} looks like a CT, and this model knows MR only; choose an MR scan.")
        elif task == "tumor" and family(likeliest) != family(name) and family_share(seen, name) < UNLIKELY:
            found.append(f"{_words(name)} looks like {NAMES[likeliest]}; check which scan is in which slot.")
    return found


def family(contrast: str) -> str:
    """T1 with and without contrast agent are one family: where nothing enhances they look alike."""
    return "t1" if contrast == "t1c" else contrast


def family_share(seen: Mapping[str, float], contrast: str) -> float:
    return sum(share for name, share in seen.items() if family(name) == family(contrast))


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
