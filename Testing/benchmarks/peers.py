"""Whether added models give the masks that their own programs give: MONAI's inferer, and nnU-Net's predictor where it is installed.

The models are made by those programs' own code, with random weights, in a few seconds; the scans are drawn.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from neurospineseg.cli.console import out, say, table
from neurospineseg.images.volume import read_volume
from neurospineseg.pipeline.adding import Wishes, add_model
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import ended, parser
from Testing.peer_models import GLIOMA, KINDS, MONAI_LABELS, dice_of, drawn_scans, monai_bundle, monai_finds

COLUMNS = ("Model", "Voxels", "Labels", "Least Dice", "Dice by the peer's label")


def own_labels(added: Path, scans: dict[str, Path], models: Path, device: str = "cpu") -> np.ndarray:
    """What this program finds with a model that it adds: label values (I, J, K)."""
    bundle = add_model(added, Wishes(name=f"drawn_{len(list(models.glob('*')))}"), models).bundle
    read = {channel: read_volume(path) for channel, path in zip(bundle.spec.channels, scans.values())}
    result = Segmenter(bundle.spec.task, Settings(model=str(bundle.folder), device=device)).run(read)
    return result.labels.voxels.transpose(2, 1, 0)


def against_monai(folder: Path, device: str) -> list[dict[str, Any]]:
    found = []
    for kind in KINDS:
        scans = drawn_scans(folder / "scans", GLIOMA if kind == "sigmoid" else ["scan"])
        bundle = monai_bundle(folder / kind, kind)
        found.append(
            _row(kind, own_labels(bundle, scans, folder / "models", device), monai_finds(bundle, list(scans.values())), MONAI_LABELS[kind])
        )
    return found


def against_nnunet(folder: Path, device: str) -> list[dict[str, Any]]:
    from Testing.peer_nnunet import CASES, case_of, last_stage, predictor_finds

    found = []
    for name in CASES:
        scans = drawn_scans(folder / f"scans {name}", GLIOMA if "regions" in name else ["scan"], coarse="coarse" in name)
        added, first, values = case_of(name, folder / name)
        expected = predictor_finds(last_stage(added, first), list(scans.values()), folder / name / "scratch", first)
        found.append(_row(name, own_labels(added, scans, folder / "models", device), expected, values))
    return found


def _row(name: str, ours: np.ndarray, theirs: np.ndarray, values: dict[int, int]) -> dict[str, Any]:
    dice = dice_of(ours, theirs, values)
    labels = {int(value): int((theirs == value).sum()) for value in np.unique(theirs) if value}
    return {"model": name, "voxels": labels, "dice": dice, "least_dice": min(dice.values())}


def show(title: str, rows: list[dict[str, Any]]) -> None:
    cells = [
        (
            row["model"],
            str(sum(row["voxels"].values())),
            str(len(row["voxels"])),
            f"{row['least_dice']:.5f}",
            ", ".join(f"{label}: {dice:.5f}" for label, dice in row["dice"].items()),
        )
        for row in rows
    ]
    out().print(table(title, COLUMNS, cells, right=(1, 2, 3)))


def main() -> None:
    made = parser(__doc__ or "", rounds=None)
    options = made.parse_args()
    theirs: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        monai = against_monai(Path(folder), options.device)
        show("MONAI's own parser and inferer", monai)
        if importlib.util.find_spec("nnunetv2") is None:
            say("nnU-Net's predictor was left out: the package nnunetv2 is not installed.")
        else:
            theirs = against_nnunet(Path(folder), options.device)
            show("nnUNetPredictor", theirs)
    print(machine_line(machine(options.device)))
    write_json(options.json, "peers", options.device, options.quick, monai=monai, nnunet=theirs)


if __name__ == "__main__":
    raise SystemExit(ended(main))
