"""Is this what the model expects? Doubts about scans before, and about volumes after, a model has worked on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from neurospineseg.checks.scan_recognition import NAMES, Head, Recognizer, is_hounsfield, is_mask
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.inference.head_pose import NOT_FOUND
from neurospineseg.models.bundle import Task

SURE = 0.85
LARGEST_BONE_CONTRAST = 25.0
"""Of 28 heads in MR none had over 12; two head CTs had 60 and, windowed, far more."""
LEAST_BRAIN_SEEN = 0.85
LARGEST_TUMOR_ML = 500.0
VERTEBRA_ML = (1.5, 150.0)
NUCLEI_ML = {
    "subthalamic_nucleus": (0.03, 0.5),
    "red_nucleus": (0.06, 0.9),
    "substantia_nigra": (0.1, 1.5),
    "thalamus": (2.5, 16.0),
    "caudate": (1.2, 10.0),
    "putamen": (1.8, 13.0),
}
"""Wide limits: from about a quarter to two or three times the volumes of the ZonaBB atlas in MNI152."""
MOST_IMPLAUSIBLE = 2


class Expectations:
    """What a task expects of its scans.

    Args:
        reference: name of the scan in which a head is looked for.
        part: whether the user restricts the run to a region, which may leave a head out.

    Attributes:
        notes: what the user should know besides.
    """

    def __init__(self, task: Task, reference: str, recognizer: Recognizer, part: bool = False) -> None:
        self.task, self.reference, self.recognizer, self.part = task, reference, recognizer, part
        self.head: Head | None = None
        self.notes: list[str] = []

    def doubts_of_scans(self, volumes: Mapping[str, Volume]) -> list[str]:
        """What speaks against each scan by itself.

        Raises:
            InputError: the deep nuclei's region cannot be found.
        """
        found = [
            f"{words_for(name)} holds only a few different values, as a mask does; choose the scan itself."
            for name, volume in volumes.items()
            if is_mask(volume)
        ]
        if self.task == "spine":
            if not self.part and self.recognizer.head(volumes[self.reference]) is not None:
                found.append(
                    f"{words_for(self.reference)} shows a head, and this model segments spines; choose a scan or a region of the spine."
                )
            return found
        found += [
            f"{words_for(name)} is a CT (its values are Hounsfield units), and this model knows MR only; choose an MR scan."
            for name, volume in volumes.items()
            if is_hounsfield(volume)
        ]
        self.head = self.recognizer.head(volumes[self.reference])
        if self.head is None and self.task == "subcortical":
            raise InputError(found[0] if found else NOT_FOUND)
        if self.head is None and not found:
            name = words_for(self.reference)
            found.append(f"No brain was found in {name[:1].lower()}{name[1:]} (both thalami are looked for); check that it is a brain MR.")
        if self.head is not None and self.head.brain_seen < LEAST_BRAIN_SEEN:
            self.notes.append(f"The field of view holds about {self.head.brain_seen:.0%} of the brain; what lies outside it is not judged.")
        return found

    def doubts_of_contrasts(self, volumes: Mapping[str, Volume]) -> list[str]:
        """What speaks against scans that lie on each other: CT, proton density, and wrong slots as far as they can be told.

        T2 is told from all others, and T1 and FLAIR where each is in the other's slot.
        """
        if self.head is None:
            return []
        pose = self.head.pose
        seen = {name: look for name, volume in volumes.items() if (look := self.recognizer.look(volume, pose)) is not None}
        found = [
            f"{words_for(name)} looks like a CT (its bone outshines all that is in the brain), and this model knows MR only; choose an MR scan."
            for name, look in seen.items()
            if look.bone_contrast > LARGEST_BONE_CONTRAST
        ]
        if found or self.task != "tumor":
            return found
        shares = {name: look.contrasts for name, look in seen.items()}
        for name, share in shares.items():
            likeliest = NAMES[max(share, key=lambda contrast: share[contrast])]
            if share["pd"] > SURE:
                found.append(
                    f"{words_for(name)} looks like proton density, and this model knows T1, T2 and FLAIR only; choose one of these."
                )
            elif (share["t2"] < 1 - SURE) if name == "t2" else (share["t2"] > SURE):
                found.append(f"{words_for(name)} looks like {likeliest}; check which scan is in which slot.")
        for name in ("t1c", "t1"):
            if name in shares and "flair" in shares and t1_share(shares[name]) < 0.5 * shares[name]["flair"]:
                if shares["flair"]["flair"] < 0.5 * t1_share(shares["flair"]):
                    found.append(f"The scans given as {NAMES[name]} and as FLAIR seem to be exchanged; check which scan is in which slot.")
        return found


def t1_share(seen: Mapping[str, float]) -> float:
    """Probability of T1, with or without contrast agent: where nothing enhances they look alike."""
    return seen["t1"] + seen["t1c"]


def words_for(name: str) -> str:
    return "The scan" if name == "image" else f"The scan given as {NAMES.get(name, name)}"


def whole_labels(labels: np.ndarray, present: Collection[int]) -> set[int]:
    """Those of the values in a label map (K, J, I) that do not touch its border, where they may be cut."""
    touching = np.concatenate([np.take(labels, edge, axis).ravel() for axis in range(3) for edge in (0, -1)])
    return set(present) - set(np.unique(touching).tolist()) - {0}


def implausible(task: Task, volumes_ml: Mapping[str, float]) -> str | None:
    """What is wrong with a result as a whole, judged by its whole structures' volumes in mL; None where nothing is.

    Single odd volumes are noted elsewhere; this is about results that cannot be.
    """
    if task == "tumor":
        total = sum(volumes_ml.values())
        if total > LARGEST_TUMOR_ML:
            return f"The tumor found measures {total:.0f} mL, a third of a brain or more; check that the right scans were chosen."
        return None
    if task == "spine":
        limits, what = {key: VERTEBRA_ML for key in volumes_ml if key.startswith("vertebra")}, "vertebrae"
    else:
        limits = {key: NUCLEI_ML[name] for key in volumes_ml if (name := key.split("_", 1)[-1]) in NUCLEI_ML}
        what = "deep nuclei"
    odd = sum(not low <= volumes_ml[key] <= high for key, (low, high) in limits.items())
    if odd > MOST_IMPLAUSIBLE:
        return f"{odd} of the {what} found are far too small or too large to be true; check the scan and its voxel size."
    return None
