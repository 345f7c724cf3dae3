"""Class probabilities on the working grid: sliding window in 3D, slice by slice in 2D."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F

from neurospineseg.geometry.triple import triple
from neurospineseg.inference.device import choose_precision, free_bytes
from neurospineseg.inference.nested import class_probabilities, with_background
from neurospineseg.inference.sliding_window import windowed_scores
from neurospineseg.models.bundle import ModelSpec

Progress = Callable[[float], None]
SMALLEST_PATCH = 32
SLAB = 16
"""Layers of a result that are made probabilities at once."""
BLENDING_SHARE = 0.5
"""Of a GPU's free memory, how much the image and its scores may take; the network needs the rest."""


@dataclass(frozen=True)
class Attempt:
    """One way to run the network, from the fastest to the most frugal.

    Attributes:
        blends: whether the whole image and its scores lie on ``device`` too; otherwise they stay where the image is given.
    """

    device: torch.device
    precision: torch.dtype
    patch: tuple[int, int, int]
    batch: int
    blends: bool = False


def attempts(spec: ModelSpec, device: torch.device, precision: torch.dtype) -> Iterator[Attempt]:
    """The given device with the model's patch, then with ever smaller ones, then the CPU with the model's patch.

    Only CUDA blends: another GPU shares the CPU's memory, and there is nothing to tell how much of it is free.
    """
    patch = spec.patch
    if device.type == "cuda":
        yield Attempt(device, precision, patch, 4, blends=True)
    if device.type != "cpu":
        yield Attempt(device, precision, patch, 4)
        yield Attempt(device, precision, patch, 1)
        if spec.slice_axis is None:
            while max(patch) > SMALLEST_PATCH:
                patch = triple(max(SMALLEST_PATCH, n // 32 * 16) for n in patch)
                yield Attempt(device, precision, patch, 1)
    cpu = torch.device("cpu")
    yield Attempt(cpu, precision if device.type == "cpu" else choose_precision(cpu), spec.patch, 1 if spec.slice_axis is None else 8)


@torch.inference_mode()
def predict(
    network: torch.nn.Module,
    image: torch.Tensor,
    spec: ModelSpec,
    device: torch.device,
    precision: torch.dtype,
    progress: Progress = lambda fraction: None,
) -> tuple[torch.Tensor, Attempt, list[str]]:
    """Softmax probabilities of an image that is already normalized.

    Out of GPU memory is met by leaving the scores on the CPU, with smaller batches, with smaller patches, then with the CPU.
    What goes beyond float16 is done again in float32.

    Args:
        network: in evaluation mode.
        image: float32 (C, K, J, I) on the working grid.
        progress: called with the fraction done; an exception from it ends the prediction.

    Returns:
        Probabilities float32 (classes, K, J, I) on ``image``'s device, the attempt that gave them, and sentences for the user on what
        had to be changed.
    """
    plans = [plan for plan in attempts(spec, device, precision) if not plan.blends or _has_room(spec, image.shape[1:], plan.device)]
    for plan in plans:
        try:
            probabilities = _attempted(network, image, spec, plan, progress)
        except torch.OutOfMemoryError:
            if plan is plans[-1]:
                raise
            probabilities = None
        if probabilities is None:  # the exception is gone by now, and with it the frames that held the attempt's tensors
            torch.cuda.empty_cache()
        elif plan.precision == torch.float16 and not probabilities.sum().isfinite():
            del probabilities
            probabilities, used, notes = predict(network, image, spec, device, torch.float32, progress)
            return probabilities, used, [_beyond_half(device), *notes]
        else:
            return probabilities, plan, _changes(plans[0], plan)
    raise AssertionError("no attempt was made")


def _attempted(network: torch.nn.Module, image: torch.Tensor, spec: ModelSpec, plan: Attempt, progress: Progress) -> torch.Tensor:
    network.to(plan.device)
    run = _both_sides if spec.bilateral else _one_way
    with torch.autocast(plan.device.type, dtype=plan.precision, enabled=plan.precision != torch.float32):
        return run(network, image.to(plan.device) if plan.blends else image, spec, plan, progress).to(image.device)


def _changes(wanted: Attempt, plan: Attempt) -> list[str]:
    """What the user should know of an attempt that ran after the wanted one had not enough memory; smaller batches change nothing."""
    if plan.device == wanted.device and plan.patch == wanted.patch:
        return []
    where = "with smaller pieces of the scan" if plan.device == wanted.device else "on the CPU"
    return [f"The {wanted.device.type.upper()} device ran out of memory; the work went on {where}, which is slower."]


def _beyond_half(device: torch.device) -> str:
    return f"The {device.type.upper()} device's half precision was not enough for this model; it ran again in single precision, which is slower."


def blending_bytes(spec: ModelSpec, shape: Sequence[int]) -> int:
    """The most memory, in bytes, that an image (K, J, I) in float32 and its scores take where they are blended, the network aside.

    Those are the image, its mirror image and its box, the sums and the scores, the weights; then the mean over mirror images, or both
    sides joined.
    """
    voxels = prod(max(count, wide) for count, wide in zip(shape, spec.patch))
    channels, scores = len(spec.channels) + 3 * spec.coordinates, len(spec.network_classes)
    copies = 6 if spec.bilateral else 4 if spec.flips else 2
    return 4 * voxels * (3 * channels + copies * scores + 2)


def _has_room(spec: ModelSpec, shape: Sequence[int], device: torch.device) -> bool:
    return blending_bytes(spec, shape) <= BLENDING_SHARE * free_bytes(device)


def with_coordinates(image: torch.Tensor) -> torch.Tensor:
    """The image (C, K, J, I) and three more channels: the place along k, j and i, -1 in the first voxel and 1 in the last."""
    axes = torch.meshgrid(*(torch.linspace(-1, 1, n, device=image.device) for n in image.shape[1:]), indexing="ij")
    return torch.cat([image, torch.stack(axes)])


def _part_of(progress: Progress, number: int, count: int) -> Progress:
    """The progress of one of several equal parts."""
    return lambda fraction: progress((number + fraction) / count)


def _one_way(network: torch.nn.Module, image: torch.Tensor, spec: ModelSpec, plan: Attempt, progress: Progress) -> torch.Tensor:
    """Softmax probabilities (network classes, K, J, I), the mean over the image and its mirror images along ``spec.flips``."""
    run = _sliced if spec.slice_axis is not None else _windowed
    if not spec.flips:
        return run(network, with_coordinates(image) if spec.coordinates else image, spec, plan, progress)
    ways = ((), *((axis + 1,) for axis in spec.flips))
    total: torch.Tensor | float = 0.0
    for number, axes in enumerate(ways):
        seen = with_coordinates(image.flip(axes)) if spec.coordinates else image.flip(axes)
        probabilities = run(network, seen, spec, plan, _part_of(progress, number, len(ways)))
        total = total + probabilities.flip(axes)
    return torch.as_tensor(total) / len(ways)


def _both_sides(network: torch.nn.Module, image: torch.Tensor, spec: ModelSpec, plan: Attempt, progress: Progress) -> torch.Tensor:
    """Softmax probabilities of a bilateral model, from the right half and the mirrored left half of the image (i along R)."""
    whole, wide = image.shape[-1], min(image.shape[-1], spec.patch[2])
    right = _one_way(network, image[..., whole - wide :], spec, plan, lambda fraction: progress(fraction / 2))
    left = _one_way(network, image.flip(-1)[..., whole - wide :], spec, plan, lambda fraction: progress(0.5 + fraction / 2))
    return joined(left.flip(-1), right, whole)


def joined(left: torch.Tensor, right: torch.Tensor, whole: int) -> torch.Tensor:
    """The probabilities of both sides' classes where each side's were found on its own.

    A voxel is on the left if the left half says so and the right half says background, and likewise on the right; the
    two are taken as independent, and both claiming it as impossible.

    Args:
        left, right: (C, K, J, I'), background first: the first and the last I' of ``whole`` voxels along i.

    Returns:
        (2 C - 1, K, J, whole): background, then each class on the left and on the right.
    """
    count, *size, wide = left.shape
    none = torch.zeros(count, *size, whole - wide, dtype=left.dtype, device=left.device)
    none[0] = 1
    left, right = torch.cat([left, none], -1), torch.cat([none, right], -1)
    result = torch.empty(2 * count - 1, *size, whole, dtype=left.dtype, device=left.device)
    not_left, not_right = left[0].clamp_min(1e-4), right[0].clamp_min(1e-4)
    result[0], result[1::2], result[2::2] = left[0] * right[0], left[1:] * not_right, right[1:] * not_left
    return result.div_(result.sum(0))


def slab_window(window: tuple[int, int, int], shape: Sequence[int]) -> tuple[int, int, int]:
    """The window (K, J, I), half as wide along i where an image (K, J, I) is no wider than that."""
    half = window[2] // 2
    return (*window[:2], half) if shape[2] <= half else window


def _windowed(network: torch.nn.Module, image: torch.Tensor, spec: ModelSpec, plan: Attempt, progress: Progress) -> torch.Tensor:
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def scores(windows: torch.Tensor) -> torch.Tensor:
        found = network(windows.to(plan.device).contiguous(memory_format=torch.channels_last_3d)).to(image.device).float()
        return with_background(found) if spec.nested else found

    window = slab_window(plan.patch, image.shape[1:]) if spec.narrow else plan.patch
    probabilities = windowed_scores(scores, image, len(spec.network_classes), window, plan.batch, progress, spec.follow, spec.overlap)
    for slab in probabilities.split(SLAB, dim=1):
        slab.copy_(class_probabilities(slab, spec))
    return probabilities


def _in_windows(network: torch.nn.Module, slices: torch.Tensor, window: list[int]) -> torch.Tensor:
    """Scores of slices (B, C, J, I), in windows of the size the network was trained on where the slices are larger."""
    if slices.shape[2] <= window[0] and slices.shape[3] <= window[1]:
        return network(slices)
    from monai.inferers import sliding_window_inference

    scores = sliding_window_inference(slices, window, slices.shape[0], network, overlap=0.25, mode="gaussian")
    assert isinstance(scores, torch.Tensor)
    return scores


def _sliced(network: torch.nn.Module, image: torch.Tensor, spec: ModelSpec, plan: Attempt, progress: Progress) -> torch.Tensor:
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert spec.slice_axis is not None
    axis = spec.slice_axis
    stack = image.movedim(axis + 1, 0)
    count, reach = stack.shape[0], spec.slices // 2
    height, width = stack.shape[2:]
    window = [-(-n // spec.divisor) * spec.divisor for other, n in enumerate(plan.patch) if other != axis]
    padding = (0, -width % spec.divisor, 0, -height % spec.divisor)
    result = torch.empty(count, len(spec.network_classes), height, width, device=image.device)
    progress(0.0)
    for start in range(0, count, plan.batch):
        stop = min(count, start + plan.batch)
        middles = torch.arange(start, stop)
        neighbors = (middles[:, None] + torch.arange(-reach, reach + 1)).clamp_(0, count - 1)
        slices = stack[neighbors].flatten(1, 2).to(plan.device)
        slices = F.pad(slices, padding).contiguous(memory_format=torch.channels_last)
        scores = _in_windows(network, slices, window)[..., :height, :width].float()
        result[start:stop] = torch.softmax(scores, 1).to(image.device)
        progress(stop / count)
    return result.movedim(0, axis + 1)
