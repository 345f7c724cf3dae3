"""Miniatures of published spine data sets: a drawn lumbar spine of four levels in a 64 mm box, in the sets' own forms.

Voxels are [k, j, i] with k along R or L, j along I and i along P, as sagittal MR is stored, turned by a few degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurospineseg.images.volume import Volume, write_volume

GRAY = {"t1": {"fat": 120, "bone": 300, "disc": 200, "canal": 40}, "t2": {"fat": 120, "bone": 300, "disc": 200, "canal": 420}}
"""Mean intensities; ``t2_SPACE`` has those of ``t2``. Air is 0."""
NRRD_LABELS = "vertebra_body=20-24,disc=50"
"""What ``nrrd-list --labels`` needs for ``nrrd_list``."""
BODY_MM, DISC_MM, TOP_MM = 12.0, 4.0, 58.0


@dataclass(frozen=True)
class Levels:
    """A drawn spine: body and disc numbers from below (0 none) and the canal, each (K, J, I); whether a voxel is in the patient."""

    body: np.ndarray
    disc: np.ndarray
    canal: np.ndarray
    inside: np.ndarray


def sagittal(seed: int, spacing: tuple[float, float, float]) -> np.ndarray:
    """4x4 ijk to RAS of a sagittal scan that is turned by a few degrees; ``spacing`` in mm along k, j, i."""
    angles = np.radians(np.random.default_rng([seed, 1]).uniform(-8, 8, 3))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [n for n in range(3) if n != axis]
        step = np.eye(3)
        step[[a, b], [a, b]] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]) @ np.diag(spacing[::-1])
    matrix[:3, 3] = (-30.0, 25.0, 40.0)
    return matrix


def levels(seed: int, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Levels:
    """Bodies are boxes with rounded corners, discs flat ellipsoids between and below them, the canal a tube behind."""
    rng = np.random.default_rng([seed, 2])
    r, down, back = np.meshgrid(*((np.arange(n) + 0.5) * step for n, step in zip(shape, spacing)), indexing="ij")
    r, up = r - shape[0] * spacing[0] / 2, shape[1] * spacing[1] - down
    bend = 3 * np.sin(up / 20 + rng.uniform(0, 6)) + rng.uniform(-2, 2)
    front = back - 18 - bend
    wide = rng.uniform(18, 21)
    round_box = (np.abs(r) / wide) ** 4 + (np.abs(front) / 10) ** 4 < 1
    height = up - rng.uniform(2, 5)
    number = np.floor(height / (BODY_MM + DISC_MM)).astype(int) + 1
    within = height - (number - 1) * (BODY_MM + DISC_MM)
    column = round_box & (height > 0)
    disc = np.where(column & (within < DISC_MM), number, 0)
    body = np.where(column & (within >= DISC_MM), number, 0)
    canal = (r / 8) ** 2 + ((front - 17) / 5) ** 2 < 1
    inside = (np.abs(r) < 30) & (back > 4) & (up < TOP_MM + 4)
    return Levels(body, disc, canal & inside, inside)


def painted(seed: int, drawn: Levels, contrast: str) -> np.ndarray:
    """int16 (K, J, I): noisy gray values of a contrast, with a gain of its own for every seed."""
    rng, gray = np.random.default_rng([seed, 3, len(contrast)]), GRAY[contrast.lower()[:2]]
    image = np.where(drawn.inside, gray["fat"], 0).astype(float)
    for where, tissue in ((drawn.body > 0, "bone"), (drawn.disc > 0, "disc"), (drawn.canal, "canal")):
        image[where & drawn.inside] = gray[tissue]
    return np.abs(image * rng.uniform(0.8, 1.25) + rng.normal(0, 12, image.shape)).round().astype(np.int16)


def spider(folder: Path, patients: int = 4) -> Path:
    """Writes T1 and T2 of every patient, and one T2 SPACE in capitals, as the SPIDER set is published.

    The uppermost vertebra is partly in view (101 and more). Patient 1 has a stray fragment of label 2 (12 voxels of 4 mm3
    at most) in the fat.

    Returns:
        ``folder``, with ``images`` and ``masks``.
    """
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for patient in range(1, patients + 1):
        series = {"t1": (16, 4.0), "t2": (16, 4.0), **({"T2_SPACE": (32, 2.0)} if patient == 1 else {})}
        for name, (slices, thickness) in series.items():
            shape, spacing = (slices, 64, 48), (thickness, 1.0, 1.0)
            drawn, matrix = levels(patient, shape, spacing), sagittal(patient, spacing)
            labels = np.where(drawn.canal, 100, 0) + np.where(drawn.disc > 0, 200 + drawn.disc, 0)
            top = drawn.body.max()
            labels += np.where(drawn.body == top, 100 + top, drawn.body)
            labels[~drawn.inside] = 0
            if patient == 1:
                labels[slices // 2, 30:32, 44:47] = 2
            for kind, voxels in (("images", painted(patient, drawn, name)), ("masks", labels.astype(np.uint8))):
                path = folder / kind / f"{patient}_{name}.mha"
                write_volume(Volume(voxels, matrix), path)
                if name.isupper():
                    path.rename(path.with_suffix(".MHA"))
    return folder


def nrrd_list(folder: Path, cases: int = 4) -> Path:
    """Writes T2 scans of 2 mm slices with bodies (24 and less, upward) and discs (50), and ``list.txt``; returns the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# image, label", ""]
    for case in range(1, cases + 1):
        shape, spacing = (24, 64, 48), (2.0, 1.0, 1.0)
        drawn, matrix = levels(case + 100, shape, spacing), sagittal(case + 100, spacing)
        labels = np.where(drawn.body > 0, 25 - drawn.body, 0) + np.where(drawn.disc > 0, 50, 0)
        write_volume(Volume(painted(case + 100, drawn, "t2"), matrix), folder / f"spine_{case}.nrrd")
        write_volume(Volume((labels * drawn.inside).astype(np.uint8), matrix), folder / f"spine_{case}_label.nrrd")
        lines.append(f"spine_{case}.nrrd,spine_{case}_label.nrrd")
    (folder / "list.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "list.txt"
