"""Heads kept ready to cut examples from: four contrasts in 8 bits, classes, and what normalization needs to know of each contrast.

A case is a folder with ``image.npy`` (uint8 (4, K, J, I), 0 where a contrast was not taken), ``labels.npy`` (uint8 (K, J, I): 0 no
tumor, 1 necrotic core, 2 edema, 3 enhancing) and ``case.json``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from neurospineseg.images.intensity import background_value

LEVELS = 255
KINDS = ("patient", "healthy", "drawn")
BRIGHTEST = 0.9995
"""Share of the voxels that are not saturated."""
RANKS = 256
PLACES = 4000
TISSUE = 0.1
"""Share of the 99th percentile above which a voxel is foreground, as in ``neurospineseg.intensity.normalize_channel``."""


@dataclass(frozen=True)
class GliomaCase:
    """A head.

    Attributes:
        kind: one of ``KINDS``.
        given: which of T1c, T1, T2 and FLAIR were taken, bool (4,).
        background: the gray value of each contrast's background, float32 (4,); ``ranks``: quantiles of its foreground, (4, ``RANKS``).
        places: voxels (N, 3) of the classes that occur, by class; 0 is head without tumor.
    """

    name: str
    kind: str
    image: np.ndarray
    labels: np.ndarray
    given: np.ndarray
    background: np.ndarray
    ranks: np.ndarray
    places: dict[int, np.ndarray]

    def background_of(self, raw: torch.Tensor) -> torch.Tensor:
        """Bool (4, K, J, I): where a patch's gray values (4, K, J, I) are the background's."""
        return (raw - torch.from_numpy(self.background).view(4, 1, 1, 1)).abs() < 0.5


def in_range_of(values: torch.Tensor, before: np.ndarray, after: np.ndarray) -> torch.Tensor:
    """Gray values of a contrast with the quantiles ``before`` as they would be in one with the quantiles ``after``: mean and deviation alike."""
    return (values - float(before.mean())) / float(before.std() + 1e-6) * float(after.std()) + float(after.mean())


def in_8_bits(channel: torch.Tensor) -> np.ndarray:
    """A contrast (K, J, I) as uint8: 0 only where it is 0, 255 where it is brightest or negative values are absent; scaled linearly."""
    low = channel.min().clamp_max(0)
    top = torch.quantile(channel.flatten()[:: max(1, channel.numel() // 500_000)], BRIGHTEST)
    scaled = ((channel - low) / (top - low).clamp_min(1e-6) * LEVELS).round().clamp(0, LEVELS)
    return torch.where((channel > 0) & (scaled == 0), 1.0, scaled).to(torch.uint8).numpy()


def write_case(folder: Path, kind: str, image: np.ndarray, labels: np.ndarray) -> None:
    """Writes a case, complete or not at all; a contrast that holds nothing counts as not taken."""
    backgrounds, ranks = [], []
    for channel in torch.from_numpy(image).float():
        shifted = channel - background_value(channel)
        sample = shifted.flatten()[::7]
        top = sample[sample != 0].abs()
        empty = top.numel() < 16
        foreground = torch.zeros(1) if empty else channel.flatten()[::7][sample.abs() > TISSUE * torch.quantile(top[:1_000_000], 0.99)]
        backgrounds.append(float(channel.flatten()[0] - shifted.flatten()[0]))
        ranks.append(np.quantile(foreground.numpy(), (np.arange(RANKS) + 0.5) / RANKS).round(2).tolist())
    rng, places = np.random.default_rng(0), {}
    head = (image.astype(np.int16) - np.array(backgrounds, np.int16)[:, None, None, None] != 0).any(0)
    for value in range(4):
        found = np.argwhere((labels == value) & head if value == 0 else labels == value)
        if len(found):
            places[value] = found[rng.integers(0, len(found), min(PLACES, len(found)))].tolist()
    room = folder.with_name(f".{folder.name}")
    room.mkdir(parents=True, exist_ok=True)
    np.save(room / "image.npy", image)
    np.save(room / "labels.npy", labels.astype(np.uint8))
    known = {"kind": kind, "given": image.any((1, 2, 3)).tolist(), "background": backgrounds, "ranks": ranks, "places": places}
    (room / "case.json").write_text(json.dumps(known), encoding="utf-8")
    room.rename(folder)


def read_case(folder: Path) -> GliomaCase:
    """A case whose image stays on disk until it is cut."""
    known = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return GliomaCase(
        folder.name,
        known["kind"],
        np.load(folder / "image.npy", mmap_mode="r"),
        np.load(folder / "labels.npy", mmap_mode="r"),
        np.array(known["given"]),
        np.array(known["background"], np.float32),
        np.array(known["ranks"], np.float32),
        {int(value): np.array(found, np.int32) for value, found in known["places"].items()},
    )


def read_cases(folder: Path) -> list[GliomaCase]:
    """Every case of a folder, by name."""
    return [read_case(path.parent) for path in sorted(folder.glob("[!.]*/case.json"))]


def fold_of(names: Sequence[str], folds: int) -> dict[str, int]:
    """The fold of each name: dealt round robin in their order."""
    return {name: number % folds for number, name in enumerate(sorted(names))}
