"""A labeled spine of three boxes, S1 to L4, and a result of label values."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from neurospineseg.images.volume import Volume
from Training.evaluation.spine_cases import S1, Case

L5, L4, L3 = 24, 23, 22


def three_bodies() -> Case:
    truth = np.zeros((60, 40, 30), int)
    truth[2:8, 15:30, 5:25], truth[12:26, 15:30, 5:25], truth[32:46, 15:30, 5:25] = S1, L5, L4
    return Case("a", "A", Volume(np.zeros(truth.shape, np.float32), np.eye(4)), truth, "bodies")


def result(labels: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(labels=Volume(labels.astype(np.uint16), np.eye(4)))
