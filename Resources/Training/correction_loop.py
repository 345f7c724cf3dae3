"""Walks through the whole loop on drawn scans: segment, correct, accept, fine-tune, segment again.

    python Resources/Training/correction_loop.py tumor --model tumor_glioma --look inverted -o LOOP
    python Resources/Training/correction_loop.py spine --model spine_2d --cases 3 --unseen 2 -o LOOP

The scans have a look that the model does not know. The drawing's truth stands in for the person who corrects. ``LOOP`` receives the
corrections, the new model and ``loop.csv``; unseen scans are drawn from other seeds than corrected ones.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from neurospineseg.cli.corrections import corrections
from neurospineseg.geometry.agreement import dice
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.phantoms import drawn_tasks, phantom
from Training import fine_tune
from Training.training.program import run_program

CORRECTED, UNSEEN = 3001, 4001
"""First seeds."""


def inverted(voxels: np.ndarray) -> np.ndarray:
    """Bright is dark, as in an image that was exported with its gray values inverted; air stays 0."""
    inside = voxels > 0
    top = float(np.percentile(voxels[inside], 99.5))
    return np.where(inside, np.clip(top - voxels, 0, None) + 0.05 * top, 0).astype(np.float32)


def steep(voxels: np.ndarray) -> np.ndarray:
    """Contrast far steeper than usual: the third power."""
    top = float(np.percentile(voxels[voxels > 0], 99.5))
    return (1000 * np.clip(voxels / top, 0, 1) ** 3).astype(np.float32)


LOOKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"inverted": inverted, "steep": steep}


@cache
def drawn(task: str, seed: int, look: str) -> tuple[dict[str, Volume], np.ndarray]:
    """A drawn scan by channel in a look, and its truth, label values of the task's structures (K, J, I)."""
    images, ijk_to_ras, labels = phantom(task, seed)
    return {channel: Volume(LOOKS[look](voxels), ijk_to_ras) for channel, voxels in images.items()}, labels


def mean_dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Over the structures that the truth shows."""
    return float(np.mean([dice(found == value, truth == value) for value in np.unique(truth) if value]))


def judged(segmenter: Segmenter, seeds: Iterable[int], look: str) -> list[float]:
    """Mean Dice of each drawn scan."""
    values = []
    for seed in seeds:
        scans, truth = drawn(segmenter.task, seed, look)
        values.append(mean_dice(segmenter.run(scans).labels.voxels, truth))
    return values


def segmenter_of(task: str, model: str) -> Segmenter:
    return Segmenter(task, Settings(model=model, device="cpu", force=True))


def accept(segmenter: Segmenter, seeds: Iterable[int], look: str, folder: Path) -> None:
    """Segments scans, corrects them by the truth and accepts that."""
    spec = segmenter.bundle.spec
    for seed in seeds:
        scans, truth = drawn(segmenter.task, seed, look)
        found = segmenter.run(scans).labels.voxels.astype(np.uint16)
        labels = Volume(truth.astype(np.uint16), next(iter(scans.values())).ijk_to_ras)
        model = {"name": spec.name, "version": spec.version, "sha256": segmenter.bundle.checksum}
        case, scores = store_correction(folder, segmenter.task, scans, labels, found, model)
        print(f"Accepted {case.name}: mean Dice before correction {np.mean(list(scores.values())):.3f}", flush=True)


def walk(options: argparse.Namespace) -> None:
    options.output.mkdir(parents=True, exist_ok=True)
    kept, models = options.output / "corrections", options.output / "models"
    corrected, unseen = range(CORRECTED, CORRECTED + options.cases), range(UNSEEN, UNSEEN + options.unseen)
    segmenter = segmenter_of(options.task, options.model)
    name = f"{segmenter.bundle.spec.name}_{options.look}"
    print(f"1. Segment, correct, accept {options.cases} scans that look '{options.look}'.", flush=True)
    accept(segmenter, corrected, options.look, kept)
    print(f"2. Segment {options.unseen} other scans of that look.", flush=True)
    before = judged(segmenter, unseen, options.look)
    corrections(argparse.Namespace(folder=kept, task=options.task, output=None, overwrite=False))
    print("3. Fine-tune on the corrections.", flush=True)
    begun, spent = perf_counter(), process_time()
    places = ["--name", name, "--models", str(models), "--folder", str(options.output / "run"), "--device", "cpu"]
    model = str(find_bundle(options.model).folder)
    if fine_tune.main([str(kept), "--model", model, "--minutes", str(options.minutes), *places]):
        raise SystemExit(1)
    seconds, own = perf_counter() - begun, process_time() - spent
    print("4. Segment the same other scans again.", flush=True)
    after = judged(segmenter_of(options.task, str(models / name)), unseen, options.look)
    with open(options.output / "loop.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("seed", "before", "after"), *zip(unseen, before, after)])
    for seed, low, high in zip(unseen, before, after):
        print(f"   scan {seed}: mean Dice {low:.3f} -> {high:.3f}")
    load = f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    print(
        f"{options.cases} corrected scans, {options.unseen} unseen ones: mean Dice {np.mean(before):.3f} before, {np.mean(after):.3f} after; "
        f"fine-tuned in {seconds:.0f} s ({own:.0f} s of processor time{load})."
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("task", choices=drawn_tasks())
    made.add_argument("--model", required=True, metavar="NAME", help="the model to begin with")
    made.add_argument("--look", choices=LOOKS, default="inverted", help="default: inverted")
    made.add_argument("--cases", type=int, default=5, help="corrected scans; default 5")
    made.add_argument("--unseen", type=int, default=10, help="scans to judge by; default 10")
    made.add_argument("--minutes", type=float, default=8.0, help="for the fine-tuning; default 8")
    made.add_argument("-o", "--output", type=Path, required=True, metavar="LOOP", help="a new folder")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), walk, arguments)


if __name__ == "__main__":
    sys.exit(main())
