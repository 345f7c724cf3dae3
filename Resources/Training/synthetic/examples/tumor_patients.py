"""Examples from patients with gliomas, heads without, and drawn heads, all kept ready by ``prepare_gliomas.py``.

Every example is altered: turned, bent, its contrasts changed, blurred, shaded, some left out. Scans are then normalized as
a user's whole scan is, by the statistics of the case's foreground after the same change of contrast.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import ModelSpec
from Training.datasets.glioma_cases import GliomaCase, fold_of, read_case, read_cases
from Training.synthetic.examples.tumor_glioma import Examples as DrawnExamples
from Training.synthetic.tumor.altered_glioma import altered
from Training.synthetic.tumor.altered_pose import Pose, cut
from Training.synthetic.tumor.transplanted import transplanted
from Training.training.partial_labels import only

CHANNELS = ("t1c", "t1", "t2", "flair")
FOREGROUND = 0.75


def cases_folder(spacing: float) -> Path:
    """Where heads of a voxel size are kept."""
    return Path(__file__).resolve().parents[2] / "runs" / f"gliomas_{spacing:g}mm"


class Examples:
    """Patches of kept heads.

    Args:
        fold: patients of this fold are kept aside and validate, its heads without a tumor do not teach either; -1: all teach.
        folds: how many there are, patients and heads without a tumor each dealt round robin by name.
        real_share: of examples that come from patients; ``healthy_share``: from heads without a tumor; the others are drawn.
        all_share: of examples that have all four contrasts, where their case has; the others lack some.
        transplanted_share: of patients and heads without a tumor that are given the tumor of another patient too.
        reload: after so many examples the folder is looked through for heads drawn meanwhile; 0: never.
    """

    def __init__(
        self,
        spec: ModelSpec,
        fold: float = -1,
        folds: float = 3,
        real_share: float = 0.55,
        healthy_share: float = 0.1,
        all_share: float = 0.25,
        reload: float = 0,
        transplanted_share: float = 0.0,
    ) -> None:
        self.spec, self.folder, self.reload, self.all_share = spec, cases_folder(spec.spacing[0]), int(reload), all_share
        self.transplanted_share = transplanted_share
        cases = read_cases(self.folder)
        self.groups = {kind: [case for case in cases if case.kind == kind] for kind in ("patient", "healthy", "drawn")}
        if not self.groups["patient"]:
            raise InputError(f"No patients are kept in '{self.folder}'; run prepare_gliomas.py first.")
        self.aside, self.groups["patient"] = dealt(self.groups["patient"], int(fold), int(folds))
        _, self.groups["healthy"] = dealt(self.groups["healthy"], int(fold), int(folds))
        self.shares = {"patient": real_share, "healthy": healthy_share, "drawn": max(0.0, 1 - real_share - healthy_share)}
        self.taken = 0

    @property
    def kept_aside(self) -> KeptAside:
        """The examples that validate: of the patients kept aside, or of all where none is."""
        return KeptAside(self.aside or self.groups["patient"], self.spec.patch)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A patch of four channels (4, *patch), absent ones zero, and its bit masks (*patch)."""
        self.taken += 1
        if self.reload and self.taken % self.reload == 0:
            self.look_again()
        case, raw, labels = self.patch(rng)
        image, labels = altered(rng, case, raw, labels, self.spec.spacing[0])
        given = DrawnExamples.given(rng, self.all_share) * torch.from_numpy(case.given).view(4, 1, 1, 1)
        if not bool(given.any()):
            given = torch.from_numpy(case.given).float().view(4, 1, 1, 1)
        return (image * given).contiguous(), only(labels)

    def patch(self, rng: np.random.Generator) -> tuple[GliomaCase, torch.Tensor, torch.Tensor]:
        """A head and a patch of it, (4, *patch) and (*patch), with the tumor of another patient at its chance."""
        case, pose = self.case(rng), Pose.drawn(rng, self.spec.patch)
        if case.kind != "drawn" and rng.random() < self.transplanted_share:
            donors = [donor for donor in self.groups["patient"] if donor.name != case.name and (donor.given & case.given).any()]
            if donors:
                donor = donors[int(rng.integers(len(donors)))]
                return transplanted(case, donor, middle(donor, rng), pose, self.spec.patch)
        return (case, *cut(case, middle(case, rng), pose, self.spec.patch))

    def case(self, rng: np.random.Generator) -> GliomaCase:
        """A head of one of the kinds that there are, each at its share."""
        present = [kind for kind, share in self.shares.items() if share and self.groups[kind]]
        shares = np.array([self.shares[kind] for kind in present])
        group = self.groups[present[int(rng.choice(len(present), p=shares / shares.sum()))]]
        return group[int(rng.integers(len(group)))]

    def look_again(self) -> None:
        """Adds the drawn heads that were finished since."""
        known = {case.name for case in self.groups["drawn"]}
        new = [path.parent for path in sorted(self.folder.glob("drawn_*/case.json")) if path.parent.name not in known]
        self.groups["drawn"] += [read_case(folder) for folder in new]


def dealt(cases: list[GliomaCase], fold: int, folds: int) -> tuple[list[GliomaCase], list[GliomaCase]]:
    """The cases of a fold, and the others."""
    deal = fold_of([case.name for case in cases], folds)
    return [case for case in cases if deal[case.name] == fold], [case for case in cases if deal[case.name] != fold]


class KeptAside:
    """Patches of patients as they are, in all contrasts or in T1c and FLAIR alone."""

    def __init__(self, cases: list[GliomaCase], patch: tuple[int, int, int]) -> None:
        self.cases, self.patch = cases, patch

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        case = self.cases[int(rng.integers(len(self.cases)))]
        raw, labels = cut(case, middle(case, rng), Pose.straight(), self.patch)
        image, labels = altered(None, case, raw, labels, 1.0)
        if rng.random() < 0.5:
            image[1:3] = 0
        return image, only(labels)


def middle(case: GliomaCase, rng: np.random.Generator) -> np.ndarray:
    """The voxel (k, j, i) in the middle of a patch: of a class of the tumor, each equally often, or anywhere in the head."""
    inside = [value for value in case.places if value]
    value = int(rng.choice(inside)) if inside and (rng.random() < FOREGROUND or 0 not in case.places) else 0
    places = case.places[value]
    return places[int(rng.integers(len(places)))]
