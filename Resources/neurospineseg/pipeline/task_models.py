"""What a run needs of its segmenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from neurospineseg.models.bundle import Bundle
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.structure import Structure


class TaskModels(Protocol):
    """The models of a task, ready for a device; ``predict`` runs one of them on an image (C, K, J, I)."""

    task: str
    settings: Settings
    bundle: Bundle
    coarse: Bundle | None
    device: torch.device
    precision: torch.dtype

    @property
    def sought(self) -> list[Structure]: ...

    def network(self, bundle: Bundle) -> torch.nn.Module: ...

    def predict(self, bundle: Bundle, image: torch.Tensor, progress: Callable[[float], None] = ...) -> tuple[torch.Tensor, list[str]]: ...
