"""Draws the samples that come with the program, for Slicer's Sample Data module and the demonstration.

    python Resources/Training/draw_samples.py --output ../samples

Without ``--output`` those of the program are drawn anew, in ``Resources/Samples``. Each task's folder gets one image per channel, ``labels.nrrd``
with what was drawn, and ``thumbnail.png``. They are kept small: intensities in whole steps from 0 to 255, nothing in the air, a grid no finer than
the models need.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from neurospineseg.images.nrrd_file import write_nrrd
from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import PLANES, busiest_point, cut, gray_window
from neurospineseg.tasks.samples import SAMPLES_FOLDER, Sample
from neurospineseg.tasks.task import task_named
from Training.synthetic.nuclei.phantom import labeled_phantom
from Training.synthetic.spine.phantom import spine_phantom
from Training.synthetic.tumor.phantom import tumor_phantom
from Training.training.program import run_program

DENSEST = 9
"""Of zlib's levels."""
THUMBNAIL_MM, THUMBNAIL_PIXELS = (285.0, 190.0), (384, 256)
"""Width and height of what a thumbnail shows, and of itself: Sample Data's buttons show pictures of 3 to 2."""


@dataclass(frozen=True)
class Recipe:
    """How a sample is drawn and kept.

    Attributes:
        draw: gives image or images by channel, float32 (K, J, I), 4x4 ijk to RAS in mm, and labels (K, J, I).
        step: of the image's intensities that becomes 1 in the file.
        air: what is darker becomes 0, so that the noise outside the body takes no room.
        plane: of ``PLANES``, which the thumbnail shows.
    """

    draw: Callable[[], tuple[np.ndarray | Mapping[str, np.ndarray], np.ndarray, np.ndarray]]
    step: float
    air: float
    plane: int


RECIPES = {
    "tumor": Recipe(lambda: tumor_phantom(8), 2.0, 0.0, 0),
    "spine": Recipe(lambda: spine_phantom(3), 4.0, 0.0, 2),
    "subcortical": Recipe(lambda: labeled_phantom(7, 1.5), 4.0, 10.0, 1),
}
"""The glioma is that of the first seed, counted from 0, with at least 8 mL of each of the three parts, of which edema is the largest, and in whose contrasts
the program doubts none: two necrotic foci with an enhancing rim, 12 mL necrosis, 9 mL enhancement and 88 mL edema. The model was run on the seeds 0 to
10 while one was sought, and finds this one better than most: Dice of whole tumor 0.92, of all eleven 0.49 to 0.93 with a median of 0.88. Its Dice says
therefore that the program works, not how well. The spine is that of the first seed of which the model misses no vertebra in view; those at the upper edge are
mostly too small a part to be found. The head has the seed that it always had, 7.
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--output", type=Path, default=SAMPLES_FOLDER, help="folder to write to; default: that of the program's own samples")
    made.add_argument("--only", choices=RECIPES, help="one task only")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), write_samples, arguments)


def write_samples(options: argparse.Namespace) -> None:
    for task in [options.only] if options.only else RECIPES:
        sample = write_sample(task, options.output)
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 1000:.0f} kB" for path in sorted(sample.folder.iterdir()))
        print(f"{sample.folder}: {sizes}", flush=True)


def write_sample(task: str, folder: Path) -> Sample:
    """Draws a task's sample and writes its files into a folder of the task's name."""
    sample = Sample(folder / task, task_named(task).channel_keys)
    sample.folder.mkdir(parents=True, exist_ok=True)
    scans, labels = draw_sample(task)
    for channel, path in sample.scans.items():
        write_nrrd(scans[channel].voxels, scans[channel].ijk_to_ras, path, {}, DENSEST)
    write_nrrd(labels.voxels, labels.ijk_to_ras, sample.labels, {}, DENSEST)
    first = scans[sample.channels[0]]
    imsave(sample.thumbnail, thumbnail(first, labels, RECIPES[task].plane), cmap="gray", vmin=0, vmax=1)
    return sample


def draw_sample(task: str) -> tuple[dict[str, Volume], Volume]:
    """The images by channel, uint8, and the label values of what was drawn, as they are kept."""
    recipe = RECIPES[task]
    drawn, ijk_to_ras, labels = recipe.draw()
    images = drawn if isinstance(drawn, Mapping) else {task_named(task).channel_keys[0]: drawn}
    scans = {channel: Volume(kept(image, recipe), ijk_to_ras) for channel, image in images.items()}
    return scans, Volume(labels.astype(np.uint8 if labels.max() < 256 else np.uint16), ijk_to_ras)


def kept(image: np.ndarray, recipe: Recipe) -> np.ndarray:
    """An image in whole steps, uint8 of the same shape; what is brighter than 255 steps is 255."""
    steps = np.where(image < recipe.air, 0.0, image / recipe.step)
    return steps.round().clip(0, 255).astype(np.uint8)


def thumbnail(scan: Volume, labels: Volume, plane: int) -> np.ndarray:
    """Gray values from 0 to 1, rows downward, of a slice through the drawn structures."""
    point, view = busiest_point(labels), PLANES[plane]
    low, high = scan.grid.corners().min(0), scan.grid.corners().max(0)
    middle = (low + high) / 2
    for (axis, _), length in zip((view.across, view.up), THUMBNAIL_MM):
        low[axis], high[axis] = middle[axis] - length / 2, middle[axis] + length / 2
    gray = cut(scan, labels, (), view, point, (low, high)).gray
    black, white = gray_window(scan)
    rows = (np.arange(THUMBNAIL_PIXELS[1]) * gray.shape[0] / THUMBNAIL_PIXELS[1]).astype(int)
    columns = (np.arange(THUMBNAIL_PIXELS[0]) * gray.shape[1] / THUMBNAIL_PIXELS[0]).astype(int)
    return ((gray[np.ix_(rows, columns)] - black) / (white - black)).clip(0, 1)[::-1]


if __name__ == "__main__":
    sys.exit(main())
