"""Whether scans, before a model works on them, and the volumes that it finds are what its task expects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf

import numpy as np

from neurospineseg.checks.scan_recognition import Head, Recognizer, is_hounsfield, is_mask
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.inference.head_pose import NOT_FOUND
from neurospineseg.tasks.contrasts import CONTRASTS
from neurospineseg.tasks.task import Task

SURE = 0.85
LARGEST_BONE_CONTRAST = 25.0
"""Of 28 heads in MR none had over 12; two head CTs had 60 and, windowed, far more."""
LEAST_BRAIN_SEEN = 0.85


class InputPlausibility:
    """Whether scans are what a task expects.

    Args:
        task: what is segmented.
        reference: name of the scan in which a head is looked for.
        part: whether the user restricts the run to a region, which may leave a head out.

    Attributes:
        notes: what the user should know besides.
    """

    def __init__(self, task: Task, reference: str, recognizer: Recognizer, part: bool = False) -> None:
        self.task, self.reference, self.recognizer, self.part = task, reference, recognizer, part
        self.head: Head | None = None
        self.notes: list[str] = []

    def implausible_scans(self, scans: Mapping[str, Volume]) -> list[str]:
        """What speaks against each scan by itself.

        Raises:
            InputError: the task needs a head to work at all, and none was found.
        """
        sentences = [
            f"{self._words(name)} holds only a few different values, as a mask does; choose the scan itself."
            for name, volume in scans.items()
            if is_mask(volume)
        ]
        sentences += [sentence for name, volume in scans.items() if (sentence := self._of_modality(name, volume))]
        if self.task.head == "any" or (self.task.head == "unwanted" and self.part):
            return sentences
        head, words = self.recognizer.head(scans[self.reference]), self._words(self.reference)
        if self.task.head == "unwanted":
            what = self.task.plausible.called
            if head is not None:
                sentences.append(f"{words} shows a head, and this model segments {what}; choose a scan or a region that shows them.")
            return sentences
        self.head = head
        if head is None and self.task.head == "needed":
            raise InputError(sentences[0] if sentences else NOT_FOUND)
        if head is None and not sentences:
            sentences.append(
                f"No brain was found in {words[:1].lower()}{words[1:]} (both thalami are looked for); check that it is a brain MR."
            )
        if self.head is not None and self.head.brain_seen < LEAST_BRAIN_SEEN:
            self.notes.append(f"The field of view holds about {self.head.brain_seen:.0%} of the brain; what lies outside it is not judged.")
        return sentences

    def implausible_contrasts(self, scans: Mapping[str, Volume]) -> list[str]:
        """What speaks against scans that lie on each other: CT, proton density, and wrong slots as far as they can be told.

        T2 is told from all others, and T1 and FLAIR where each is in the other's slot.
        """
        if self.head is None:
            return []
        pose = self.head.pose
        seen = {name: look for name, volume in scans.items() if (look := self.recognizer.look(volume, pose)) is not None}
        sentences = [
            f"{self._words(name)} looks like a CT (its bone outshines all that is in the brain), and this model knows MR only; choose an MR scan."
            for name, look in seen.items()
            if look.bone_contrast > LARGEST_BONE_CONTRAST
        ]
        wanted = {channel.contrast: channel.key for channel in self.task.channels if channel.contrast is not None}
        if sentences:
            return sentences
        return self._misplaced({contrast: seen[key].contrasts for contrast, key in wanted.items() if key in seen}, wanted)

    def _misplaced(self, shares: Mapping[str, Mapping[str, float]], wanted: Mapping[str, str]) -> list[str]:
        """What speaks against the slots that scans were given in.

        Args:
            shares: by the contrast that a slot wants, how likely its scan has each contrast.
            wanted: the slots' channels by the contrast that they want.
        """
        sentences = []
        for contrast, share in shares.items():
            likeliest = CONTRASTS[max(share, key=lambda name: share[name])]
            if share["pd"] > SURE and contrast != "pd":
                sentences.append(
                    f"{self._words(wanted[contrast])} looks like proton density, and this model knows T1, T2 and FLAIR only; choose one of these."
                )
            elif (share["t2"] < 1 - SURE) if contrast == "t2" else (share["t2"] > SURE):
                sentences.append(f"{self._words(wanted[contrast])} looks like {likeliest}; check which scan is in which slot.")
        for name in ("t1c", "t1"):
            if name in shares and "flair" in shares and t1_share(shares[name]) < 0.5 * shares[name]["flair"]:
                if shares["flair"]["flair"] < 0.5 * t1_share(shares["flair"]):
                    sentences.append(
                        f"The scans given as {CONTRASTS[name]} and as FLAIR seem to be exchanged; check which scan is in which slot."
                    )
        return sentences

    def _of_modality(self, name: str, volume: Volume) -> str:
        """What speaks against a scan's modality as its values tell it; empty where nothing does."""
        if "CT" not in self.task.modalities and is_hounsfield(volume):
            return f"{self._words(name)} is a CT (its values are Hounsfield units), and this model knows MR only; choose an MR scan."
        if "MR" not in self.task.modalities and not is_hounsfield(volume):
            return f"{self._words(name)} is no CT (its values are no Hounsfield units), and this model knows CT only; choose a CT."
        return ""

    def _words(self, name: str) -> str:
        return "The scan" if self.task.single else f"The scan given as {self.task.channel(name).name}"


def t1_share(seen: Mapping[str, float]) -> float:
    """Probability of T1, with or without contrast agent: where nothing enhances they look alike."""
    return seen["t1"] + seen["t1c"]


def whole_labels(labels: np.ndarray, present: Collection[int]) -> set[int]:
    """Those of the values in a label map (K, J, I) that do not touch its border, where they may be cut."""
    touching = np.concatenate([np.take(labels, edge, axis).ravel() for axis in range(3) for edge in (0, -1)])
    return set(present) - set(np.unique(touching).tolist()) - {0}


def implausible_volumes(task: Task, volumes_ml: Mapping[str, float], whole: Collection[str]) -> str | None:
    """What is wrong with a result as a whole; None where nothing is. Single odd volumes are noted elsewhere.

    Args:
        volumes_ml: mL of every structure that was found, by its key.
        whole: keys of those that are not cut by the scan's border, whose volumes are judged one by one.

    Raises:
        InputError: a key is no structure of the task.
    """
    plausible, total = task.plausible, sum(volumes_ml.values())
    if total > plausible.total_ml:
        return plausible.total_doubt.format(ml=total)
    odd = 0
    for key in whole:
        low, high = plausible.ml.get(key) or plausible.ml.get(task.structure(key).family) or (0.0, inf)
        odd += not low <= volumes_ml[key] <= high
    if odd > plausible.most_odd:
        return f"{odd} of the {plausible.called} found are far too small or too large to be true; check the scan and its voxel size."
    return None
