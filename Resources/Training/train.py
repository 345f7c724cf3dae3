"""Trains one recipe's network on the examples it draws, and writes it as a bundle's weights.

    python Resources/Training/train.py tumor_glioma --steps 3000
    python Resources/Training/train.py spine_mr_3d --steps 3000 --resume

Runs are kept under ``Resources/Training/runs/<recipe>``: ``last.ckpt`` (resumed with
``--resume``) and ``logs``, one folder for each start. The averaged weights are exported at the end and on interruption.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from neurospineseg.network import build_network, load_weights, save_weights  # noqa: E402
from partial_labels import PartialDiceCE  # noqa: E402


class DrawnExamples(IterableDataset):
    """An endless stream of a recipe's examples, each seeded by its own number."""

    def __init__(self, recipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed

    def __iter__(self):
        torch.set_num_threads(1)
        worker = get_worker_info()
        number, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        while True:
            image, target = self.recipe.example(np.random.default_rng([self.seed, number]))
            yield torch.as_tensor(image, dtype=torch.float32), torch.as_tensor(target, dtype=torch.int64)
            number += stride


class SegmentationTraining(LightningModule):
    """AdamW with a polynomial decay of the learning rate (as nnU-Net) on Dice + marginal cross-entropy."""

    def __init__(self, recipe, steps: int, learning_rate: float) -> None:
        super().__init__()
        self.network = build_network(recipe.network_def)
        memory = torch.channels_last_3d if recipe.spec.slice_axis is None else torch.channels_last
        self.network.to(memory_format=memory)
        self.loss = PartialDiceCE(getattr(recipe, "class_weights", None))
        self.steps, self.learning_rate = steps, learning_rate

    def training_step(self, batch, _):
        image, target = batch
        loss = self.loss(self.network(image), target)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        warmup = 50
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / warmup) * max(0.0, 1 - step / self.steps) ** 0.9
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Deadline(Callback):
    """Ends a training ``minutes`` after this start of it, whatever came before (Lightning's ``max_time`` adds up resumed runs)."""

    def __init__(self, minutes: float) -> None:
        self.end = monotonic() + 60 * minutes

    def on_train_batch_end(self, trainer: Trainer, *_) -> None:
        trainer.should_stop = monotonic() > self.end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="name of a file in recipes/")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, help="default: the recipe's")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop, checkpoint and export after this long")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start-from", type=Path, help="weights to begin with")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    seed_everything(options.seed, verbose=False)
    recipe = importlib.import_module(f"recipes.{options.recipe}").recipe()
    run = HERE / "runs" / options.recipe
    run.mkdir(parents=True, exist_ok=True)
    last = run / "last.ckpt"
    training = SegmentationTraining(recipe, options.steps, options.learning_rate)
    if options.start_from:
        load_weights(training.network, options.start_from)
        training.network.train()
    seed = options.seed + (1000 * last.stat().st_mtime_ns % 10_000_019 if options.resume and last.exists() else 0)
    loader = DataLoader(
        DrawnExamples(recipe, seed),
        batch_size=options.batch or recipe.batch,
        num_workers=options.workers,
        multiprocessing_context="fork" if options.workers else None,
    )
    trainer = Trainer(
        max_steps=options.steps,
        precision="bf16-mixed",
        gradient_clip_val=1.0,
        logger=CSVLogger(run, name="logs"),
        log_every_n_steps=20,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        callbacks=[
            ModelCheckpoint(run, filename="step", save_last=True, every_n_train_steps=100, save_top_k=1),
            EMAWeightAveraging(decay=0.995),
            *([Deadline(options.minutes)] if options.minutes else []),
        ],
    )
    trainer.fit(training, loader, ckpt_path=last if options.resume and last.exists() else None)
    save_weights(training.network, run / "model.pt")
    print(f"{trainer.global_step} steps; weights in {run / 'model.pt'}")


if __name__ == "__main__":
    main()
