"""A drawn lumbar spine as a sagittal T2 MR, for demonstrations and tests."""

from __future__ import annotations

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.spine.level_names import disc_key, vertebra_key
from Training.synthetic.deform import random_linear
from Training.synthetic.spine.canvas import ARCH, BODY, CANAL, DISC, SACRUM
from Training.synthetic.spine.contrast import paint_spine
from Training.synthetic.spine.drawing import draw_spine

MIDDLE_MM = 75.0


def spine_phantom(
    seed: int,
    spacing: tuple[float, float, float] = (3.0, 0.9, 0.9),
    size_mm: tuple[float, float, float] = (69.0, 180.0, 234.0),
    contrast: str = "t2",
    scoliosis_degrees: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws the spine from the sacrum to about T11 in an oblique frame.

    Args:
        seed: decides anatomy, noise and pose.
        spacing: mm along R, A, S; ``size_mm`` the field of view along them.
        contrast: a key of ``spine_contrast.CONTRASTS``.
        scoliosis_degrees: how far the line leans to the side at most; None for a random, mostly small angle.

    Returns:
        image float32 (K, J, I), its 4x4 ijk to RAS in mm, and labels uint16 (K, J, I) with the label values of
        ``neurospineseg.tasks.anatomy``: each vertebra (body and arch), each disc, sacrum and canal.
    """
    rng = np.random.default_rng([seed, 5])
    shape = tuple(int(round(extent / step)) for extent, step in zip(size_mm[::-1], spacing[::-1]))
    turn = random_linear(rng, 4, scale=0.0, shear=0.0)
    spine = draw_spine(rng, shape, spacing, MIDDLE_MM, forward=30.0, turn=turn, scoliosis_degrees=scoliosis_degrees)
    labels = np.zeros(spine.classes.shape, np.uint16)
    labels[spine.classes == CANAL] = structure("spinal_canal").label
    labels[spine.classes == SACRUM] = structure("sacrum").label
    for level in np.unique(spine.level[spine.level > 0]):
        here = spine.level == level
        for classes, key in (((BODY, ARCH), vertebra_key(int(level) - 1, True)), ((DISC,), disc_key(int(level) - 1, True))):
            if key is not None:
                labels[here & np.isin(spine.classes, classes)] = structure(key).label
    image = paint_spine(rng, spine.tissue, spacing, contrast)
    turn = Affine.of(random_linear(rng, 8, scale=0.0, shear=0.0)).matrix
    return image.round().numpy().astype(np.float32), turn @ spine.ijk_to_ras, labels
