"""Where a stack of DICOM slices lies: one affine through the position of every frame, sheared where the slices are shifted (gantry tilt)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import LPS_AND_RAS, Affine
from neurospineseg.images.dicom_stacks import Stack
from neurospineseg.images.nifti_file import affine_from_codes

UNEVEN = 0.1
"""So far, in distances of neighbors, may a slice be off the even row; at least ``ROUNDED_MM``."""
ROUNDED_MM = 0.06
"""What rounding of positions to a tenth of a millimeter does."""
STRAIGHT_MM = 0.02
"""A whole stack that is shifted along its slices by less stands at a right angle."""


def placed_affine(stack: Stack, spacing: Sequence[float] | None, name: str) -> Affine:
    """Ijk to RAS of the voxels [k, j, i] of a placed stack.

    Args:
        spacing: mm along i, j, k, used where the files state none along rows and columns.
        name: of what was read, for the sentence.

    Raises:
        InputError: the slices do not lie in an even row, or nothing says how large a voxel is.
    """
    first = stack.frames[0]
    in_plane = first.spacing if first.spacing is not None else None if spacing is None else np.array(spacing[:2], float)
    if in_plane is None:
        raise InputError(
            f"'{name}' does not record the size of its voxels along rows and columns; give it along i, j, k in mm with, for example, --spacing 0.5,0.5,3."
        )
    positions = np.array([frame.position for frame in stack.frames])
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    _check_even(stack, positions, in_plane, name)
    along = float(step @ first.normal)
    if np.linalg.norm(step - along * first.normal) * (len(positions) - 1) < STRAIGHT_MM:
        step = along * first.normal
    rows, columns = first.directions
    lps = Affine.of(np.stack([rows * in_plane[0], columns * in_plane[1], step], 1), first.position)
    return Affine(LPS_AND_RAS @ lps.matrix)


def _check_even(stack: Stack, positions: np.ndarray, in_plane: np.ndarray, name: str) -> None:
    normal = stack.frames[0].normal
    off = _off_the_line(positions)
    along = off @ normal
    steps = np.diff(positions @ normal)
    usual = float(np.median(steps))
    if np.abs(along).max() > max(UNEVEN * usual, ROUNDED_MM):
        raise InputError(_gap(stack, steps, usual, name))
    aside = np.linalg.norm(off - along[:, None] * normal, axis=1)
    if aside.max() > max(in_plane.min() / 2, UNEVEN * usual):
        worst = int(aside.argmax()) + 1
        raise InputError(
            f"The slices of the DICOM series in '{name}' are shifted against each other: slice {worst} lies {aside.max():.2f} mm beside the row of the others; export the series again."
        )


def _off_the_line(positions: np.ndarray) -> np.ndarray:
    """From the points of the best even row to the positions (K, 3), mm."""
    row = np.stack([np.ones(len(positions)), np.arange(len(positions))], 1)
    return positions - row @ np.linalg.lstsq(row, positions, rcond=None)[0]


def _gap(stack: Stack, steps: np.ndarray, usual: float, name: str) -> str:
    """One sentence: between which slices a gap lies, and which parts of the stack could be taken instead."""
    worst = int(np.abs(steps - usual).argmax())
    before, after = stack.frames[worst : worst + 2]
    where = f"slices {worst + 1} and {worst + 2} of {len(stack)} (numbers {before.number} and {after.number} in the files)"
    parts = [part for part in stack.parts() if len(part) > 1]
    if len(stack.parts()) == 1:
        return (
            f"The DICOM slices in '{name}' are unevenly spaced: {steps[worst]:.2f} mm lie between {where}, {usual:.2f} mm between most; "
            "a slice may be missing, export the series again."
        )
    offer = " or ".join(f"slab={part.name['slab']} ({len(part)} slices)" for part in parts[:4])
    advice = f"export the series again, or take a part with --volume {offer}" if parts else "export the series again"
    return f"The DICOM series in '{name}' has a gap of {steps[worst]:.2f} mm between {where}, where {usual:.2f} mm is usual; a slice may be missing, {advice}."


def stated_affine(stack: Stack, orientation: str | None, spacing: Sequence[float] | None, name: str) -> Affine:
    """Ijk to RAS of slices whose places are not recorded, as they are numbered, around the middle; ``spacing`` in mm along i, j, k.

    Raises:
        InputError: the orientation, or a spacing that is not recorded either, is not given, or a number is missing.
    """
    first, count = stack.frames[0], len(stack)
    recorded = None if first.spacing is None or first.step is None else (*first.spacing, first.step)
    size = recorded if spacing is None else tuple(spacing)
    if orientation is None or size is None:
        raise InputError(_not_recorded(stack, recorded, name))
    numbers = np.array([frame.number for frame in stack.frames])
    steps = np.diff(numbers)
    if first.count == 1 and (steps != steps[0]).any():
        worst = int((steps != np.median(steps)).argmax())
        raise InputError(
            f"The slices in '{name}' do not record where they lie and are not numbered evenly ({numbers[worst]}, then {numbers[worst + 1]}); "
            "a slice may be missing or repeated, export the series again."
        )
    return affine_from_codes(orientation, (count, *first.form[1:3]), np.array(size, float))


def _not_recorded(stack: Stack, recorded: Sequence[float] | None, name: str) -> str:
    """One sentence: what the files do not say, and how to say it."""
    example = "0.5,0.5,3" if recorded is None else ",".join(f"{value:g}" for value in recorded)
    missing = sum(not frame.placed for frame in stack.frames)
    what = (
        f"does not record where its slices lie ({missing} of {len(stack)} have no position or orientation)"
        if missing
        else f"records one position for all its {len(stack)} slices"
    )
    return (
        f"The DICOM series in '{name}' {what}; if it is a volume, confirm the directions in which i, j, k grow and the voxel size in mm "
        f"with, for example, --orientation LPS --spacing {example}."
    )
