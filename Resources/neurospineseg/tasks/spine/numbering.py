"""Names for vertebrae and discs: upward from the sacrum, or neutral numbers where none is in view.

Arches belong to the body whose level they lie at; the borders between levels bend as arches do.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import components, islands_below
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.class_scores import ModelClasses, OutputChannel, Postprocessed, argmax, suppress
from neurospineseg.tasks.spine.column import Column, find_column
from neurospineseg.tasks.spine.parts import PARTS, standard_parts
from neurospineseg.tasks.spine.structures import NEUTRAL_COUNT
from neurospineseg.tasks.structure import Structure

UPWARD = (*(f"L{n}" for n in range(5, 0, -1)), *(f"T{n}" for n in range(12, 0, -1)), *(f"C{n}" for n in range(7, 0, -1)))
BEHIND_MM = (16.0, 24.0, 32.0, 40.0, 48.0, 56.0)
MIDLINE_BORDER = (0.08, -0.02, -0.2, -0.26, -0.32, -0.34)
SIDE_BORDER = (0.08, 0.14, 0.28, 0.24, 0.24, 0.24)
SIDE_MM = (10.0, 18.0)
"""Where the border between two levels' arches lies, in steps between their bodies above the middle between them, by the
distance behind the bodies' middles: laminae and spinous processes hang down in the midline, while joint and transverse processes
rise at the sides; between ``SIDE_MM`` from the midline one passes into the other. Measured at 34 borders from C3 to L5 (four VerSe
masks, panoptica's MR label map) as the heights that part two vertebrae with the fewest wrong voxels."""
BACKGROUND, VERTEBRA, DISC, CANAL, SACRUM = range(5)
"""Channels once bodies and arches are joined."""
REACH_MM = {VERTEBRA: 75.0, DISC: 34.0, CANAL: 45.0}
"""How far from the bodies the parts may lie; a component must begin within a third of it."""
LEAST_ISLAND_ML = 0.3
LUMBAR_ML = (28.0, 110.0)
"""A lumbar vertebra beyond this is doubted. The bundled models made 35 to 70 mL of those in 19 lumbar scans, and 23 to 25 of a brain."""
VERTEBRA_WIDTH_MM = 70.0
"""A slab less wide than this may hold that much less of one."""


def vertebra_key(level: int, named: bool) -> str | None:
    """Key of the vertebra at a place counted upward from 0; None beyond C1."""
    if named:
        return f"vertebra_{UPWARD[level]}" if level < len(UPWARD) else None
    return f"vertebra_{level + 1}" if level < NEUTRAL_COUNT else None


def disc_key(level: int, named: bool) -> str | None:
    """Key of the disc below the vertebra at ``level`` (named), or of the disc counted from 0; None where there is none."""
    if not named:
        return f"disc_{level + 1}" if level < NEUTRAL_COUNT else None
    if level >= len(UPWARD) - 1:
        return None
    return f"disc_{UPWARD[level]}_{'S1' if level == 0 else UPWARD[level - 1]}"


def _coordinates(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RAS mm of every voxel, three float32 arrays (K, J, I)."""
    k, j, i = (np.arange(n, dtype=np.float32) for n in grid.shape)
    matrix = grid.ijk_to_ras.astype(np.float32)
    rows = []
    for row in range(3):
        rows.append(matrix[row, 0] * i[None, None] + matrix[row, 1] * j[None, :, None] + matrix[row, 2] * k[:, None, None] + matrix[row, 3])
    return rows[0], rows[1], rows[2]


def _above(points: tuple[np.ndarray, ...], place: np.ndarray, upward: np.ndarray, step: float) -> np.ndarray:
    """Where voxels lie above the border between two levels ``step`` mm apart; a plane where ``step`` is 0; bool (K, J, I)."""
    offsets = [points[a] - np.float32(place[a]) for a in range(3)]
    height = np.asarray(sum(np.float32(upward[a]) * offsets[a] for a in range(3)))
    if step == 0:
        return height > 0
    doubtful = np.abs(height) < 0.4 * step
    axis = np.array([0.0, -1.0, 0.0] if abs(upward[1]) < 0.99 else [0.0, 0.0, 1.0])
    backward = axis - (axis @ upward) * upward
    backward = backward / np.linalg.norm(backward)
    sideward = np.cross(upward, backward)
    near = [offset[doubtful] for offset in offsets]
    behind = np.asarray(sum(np.float32(backward[a]) * near[a] for a in range(3)))
    aside = np.abs(sum(np.float32(sideward[a]) * near[a] for a in range(3)))
    share = np.interp(aside, SIDE_MM, (0.0, 1.0))
    border = (1 - share) * np.interp(behind, BEHIND_MM, MIDLINE_BORDER) + share * np.interp(behind, BEHIND_MM, SIDE_BORDER)
    above = height > 0
    above[doubtful] = height[doubtful] > border * step
    return above


def _planes(column: Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle, upward direction and step of every border between neighboring instances, (N - 1, ...)."""
    steps = np.diff(column.centers, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    return (column.centers[:-1] + column.centers[1:]) / 2, steps / lengths[:, None], lengths


def label_fields(column: Column, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """For every voxel the instance (from 0) whose level it lies at, and the number of body middles below it; int16 (K, J, I).

    The second counts from 0, below the lowest middle, and so numbers the gaps between bodies.
    """
    points = _coordinates(grid)
    instance, gap = np.zeros(grid.shape, np.int16), np.zeros(grid.shape, np.int16)
    for place, upward, length in zip(*_planes(column)):
        instance += _above(points, place, upward, length)
    for place, upward in zip(column.centers, column.directions()):
        gap += _above(points, place, upward, 0.0)
    near = ndimage.distance_transform_edt(column.bodies == 0, sampling=grid.spacing_kji, return_indices=True)
    distance, index = near
    own = column.bodies[tuple(index)].astype(np.int16) - 1
    return np.where(distance <= 3.0, own, instance), gap


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


def _named_levels(column: Column, named: bool) -> list[str | None]:
    return [vertebra_key(int(level), named) for level in column.levels]


def _disc_numbers(column: Column, gap: np.ndarray, disc: np.ndarray, named: bool) -> list[str | None]:
    """The key of the disc in every gap, from the one below the lowest body to the one above the highest.

    None for a gap without a disc, and for one in which a body was missed: two discs lie there, and nothing tells which is which.
    """
    levels = [int(level) for level in column.levels]
    present = np.bincount(gap[disc].ravel(), minlength=len(column) + 1) > 0
    if named:
        keys = [disc_key(level, True) for level in (*levels, levels[-1] + 1)]
        missed = [levels[0] > 0, *(b - a > 1 for a, b in zip(levels, levels[1:])), False]
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


def _label(key: str | None) -> int:
    return 0 if key is None else structure(key).label


def _notes(column: Column, keys: list[str | None], named: bool) -> list[str]:
    notes: list[str] = []
    if len(column) == 0:
        return notes
    if named:
        notes.append(
            "Vertebrae were numbered upward from the sacrum, the lowest as L5; with a transitional vertebra or a missed one every name shifts, so check one level."
        )
    else:
        notes.append(
            "No sacrum was found in what was segmented (the scan, or the region of interest), so vertebrae and discs are numbered from below (Vertebra 1, Disc 1, ...); rename them once one level is known."
        )
    if (np.diff(column.levels) > 1).any() or (named and column.levels[0] > 0):
        notes.append("A vertebra seems to be missing between those found; its number and the discs beside it were left out.")
    partly = [structure(key).name for key, cut in zip(keys, column.cut) if cut and key is not None]
    if partly:
        notes.append(f"Cut by the edge of the scan: {', '.join(partly)}.")
    if any(key is None for key in keys):
        notes.append("More vertebrae were found than a spine has; the uppermost were left out.")
    return notes


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
    joined = torch.stack(
        [
            probabilities[channel["background"]],
            probabilities[channel["vertebra_body"]] + probabilities[channel["vertebra_arch"]],
            *(probabilities[channel[name]] for name in ("disc", "canal", "sacrum")),
        ]
    )
    _clean(joined, body & (column.bodies == 0), column, grid)
    named = bool(column.sacrum.any()) and len(column) > 0
    structures: list[Structure] = [structure("spinal_canal"), structure("sacrum")]
    vertebra_labels = disc_labels = np.zeros(grid.shape, np.uint16)
    keys: list[str | None] = []
    if len(column):
        instance, gap = label_fields(column, grid)
        scraps = np.bincount(gap[argmax(joined).cpu().numpy() == DISC], minlength=len(column) + 1) * grid.voxel_volume_ml < LEAST_ISLAND_ML
        suppress(joined, DISC, scraps[gap])
        keys = _named_levels(column, named)
        disc_keys = _disc_numbers(column, gap, argmax(joined).cpu().numpy() == DISC, named)
        vertebra_labels = np.array([_label(key) for key in keys], np.uint16)[instance]
        disc_labels = np.array([_label(key) for key in disc_keys], np.uint16)[gap]
        structures += [structure(key) for key in (*keys, *disc_keys) if key is not None]
    channels = [
        OutputChannel(0),
        OutputChannel(label_field=vertebra_labels),
        OutputChannel(label_field=disc_labels),
        OutputChannel(structure("spinal_canal").label),
        OutputChannel(structure("sacrum").label),
    ]
    notes = _notes(column, keys, named)
    if named:
        notes += _doubts(keys, column.cut, np.where(argmax(joined).cpu().numpy() == VERTEBRA, vertebra_labels, 0), grid)
    return Postprocessed(joined, channels, structures, notes)
