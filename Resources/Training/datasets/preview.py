"""Pictures of every case of a prepared data set, and a page that lists them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from colorsys import hls_to_rgb
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from neurospineseg.atomic_files import whole_file
from neurospineseg.images.volume import Volume
from neurospineseg.pages.html_page import STYLE
from neurospineseg.pages.slice_pictures import PLANES, Segment, as_png, busiest_point, cut, display_bounds, gray_window, title_of
from neurospineseg.tasks.anatomy import structures_of
from neurospineseg.tasks.task import task_named
from Training.datasets.progress import each
from Training.datasets.raw_dataset import IGNORE, RawDataset, read_dataset

PARTS = {"train": "training", "val": "validation", "test": "test"}
GOLDEN_TURN = 0.61803


def write_preview(folder: Path) -> None:
    """Writes ``overlays/CASE.png`` for every case that has none newer than its label map, and ``overlays.html``.

    Raises:
        InputError: the folder holds no prepared data set.
    """
    dataset = read_dataset(folder)
    (folder / "overlays").mkdir(exist_ok=True)
    segments = segments_of(dataset)
    for case in each(dataset.split.named("all"), "Drawing"):
        picture = folder / "overlays" / f"{case}.png"
        if not picture.is_file() or picture.stat().st_mtime_ns < dataset.label_file(case).stat().st_mtime_ns:
            with whole_file(picture) as new:
                new.write_bytes(picture_of(dataset, case, segments))
    (folder / "overlays.html").write_text(page(dataset, segments), encoding="utf-8")


def segments_of(dataset: RawDataset) -> list[Segment]:
    """The classes with their structures' colors, or hues far apart; ``ignore`` is white."""
    colors = {found.key: found.color for found in structures_of(dataset.task)}
    found = []
    for name, value in dataset.labels.items():
        if value > 0:
            hue = tuple(round(255 * channel) for channel in hls_to_rgb(value * GOLDEN_TURN % 1, 0.6, 0.75))
            color = (255, 255, 255) if name == IGNORE else colors.get(name, hue)
            found.append(Segment(value, name, name.replace("_", " "), color))
    return found


def picture_of(dataset: RawDataset, case: str, segments: Sequence[Segment]) -> bytes:
    """A PNG file: three planes of the first channel through the busiest point, and the axial plane of the others."""
    scans, labels = dataset.read(case)
    labels = Volume(np.rint(labels.voxels).astype(np.uint8), labels.ijk_to_ras)
    taught = Volume(np.where(labels.voxels == (dataset.ignored or 0), 0, labels.voxels).astype(np.uint8), labels.ijk_to_ras)
    first, *others = scans.items()
    point, bounds = busiest_point(taught), display_bounds(first[1], taught, task_named(dataset.task).margin_mm)
    names = {channel.key: channel.name for channel in task_named(dataset.task).channels}
    views = []
    for (channel, scan), planes in ((first, PLANES), *((other, PLANES[:1]) for other in others)):
        for plane in planes:
            view = cut(scan, labels, segments, plane, point, bounds)
            name = names.get(channel, channel)
            views.append((view, gray_window(scan), f"{name}\n{title_of(view)}"))
    return as_png(views)


def page(dataset: RawDataset, segments: Sequence[Segment]) -> str:
    """The HTML page: each case with its part of the split, its picture and what the report says of it."""
    try:
        report = json.loads((dataset.folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {}
    swatches = "".join(
        f'<span><span class="swatch" style="background:{segment.hex_color}"></span>{escape(segment.name)}</span> ' for segment in segments
    )
    sections = "".join(
        _section(case, PARTS[part], report.get("notes", {}).get(case, ())) for part in PARTS for case in getattr(dataset.split, part)
    )
    counts = ", ".join(f"{len(getattr(dataset.split, part))} {name}" for part, name in PARTS.items())
    without = {title: report.get(title.lower().replace(" ", "_"), {}) for title in ("Left out", "Faulty")}
    absent = "".join(_list(title, [f"{name}: {reason}" for name, reason in cases.items()]) for title, cases in without.items())
    problems = _list("Problems", report.get("problems", ()))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(dataset.folder.name)}: cases to train on</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>{escape(dataset.folder.resolve().name)}</h1>
<p class="soft">{escape(dataset.task)}; {escape(", ".join(dataset.channels))}; cases: {counts}</p>
<p>{swatches}</p>
</header>
<main>
{absent}{problems}{sections}</main>
<footer>Axial and coronal slices show the patient's right on your left (R, L), sagittal slices show anterior on your left (A, P).</footer>
</body>
</html>
"""


def _section(case: str, part: str, notes: Sequence[str]) -> str:
    address = escape(quote(f"overlays/{case}.png"))
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"""<section>
<header><h2>{escape(case)}</h2><span class="soft">{part}</span></header>
<div class="pictures"><a href="{address}"><img loading="lazy" alt="{escape(case)} with outlines" src="{address}"></a></div>
{f'<div class="facts"><ul>{listed}</ul></div>' if notes else ""}</section>
"""


def _list(title: str, sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<section><header><h2>{title}</h2></header><div class="warnings"><ul>{items}</ul></div></section>\n'
