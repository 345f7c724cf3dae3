"""Altered copies of training cases on disk, for those who want to look at what augmentation does or train elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from zlib import crc32

import numpy as np
import torch
from monai.transforms import Compose, RandGaussianNoised, RandGaussianSmoothd, RandRotated, RandScaleIntensityd

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, write_volume
from Training.datasets.progress import each
from Training.datasets.raw_dataset import RawDataset, write_description

DEGREES, BLUR, NOISE, GAIN = 10.0, 1.0, 0.05, 0.2
"""Largest turn about each axis, largest deviation of the blur in voxels, deviation of the noise over the scan's, largest gain."""


def write_copies(dataset: RawDataset, copies: int) -> None:
    """Writes CASE_copy1, CASE_copy2, ... of every training case and adds them to the training part, never to another."""
    names = {f"{case}_copy{number}": (case, number) for case in dataset.split.train for number in range(1, copies + 1)}
    taken = sorted(names.keys() & set(dataset.split.named("all")))
    if taken:
        raise InputError(f"The case '{taken[0]}' is named like a copy of '{names[taken[0]][0]}'; rename its image.")
    _remove_others(dataset, {*names, *dataset.split.named("all")})
    for name, (case, number) in each(list(names.items()), "Altered copies"):
        file, made = dataset.label_file(name), dataset.label_file(case).stat().st_mtime_ns
        if not file.is_file() or file.stat().st_mtime_ns < made:
            _write(dataset, case, name, number)
    split = replace(dataset.split, train=(*dataset.split.train, *names))
    extra = {key: value for key, value in dataset.extra.items() if key not in ("task", "test")}
    write_description(dataset.folder, dataset.task, dataset.channels, dataset.labels, split, extra)


def _remove_others(dataset: RawDataset, names: set[str]) -> None:
    """Removes copies that an earlier start made of cases that do not train any more."""
    for folder, number in (("imagesTr", r"_\d{4}"), ("labelsTr", "")):
        copy = re.compile(rf"(.+_copy\d+){number}{re.escape(dataset.ending)}")
        for file in (dataset.folder / folder).iterdir():
            match = copy.fullmatch(file.name)
            if match and match[1] not in names:
                file.unlink()


def _write(dataset: RawDataset, case: str, name: str, number: int) -> None:
    scans, labels = dataset.read(case)
    turn = [np.deg2rad(DEGREES)] * 3
    data = {"labels": torch.from_numpy(labels.voxels.astype(np.float32))[None]}
    data |= {channel: torch.from_numpy(scan.voxels)[None] for channel, scan in scans.items()}
    steps = Compose(
        [
            RandRotated([*scans, "labels"], *turn, prob=1.0, mode=["bilinear"] * len(scans) + ["nearest"], padding_mode="border"),
            RandGaussianSmoothd(list(scans), *[(0.3, BLUR)] * 3, prob=0.5),
            RandScaleIntensityd(list(scans), GAIN, prob=1.0),
        ]
    )
    steps.set_random_state(crc32(f"{case} {number}".encode()))
    data = steps(data)
    for place, channel in enumerate(scans):
        noise = RandGaussianNoised([channel], prob=1.0, std=NOISE * float(scans[channel].voxels.std()))
        noise.set_random_state(crc32(f"{case} {number} {channel}".encode()))
        voxels = np.asarray(noise(data)[channel][0], np.float32)
        write_volume(Volume(voxels, labels.ijk_to_ras), dataset.image_file(name, place))
    write_volume(Volume(np.asarray(data["labels"][0]).round().astype(np.uint8), labels.ijk_to_ras), dataset.label_file(name))
