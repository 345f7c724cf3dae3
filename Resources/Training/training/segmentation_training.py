"""The training itself as Lightning runs it: loss, optimizer, what is measured while it goes."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torchmetrics import Metric

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import ModelSpec
from Training.training.losses import UNKNOWN, known_classes, make_loss
from Training.training.nested_regions import region_classes
from Training.training.recipe import Optimizer, Recipe


class SegmentationTraining(LightningModule):
    """Batches are those of ``examples``: image (B, C, ...), bit masks (B, ...), numbers (B,).

    After each epoch it logs ``train_`` and ``val_`` ``loss``, ``dice``, ``f1`` and ``accuracy`` of all processes together, and
    ``examples_seen``: how many of the epoch's examples came exactly once.

    Args:
        count: examples an epoch.
        steps: of the whole training, over which the learning rate falls.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, spec: ModelSpec, count: int, steps: int) -> None:
        super().__init__()
        self.memory = torch.contiguous_format
        self.channels_last = torch.channels_last_3d if spec.slice_axis is None else torch.channels_last
        self.network = network
        self.nested = tuple(spec.classes.index(name) for name in spec.nested)
        self.loss = make_loss(recipe.loss, len(spec.network_classes), self.nested)
        self.settings, self.steps = recipe.optimizer, steps
        self.confusion = nn.ModuleDict({part: Confusion(len(spec.network_classes)) for part in ("train_", "val_")})
        self.seen = torch.zeros(count)  # no buffer: those of the first process go to all others

    def on_fit_start(self) -> None:
        if self.device.type == "cuda":  # on a CPU it was measured to be slower by 8 % in bfloat16
            self.memory = self.channels_last
            self.network.to(memory_format=self.memory)

    def training_step(self, batch: tuple[torch.Tensor, ...], _: int) -> torch.Tensor:
        self.seen[batch[2].cpu()] += 1
        return self._step("train_", batch)

    def validation_step(self, batch: tuple[torch.Tensor, ...], _: int) -> None:
        self._step("val_", batch)

    def _step(self, part: str, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        image, bits, _ = batch
        scores = self.network(image.contiguous(memory_format=self.memory))
        loss = self.loss(scores, bits)
        found = region_classes(scores.detach(), self.nested) if self.nested else scores.detach().argmax(1)
        self.confusion[part].update(found, known_classes(bits))
        self.log(f"{part}loss", loss, prog_bar=part == "train_", on_step=False, on_epoch=True, sync_dist=True, batch_size=len(image))
        return loss

    def on_train_epoch_start(self) -> None:
        self.seen.zero_()

    def on_train_epoch_end(self) -> None:
        if not self.trainer.callback_metrics["train_loss"].isfinite():
            raise InputError(
                f"The loss is no number any more in epoch {self.current_epoch + 1}; lower optimizer.learning_rate, or set loop.precision=32."
            )
        self._log_measures("train_")
        seen = self.all_gather(self.seen.to(self.device)).reshape(-1, len(self.seen)).sum(0)
        self.log("examples_seen", float((seen == 1).sum()), sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        self._log_measures("val_")

    def _log_measures(self, part: str) -> None:
        for name, value in measures(self.confusion[part].compute()).items():
            self.log(part + name, value, sync_dist=True)
        self.confusion[part].reset()

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = make_optimizer(self.settings, self.network)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_share(self.settings, step, self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Confusion(Metric):
    """Counts of voxels by true class (rows) and found class, of all processes together; ``UNKNOWN`` ones are left out.

    torchmetrics' own takes ten times as long where algorithms must be deterministic.
    """

    full_state_update = False

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.add_state("counts", torch.zeros(classes, classes, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, found: torch.Tensor, truth: torch.Tensor) -> None:
        pairs = torch.where(truth == UNKNOWN, self.classes**2, truth * self.classes + found).flatten()
        if pairs.device.type == "mps":
            pairs = pairs.cpu()
        self.counts += torch.bincount(pairs, minlength=self.classes**2 + 1)[:-1].view_as(self.counts).to(self.counts.device)

    def compute(self) -> torch.Tensor:
        return self.counts


def measures(confusion: torch.Tensor) -> dict[str, float]:
    """Of a confusion matrix (C, C), true classes in rows: ``accuracy``, ``dice`` and ``f1``.

    Dice is the mean over the classes but the background that occur, F1 over all classes that occur (the macro F1 score); of one
    class both are 2 TP / (2 TP + FP + FN).
    """
    confusion = confusion.cpu()
    hit = confusion.diag().double()
    total = confusion.sum(0).double() + confusion.sum(1).double()
    score = 2 * hit[total > 0] / total[total > 0]
    without_background = score[1:] if total[0] > 0 else score
    return {
        "accuracy": float(hit.sum() / confusion.sum().clamp_min(1)),
        "dice": float(without_background.mean()) if len(without_background) else 1.0,
        "f1": float(score.mean()) if len(score) else 1.0,
    }


def make_optimizer(settings: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    common = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.name == "sgd":
        return torch.optim.SGD(network.parameters(), momentum=0.99, nesterov=True, **common)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.name](network.parameters(), **common)


def learning_rate_share(settings: Optimizer, step: int, steps: int) -> float:
    """Of the full learning rate: a linear rise (a tenth of the steps at most), then nnU-Net's polynomial fall (Isensee et al. 2021), a half cosine, or no fall."""
    rise = min(1.0, (step + 1) / max(1, min(settings.warmup_steps, steps // 10)))
    done = min(1.0, step / max(1, steps))
    fall = {"poly": (1 - done) ** 0.9, "cosine": 0.5 * (1 + torch.cos(torch.tensor(done * torch.pi)).item()), "constant": 1.0}
    return rise * fall[settings.schedule]
