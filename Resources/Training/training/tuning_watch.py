"""Tells how far a fine-tuning is, and obeys whoever wants it to wait or to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from neurospineseg.owners import owner_mark
from neurospineseg.pipeline.fine_tuning import CANCEL, PAUSE, PAUSED, RUNNING, TuningProgress, write_progress

SHARES = {"Preparing": 0.05, "Measuring the model as it is": 0.15, "Learning": 0.65, "Measuring the new model": 0.15}
"""What each stage is of the whole."""
TOLD_SECONDS, WAITED_SECONDS = 0.5, 0.2
SURE_STEPS = 3


class TuningCanceled(Exception):
    """Somebody wanted the run to end and to leave nothing."""


class TuningWatch(Callback):
    """The progress of a run, and its pauses.

    Args:
        run: its folder.
        progress: what is known of it from the first.
        listener: also called with stage and fraction of it.
    """

    def __init__(self, run: Path, progress: TuningProgress, listener: Callable[[str, float], None]) -> None:
        self.run, self.listener = run, listener
        self.progress = replace(progress, owner=owner_mark(), state=RUNNING)
        self.measuring_seconds: float | None = None
        self._told = -TOLD_SECONDS
        self._first: tuple[int, float] | None = None

    def at(self, stage: str, fraction: float, seconds: float | None = None) -> None:
        """Says that a stage is done to a fraction; waits as long as it is asked to.

        Raises:
            TuningCanceled: somebody wants the run to end.
        """
        self._obey()
        before = sum(list(SHARES.values())[: list(SHARES).index(stage)])
        is_new = stage != self.progress.stage
        self.progress = replace(
            self.progress, state=RUNNING, stage=stage, fraction=before + SHARES[stage] * min(1.0, fraction), seconds=seconds
        )
        self.listener(stage, fraction)
        if is_new or monotonic() - self._told > TOLD_SECONDS:
            self.tell()

    def tell(self, **changes: object) -> None:
        self._told = monotonic()
        self.progress = replace(self.progress, **changes)
        write_progress(self.run, self.progress)

    def _obey(self) -> None:
        if (self.run / PAUSE).exists() and not (self.run / CANCEL).exists():
            self.tell(state=PAUSED, seconds=None)
            while (self.run / PAUSE).exists() and not (self.run / CANCEL).exists():
                sleep(WAITED_SECONDS)
            self._first = None
        if (self.run / CANCEL).exists() or not self.run.is_dir():
            raise TuningCanceled

    def on_train_start(self, trainer: Trainer, _: LightningModule) -> None:
        self._first = None

    def on_train_batch_end(self, trainer: Trainer, _: LightningModule, *others: object) -> None:
        done, whole = trainer.global_step, trainer.estimated_stepping_batches
        self._first = self._first or (done, monotonic())
        since, seconds = done - self._first[0], None
        if since >= SURE_STEPS:
            seconds = (monotonic() - self._first[1]) / since * (whole - done) + (self.measuring_seconds or 0.0)
        self.at("Learning", done / whole, seconds)
