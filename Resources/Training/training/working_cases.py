"""A data set's cases on a model's working grid, kept as arrays that are read patch by patch.

Scans go there by the same passage as in ``neurospineseg.pipeline.segmenter``, so that a network is trained on what it will be given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid, straight_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.models.bundle import ModelSpec
from Training.datasets.raw_dataset import IGNORE, RawDataset, write_json
from Training.training.bilateral import located_grid

PLACES_PER_CLASS = 5000


@dataclass(frozen=True)
class WorkingCase:
    """A case on the working grid.

    Attributes:
        name: with the data set's, where there are several.
        image: float16 (C, K, J, I), mapped from disk.
        labels: uint8 (K, J, I), values of the data set.
        places: some voxels (N, 3) of each label value that is there, background and ``ignore`` left out.
        lookup: int64, for each label value the bit mask of the model's classes it may be.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    places: dict[int, np.ndarray]
    lookup: np.ndarray

    def __reduce__(self) -> tuple:
        """Goes to another process without its voxels, which that maps anew."""
        arrays = (Path(each.filename) if isinstance(each, np.memmap) else each for each in (self.image, self.labels))
        return _mapped, (self.name, *arrays, self.places, self.lookup)


def _mapped(
    name: str, image: np.ndarray | Path, labels: np.ndarray | Path, places: dict[int, np.ndarray], lookup: np.ndarray
) -> WorkingCase:
    image, labels = (np.load(each, mmap_mode="r") if isinstance(each, Path) else each for each in (image, labels))
    return WorkingCase(name, image, labels, places, lookup)


def median_spacing(data: RawDataset, cases: Sequence[str]) -> tuple[float, float, float]:
    """The median voxel size along R, A, S in mm over the cases' first channels."""
    sizes = []
    for case in cases:
        grid = read_volume(data.image_file(case)).grid
        nearest = np.abs(grid.affine.axes).argmax(1)
        sizes.append(grid.spacing[nearest])
    return tuple(round(float(mm), 3) for mm in np.median(sizes, axis=0))


def stem(name: str) -> str:
    """What classes that divide one structure have in common: ``vertebra`` of ``vertebra_body``."""
    return "vertebra" if name.startswith("vertebra") else name


def class_bits(data: RawDataset, classes: Sequence[str]) -> np.ndarray:
    """For each label value of a data set, the bit mask of the model's classes that a voxel of it may be; int64.

    A label with a class's name is that class. A ``vertebra`` may be body or arch. Background may also be any class that the data
    set does not label, ``ignore`` anything.

    Raises:
        InputError: no class of the model has a label's name.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    lookup, covered = np.zeros(max(data.labels.values()) + 1, np.int64), set()
    for name, value in data.labels.items():
        if name in ("background", IGNORE):
            continue
        fits = [name] if name in numbers else [other for other in classes if stem(other) == name]
        if not fits:
            raise InputError(
                f"The label '{name}' of '{data.folder.name}' is no class of the model ({', '.join(classes[1:])}); rename it when preparing."
            )
        lookup[value] = sum(1 << numbers[fit] for fit in fits)
        covered.update(fits)
    lookup[0] = sum(1 << number for name, number in numbers.items() if name not in covered)
    if data.ignored is not None:
        lookup[data.ignored] = (1 << len(classes)) - 1
    return lookup


def working_cases(data: RawDataset, names: Sequence[str], spec: ModelSpec) -> list[WorkingCase]:
    """The cases on the working grid, brought there where that was not done before.

    Raises:
        InputError: the data set lacks a channel that the model needs, or a file cannot be read or written.
    """
    missing = [channel for channel in spec.channels if channel not in data.channels]
    if len(missing) == len(spec.channels) or (missing and not spec.optional_channels):
        raise InputError(f"The data set '{data.folder.name}' has no channel {' and '.join(missing)}, which the model needs.")
    folder = data.folder / "working" / _key(spec)
    stale = [name for name in names if not _is_current(folder, data, name)]
    lookup = class_bits(data, spec.classes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in track(stale, description="Bringing onto the model's grid", disable=not stale):
            _bring(data, name, spec, folder)
    except OSError as error:
        raise InputError(
            f"The cases on the model's grid cannot be kept in '{folder}' ({error.strerror or error}); make room there, or copy the data set to where files can be written."
        ) from error
    return [_opened(folder, name, lookup, data.ignored) for name in names]


def _key(spec: ModelSpec) -> str:
    decides = [spec.channels, spec.spacing, spec.normalization, *([spec.locator, spec.region_mm] if spec.bilateral else [])]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]


def _state(data: RawDataset, name: str) -> list[int]:
    files = [data.image_file(name, number) for number in range(len(data.channels))] + [data.label_file(name)]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise InputError(f"'{missing}' is missing; prepare the data set again.")
    return [file.stat().st_mtime_ns for file in files]


def _is_current(folder: Path, data: RawDataset, name: str) -> bool:
    note = folder / f"{name}.json"
    return note.is_file() and json.loads(note.read_text(encoding="utf-8")) == _state(data, name)


def _bring(data: RawDataset, name: str, spec: ModelSpec, folder: Path) -> None:
    scans, labels = data.read(name)
    unknown = sorted(set(np.unique(labels.voxels).tolist()) - set(data.labels.values()))
    if unknown:
        raise InputError(f"The labels of '{name}' hold {unknown[0]:g}, which dataset.json does not name; prepare the data set again.")
    grid = located_grid(scans, spec) if spec.bilateral else straight_grid(next(iter(scans.values())).grid, np.array(spec.spacing))
    _save(folder / f"{name}_image.npy", to_model_grid(scans, grid, spec).half().numpy())
    _save(folder / f"{name}_labels.npy", labels_on(labels, grid))
    write_json(folder / f"{name}.json", _state(data, name))


def _save(path: Path, array: np.ndarray) -> None:
    """Writes under a temporary name and moves, since another training may have mapped the file."""
    with whole_file(path) as new:
        np.save(new, array)


def labels_on(labels: Volume, grid: Grid) -> np.ndarray:
    """A label map on another grid, uint8 (K, J, I): each label's mask is interpolated and the highest wins."""
    values = [int(value) for value in np.unique(labels.voxels)]
    best, result = torch.zeros(grid.shape), torch.zeros(grid.shape, dtype=torch.uint8)
    for value in values:
        mask = torch.from_numpy((labels.voxels == value).astype(np.float32))[None]
        share = resample(mask, labels.grid, grid)[0]
        result = torch.where(share > best, torch.tensor(value, dtype=torch.uint8), result)
        best = torch.maximum(share, best)
    return result.numpy()


def _opened(folder: Path, name: str, lookup: np.ndarray, ignored: int | None) -> WorkingCase:
    image = np.load(folder / f"{name}_image.npy", mmap_mode="r")
    labels = np.load(folder / f"{name}_labels.npy", mmap_mode="r")
    return WorkingCase(name, image, labels, dict(_places(np.asarray(labels), ignored)), lookup)


def _places(labels: np.ndarray, ignored: int | None) -> Iterator[tuple[int, np.ndarray]]:
    for value in np.unique(labels):
        if value and value != ignored:
            found = np.argwhere(labels == value)
            yield int(value), found[:: max(1, len(found) // PLACES_PER_CLASS)]
