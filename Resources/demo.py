"""The whole job on drawn scans, for each task that has one.

    python3 Resources/bootstrap.py demo [--output FOLDER] [--seed N] [--only TASK] [--device NAME]

The scans are the samples that come with the program, or with ``--seed`` others that it draws now. Each lies in a file in the
output's folder and is segmented from it as ``neurospineseg segment`` does it. The page shows the masks, the volumes, the seconds per stage and the Dice against what was drawn.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import nibabel as nib
import numpy as np

from neurospineseg.atomic_files import SEGMENTATION_ENDING
from neurospineseg.cli.console import StageProgress, forgive_encoding, out, say, table
from neurospineseg.cli.main import BAD_INPUT, CANCELED, DONE
from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.pages.html_page import Case, segments_of, write_page
from neurospineseg.pages.slice_pictures import write_overlay
from neurospineseg.pipeline.file_job import FileJob, run_file_job
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.anatomy import all_structures, structures_of
from neurospineseg.tasks.phantoms import drawn_tasks, phantom
from neurospineseg.tasks.samples import sample_of
from neurospineseg.tasks.task import task_named


@dataclass(frozen=True)
class Drawing:
    """A drawn scan: the file of each modality, and for every structure key a bool mask (K, J, I)."""

    scans: Mapping[str, Path]
    truth: Mapping[str, np.ndarray]


def main() -> int:
    options = _options()
    forgive_encoding(sys.stdout, sys.stderr)
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    started = perf_counter()
    cases, failed = [], False
    try:
        for task in [options.only] if options.only else drawn_tasks():
            try:
                cases.append(_run(task, folder / task, options.seed, options.device))
            except InputError as error:
                failed = True
                say(f"{task}: {error}")
    except KeyboardInterrupt:
        say("Canceled.")
        return CANCELED
    if not cases:
        return BAD_INPUT
    page, names = folder / "index.html", {structure.key: structure.name for structure in all_structures()}
    lead = (
        "The program drew these scans itself: Dice says how well a mask agrees with what was drawn, not how well it would on a real scan."
    )
    write_page(page, cases, "NeuroSpineSeg on drawn scans", lead)
    rows = [(case.task, names[key], f"{score:.2f}") for case in cases for key, score in case.dice.items()]
    out().print(table(None, ("Task", "Structure", "Dice"), rows, right=(2,)))
    print(f"Done in {perf_counter() - started:.0f} s. Open this page: {page.resolve()}")
    return BAD_INPUT if failed else DONE


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description="Segments drawn scans and shows them on a page.")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).resolve().parent.parent / "demo-output",
        help="folder to write to (default: demo-output)",
    )
    parser.add_argument("--seed", type=int, help="draw other scans than the samples; the seed decides what")
    parser.add_argument("--only", choices=drawn_tasks(), help="one task only")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def _run(task: str, folder: Path, seed: int | None, device: str) -> Case:
    with StageProgress() as progress:
        progress(f"{'Reading the sample' if seed is None else 'Drawing a scan'}: {task}", 0.0)
        drawing = stored(task, folder) if seed is None else draw(task, folder, seed)
        output = folder / f"{task}{SEGMENTATION_ENDING}"
        job = FileJob(task, drawing.scans, output, Settings(device=device), overwrite=True)
        result = run_file_job(job, progress)
        progress("Drawing the pictures", 0.0)
        scans = {name: read_volume(path) for name, path in drawing.scans.items()}
        case = Case(task, scans, result.labels, segments_of(result.report), result.report, agreement(result, drawing.truth))
        write_overlay(folder / f"{task}.png", scans[case.reference], case.labels, case.segments, task_named(task).margin_mm)
    return case


def stored(task: str, folder: Path) -> Drawing:
    """Copies the files of a task's sample into ``folder``.

    Raises:
        InputError: none comes with the program.
    """
    sample = sample_of(task)
    if sample is None:
        raise InputError(f"No sample of {task} comes with the program; draw a scan with --seed 1.")
    folder.mkdir(parents=True, exist_ok=True)
    scans = {name: folder / (f"{task}.nrrd" if name == "image" else file.name) for name, file in sample.scans.items()}
    for name, file in sample.scans.items():
        shutil.copyfile(file, scans[name])
    return Drawing(scans, truth_masks(task, read_volume(sample.labels).voxels))


def draw(task: str, folder: Path, seed: int) -> Drawing:
    """Draws a task's scan and writes its modalities into ``folder``."""
    images, ijk_to_ras, labels = phantom(task, seed)
    folder.mkdir(parents=True, exist_ok=True)
    scans = {}
    for name, image in images.items():
        scans[name] = folder / f"{task if name == 'image' else name}.nii.gz"
        picture = nib.Nifti1Image(np.asarray(image, np.float32).round().astype(np.int16).T, ijk_to_ras)
        picture.header.set_xyzt_units("mm")
        nib.save(picture, scans[name])
    return Drawing(scans, truth_masks(task, np.asarray(labels)))


def truth_masks(task: str, labels: np.ndarray) -> dict[str, np.ndarray]:
    """What was drawn as one bool mask (K, J, I) per structure key."""
    return {structure.key: labels == structure.label for structure in structures_of(task) if (labels == structure.label).any()}


def agreement(result, truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Dice by structure key, of every structure that was drawn."""
    label_of = {structure.key: structure.label for structure in result.structures}
    labels: Volume = result.labels
    return {key: dice(mask, labels.voxels == label_of.get(key, -1)) for key, mask in truth.items()}


if __name__ == "__main__":
    raise SystemExit(main())
