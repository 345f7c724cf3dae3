"""Names for vertebrae and discs: upward from the sacrum, or neutral numbers where none is in view.

Arches belong to the body whose level they lie at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import components, islands_below
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.class_scores import ModelClasses, OutputChannel, Postprocessed, argmax, suppress
from neurospineseg.tasks.spine.column import Column, find_column
from neurospineseg.tasks.spine.evidence import Evidence, Numbering, as_json, c2_by_dens, chosen, numberings, reasons, rivals_in_words
from neurospineseg.tasks.spine.level_fields import label_fields
from neurospineseg.tasks.spine.level_names import disc_key, label_of, vertebra_key
from neurospineseg.tasks.spine.parts import PARTS, standard_parts
from neurospineseg.tasks.structure import Structure

BACKGROUND, VERTEBRA, DISC, CANAL, SACRUM = range(5)
"""Channels once bodies and arches are joined."""
REACH_MM = {VERTEBRA: 75.0, DISC: 34.0, CANAL: 45.0}
"""How far from the bodies the parts may lie; a component must begin within a third of it."""
LEAST_ISLAND_ML = 0.3
LUMBAR_ML = (28.0, 110.0)
"""A lumbar vertebra beyond this is doubted. The bundled models made 35 to 70 mL of those in 19 lumbar scans, and 23 to 25 of a brain."""
VERTEBRA_WIDTH_MM = 70.0
"""A slab less wide than this may hold that much less of one."""


def _far_components(mask: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The components of ``mask`` that have no voxel in ``near``."""
    labels, sizes = components(mask)
    kept = np.zeros(len(sizes), bool)
    kept[np.unique(labels[near & mask])] = True
    return mask & ~kept[labels]


def _clean(joined: torch.Tensor, false_bodies: np.ndarray, column: Column, grid: Grid) -> None:
    """Takes away, in place, what is no part of the column from the joined channels."""
    winner = argmax(joined).cpu().numpy()
    anchor = column.bodies > 0 if len(column) else column.sacrum
    if not anchor.any():
        joined[1:] = 0
        joined[BACKGROUND] = 1
        return
    suppress(joined, VERTEBRA, false_bodies)
    suppress(joined, SACRUM, (winner == SACRUM) & ~column.sacrum if column.sacrum.any() else np.ones(grid.shape, bool))
    distance = ndimage.distance_transform_edt(~anchor, sampling=grid.spacing_kji)
    for number, reach in REACH_MM.items():
        mask = winner == number
        if number == VERTEBRA:
            mask &= ~false_bodies
        small = islands_below(mask, LEAST_ISLAND_ML / grid.voxel_volume_ml)
        suppress(joined, number, small | _far_components(mask, distance < reach / 3) | (distance > reach))


def _evidence(column: Column, vertebrae: np.ndarray, grid: Grid) -> Evidence:
    """What the column shows; ``vertebrae`` holds instance numbers from 1 (K, J, I)."""
    boxes = ndimage.find_objects(vertebrae, max_label=len(column))
    heights = [0.0 if box is None else (box[0].stop - box[0].start) * grid.spacing_kji[0] for box in boxes]
    levels = [int(level) for level in column.levels]
    missed = levels[-1] + 1 - len(levels)
    return Evidence(levels[-1] + 1, bool(column.sacrum.any()), missed, c2_by_dens(levels, heights))


def _vertebra_keys(column: Column, numbering: Numbering | None) -> list[str | None]:
    if numbering is None:
        return [vertebra_key(int(level), False) for level in column.levels]
    return [vertebra_key(int(level) + numbering.below, True, numbering.variant) for level in column.levels]


def _disc_keys(column: Column, gap: np.ndarray, disc: np.ndarray, numbering: Numbering | None) -> list[str | None]:
    """The key of the disc in every gap, from the one below the lowest body to the one above the highest.

    None for a gap without a disc, and for one in which a body was missed: two discs lie there, and nothing tells which is which.
    """
    levels = [int(level) for level in column.levels]
    present = np.bincount(gap[disc].ravel(), minlength=len(column) + 1) > 0
    if numbering is not None:
        keys = [disc_key(level + numbering.below, True, numbering.variant) for level in (*levels, levels[-1] + 1)]
        missed = [levels[0] + numbering.below > 0, *(b - a > 1 for a, b in zip(levels, levels[1:])), False]
    else:
        first = 0 if present[0] else 1
        places = [0, *(level + 1 for level in levels)]
        keys = [disc_key(place - first, False) if place >= first else None for place in places]
        missed = [False, *(b - a > 1 for a, b in zip(levels, levels[1:])), False]
    return [key if there and not gone else None for key, there, gone in zip(keys, present, missed)]


def _doubts(keys: list[str | None], cut: np.ndarray, vertebrae: np.ndarray, grid: Grid) -> list[str]:
    """A sentence on lumbar vertebrae of unusual size; ``vertebrae`` holds labels (K, J, I)."""
    counts = np.bincount(vertebrae.ravel(), minlength=256)
    sizes = {
        key: counts[structure(key).label] * grid.voxel_volume_ml
        for key, edge in zip(keys, cut)
        if key and key.startswith("vertebra_L") and not edge
    }
    least = LUMBAR_ML[0] * min(1.0, vertebrae.shape[2] * grid.spacing[0] / VERTEBRA_WIDTH_MM)
    odd = [f"{structure(key).name} {size:.0f} mL" for key, size in sizes.items() if not least <= size <= LUMBAR_ML[1]]
    if not odd:
        return []
    return [
        f"Unusual size ({', '.join(odd)}; usual {LUMBAR_ML[0]:.0f}-{LUMBAR_ML[1]:.0f} mL): check that the scan shows a spine and look at it closely."
    ]


def _notes(column: Column, keys: list[str | None], seen: Evidence) -> list[str]:
    notes: list[str] = []
    if seen.sacrum:
        notes.append(
            f"Vertebrae were numbered upward from the sacrum, the lowest as {rivals_in_words(numberings(seen))}: {', '.join(reasons(seen))}; "
            "with a transitional vertebra or a missed one every name shifts, so check one level."
        )
    else:
        notes.append(
            "No sacrum was found in what was segmented (the scan, or the region of interest), so vertebrae and discs are numbered from below (Vertebra 1, Disc 1, ...); rename them once one level is known."
        )
    if (np.diff(column.levels) > 1).any() or (seen.sacrum and column.levels[0] > 0):
        notes.append("A vertebra seems to be missing between those found; its number and the discs beside it were left out.")
    partly = [structure(key).name for key, cut in zip(keys, column.cut) if cut and key is not None]
    if partly:
        notes.append(f"Cut by the edge of the scan: {', '.join(partly)}.")
    if any(key is None for key in keys):
        notes.append("More vertebrae were found than a spine has; the uppermost were left out.")
    return notes


def _joined(probabilities: torch.Tensor) -> torch.Tensor:
    """Probabilities of ``PARTS`` with bodies and arches as one channel."""
    channel = {name: number for number, name in enumerate(PARTS)}
    vertebra = probabilities[channel["vertebra_body"]] + probabilities[channel["vertebra_arch"]]
    return torch.stack(
        [probabilities[channel["background"]], vertebra, *(probabilities[channel[name]] for name in ("disc", "canal", "sacrum"))]
    )


def postprocess_spine(probabilities: torch.Tensor, grid: Grid, spec: ModelClasses) -> Postprocessed:
    """Vertebrae, discs, canal and sacrum as structures.

    Args:
        probabilities: float32 (C, K, J, I) on ``grid``, of the classes of ``spec`` (see ``vertebral_parts``). k runs along S.

    Returns:
        Channels background, vertebra (body and arch, told apart by label_field), disc (likewise), canal, sacrum.
    """
    probabilities = standard_parts(probabilities, spec.classes)
    channel = {name: number for number, name in enumerate(PARTS)}
    winner = argmax(probabilities).cpu().numpy()
    certainty = probabilities[channel["vertebra_body"]].cpu().numpy()
    body, disc, sacrum = (winner == channel[name] for name in ("vertebra_body", "disc", "sacrum"))
    column = find_column(body, disc, sacrum, certainty, grid)
    joined = _joined(probabilities)
    _clean(joined, body & (column.bodies == 0), column, grid)
    return _with_levels(joined, column, grid)


def _with_levels(joined: torch.Tensor, column: Column, grid: Grid) -> Postprocessed:
    """What ``postprocess_spine`` returns: each vertebra and disc of the column under its name."""
    structures: list[Structure] = [structure("spinal_canal"), structure("sacrum")]
    vertebra_labels = disc_labels = np.zeros(grid.shape, np.uint16)
    notes: list[str] = []
    record: dict[str, Any] = {}
    if len(column):
        instance, gap = label_fields(column, grid)
        scraps = np.bincount(gap[argmax(joined).cpu().numpy() == DISC], minlength=len(column) + 1) * grid.voxel_volume_ml < LEAST_ISLAND_ML
        suppress(joined, DISC, scraps[gap])
        winner = argmax(joined).cpu().numpy()
        seen = _evidence(column, np.where(winner == VERTEBRA, instance + 1, 0), grid)
        numbering = chosen(numberings(seen))
        keys = _vertebra_keys(column, numbering)
        disc_keys = _disc_keys(column, gap, winner == DISC, numbering)
        vertebra_labels = np.array([label_of(key) for key in keys], np.uint16)[instance]
        disc_labels = np.array([label_of(key) for key in disc_keys], np.uint16)[gap]
        structures += [structure(key) for key in (*keys, *disc_keys) if key is not None]
        notes = _notes(column, keys, seen)
        record = {"numbering": {**as_json(seen), "note": notes[0]}}
        if seen.sacrum:
            notes += _doubts(keys, column.cut, np.where(winner == VERTEBRA, vertebra_labels, 0), grid)
    channels = [
        OutputChannel(0),
        OutputChannel(label_field=vertebra_labels),
        OutputChannel(label_field=disc_labels),
        OutputChannel(structure("spinal_canal").label),
        OutputChannel(structure("sacrum").label),
    ]
    return Postprocessed(joined, channels, structures, notes, record)
