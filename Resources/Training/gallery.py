"""A page of drawn examples beside real scans, both as a network gets them: to see what the drawing still lacks.

    python Resources/Training/gallery.py gallery.html
    python Resources/Training/gallery.py gallery.html --recipes tumor_glioma spine_3d --drawn 8 --seed 5

Real scans are shown where their folder is at hand (``NEUROSPINESEG_DATA``), otherwise the page holds drawn ones alone.
"""

from __future__ import annotations

import argparse
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid, straight_grid
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.tasks.task import task_named
from Training.datasets.real_data import DATA
from Training.training.examples import Drawn
from Training.training.losses import UNKNOWN, known_classes
from Training.training.network_shape import model_spec
from Training.training.program import run_program
from Training.training.recipe import RECIPES, read_recipe
from Training.training.session import drawn_source

COLUMNS, SIDE_INCHES = 4, 2.4
REAL: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "tumor": (
        *({name: f"tumor/BraTS-GLI-00001-000/{file}.nii.gz"} for name, file in (("t1c", "t1c"), ("t1", "t1n"), ("t2", "t2w"), ("flair", "t2f"))),
        {"t1c": "tumor/deepmedic_brats2013_pat0001/T1c_subtrMeanDivStd.nii.gz"},
        {"flair": "tumor/deepmedic_brats2013_pat0001/Flair_subtrMeanDivStd.nii.gz"},
        {"t2": "other/head_t2w.nii.gz"},
        {"t1": "subcortical/templates/icbm152_2009a_sym_t1.nii.gz"},
    ),
    "spine": tuple(
        {"image": f"spine/{name}.nii.gz"}
        for name in (
            "chu2015/VB2_02_img", "evaluate/VB1_02_img", "evaluate/VB1_12_img", "evaluate/VB3_01_img", "evaluate/VB3_20_img",
            "evaluate/IVD_11_img", "crops/sub-mri_label-6_T2w", "crops/sub-ct_label-22_ct",
        )
    ),
    "subcortical": tuple(
        {"image": name}
        for name in (
            "subcortical/templates/icbm152_2009a_sym_t1.nii.gz", "subcortical/templates/MNI6_T1w_1mm_ZonaBB_img.nii.gz",
            "other/head_t2w.nii.gz", "other/head_pd_no_tumor.nii.gz",
        )
    ),
}  # fmt: skip
"""Of each task, scans (channel: file below the folder of real data) of many kinds."""


def drawn_tiles(
    spec: ModelSpec, source: Callable[[], object], count: int, seed: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Title, slice (rows downward) and its classes, of drawn examples, each from a scan of its own; of several channels one after the other.

    Args:
        source: gives a drawing that has drawn nothing yet, which therefore cuts no example from a scan that was shown before.
    """
    for number in range(count):
        image, bits, _ = Drawn(source(), count, seed)[(0, number)]
        channels = len(spec.channels)
        channel = number % channels
        if not image[channel * spec.slices].any():
            channel = next(c for c in range(channels) if image[c * spec.slices].any())
        classes = known_classes(bits)
        yield spec.channels[channel], *_slice(spec, image.numpy(), classes.numpy(), channel)


def real_tiles(spec: ModelSpec) -> Iterator[tuple[str, np.ndarray, None]]:
    """Likewise of the real scans at hand, the middle of each."""
    for files in REAL[spec.task]:
        names = {name: DATA / file for name, file in files.items() if (DATA / file).is_file() and name in spec.channels}
        if not names:
            continue
        volumes = {name: read_volume(path) for name, path in names.items()}
        try:
            grid = _patch_grid(spec, volumes)
        except InputError:
            continue
        image = to_model_grid(volumes, grid, spec).numpy()
        channel = spec.channels.index(next(iter(names)))
        yield f"{next(iter(names))}, real", _slice_3d(spec, image[channel]), None


def _patch_grid(spec: ModelSpec, volumes: Mapping[str, Volume]) -> Grid:
    scan = next(iter(volumes.values()))
    if spec.locator is not None:
        region = Segmenter(spec.task, Settings(model=spec.name, device="cpu")).find_region(volumes)
        return Grid.canonical(region.center, np.array(region.size), np.array(spec.spacing), np.array(region.axes))
    return straight_grid(scan.grid, np.array(spec.spacing))


def _slice(spec: ModelSpec, image: np.ndarray, classes: np.ndarray, channel: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a patch as the network gets it: (C, K, J, I) or, of a 2D network, (C * slices, rows, columns)."""
    if spec.slice_axis is not None:
        return np.flipud(image[channel * spec.slices + spec.slices // 2]), np.flipud(classes)
    return _slice_3d(spec, image[channel]), _slice_3d(spec, classes)


def _slice_3d(spec: ModelSpec, volume: np.ndarray) -> np.ndarray:
    """The middle sagittal slice of a chain of vertebrae, else the middle axial one; (K, J, I) to rows downward."""
    return np.flipud(volume[:, :, volume.shape[2] // 2] if task_named(spec.task).renumbers else volume[volume.shape[0] // 2])


def picture(tiles: list[tuple[str, np.ndarray, np.ndarray | None]], classes: int) -> bytes:
    """A PNG file of all tiles, each with its known classes beside it."""
    shown = [(title, image, None) for title, image, _ in tiles]
    if any(labels is not None for *_, labels in tiles):
        shown = [tile for title, image, labels in tiles for tile in ((title, image, None), ("its classes", image, labels))]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure((COLUMNS * SIDE_INCHES, rows * SIDE_INCHES))
    for number, (title, image, labels) in enumerate(shown):
        axes = figure.add_subplot(rows, COLUMNS, number + 1)
        low, high = np.percentile(image, (1, 99.5))
        axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        if labels is not None:
            known = np.ma.masked_where((labels == 0) | (labels == UNKNOWN), labels)
            axes.imshow(known, cmap="tab20", vmin=0, vmax=max(19, classes), alpha=0.55, interpolation="nearest")
        axes.set_title(title, fontsize=8)
        axes.axis("off")
    figure.tight_layout(pad=0.3)
    stream = BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


def parser() -> argparse.ArgumentParser:
    bundled = sorted(path.stem for path in RECIPES.glob("*.yaml") if read_recipe(path.stem, ()).drawn is not None)
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("page", type=Path, help="the .html file to write")
    made.add_argument("--recipes", nargs="+", choices=bundled, default=bundled, metavar="RECIPE", help=f"default: {' '.join(bundled)}")
    made.add_argument("--drawn", type=int, default=8, help="examples of each recipe")
    made.add_argument("--seed", type=int, default=1)
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), draw_page, arguments)


def draw_page(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    parts = []
    for name in options.recipes:
        recipe = read_recipe(name, ())
        spec = model_spec(recipe, (), (), ())
        tiles = list(drawn_tiles(spec, partial(drawn_source, recipe, spec), options.drawn, options.seed))
        rows = [("Drawn", tiles), ("Real", list(real_tiles(spec)))]
        parts.append(f"<h2>{escape(recipe.title)} ({name})</h2>")
        for heading, shown in rows:
            if shown:
                data = b64encode(picture(shown, len(spec.classes))).decode()
                parts.append(f'<h3>{heading}</h3><img alt="{heading}" src="data:image/png;base64,{data}">')
        print(f"{name}: {len(tiles)} drawn, {len(rows[1][1])} real", flush=True)
    style = "body{font:15px system-ui,sans-serif;margin:2em}img{max-width:100%}"
    options.page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Drawn and real</title><style>{style}</style>'
        f"<h1>Drawn examples beside real scans</h1>{''.join(parts)}</html>\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    sys.exit(main())
