"""What a result is judged against: the same scan through the same rules, with the network run in the plainest and most exact way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from monai.inferers import SlidingWindowInferer

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice
from neurospineseg.inference.predict import joined, with_coordinates
from neurospineseg.models.bundle import Bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Testing.benchmarks.plain_network import class_network


@contextmanager
def without_tf32() -> Iterator[None]:
    """Keeps a GPU's convolutions and matrix products from rounding float32 to TF32."""
    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before):
            backend.allow_tf32 = allowed


class Reference(Segmenter):
    """Runs every network in float32, its windows overlapping by half, and changes nothing else of the way of a scan.

    Args:
        mirrored: whether the network also sees the scan with left and right exchanged, as it did in training, and both are averaged. It
            never saw one upside down. A model that sees one side of a region at a time is mirrored anyway, and never further.

    Raises:
        InputError: the model works slice by slice.
    """

    def __init__(self, task: str, model: str | None, device: str, mirrored: bool) -> None:
        super().__init__(task, Settings(model=model, device=device, force=True))
        if self.bundle.spec.slice_axis is not None:
            raise InputError(
                f"The model '{self.bundle.spec.name}' works slice by slice; the accuracy kept is measured with 3D models only."
            )
        self.mirrored = mirrored
        self._plain: dict[str, torch.nn.Module] = {}

    @torch.no_grad()
    @without_tf32()
    def predict(
        self, bundle: Bundle, image: torch.Tensor, progress: Callable[[float], None] = lambda fraction: None
    ) -> tuple[torch.Tensor, list[str]]:
        spec, name = bundle.spec, bundle.spec.name
        if name not in self._plain:
            self._plain[name] = class_network(bundle).to(self.device)
        inferer = SlidingWindowInferer(spec.patch, 1, overlap=0.5, mode="gaussian", sw_device=self.device, device=image.device)

        def softmax(seen: torch.Tensor) -> torch.Tensor:
            seen = with_coordinates(seen) if spec.coordinates else seen
            return torch.softmax(inferer(seen[None], self._plain[name])[0], 0)

        if spec.bilateral:
            whole, wide = image.shape[-1], min(image.shape[-1], spec.patch[2])
            left = softmax(image.flip(-1)[..., whole - wide :]).flip(-1)
            return joined(left, softmax(image[..., whole - wide :]), whole), []
        found = softmax(image)
        if self.mirrored and bundle is self.bundle:
            found = (found + softmax(image.flip(-1)).flip(-1)) / 2
        return found, []


def references(task: str, model: str | None, device: str) -> dict[str, Reference]:
    """Those that a model is judged against, by name; a model that sees one side at a time has no mirrored one."""
    made = {"float32 reference": Reference(task, model, device, False), "float32 mirrored reference": Reference(task, model, device, True)}
    return {name: each for name, each in made.items() if not (each.mirrored and each.bundle.spec.bilateral)}


def mean_dice(found: np.ndarray, truth: np.ndarray, labels: set[int]) -> float | None:
    """Mean Dice over those of the label values that ``truth`` holds; None where it holds none."""
    present = sorted(labels & {int(label) for label in np.unique(truth)})
    return float(np.mean([dice(found == label, truth == label) for label in present])) if present else None


def written(dice: float | None) -> str:
    """For a table; of the mean over no structure at all, a dash."""
    return "     -" if dice is None else f"{dice:.4f}"
