"""A model of MONAI's run as MONAI runs it: its transforms, its sliding window, its way back onto the scan's grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.models.monai_steps import IMAGE, PREDICTION
from neurospineseg.models.recipe import MonaiRecipe, Paint, Step


def monai_classes(
    channels: Sequence[np.ndarray],
    grid: Grid,
    recipe: MonaiRecipe,
    network: torch.nn.Module,
    device: torch.device,
    progress: Callable[[float], None] = lambda fraction: None,
) -> np.ndarray:
    """The numbers of the classes that the model finds, uint16 (K, J, I) on ``grid``.

    Args:
        channels: arrays (K, J, I) on ``grid``, in the order of the network's input channels.
        network: in evaluation mode.
        progress: called with the fraction done; an exception from it ends the run.

    Raises:
        InputError: the model cannot be run on this scan.
    """
    from monai.data import MetaTensor
    from monai.transforms import Compose, InvertibleTransform

    image = torch.from_numpy(np.stack([np.asarray(channel, np.float32).transpose(2, 1, 0) for channel in channels]))
    before = Compose([_made(step) for step in recipe.steps])
    moved = any(isinstance(step, InvertibleTransform) for step in before.transforms)
    try:
        data = before({IMAGE: MetaTensor(image, affine=torch.tensor(grid.ijk_to_ras))})
        scores = _scores(data[IMAGE].as_tensor(), recipe, network.to(device), device, progress)
        data[PREDICTION] = MetaTensor(scores, affine=data[IMAGE].affine)
        for step in recipe.finish:
            if moved or step.name != "Invertd":
                data = _made(step, before)(data)
        return painted(data[PREDICTION].as_tensor().numpy(), recipe.paint).transpose(2, 1, 0)
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        if isinstance(error, (InputError, torch.OutOfMemoryError)) or "memory" in str(error):
            raise
        raise InputError(
            f"The model cannot be run on this scan ({str(error).splitlines()[0]}); check that it is of the right kind."
        ) from error


def _made(step: Step, before: Any = None) -> Any:
    """The transform of MONAI that a checked step names."""
    from monai import transforms

    values = dict(step.values)
    if step.name == "Invertd":
        values |= {"transform": before, "orig_keys": IMAGE, "to_tensor": True}
    if step.name == "CropForegroundd":
        values["source_key"] = IMAGE
    key = PREDICTION if before is not None else IMAGE
    return getattr(transforms, step.name)(keys=key, **values)


@torch.inference_mode()
def _scores(
    image: torch.Tensor, recipe: MonaiRecipe, network: torch.nn.Module, device: torch.device, progress: Callable[[float], None]
) -> torch.Tensor:
    """The network's output (C, I, J, K) on the CPU."""
    from monai.inferers import SimpleInferer, SlidingWindowInferer

    windows = recipe.windows
    count = _windows_of(image.shape[1:], recipe)
    done = 0

    def watched(batch: torch.Tensor) -> torch.Tensor:
        nonlocal done
        scores = network(batch)
        done += len(batch)
        progress(min(1.0, done / count))
        return scores[0] if isinstance(scores, (list, tuple)) else scores

    progress(0.0)
    cpu = torch.device("cpu")
    inferer = SimpleInferer() if windows.roi_size is None else SlidingWindowInferer(**windows.model_dump(), sw_device=device, device=cpu)
    given = image[None]
    with torch.autocast("cuda", torch.float16, enabled=recipe.amp and device.type == "cuda"):
        scores = inferer(given.to(device) if windows.roi_size is None else given, watched)
    return scores[0].float().cpu()


def _windows_of(shape: Sequence[int], recipe: MonaiRecipe) -> int:
    windows = recipe.windows
    if windows.roi_size is None:
        return 1
    overlap = windows.overlap if isinstance(windows.overlap, tuple) else (windows.overlap,) * 3
    counts = [
        1 if side <= wide else int(np.ceil((side - wide) / max(1, int(wide * (1 - share))))) + 1
        for side, wide, share in zip(shape, windows.roi_size, overlap)
    ]
    return int(np.prod(counts))


def painted(finished: np.ndarray, paint: Sequence[Paint]) -> np.ndarray:
    """The numbers of the classes, uint16 (...), of what is finished (C, ...): one channel of numbers, or regions one over the other."""
    if not paint:
        return finished[0].astype(np.uint16)
    result = np.zeros(finished.shape[1:], np.uint16)
    for each in paint:
        result[finished[each.channel] > 0.5] = each.number
    return result
