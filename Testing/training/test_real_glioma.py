"""Real outlines put into drawn heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.tumor.labels import CLASSES
from Training.synthetic.tumor.real_glioma import SMALL_ML, glioma_shapes, place_glioma


def stored_shape(folder: Path) -> Path:
    """A file with one glioma of 40 x 36 x 30 voxels: a ball of core in enhancing tumor in edema."""
    axes = np.meshgrid(*(np.arange(n) - n / 2 for n in (40, 36, 30)), indexing="ij")
    distance = np.sqrt(sum(axis**2 for axis in axes))
    labels = np.select([distance < 6, distance < 9, distance < 14], [1, 3, 2], 0).astype(np.uint8)
    path = folder / "shapes.npz"
    np.savez(path, one=labels, one_at=np.array([60, 100, 60], np.int16))
    return path


def test_a_shape_lies_in_the_brain_with_all_of_its_classes(tmp_path: Path) -> None:
    shapes = glioma_shapes(stored_shape(tmp_path))
    head = torch.from_numpy(procedural_head(np.random.default_rng(1), 3.0)[0])
    found = []
    for seed in range(6):
        labels, tumor, change = place_glioma(np.random.default_rng(seed), head, 3.0, shapes)
        assert labels.shape == tumor.shape == change.shape == head.shape
        assert bool(((tumor > 0) == (change > 0)).all())
        assert float(change.max()) <= 1
        assert set(tumor.unique().tolist()) - {0} <= set(CLASSES)
        found.append({CLASSES[value] for value in tumor.unique().tolist() if value})
    assert sum(classes == {1, 2, 3} for classes in found) >= 3


def test_offsets_are_from_the_middle_of_the_brain(tmp_path: Path) -> None:
    (shape,) = glioma_shapes(stored_shape(tmp_path))
    assert shape.labels.shape == (30, 36, 40)
    assert np.allclose(shape.offset, [-39.5, -6, 3])


def test_small_tumors_have_the_volumes_that_were_asked_for(tmp_path: Path) -> None:
    shapes = glioma_shapes(stored_shape(tmp_path))
    head = torch.from_numpy(procedural_head(np.random.default_rng(1), 2.0)[0])
    placed = [place_glioma(np.random.default_rng(seed), head, 2.0, shapes, small=True)[1] for seed in range(12)]
    volumes_ml = [float((tumor > 0).sum()) * 2.0**3 / 1000 for tumor in placed if (tumor > 0).any()]
    assert len(volumes_ml) >= 6
    assert max(volumes_ml) < 2 * SMALL_ML[1]
    assert min(volumes_ml) < SMALL_ML[1] / 2
