"""Masks of the spine renamed by the levels of another mask of the same patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.run import Run
from neurospineseg.tasks.spine.known_levels import named_as
from neurospineseg.tasks.spine.levels import NUMBERED
from neurospineseg.tasks.spine.renumbering import Piece
from neurospineseg.tasks.structure import Structure

Place = tuple[float, float, float]


def places_in(labels: Volume, keys: Mapping[int, str]) -> dict[str, Place]:
    """Middles of the vertebrae and discs of a label map, RAS mm, by key; several label values of one key are one piece."""
    first: dict[str, int] = {}
    joined = np.arange(2**16, dtype=np.uint16)
    for value, key in keys.items():
        joined[value] = first.setdefault(key, value)
    voxels = joined[labels.voxels]
    present = set(np.unique(voxels).tolist())
    values = [value for key, value in first.items() if key.split("_")[0] in NUMBERED and value in present]
    middles = np.array(ndimage.center_of_mass(voxels > 0, voxels, values)).reshape(-1, 3)
    return {keys[value]: triple(float(each) for each in place) for value, place in zip(values, labels.affine.apply_kji(middles))}


def keys_by_levels(labels: Volume, keys: Mapping[int, str], known: Mapping[str, Place]) -> tuple[dict[int, str], list[str]]:
    """The key of each label value by another mask's levels, and sentences for the user.

    Raises:
        InputError: the two masks do not fit.
    """
    structures, notes, _ = named_as(_pieces(labels, keys), known)
    renamed = {keys[int(value)]: structure.key for value, structure in structures.items()}
    return {value: renamed.get(key, key) for value, key in keys.items()}, notes


def name_levels(run: Run, known: Mapping[str, Place]) -> Volume:
    """Renames what a run that is over has found by another mask's levels; returns its mask.

    Raises:
        InputError: the two masks do not fit, or only some structures were asked for, by names that now shift.
    """
    if run.mask is None or run.settings.structures is not None:
        raise InputError("Structures are asked for by the names that they had before the levels were taken over; ask for all of them.")
    keys = {structure.label: structure.key for structure in run.structures}
    structures, notes, found = named_as(_pieces(run.mask, keys), known)
    renamed = {each.label: structures.get(str(each.label), each) for each in run.structures}
    run.mask = Volume(_values(renamed)[run.mask.voxels], run.mask.ijk_to_ras)
    ml: dict[int, float] = {}
    for label, structure in renamed.items():
        ml[structure.label] = ml.get(structure.label, 0.0) + run.ml[label]
    run.ml = ml
    run.structures = sorted(set(renamed.values()), key=lambda each: each.label)
    numbering = run.of_rules.get("numbering", {})
    run.warnings[:] = [*notes, *(note for note in run.warnings if note != numbering.get("note"))]
    run.of_rules["numbering"] = {**numbering, "from_mask": {"matched": found.matched, "agreeing": found.agreeing}, "note": notes[0]}
    return run.mask


def _pieces(labels: Volume, keys: Mapping[int, str]) -> dict[str, Piece]:
    """By label value as text."""
    values = {key: value for value, key in keys.items()}
    return {str(values[key]): Piece(key, place) for key, place in places_in(labels, keys).items()}


def _values(renamed: Mapping[int, Structure]) -> np.ndarray:
    """The new label value of each old one, uint16."""
    table = np.arange(2**16, dtype=np.uint16)
    for label, structure in renamed.items():
        table[label] = structure.label
    return table
