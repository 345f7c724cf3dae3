"""The tissues and classes of a drawn spine, and the arrays they are drawn on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from Training.synthetic.deform import smooth_noise

BACKGROUND, BODY, ARCH, DISC, CANAL, SACRUM = range(6)
(AIR, FAT, MUSCLE, ORGAN_A, ORGAN_B, VESSEL, GAS, CSF, CORD, ROOTS, EPIDURAL, CORTICAL, MARROW, NUCLEUS, ANNULUS, BONE, LIGAMENT) = range(
    17
)
TISSUES = 17


@dataclass(frozen=True)
class Canvas:
    """Tissues, the network's classes and vertebral levels (from 1, L5; 0 none), each uint8 (K, J, I)."""

    tissue: np.ndarray
    classes: np.ndarray
    level: np.ndarray

    def part(self, slices: slice) -> Canvas:
        """A view of some of the slices along k."""
        return Canvas(self.tissue[slices], self.classes[slices], self.level[slices])

    def put(self, where: np.ndarray, tissue: int, label: int | None = None, level: int = 0) -> None:
        """Fills the voxels ``where`` (bool), with classes and levels too if ``label`` is given."""
        self.tissue[where] = tissue
        if label is not None:
            self.classes[where] = label
            self.level[where] = level


@dataclass(frozen=True)
class Place:
    """Where voxels lie along the spine's line, in mm, each float32 (K, J, I): ``s`` upward, ``u`` to the right, ``v`` forward."""

    s: np.ndarray
    u: np.ndarray
    v: np.ndarray

    def part(self, slices: slice, slip: float = 0.0) -> Place:
        """Of some of the slices along k, for what has slipped forward by ``slip``."""
        return Place(self.s[slices], self.u[slices], self.v[slices] - slip)


def noise(rng: np.random.Generator, shape: tuple[int, ...], spacing: np.ndarray, step_mm: float) -> np.ndarray:
    """Smooth noise of about unit deviation, float32 (K, J, I), its control points ``step_mm`` apart; ``spacing`` along R, A, S."""
    counts = tuple(max(2, int(round(n * d / step_mm)) + 1) for n, d in zip(shape, spacing[::-1]))
    return smooth_noise(rng, shape, counts).numpy() * np.float32(1.5)
