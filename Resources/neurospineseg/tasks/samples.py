"""The sample of a task: a drawn scan that comes with the program as files, so that nothing is drawn, downloaded or installed to see it.

``Resources/Training/draw_samples.py`` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurospineseg.tasks.task import registered_tasks, task_named

SAMPLES_FOLDER = Path(__file__).resolve().parents[2] / "Samples"


@dataclass(frozen=True)
class Sample:
    """Files of one drawn scan, all NRRD on one grid.

    Attributes:
        folder: holds them and nothing else.
        channels: keys of the task's channels, in its order.
    """

    folder: Path
    channels: tuple[str, ...]

    @property
    def scans(self) -> dict[str, Path]:
        """The image of each channel: uint8 (K, J, I)."""
        return {channel: self.folder / f"{channel}.nrrd" for channel in self.channels}

    @property
    def labels(self) -> Path:
        """What was drawn: label values of the task's structures, 0 elsewhere."""
        return self.folder / "labels.nrrd"

    @property
    def thumbnail(self) -> Path:
        """A PNG picture of one slice."""
        return self.folder / "thumbnail.png"


def sample_of(task: str) -> Sample | None:
    """The sample of a task; None where none comes with the program.

    Raises:
        InputError: there is no such task.
    """
    sample = Sample(SAMPLES_FOLDER / task, task_named(task).channel_keys)
    return sample if all(path.is_file() for path in (*sample.scans.values(), sample.labels)) else None


def sampled_tasks() -> tuple[str, ...]:
    """Names of the tasks that have a sample."""
    return tuple(task.name for task in registered_tasks() if sample_of(task.name) is not None)
