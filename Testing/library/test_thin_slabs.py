"""Scans of a spine of a few sagittal slices."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neurospineseg.checks.input_checks import check_field_of_view
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.inference.predict import Attempt, _windowed
from neurospineseg.tasks.task import task_named


def slab(slices: int, thickness_mm: float) -> Volume:
    """A sagittal scan of 100 x 100 mm."""
    return Volume(np.zeros((100, 100, slices), np.float32), np.diag([thickness_mm, 1.0, 1.0, 1.0]))


@pytest.mark.parametrize(("slices", "thickness_mm"), [(15, 0.9), (13, 0.9), (3, 3.3)])
def test_a_few_sagittal_slices_of_a_spine_are_taken(slices: int, thickness_mm: float) -> None:
    check_field_of_view(slab(slices, thickness_mm), task_named("spine"), "the scan")


@pytest.mark.parametrize("task", ["spine", "tumor", "subcortical"])
def test_a_slab_too_thin_for_the_task_is_refused(task: str) -> None:
    with pytest.raises(InputError, match="too small to hold the anatomy"):
        check_field_of_view(slab(5, 1.4), task_named(task), "the scan")


@pytest.mark.parametrize(("width", "expected"), [(8, 16), (16, 16), (17, 32), (60, 32)])
def test_a_narrow_models_window_is_half_as_wide_on_a_slab(width: int, expected: int) -> None:
    seen = []

    def network(windows: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(windows.shape[2:]))
        return torch.zeros(len(windows), 2, *windows.shape[2:])

    image = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 20, 20, width), dtype=np.float32))
    module = torch.nn.Module()
    module.forward = network
    spec = SimpleNamespace(narrow=True, follow=False, overlap=0.5, nested=(), network_classes=("background", "canal"))
    attempt = Attempt(torch.device("cpu"), torch.float32, (24, 24, 32), 1)
    found = _windowed(module, image, spec, attempt, lambda fraction: None)
    assert set(seen) == {(24, 24, expected)}
    assert found.shape == (2, 20, 20, width)
