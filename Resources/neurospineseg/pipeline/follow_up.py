"""Two or more studies of one patient: laid on the first by their scans, measured, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.inference.registration import register_rigid
from neurospineseg.measurements.focus_tracks import has_core, with_matched_foci
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.measuring import measure
from neurospineseg.measurements.over_time import Change, changed, changes, on_grid
from neurospineseg.measurements.rano import ThresholdLine, rano_lines

FARTHEST_MM, MOST_DEGREES = 60.0, 45.0
"""A registration that moves a head by more is doubted."""


@dataclass(frozen=True)
class Study:
    """One visit.

    Attributes:
        name: its date, or what else tells it.
        labels: the mask.
        names: structure's key by label value.
        scan: what the mask was made on, or another of the same visit; without one the mask is taken to lie in the space of the first.
    """

    name: str
    labels: Volume
    names: Mapping[int, str]
    scan: Volume | None = None

    def mask(self, keys: Sequence[str]) -> np.ndarray:
        """Where structures are, bool (K, J, I)."""
        return np.isin(self.labels.voxels, [label for label, key in self.names.items() if key in keys])


@dataclass(frozen=True)
class FollowUp:
    """What became of a patient.

    Attributes:
        measured: by study, each on its own grid, so that registering changes no number.
        changes: every number beside that of the first study and the lowest before.
        to_first: for each study the rigid map of its RAS to the first one's.
        maps: for each study but the first the label map of what has grown and shrunk since then, on the first one's grid.
        notes: sentences for the user.
        lines: thresholds to show beside the numbers of a tumor.
    """

    measured: tuple[tuple[str, Measurements], ...]
    changes: tuple[Change, ...]
    to_first: tuple[Affine, ...]
    maps: tuple[Volume, ...]
    notes: tuple[str, ...] = ()
    lines: tuple[ThresholdLine, ...] = ()


def follow(studies: Sequence[Study], task: str, structures: Sequence[str]) -> FollowUp:
    """Measures studies, the first of which is the reference, and compares them.

    Args:
        structures: keys of those whose union is looked at for what has grown and shrunk.

    Raises:
        InputError: there are fewer than two, two have the same name, or scans cannot be registered.
    """
    if len(studies) < 2:
        raise InputError("There is one study only; give two or more of the same patient, the earliest first.")
    if len({study.name for study in studies}) < len(studies):
        raise InputError("Two studies have the same name or date; give each its own.")
    first, *later = studies
    measured = tuple((study.name, measure(study.labels, study.names, task, study.scan)) for study in studies)
    before, maps, moves, notes = first.mask(structures), [], [Affine(np.eye(4))], []
    for study in later:
        move = _to_first(first, study)
        if move is None:
            notes.append(f"{study.name}: taken to lie where the first study lies, since there are not both scans to register by.")
        elif _far(move, first):
            notes.append(f"{study.name}: registering moved it far; look at whether both scans lie on each other.")
        moves.append(move or Affine(np.eye(4)))
        grid = Volume(study.labels.voxels, moves[-1] @ study.labels.affine).grid
        maps.append(Volume(changed(before, on_grid(study.mask(structures), grid, first.labels.grid)), first.labels.affine))
    notes += _without_core(measured) if task == "tumor" else []
    found = tuple(changes(with_matched_foci(measured, moves)))
    return FollowUp(measured, found, tuple(moves), tuple(maps), tuple(notes), tuple(rano_lines(found)) if task == "tumor" else ())


def _without_core(measured: Sequence[tuple[str, Measurements]]) -> list[str]:
    """A sentence for each study without a tumor core where others have one."""
    cores = [has_core(found) for _, found in measured]
    words = "there is no tumor core, so that foci of the other studies' cores are not followed there"
    return [f"{name}: {words}." for (name, _), core in zip(measured, cores) if any(cores) and not core]


def _to_first(first: Study, study: Study) -> Affine | None:
    """What takes a study's RAS to the first one's; None where there are not two scans."""
    if first.scan is None or study.scan is None:
        return None
    keys = list(study.names.values())
    masks = [Volume(each.mask(keys).astype(np.uint8), each.labels.affine) for each in (first, study)]
    return register_rigid(first.scan, study.scan, *masks).affine @ study.scan.affine.inverse


def _far(move: Affine, first: Study) -> bool:
    center = first.labels.grid.center
    turned = np.degrees(Rotation.from_matrix(move.linear).magnitude())
    return bool(np.linalg.norm(move.apply(center) - center) > FARTHEST_MM or turned > MOST_DEGREES)
