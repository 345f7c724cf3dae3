"""Windows and slices put together again, and what happens when a device's memory runs out."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from neurospineseg.inference import predict as prediction
from neurospineseg.inference.predict import Attempt, attempts, blending_bytes, predict
from neurospineseg.models.bundle import ModelSpec


def spec(**changes) -> ModelSpec:
    values = dict(
        name="probe",
        task="tumor",
        channels=("t1c",),
        spacing=(2.0, 2.0, 2.0),
        patch=(32, 32, 32),
        normalization="foreground_zscore",
        classes=("background", "edema"),
    )
    return ModelSpec(**{**values, **changes})


class Threshold(torch.nn.Module):
    """Scores +-10 by the sign of the middle channel, whatever the window."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.middle = channels // 2

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        value = image[:, self.middle : self.middle + 1].sign() * 10
        return torch.cat([-value, value], 1)


class Hungry(Threshold):
    """Runs out of memory while a batch holds more voxels than ``most``, or for its first calls."""

    def __init__(self, most: int, failures: int = 10**6) -> None:
        super().__init__()
        self.most, self.failures, self.seen = most, failures, []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(image.shape))
        if image.numel() > self.most and self.failures > 0:
            self.failures -= 1
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(image)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(1, 50, 41, 37, generator=torch.Generator().manual_seed(0))


CPU = torch.device("cpu")


def test_windows_add_up_to_the_whole(image: torch.Tensor) -> None:
    fractions: list[float] = []
    probabilities, used, notes = predict(Threshold().eval(), image, spec(), CPU, torch.float32, fractions.append)
    assert probabilities.shape == (2, 50, 41, 37)
    assert used.device == CPU
    assert notes == []
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())
    assert torch.allclose(probabilities.sum(0), torch.ones(50, 41, 37), atol=1e-5)
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_add_up_to_the_whole_along_any_axis(image: torch.Tensor, axis: int) -> None:
    patch = [64, 64, 64]
    patch[axis] = 1
    probabilities, _, _ = predict(Threshold(3).eval(), image, spec(patch=tuple(patch), slice_axis=axis, slices=3), CPU, torch.float32)
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())


def test_slices_wider_than_the_patch_are_worked_in_windows(image: torch.Tensor) -> None:
    network = Hungry(most=10**9)
    probabilities, _, _ = predict(network.eval(), image, spec(patch=(32, 32, 1), slice_axis=2, slices=1), CPU, torch.float32)
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())
    assert {shape[2:] for shape in network.seen} == {(32, 32)}


def on_a_pretended_gpu(monkeypatch: pytest.MonkeyPatch, plan: ModelSpec, free: int = 2**40) -> None:
    """Lets the attempts meant for a GPU with so many free bytes run on the CPU, since a GPU is not everywhere."""
    plans = list(attempts(plan, torch.device("cuda"), torch.float32))
    assert [attempt.device.type for attempt in plans][-1] == "cpu"
    monkeypatch.setattr(prediction, "attempts", lambda *_: [Attempt(CPU, torch.float32, p.patch, p.batch, p.blends) for p in plans])
    monkeypatch.setattr(prediction, "free_bytes", lambda device: free)


def test_out_of_memory_is_met_with_smaller_patches_and_said(monkeypatch: pytest.MonkeyPatch, image: torch.Tensor) -> None:
    large = spec(patch=(64, 64, 64))
    on_a_pretended_gpu(monkeypatch, large)
    network = Hungry(most=32**3)
    probabilities, _, notes = predict(network.eval(), image, large, CPU, torch.float32)
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())
    assert network.seen[-1][2:] == (32, 32, 32)
    assert len(notes) == 1
    assert "ran out of memory" in notes[0]


def test_out_of_memory_on_every_patch_ends_on_the_cpu(monkeypatch: pytest.MonkeyPatch, image: torch.Tensor) -> None:
    large = spec(patch=(64, 64, 64))
    on_a_pretended_gpu(monkeypatch, large)
    failing = len(prediction.attempts(large)) - 1
    network = Hungry(most=0, failures=failing)
    probabilities, _, notes = predict(network.eval(), image, large, CPU, torch.float32)
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())
    assert network.seen[-1][2:] == (64, 64, 64)
    assert len(network.seen) > failing


def test_attempts_grow_more_frugal_and_end_on_the_cpu() -> None:
    first, *plans = attempts(spec(patch=(96, 96, 64)), torch.device("cuda"), torch.bfloat16)
    assert first.blends
    assert plans[0] == replace(first, blends=False)
    assert not any(plan.blends for plan in plans)
    sizes = [plan.batch * plan.patch[0] * plan.patch[1] * plan.patch[2] for plan in plans if plan.device.type == "cuda"]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    assert plans[-1].device == CPU
    assert plans[-1].patch == (96, 96, 64)


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_only_cuda_blends(name: str) -> None:
    assert not any(plan.blends for plan in attempts(spec(), torch.device(name), torch.float32))


@pytest.mark.parametrize(("failures", "batches"), [(0, [4]), (1, [4, 4]), (2, [4, 4, 1])])
def test_what_costs_no_accuracy_comes_first_and_is_not_said(
    monkeypatch: pytest.MonkeyPatch, image: torch.Tensor, failures: int, batches: list[int]
) -> None:
    on_a_pretended_gpu(monkeypatch, spec())
    network = Hungry(most=0, failures=failures)
    probabilities, _, notes = predict(network.eval(), image, spec(), CPU, torch.float32)
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())
    assert [shape[0] for shape in network.seen[: failures + 1]] == batches
    assert notes == []


@pytest.mark.parametrize(("free", "blended"), [(2**40, True), (2**20, False)])
def test_scores_too_large_for_the_gpu_are_not_tried_there(
    monkeypatch: pytest.MonkeyPatch, image: torch.Tensor, free: int, blended: bool
) -> None:
    tried = []

    def attempted(network, image, spec, plan, progress) -> torch.Tensor:
        tried.append(plan.blends)
        return torch.zeros(2, *image.shape[1:])

    on_a_pretended_gpu(monkeypatch, spec(), free)
    monkeypatch.setattr(prediction, "_attempted", attempted)
    predict(Threshold().eval(), image, spec(), CPU, torch.float32)
    assert tried == [blended]


def test_blending_takes_the_image_the_sums_and_the_weights() -> None:
    assert blending_bytes(spec(), (100, 50, 10)) == 4 * 100 * 50 * 32 * (3 * 1 + 2 * 2 + 2)
    assert blending_bytes(spec(flips=(0,)), (100, 50, 40)) > blending_bytes(spec(), (100, 50, 40))


@pytest.mark.parametrize("changes", [{}, {"flips": (0, 1)}, {"patch": (32, 32, 1), "slice_axis": 2}])
def test_where_scores_are_blended_changes_nothing(changes: dict, image: torch.Tensor) -> None:
    plan = Attempt(CPU, torch.float32, spec(**changes).patch, 4)
    network = Threshold().eval()
    with torch.inference_mode():
        here, there = (
            prediction._attempted(network, image, spec(**changes), replace(plan, blends=blends), lambda _: None) for blends in (False, True)
        )
    assert torch.equal(here, there)
    assert there.device == image.device


def test_a_failed_attempt_is_released_before_the_next(monkeypatch: pytest.MonkeyPatch, image: torch.Tensor) -> None:
    held, left = [], []

    def windowed(network, image, *_) -> torch.Tensor:
        sums = torch.zeros(2, *image.shape[1:])
        held.append(weakref.ref(sums))
        if len(held) < 3:
            raise torch.OutOfMemoryError("out of memory")
        return sums

    on_a_pretended_gpu(monkeypatch, spec())
    monkeypatch.setattr(prediction, "windowed_scores", windowed)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: left.append([tensor for tensor in held if tensor() is not None]))
    gc.disable()
    try:
        predict(Threshold().eval(), image, spec(), CPU, torch.float32)
    finally:
        gc.enable()
    assert len(held) == 3
    assert left == [[], []]


def test_only_what_changed_is_said() -> None:
    gpu = torch.device("cuda")
    wanted, *others = attempts(spec(patch=(64, 64, 64)), gpu, torch.bfloat16)
    said = [" ".join(prediction._changes(wanted, plan)) for plan in others]
    assert said[:2] == ["", ""]
    assert all("CUDA" in note and "smaller pieces" in note for note in said[2:-1])
    assert len(said) > 3
    assert "on the CPU" in said[-1]
    assert "smaller" not in said[-1]


def test_what_goes_beyond_half_precision_runs_again_in_single(image: torch.Tensor) -> None:
    class Overflowing(Threshold):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            scores = super().forward(image)
            return scores * 1e38 * 10 - scores * 1e38 * 10 if torch.is_autocast_enabled("cpu") else scores

    probabilities, used, notes = predict(Overflowing().eval(), image, spec(), CPU, torch.float16)
    assert torch.equal(probabilities.argmax(0), (image[0] > 0).long())
    assert used.precision == torch.float32
    assert len(notes) == 1
    assert "single precision" in notes[0]
    assert predict(Threshold().eval(), image, spec(), CPU, torch.float16)[2] == []


def test_out_of_memory_on_the_cpu_is_not_hidden(image: torch.Tensor) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        predict(Hungry(most=0).eval(), image, spec(), CPU, torch.float32)
