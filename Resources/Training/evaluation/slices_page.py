"""A page of slices chosen at random: image, truth and prediction side by side."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import PLANES, Segment, as_png, cut, display_bounds, gray_window, title_of

COLORS = (
    (230, 85, 60),
    (80, 180, 220),
    (245, 190, 60),
    (120, 200, 120),
    (190, 130, 220),
    (240, 140, 180),
    (140, 150, 240),
    (200, 200, 110),
)


@dataclass(frozen=True)
class Picture:
    """A slice of a case as a PNG file, and what stands over it."""

    heading: str
    png: bytes


def segments_of(names: Sequence[str]) -> list[Segment]:
    """Classes (background first) as they are drawn."""
    return [Segment(n, name, name.replace("_", " "), COLORS[(n - 1) % len(COLORS)]) for n, name in enumerate(names) if n]


def draw_slice(case: str, scan: Volume, truth: Volume, found: np.ndarray, names: Sequence[str], rng: np.random.Generator) -> Picture:
    """A random plane through a random labeled voxel."""
    places = np.argwhere(truth.voxels > 0)
    place = places[int(rng.integers(len(places)))] if len(places) else np.array(truth.shape) // 2
    point = truth.affine.apply_kji(place)
    plane, bounds, window = PLANES[int(rng.integers(3))], display_bounds(scan, truth, None), gray_window(scan)
    empty = Volume(np.zeros(truth.shape, np.uint8), truth.ijk_to_ras)
    predicted = Volume(found.astype(np.uint8), truth.ijk_to_ras)
    labeled = Volume(truth.voxels.astype(np.uint8), truth.ijk_to_ras)
    views = [cut(scan, labels, segments_of(names), plane, point, bounds) for labels in (empty, labeled, predicted)]
    titles = (title_of(views[0]), "Truth", "Prediction")
    return Picture(case, as_png([(view, window, title) for view, title in zip(views, titles)]))


def write_page(
    path: Path, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], pictures: Sequence[Picture], names: Sequence[str]
) -> None:
    """The table and the pictures as one HTML file that needs nothing else."""
    legend = " ".join(f'<span style="color:{segment.hex_color}">&#9632;</span> {escape(segment.name)}' for segment in segments_of(names))
    head = "".join(f"<th>{escape(cell)}</th>" for cell in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    drawn = "".join(
        f'<h2>{escape(picture.heading)}</h2><img alt="image, truth, prediction" src="data:image/png;base64,{b64encode(picture.png).decode()}">'
        for picture in pictures
    )
    path.write_text(
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>
<style>body{{font:15px system-ui,sans-serif;margin:2em;max-width:1100px}}td,th{{padding:.3em .8em;text-align:right;border-bottom:1px solid #ddd}}
td:first-child,th:first-child{{text-align:left}}img{{max-width:100%}}h2{{font-size:1em}}</style>
<h1>{escape(title)}</h1><p>Mean over the cases (worst). Research only; not for clinical use.</p>
<table><tr>{head}</tr>{body}</table><p>{legend}</p>{drawn}</html>
""",
        encoding="utf-8",
    )
