"""The program that draws the samples gives those that are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.tasks.samples import Sample, sample_of, sampled_tasks
from Training import draw_samples
from Training.draw_samples import RECIPES, Recipe, draw_sample, kept, main

SAME = 0.999
"""Share of voxels: floating-point sums differ a little between processors, and with them what is rounded."""


def test_there_is_a_recipe_for_each() -> None:
    assert tuple(RECIPES) == sampled_tasks()


@pytest.mark.parametrize("task", RECIPES)
def test_what_is_stored_is_what_the_program_draws(task: str) -> None:
    scans, labels = draw_sample(task)
    stored = sample_of(task)
    for path, drawn in ((stored.labels, labels), *((stored.scans[name], scan) for name, scan in scans.items())):
        kept_file = read_volume(path)
        np.testing.assert_allclose(kept_file.ijk_to_ras, drawn.ijk_to_ras, atol=1e-9)
        assert (kept_file.voxels == drawn.voxels).mean() > SAME


def test_air_and_what_is_too_bright_take_no_room() -> None:
    recipe = Recipe(lambda: None, step=4.0, air=10.0, plane=0)
    np.testing.assert_array_equal(kept(np.array([0.0, 9.9, 10.0, 101.0, 5000.0]), recipe), [0, 0, 2, 25, 255])


def test_the_program_writes_a_whole_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((20, 30, 40), np.uint16)
    labels[8:12, 10:20, 10:30] = 120
    image = np.random.default_rng(1).uniform(0, 300, labels.shape).astype(np.float32)
    monkeypatch.setitem(draw_samples.RECIPES, "spine", Recipe(lambda: (image, np.diag([3.0, 3.0, 3.0, 1.0]), labels), 2.0, 0.0, 2))
    assert main(["--only", "spine", "--output", str(tmp_path)]) == 0
    written = Sample(tmp_path / "spine", ("image",))
    assert {path.name for path in written.folder.iterdir()} == {"image.nrrd", "labels.nrrd", "thumbnail.png"}
    scan: Volume = read_volume(written.scans["image"])
    np.testing.assert_array_equal(scan.voxels, (image / 2).round())
    np.testing.assert_array_equal(read_volume(written.labels).voxels, labels)
