"""Details of drawn CTs."""

from __future__ import annotations

import numpy as np
import torch

from Training.synthetic.spine.canvas import AIR, FAT, MARROW, ORGAN_A, VESSEL
from Training.synthetic.spine.ct import ct_noise, with_contents

SPACING = (2.0, 2.0, 2.0)


def trunk() -> np.ndarray:
    """Air behind and around a block of fat that holds marrow, an organ and a vessel; k upward, j forward."""
    tissue = np.full((40, 60, 40), AIR, np.uint8)
    tissue[:, 20:50, 5:35] = FAT
    tissue[:, 28:36, 14:26] = MARROW
    tissue[:, 40:46, 8:18] = ORGAN_A
    tissue[:, 40:48, 22:30] = VESSEL
    return tissue


def test_vessels_bowel_and_air_change_and_bone_does_not() -> None:
    tissue = trunk()
    plain = torch.from_numpy(np.array([-1000.0, -100.0, 200.0, 45.0, 45.0], np.float32))
    image = plain[np.select([tissue == AIR, tissue == FAT, tissue == MARROW, tissue == VESSEL], [0, 1, 2, 3], 4)]
    changed = {AIR: False, ORGAN_A: False, VESSEL: False}
    for seed in range(24):
        found = with_contents(np.random.default_rng(seed), image, tissue, SPACING)
        different = (found != image).numpy()
        assert found.isfinite().all()
        assert not different[(tissue == MARROW) | (tissue == FAT)].any()
        for part in changed:
            changed[part] |= bool(different[tissue == part].any())
    assert all(changed.values())


def test_a_table_lies_behind_the_back_and_needs_air() -> None:
    rng = np.random.default_rng(0)
    tissue = np.full((10, 20, 10), FAT, np.uint8)
    image = torch.zeros(10, 20, 10)
    for _ in range(10):
        assert torch.equal(with_contents(rng, image, tissue, SPACING), image)


def test_noise_spares_the_mean() -> None:
    image = torch.full((30, 30, 30), 50.0)
    for seed in range(8):
        found = ct_noise(np.random.default_rng(seed), image)
        assert found.shape == image.shape
        assert abs(float(found.mean()) - 50) < 12
