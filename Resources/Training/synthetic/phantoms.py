"""One drawn scan of each task, for demonstrations, sample data and tests."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import numpy as np

PHANTOMS = {"tumor": "tumor_phantom", "spine": "spine_phantom", "subcortical": "subcortical_phantom"}
_MODULES = {"tumor": "tumor.phantom", "spine": "spine.phantom", "subcortical": "nuclei.phantom"}


def phantom(task: str, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Draws a scan.

    Returns:
        Its images (``t1c``, ``t1``, ``t2``, ``flair`` for tumor, else ``image``), each (K, J, I); their 4x4 ijk to RAS in mm; labels (K, J, I).
    """
    images, ijk_to_ras, labels = getattr(import_module(f"Training.synthetic.{_MODULES[task]}"), PHANTOMS[task])(seed)
    return (dict(images) if isinstance(images, Mapping) else {"image": images}), ijk_to_ras, labels
