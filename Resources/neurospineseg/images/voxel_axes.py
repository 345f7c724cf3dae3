"""Which axes of an array of voxels are those of space, and which hold channels or several volumes."""

from __future__ import annotations

import numpy as np

from neurospineseg.errors import InputError

MOST_CHANNELS = 4
"""No scan has so few voxels along an axis; an array that has them along its first is one with its channels first."""
CHANNEL_FIRST = "The first axis of the file holds one channel, where the format has those of space; it was left out, and the three after it were taken for space. Compare the orientation."


def one_volume(array: np.ndarray, frame: int | None, name: str, *, drop_first: bool = False) -> tuple[np.ndarray, tuple[str, ...]]:
    """The volume [k, j, i] in an array as files have it, the first axis of the file last; and sentences for the user.

    Args:
        frame: which of several, counted from 0.
        name: of the file.
        drop_first: whether an array (1, H, W, D) may be one of H x W x D voxels with an axis for a channel before them, as deep
            learning has it, not a slice at D times.

    Raises:
        InputError: there is no volume, or several and none is chosen.
    """
    vectors = array.ndim > 4 and array.shape[-4] == 1 < array.shape[-5]
    beside = tuple(axis for axis in range(array.ndim - 3) if array.shape[axis] == 1)
    array = array.squeeze(beside) if beside else array
    if array.ndim == 4 and array.shape[-1] <= MOST_CHANNELS < min(array.shape[:-1]):
        if array.shape[-1] > 1 or not drop_first:
            raise InputError(_channels_first(array.shape, name))
        return array[..., 0], (CHANNEL_FIRST,)
    if array.ndim == 4:
        array = _frame(array, frame, name, "numbers in each voxel, not gray values" if vectors else "volumes (4D)")
    if array.ndim > 4:
        raise InputError(f"'{name}' holds {_sizes(array.shape)} voxels in {array.ndim} dimensions; give a file with one volume.")
    if array.ndim != 3 or min(array.shape) < 2:
        raise InputError(f"'{name}' is a single slice or a 2D image; a 3D volume is needed.")
    return array, ()


def _frame(array: np.ndarray, frame: int | None, name: str, what: str) -> np.ndarray:
    count = len(array)
    if min(array.shape[1:]) < 2:
        raise InputError(f"'{name}' holds {count} times a single slice ({_sizes(array.shape)} voxels); a 3D volume is needed.")
    if frame is None:
        raise InputError(f"'{name}' holds {count} {what}; pick one with --frame 0 to --frame {count - 1}, or give a file with one.")
    if not 0 <= frame < count:
        raise InputError(f"'{name}' has no frame {frame}; it holds frames 0 to {count - 1}.")
    return array[frame]


def _channels_first(shape: tuple[int, ...], name: str) -> str:
    channels, *space = shape[::-1]
    what = "a channel" if channels == 1 else f"{channels} channels"
    return f"'{name}' holds {_sizes(shape)} voxels, {what} first and space after, where the format has space first; write one channel as {' x '.join(map(str, space))} voxels."


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(str(count) for count in shape[::-1])
