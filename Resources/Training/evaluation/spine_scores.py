"""How well a model's spine agrees with what is known of a case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from scipy import ndimage

from neurospineseg.geometry.agreement import dice, hd95
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from Training.evaluation.spine_cases import CANAL, S1, Case

ENTRIES = (
    "Dice",
    "middle Dice",
    "HD95 mm",
    "volume ratio",
    "up-down mm",
    "front-back mm",
    "left-right mm",
    "instances",
    "detected",
    "named",
    "extra",
    "sacrum mL",
)
MASKS = ("S1", "vertebra", "body", "arch", "disc", "canal", "sacrum")


def is_vertebra(labels: np.ndarray) -> np.ndarray:
    return ((labels >= 1) & (labels < S1)) | (labels == 28) | ((labels > 200) & (labels < 250))


def is_disc(labels: np.ndarray) -> np.ndarray:
    return ((labels > 100) & (labels < 130)) | (labels > 250)


def upright(case: Case, labels: np.ndarray, body: np.ndarray) -> tuple[Case, np.ndarray, np.ndarray]:
    """A case and our labels and bodies (K, J, I) with their axes exchanged and reversed so that i, j, k run nearest to R, A, S."""
    matrix = case.scan.ijk_to_ras
    turn = io_orientation(matrix)

    def turned(array: np.ndarray) -> np.ndarray:
        return apply_orientation(array.transpose(), turn).transpose()

    scan = Volume(turned(case.scan.voxels), matrix @ inv_ornt_aff(turn, case.scan.shape[::-1]))
    masks = {name: turned(mask) for name, mask in case.masks.items()}
    return replace(case, scan=scan, instances=turned(case.instances), masks=masks), turned(labels), turned(body)


def comparable(case: Case, labels: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Our labels (K, J, I) of the structures that ``case.instances`` holds.

    Bodies are the voxels ``body`` (bool) of numbered vertebrae. Vertebrae and discs whose middle lies above or below all labeled ones
    have no truth and are left out. k runs upward.
    """
    if case.kind == "discs":
        found = np.where(is_disc(labels), labels, 0)
    else:
        found = np.where(is_vertebra(labels) & (body | (case.kind != "bodies")), labels, 0)
    if case.kind == "vertebrae":
        return found
    heights = np.argwhere((case.instances > 0) & (case.instances != S1))[:, 0]
    for value in np.unique(found)[1:]:
        here = found == value
        if not heights.min() <= np.argwhere(here)[:, 0].mean() <= heights.max():
            found[here] = 0
    return found


def _boundary(found: np.ndarray, truth: np.ndarray, spacing_kji: np.ndarray) -> list[float]:
    """How far our surface lies outside the truth's on average, mm, where the truth's faces up or down, front or back, left or right.

    i, j, k run nearest to R, A, S.
    """
    surface, edge = (mask & ~ndimage.binary_erosion(mask) for mask in (found, truth))
    signed = ndimage.distance_transform_edt(~edge, sampling=spacing_kji) * np.where(truth, -1, 1)
    smooth = ndimage.gaussian_filter(truth.astype(np.float32), 1.5 / spacing_kji.clip(1e-3))
    slopes = np.abs(
        [np.gradient(smooth, step, axis=axis) if n > 1 else 0 * smooth for axis, (n, step) in enumerate(zip(truth.shape, spacing_kji))]
    )
    steep = slopes / np.sqrt((slopes**2).sum(0) + 1e-12)
    answer = []
    for axis in range(3):
        here = surface & (steep[axis] > 0.8) & (np.abs(signed) < 8)
        answer.append(float(signed[here].mean()) if here.any() else float("nan"))
    return answer


def _middle(truth: np.ndarray) -> np.ndarray:
    """The slices along i through the middle half of what is labeled, bool (1, 1, I)."""
    columns = np.flatnonzero(truth.any((0, 1)))
    low, high = columns[0] + np.array([0.25, 0.75]) * (columns[-1] - columns[0])
    return ((np.arange(truth.shape[2]) >= low) & (np.arange(truth.shape[2]) <= high))[None, None]


def score(case: Case, result: SegmentationResult, body: np.ndarray) -> dict[str, float]:
    """Dice, HD95 and boundary of the union of instances, the shares of them detected (intersection over union above 0.5) and rightly
    named, how many instances we found that detect none (``extra``), the volume of our sacrum, and the Dice of every mask known besides;
    of S1 the share that our sacrum holds.

    Args:
        body: where the model's likeliest class is the vertebral body, bool (K, J, I) on the scan's grid.
    """
    case, labels, body = upright(case, result.labels.voxels.astype(int), body)
    spacing = np.asarray(case.scan.grid.spacing_kji, float)
    truth = np.where(case.instances == S1, 0, case.instances)
    found = comparable(case, labels, body)
    box = bounding_slices(truth + found > 0, 4)
    ours, theirs = found[box] > 0, truth[box] > 0
    middle = _middle(theirs)
    figures = {
        "Dice": dice(ours, theirs),
        "middle Dice": dice(ours & middle, theirs & middle),
        "HD95 mm": hd95(ours, theirs, tuple(spacing)),
        "volume ratio": float(ours.sum() / theirs.sum()),
        **dict(zip(ENTRIES[4:7], _boundary(ours, theirs, spacing))),
        **_instances(found, truth),
        "sacrum mL": float((labels == S1).sum() * case.scan.grid.voxel_volume_ml),
    }
    if not case.numbered:
        del figures["named"]
    if (case.instances == S1).any():
        figures["S1"] = float((labels == S1)[case.instances == S1].mean())
    here = {"vertebra": is_vertebra(labels), "body": is_vertebra(labels) & body, "arch": is_vertebra(labels) & ~body}
    here |= {"disc": is_disc(labels), "canal": labels == CANAL, "sacrum": labels == S1}
    return figures | {name: dice(here[name], mask) for name, mask in case.masks.items()}


def nothing_found(case: Case) -> dict[str, float]:
    """The figures of a case that was refused: those of an empty result."""
    empty = np.zeros(case.scan.shape, np.uint16)
    return score(case, SegmentationResult(Volume(empty, case.scan.ijk_to_ras), [], {}), empty > 0)


def _instances(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    values = [int(value) for value in np.unique(truth) if value]
    detected = named = 0
    matched = set()
    for value in values:
        here = truth == value
        overlap = np.bincount(found[here], minlength=2)
        overlap[0] = 0
        best = int(overlap.argmax())
        if overlap[best] / (here | (found == best)).sum() > 0.5 and best:
            detected += 1
            named += best == value
            matched.add(best)
    extra = len(set(np.unique(found).tolist()) - {0} - matched)
    return {"instances": len(values), "detected": detected / len(values), "named": named / len(values), "extra": extra}
