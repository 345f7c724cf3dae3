"""How thin a scan of a spine may be."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.sanity import check_field_of_view
from neurospineseg.volume import Volume


def slab(slices: int, thickness_mm: float) -> Volume:
    """A sagittal scan of 100 x 100 mm."""
    return Volume(np.zeros((100, 100, slices), np.float32), np.diag([thickness_mm, 1.0, 1.0, 1.0]))


@pytest.mark.parametrize(("slices", "thickness_mm"), [(15, 0.9), (13, 0.9), (3, 3.3)])
def test_a_few_sagittal_slices_of_a_spine_are_taken(slices: int, thickness_mm: float) -> None:
    check_field_of_view(slab(slices, thickness_mm), "spine", "the scan")


@pytest.mark.parametrize("task", ["spine", "tumor", "subcortical"])
def test_a_slab_too_thin_for_the_task_is_refused(task: str) -> None:
    with pytest.raises(InputError, match="too small to hold the anatomy"):
        check_field_of_view(slab(5, 1.4), task, "the scan")
