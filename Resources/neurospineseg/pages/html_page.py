"""One HTML page that shows masks on their scans; it holds its pictures and needs nothing from the network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from neurospineseg import __version__
from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import (
    PLANES,
    Segment,
    Slice,
    as_png,
    busiest_point,
    cut,
    display_bounds,
    gray_window,
    orthogonal_slices,
    title_of,
)
from neurospineseg.tasks.task import Task, task_named

STYLE = Path(__file__).with_name("page.css")
STAGE_COLORS = ("#4f7cac", "#e0a458", "#5b9279", "#c8553d", "#8e7dbe", "#c0b283", "#6c757d", "#3d9db3", "#b56576")
LONG_TABLE = 12
ROW_INCHES, TALLEST_ROW_INCHES = 11.3, 5.2
"""Size of a row of pictures on the page, at 100 pixels to the inch."""


@dataclass(frozen=True)
class Case:
    """What the page shows of one run.

    Attributes:
        task: name of a registered task; None where it is not known.
        scans: by channel; the report's ``reference``, else the first, is shown in three planes.
        labels: the mask.
        segments: the structures in the mask.
        report: the JSON sidecar; may be empty.
        dice: agreement with a known truth by structure key, if there is one.
        note: one sentence under the heading.
    """

    task: str | None
    scans: Mapping[str, Volume]
    labels: Volume
    segments: Sequence[Segment]
    report: Mapping[str, Any]
    dice: Mapping[str, float] | None = None
    note: str = ""

    @property
    def reference(self) -> str:
        return self.report.get("reference") or next(iter(self.scans))

    @cached_property
    def declared(self) -> Task | None:
        """What is known of its task.

        Raises:
            InputError: there is no such task.
        """
        return None if self.task is None else task_named(self.task)


def segments_of(report: Mapping[str, Any]) -> list[Segment]:
    """The structures that a sidecar's ``segments`` lists."""
    return [Segment(int(entry["label"]), entry["key"], entry["name"], tuple(entry["color"])) for entry in report["segments"]]


def write_page(path: Path, cases: Sequence[Case], title: str = "Segmentation report", lead: str = "") -> None:
    """Writes the page (UTF-8)."""
    links = "".join(f'<a href="#case{n}">{escape(_heading(case))}</a>' for n, case in enumerate(cases))
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - NeuroSpineSeg</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{f'<p class="soft">{escape(lead)}</p>' if lead else ""}
{f"<nav>{links}</nav>" if len(cases) > 1 else ""}
<span class="notice">Research only; not for clinical use</span>
</header>
<main>
{"".join(_section(case, n) for n, case in enumerate(cases))}</main>
<footer>Axial and coronal slices show the patient's right on your left (R, L), sagittal slices show anterior on your left (A, P); positions are
RAS millimeters. NeuroSpineSeg {__version__}.</footer>
</body>
</html>
"""
    path.write_text(text, encoding="utf-8")


def _heading(case: Case) -> str:
    return case.declared.title if case.declared else "Mask"


def _section(case: Case, number: int) -> str:
    report = case.report
    model = report.get("model", {})
    subtitle = f"{model['name']} {model['version']}" if model else ""
    return f"""<section id="case{number}">
<header><h2>{escape(_heading(case))}</h2><span class="soft">{escape(subtitle)}</span></header>
{_pictures(case)}
<div class="facts">
<div><h3>Volumes</h3>{f"<p class='soft'>{escape(case.note)}</p>" if case.note else ""}{_volumes(case)}</div>
<div>{_stages(report.get("seconds", {}))}{_details(case)}</div>
</div>
{_warnings(report.get("warnings", []))}</section>
"""


def _pictures(case: Case) -> str:
    scan = case.scans[case.reference]
    margin = case.declared.margin_mm if case.declared else None
    window = gray_window(scan)
    rows = [_row([(view, window, title_of(view)) for view in orthogonal_slices(scan, case.labels, case.segments, margin)], "")]
    if len(case.scans) > 1:
        point, bounds = busiest_point(case.labels), display_bounds(scan, case.labels, margin)
        views = [
            (cut(other, case.labels, case.segments, PLANES[0], point, bounds), gray_window(other), _channel_name(case, name))
            for name, other in case.scans.items()
        ]
        rows.append(_row(views, " strip"))
    return "".join(rows)


def _channel_name(case: Case, key: str) -> str:
    return case.declared.channel(key).name if case.declared else key


def _row(views: Sequence[tuple[Slice, tuple[float, float], str]], kind: str) -> str:
    figures = []
    height = min(TALLEST_ROW_INCHES, ROW_INCHES / sum(view.aspect for view, _, _ in views))
    for view, window, title in views:
        png = b64encode(as_png([(view, window, title)], height)).decode("ascii")
        figures.append(
            f'<figure style="flex: {view.aspect:.3f} 1 0; max-width: {view.aspect * height * 100:.0f}px"><img alt="{escape(title)} with outlines" src="data:image/png;base64,{png}"></figure>\n'
        )
    return f'<div class="pictures{kind}">\n{"".join(figures)}</div>\n'


def _volumes(case: Case) -> str:
    volumes = case.report.get("volumes", {})
    if not volumes:
        return "<p>No structure was found.</p>"
    colors = {segment.key: segment.hex_color for segment in case.segments}
    pairs = [key.removeprefix("left_") for key in volumes if key.startswith("left_")]
    pairs += [key.removeprefix("right_") for key in volumes if key.startswith("right_") and key.removeprefix("right_") not in pairs]
    if pairs:
        return _paired_table(case, pairs, colors)
    keys = list(volumes)
    parts = [keys] if len(keys) <= LONG_TABLE else [keys[: (len(keys) + 1) // 2], keys[(len(keys) + 1) // 2 :]]
    tables = "".join(_plain_table(case, part, colors) for part in parts)
    return f'<div class="columns">{tables}</div>' if len(parts) > 1 else tables


def _swatch(color: str | None) -> str:
    return (
        f'<span class="swatch" style="background:{color}"></span>'
        if color
        else '<span class="swatch" style="background:none;border-color:transparent"></span>'
    )


def _plain_table(case: Case, keys: Sequence[str], colors: Mapping[str, str]) -> str:
    volumes, dice = case.report["volumes"], case.dice
    head = '<tr><th>Structure</th><th class="number">mL</th>' + ('<th class="number">Dice</th>' if dice is not None else "") + "</tr>"
    rows = []
    for key in keys:
        kind = "" if key in colors else ' class="sum"'
        agreement = f'<td class="number">{_score(dice, key)}</td>' if dice is not None else ""
        rows.append(
            f'<tr{kind}><td>{_swatch(colors.get(key))}{escape(volumes[key]["name"])}</td><td class="number">{_ml(volumes[key]["mL"])}</td>{agreement}</tr>'
        )
    return f"<table>{head}{''.join(rows)}</table>"


def _paired_table(case: Case, pairs: Sequence[str], colors: Mapping[str, str]) -> str:
    volumes, dice = case.report["volumes"], case.dice
    heads = ["Left mL", "Right mL", *(["Dice left", "right"] if dice is not None else [])]
    rows = []
    for pair in pairs:
        left, right = f"left_{pair}", f"right_{pair}"
        known = [key for key in (left, right) if key in volumes]
        name = volumes[known[0]]["name"].replace("Left ", "").replace("Right ", "").replace("left ", "").replace("right ", "")
        cells = [_ml(volumes[key]["mL"]) if key in volumes else "-" for key in (left, right)]
        if dice is not None:
            cells += [_score(dice, left), _score(dice, right)]
        numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(f"<tr><td>{''.join(_swatch(colors.get(key)) for key in known)}{escape(name[:1].upper() + name[1:])}</td>{numbers}</tr>")
    head = "".join(f'<th class="number">{text}</th>' for text in heads)
    return f"<table><tr><th>Structure</th>{head}</tr>{''.join(rows)}</table>"


def _ml(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _score(dice: Mapping[str, float], key: str) -> str:
    return f"{dice[key]:.2f}" if key in dice else "-"


def _stages(seconds: Mapping[str, float]) -> str:
    total = sum(seconds.values())
    if total <= 0:
        return ""
    parts, lines = [], []
    for number, (stage, value) in enumerate(seconds.items()):
        color = STAGE_COLORS[number % len(STAGE_COLORS)]
        parts.append(f'<div style="flex:{value / total:.5f} 0 0;background:{color}" title="{escape(stage)}: {value:.2f} s"></div>')
        lines.append(f"<li><span>{_swatch(color)}{escape(stage)}</span><span>{value:.2f} s</span></li>")
    return f'<h3>Time: {total:.1f} s</h3><div class="bar">{"".join(parts)}</div><ul class="stages">{"".join(lines)}</ul>'


def _details(case: Case) -> str:
    report, reference = case.report, case.scans[case.reference]
    size = " x ".join(str(n) for n in reference.shape[::-1])
    spacing = " x ".join(f"{value:.3g}" for value in reference.spacing)
    facts = {"Grid": f"{size} voxels of {spacing} mm"}
    if "model" in report:
        software = report.get("software", {})
        facts |= {
            "Device": f"{report.get('device', '')}, {report.get('precision', '')}",
            "Model": f"{report['model']['name']} {report['model']['version']}",
            "Weights": f"SHA-256 {report['model']['sha256'][:16]}...",
            "Software": ", ".join(f"{name} {version}" for name, version in software.items()),
        }
    return f"<h3>Details</h3><dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in facts.items())}</dl>"


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in dict.fromkeys(warnings))
    return f'<div class="warnings"><ul>{items}</ul></div>\n'
