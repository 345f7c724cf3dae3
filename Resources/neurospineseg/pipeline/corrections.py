"""Corrected masks kept for training: one folder per case with the scans, the label map and a description.

No name, date of birth or file name goes into them; a case's name is the time, to the microsecond, and a part of the voxels' checksum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.geometry.agreement import dice
from neurospineseg.images.volume import Volume, write_volume
from neurospineseg.staging import staging_folder
from neurospineseg.tasks.anatomy import structures_of

EXACT_IN_FLOAT64 = 2**53
TIME, RESOLUTION = "%Y%m%d-%H%M%S%f", timedelta(microseconds=1)
"""How a case's name tells the time, and by how much two differ at least."""


def store_correction(
    folder: Path,
    task: str,
    scans: Mapping[str, Volume],
    labels: Volume,
    prediction: np.ndarray | None,
    model: Mapping[str, str] | None,
    staging: Path | None = None,
) -> tuple[Path, dict[str, float]]:
    """Writes a corrected case into a new folder below ``folder``, which appears when it is complete.

    Args:
        scans: by channel; ``labels`` lies on the grid of the first.
        labels: corrected label map, uint16.
        prediction: what the model had found, uint16 on the same grid; None where that is not known.
        model: name, version and sha256 of the model, if one was used.
        staging: the hidden folder below ``folder`` in which the case grows; made up by default.

    Returns:
        The case's folder, and the Dice between prediction and correction by structure key.

    Raises:
        InputError: the folder cannot be written to, or a scan holds numbers that cannot be kept.
    """
    scans = {channel: storable(volume) for channel, volume in scans.items()}
    scores = {} if prediction is None else _scores(task, labels.voxels, prediction)
    first = next(iter(scans.values()))
    checksum = hashlib.sha256(np.ascontiguousarray(first.voxels).data).hexdigest()[:8]
    present = set(np.unique(labels.voxels).tolist())
    description: dict[str, Any] = {
        "task": task,
        "scans": {channel: f"{channel}.nii.gz" for channel in scans},
        "label": "label.nii.gz",
        "structures": {structure.key: structure.label for structure in structures_of(task) if structure.label in present},
        "model": dict(model) if model else None,
        "dice_prediction_correction": scores,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staging_folder(folder, staging) as new:
            for channel, volume in scans.items():
                write_volume(volume, new / f"{channel}.nii.gz")
            write_volume(labels, new / "label.nii.gz")
            (new / "case.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
            new.chmod(0o755)
            case = _named(new, folder, task, checksum)
    except OSError as error:
        raise writing_failed(error, folder) from error
    return case, scores


def _named(new: Path, folder: Path, task: str, checksum: str) -> Path:
    """Gives a complete case its name, which comes after those of all earlier corrections of the same scan, whatever the clock says.

    Raises:
        OSError: it cannot be renamed.
    """
    while True:
        earlier = [found for path in folder.glob(f"{task}-*-{checksum}") if (found := _time_in(path.name, task, checksum))]
        case = folder / f"{task}-{max([datetime.now(), *(time + RESOLUTION for time in earlier)]):{TIME}}-{checksum}"
        try:
            return new.rename(case)
        except OSError:
            if not case.exists():  # else another process was quicker
                raise


def _time_in(name: str, task: str, checksum: str) -> datetime | None:
    """The time in the name of a case; those of earlier versions have no fractions of a second."""
    text = name[len(task) + 1 : -len(checksum) - 1]
    with suppress(ValueError):
        return datetime.strptime(text.ljust(len("20260102-120000000000"), "0"), TIME)
    return None


def storable(scan: Volume) -> Volume:
    """The same numbers in a type that every reader of NIfTI knows.

    Raises:
        InputError: there is none, since they are too large.
    """
    voxels = scan.voxels
    if voxels.dtype == bool:
        return Volume(voxels.astype(np.uint8), scan.ijk_to_ras)
    if voxels.dtype == np.float16:
        return Volume(voxels.astype(np.float32), scan.ijk_to_ras)
    if voxels.dtype.kind not in "iu" or voxels.dtype.itemsize < 8:
        return scan
    low, high = int(voxels.min()), int(voxels.max())
    if np.iinfo(np.int32).min <= low and high <= np.iinfo(np.int32).max:
        return Volume(voxels.astype(np.int32), scan.ijk_to_ras)
    if max(-low, high) > EXACT_IN_FLOAT64:
        raise InputError(
            "A scan holds numbers that are too large to be kept; convert it to 32 bits first, e.g. with the module Cast Scalar Volume."
        )
    return Volume(voxels.astype(np.float64), scan.ijk_to_ras)


def _scores(task: str, labels: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Dice of every structure that either label map holds."""
    present = set(np.unique(labels).tolist()) | set(np.unique(prediction).tolist())
    return {
        structure.key: round(dice(prediction == structure.label, labels == structure.label), 4)
        for structure in structures_of(task)
        if structure.label in present
    }
