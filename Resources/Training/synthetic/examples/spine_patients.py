"""A 3D network that segments the spine in MR and CT: real patients of five sets by partial labels, and drawn spines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.spine.label_map import shapes
from Training.synthetic.spine.patient_scan import patient_scan
from Training.synthetic.spine.patients import FOLDER, patients
from Training.synthetic.spine.scan import Scan, blank, cut, drawn_scan, label_map_scan

BLANKED_SHARE = 0.2
PAIRED_SHARE = 0.85
"""Of the examples of slabs that fill less than half of a patch's width, how many show two slabs beside each other: in one step the
network learns from both, and each fills as much of its half as it does of a window when the model is used (``ModelSpec.narrow``)."""


class Examples:
    """Patches of scans kept at hand and slowly renewed.

    Args:
        fold: whose cases are left out, 0 to 2; -1 for none.
        spider, chu, bodies, discs: chance that a new scan is of such a patient (see ``spine_patients.SETS``).
        map_share: chance that it is drawn from a label map; the rest are drawn spines.
        artifact_share: of all scans, see ``acquisition.artifacts``.
        size, uses: how many scans are kept, and how many examples are cut for each new one.
    """

    def __init__(
        self,
        spec: ModelSpec,
        fold: float = -1,
        spider: float = 0.4,
        chu: float = 0.08,
        bodies: float = 0.12,
        discs: float = 0.03,
        map_share: float = 0.1,
        artifact_share: float = 0.12,
        size: float = 32,
        uses: float = 6,
    ) -> None:
        self.spec, self.size, self.uses, self.artifact_share = spec, int(size), int(uses), artifact_share
        shares = {"spider": spider, "chu": chu, "bodies": bodies, "discs": discs}
        self.patients = {kind: [each for each in patients(int(fold)) if each.kind == kind] for kind in shares}
        missing = next((kind for kind, share in shares.items() if share and not self.patients[kind]), None)
        if missing is not None:
            raise InputError(f"No patients of the kind '{missing}' are in '{FOLDER}'; run prepare_spine.py, or set drawing.{missing}=0.")
        self.kinds = [*shares, "map", "drawn"]
        own = [*shares.values(), map_share if shapes() is not None else 0.0]
        if sum(own) > 1:
            raise InputError("The shares of drawing add up to more than 1; lower one of them.")
        self.chances = [*own, 1 - sum(own)]
        self.scans: list[Scan] = []
        self.taken = 0

    def _new(self, rng: np.random.Generator) -> Scan:
        kind = str(rng.choice(self.kinds, p=self.chances))
        given = (tuple(self.spec.spacing), self.spec.normalization, self.artifact_share)
        if kind == "map":
            scan = label_map_scan(rng, *given)
        elif kind == "drawn":
            scan = drawn_scan(rng, *given)
        else:
            own = self.patients[kind]
            scan = patient_scan(rng, own[int(rng.integers(len(own)))], *given)
        if rng.random() < BLANKED_SHARE:
            blank(rng, *scan)
        return scan

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A patch (1, *PATCH) and its bit masks."""
        if len(self.scans) < self.size or self.taken % self.uses == 0:
            self.scans = [*self.scans, self._new(rng)][-self.size :]
        self.taken += 1
        scan = self._any(rng, self.scans)
        half = self.spec.patch[2] // 2
        if scan[0].shape[2] < half and rng.random() < PAIRED_SHARE:
            thin = [each for each in self.scans if each[0].shape[2] < half]
            sides = [cut(rng, each, (*self.spec.patch[:2], half)) for each in (scan, self._any(rng, thin))]
            image, masks = (torch.cat(parts, 2) for parts in zip(*sides))
        else:
            image, masks = cut(rng, scan, self.spec.patch)
        return image[None].contiguous(), masks.contiguous()

    @staticmethod
    def _any(rng: np.random.Generator, scans: Sequence[Scan]) -> Scan:
        return scans[int(rng.integers(len(scans)))]
