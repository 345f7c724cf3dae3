"""2D slices of prepared cases as picture files, for programs that learn from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from neurospineseg.images.volume import Volume
from Training.datasets.progress import each
from Training.datasets.raw_dataset import RawDataset

SIDE, MARGIN = 40, 2
FOLDERS = {"left_subthalamic_nucleus": "left_stn", "right_subthalamic_nucleus": "right_stn"}


def write_slices(dataset: RawDataset, folder: Path) -> None:
    """Writes ``Training|Validation/{slices,masks}/{left_stn,right_stn}/CASE_SLICE.png``.

    Every axial slice through a nucleus, and two more on either side: ``SIDE`` x ``SIDE`` pixels around its middle, 8 bits, gray
    values from the scan's 0.5th to its 99.5th percentile, masks 0 and 255. Rows run from anterior to posterior, columns from
    the patient's right to the left, as radiologists look at them.
    """
    _remove(dataset.split.named("all"), folder)
    for part, cases in (("Training", dataset.split.train), ("Validation", dataset.split.val)):
        for case in each(cases, f"Slices for {part.lower()}"):
            scans, labels = dataset.read(case)
            image = _upright(next(iter(scans.values())))
            low, high = np.percentile(image, (0.5, 99.5))
            gray = np.clip((image - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
            for name, place in FOLDERS.items():
                _write(folder / part, place, case, gray, _upright(labels) == dataset.labels[name])


def _remove(cases: Sequence[str], folder: Path) -> None:
    """Removes what an earlier start wrote of these cases, which may lie in another part now."""
    written = re.compile(rf"({'|'.join(map(re.escape, cases))})_\d{{3,}}\.png")
    for part, kind, place in product(("Training", "Validation"), ("slices", "masks"), FOLDERS.values()):
        for file in (folder / part / kind / place).glob("*.png"):
            if written.fullmatch(file.name):
                file.unlink()


def _upright(volume: Volume) -> np.ndarray:
    """The nearest view with k along S, rows along P and columns along L; nothing is interpolated."""
    turn = nib.orientations.ornt_transform(nib.orientations.io_orientation(volume.ijk_to_ras), nib.orientations.axcodes2ornt("LPS"))
    return nib.orientations.apply_orientation(volume.voxels.T, turn).T


def _write(folder: Path, place: str, case: str, gray: np.ndarray, mask: np.ndarray) -> None:
    found = np.argwhere(mask)
    if not len(found):
        return
    middle = found.mean(0).round().astype(int)[1:]
    room = [(0, 0), (SIDE, SIDE), (SIDE, SIDE)]
    window = tuple(slice(at + SIDE - SIDE // 2, at + SIDE + SIDE // 2) for at in middle)
    padded = {"slices": np.pad(gray, room), "masks": np.pad(mask, room).astype(np.uint8) * 255}
    for kind, voxels in padded.items():
        target = folder / kind / place
        target.mkdir(parents=True, exist_ok=True)
        for k in range(max(0, found[:, 0].min() - MARGIN), min(len(mask), found[:, 0].max() + MARGIN + 1)):
            Image.fromarray(voxels[(k, *window)]).save(target / f"{case}_{k:03d}.png")
