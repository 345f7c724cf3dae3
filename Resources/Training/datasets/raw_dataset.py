"""A data set on disk in nnU-Net's raw form, with the split beside it.

    imagesTr/CASE_0000.nii.gz   first channel, _0001 the second, ...
    labelsTr/CASE.nii.gz        one label map
    dataset.json                nnU-Net v2's: channel_names, labels, numTraining, file_ending
    splits_final.json           nnU-Net's: a list of {"train": [CASE, ...], "val": [CASE, ...]}

``dataset.json`` also says, under ``neurospineseg``, which task the data set is for and which cases are in no split
and kept for testing; nnU-Net passes over that. Form: nnU-Net's ``documentation/dataset_format.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.images.volume import Volume, read_volume

IGNORE = "ignore"
"""nnU-Net's name of the label whose voxels teach nothing; it has the highest value."""


@dataclass(frozen=True)
class Split:
    """Names of the cases to train on, to validate with while training, and to keep for the end."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...] = ()

    def named(self, part: str) -> tuple[str, ...]:
        """The cases of ``train``, ``val``, ``test`` or ``all``.

        Raises:
            InputError: the data set has none there.
        """
        cases = self.train + self.val + self.test if part == "all" else getattr(self, part)
        if not cases:
            raise InputError(f"The data set has no cases in its part '{part}'; choose another part or prepare it with another split.")
        return cases


@dataclass(frozen=True)
class RawDataset:
    """A prepared data set.

    Attributes:
        folder: where it lies.
        task: name of a registered task.
        channels: modality of each image file of a case, in the order of their numbers.
        labels: value of each class in the label maps; ``background`` is 0, ``ignore`` (if any) the highest.
        split: which cases are for what.
        ending: of the image and label files.
    """

    folder: Path
    task: str
    channels: tuple[str, ...]
    labels: Mapping[str, int]
    split: Split
    ending: str = ".nii.gz"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their values, background first, without ``ignore``."""
        return tuple(name for name, _ in sorted(self.labels.items(), key=lambda item: item[1]) if name != IGNORE)

    @property
    def ignored(self) -> int | None:
        """The value of voxels that teach nothing, if there is one."""
        return self.labels.get(IGNORE)

    def image_file(self, case: str, channel: int = 0) -> Path:
        return self.folder / "imagesTr" / f"{case}_{channel:04d}{self.ending}"

    def label_file(self, case: str) -> Path:
        return self.folder / "labelsTr" / f"{case}{self.ending}"

    def read(self, case: str) -> tuple[dict[str, Volume], Volume]:
        """A case's scans by channel, and its label map.

        Raises:
            InputError: a file is missing or cannot be read.
        """
        return self.scans(case), read_volume(self.label_file(case))

    def scans(self, case: str) -> dict[str, Volume]:
        """As ``read``, without the label map."""
        return {name: read_volume(self.image_file(case, number)) for number, name in enumerate(self.channels)}


def read_dataset(folder: Path) -> RawDataset:
    """A prepared data set's description; no image is opened.

    Raises:
        InputError: a file is missing or does not say what is needed.
    """
    folder = Path(folder)
    description, splits = _json(folder / "dataset.json"), _json(folder / "splits_final.json")
    own = description.get("neurospineseg") if isinstance(description, dict) else None
    if not isinstance(own, dict) or "task" not in own:
        raise InputError(
            f"'{folder.name}' does not say which task it is for; bring it in with 'prepare.py nnunet {folder.name} --task ...'."
        )
    try:
        names = description["channel_names"]
        channels = tuple(names[key] for key in sorted(names, key=int))
        labels = {str(name): int(value) for name, value in description["labels"].items()}
        split = Split(tuple(splits[0]["train"]), tuple(splits[0]["val"]), tuple(own.get("test", ())))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"dataset.json or splits_final.json of '{folder.name}' lacks what is needed ({error}); prepare it again."
        ) from error
    ending = description.get("file_ending", ".nii.gz")
    named = (*split.train, *split.val, *split.test, ending)
    if not all(isinstance(name, str) and name and not set(name) & set("/\\\0") for name in named):
        raise InputError(f"'{folder.name}' names a case or an ending that is part of no file name; prepare it again.")
    if (
        sorted(labels.values()) != list(range(len(labels)))
        or labels.get("background") != 0
        or labels.get(IGNORE, len(labels) - 1) != len(labels) - 1
    ):
        raise InputError(
            f"The labels in dataset.json of '{folder.name}' must be 0 for the background, then 1, 2, ..., '{IGNORE}' last; prepare it again."
        )
    return RawDataset(folder, own["task"], channels, labels, split, ending, own)


def write_description(
    folder: Path, task: str, channels: Sequence[str], labels: Mapping[str, int], split: Split, extra: Mapping[str, Any]
) -> None:
    """Writes ``dataset.json`` and ``splits_final.json`` of the cases that lie in ``folder``."""
    description = {
        "channel_names": {str(number): name for number, name in enumerate(channels)},
        "labels": dict(labels),
        "numTraining": len(split.train) + len(split.val) + len(split.test),
        "file_ending": ".nii.gz",
        "neurospineseg": {"task": task, "test": list(split.test), **extra},
    }
    write_json(folder / "splits_final.json", [{"train": list(split.train), "val": list(split.val)}])
    write_json(folder / "dataset.json", description)


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON under a temporary name and moves it."""
    with whole_file(path) as new:
        new.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _json(path: Path) -> Any:
    try:
        return json_of(path)
    except FileNotFoundError as error:
        raise InputError(f"'{path.parent}' is not a prepared data set: {path.name} is missing; make it with prepare.py.") from error
    except ValueError as error:
        raise InputError(f"'{path}' is not valid JSON; prepare the data set again.") from error
