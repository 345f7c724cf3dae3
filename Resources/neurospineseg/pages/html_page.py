"""One HTML page that shows masks on their scans; it holds its pictures and needs nothing from the network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from neurospineseg import __version__
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.pages.measurement_pictures import HEIGHT_INCHES, measurement_pictures
from neurospineseg.pages.measurement_tables import measurement_tables
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
from neurospineseg.pages.volume_tables import volume_tables
from neurospineseg.tasks.task import Task, task_named

STYLE = Path(__file__).with_name("page.css")
TEMPLATE = "page.html.j2"
STAGE_COLORS = ("#4f7cac", "#e0a458", "#5b9279", "#c8553d", "#8e7dbe", "#c0b283", "#6c757d", "#3d9db3", "#b56576")
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
        measured: what was measured on the mask; None for nothing.
    """

    task: str | None
    scans: Mapping[str, Volume]
    labels: Volume
    segments: Sequence[Segment]
    report: Mapping[str, Any]
    dice: Mapping[str, float] | None = None
    note: str = ""
    measured: Measurements | None = None

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
    environment = Environment(
        loader=FileSystemLoader(STYLE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template(TEMPLATE).render(title=title, lead=lead, version=__version__, cases=[_section(case) for case in cases])
    path.write_text(text, encoding="utf-8")


def _section(case: Case) -> dict[str, Any]:
    """What the template shows of a case."""
    report, model = case.report, case.report.get("model", {})
    colors = {segment.key: segment.hex_color for segment in case.segments}
    seconds = report.get("seconds", {})
    return {
        "heading": case.declared.title if case.declared else "Mask",
        "model": f"{model['name']} {model['version']}" if model else "",
        "note": case.note,
        "pictures": _pictures(case),
        "tables": volume_tables(report.get("volumes", {}), colors, case.dice),
        "seconds": sum(seconds.values()),
        "stages": _stages(seconds),
        "details": _details(case),
        "measured": _measured(case),
        "warnings": list(dict.fromkeys(report.get("warnings", []))),
    }


def _measured(case: Case) -> dict[str, Any] | None:
    """The tables of what was measured, each with its pictures."""
    if case.measured is None:
        return None
    pictures = measurement_pictures(case.measured, case.scans[case.reference], case.labels, case.segments)
    tables = [
        {"table": table, "figures": [_small_figure(*picture) for picture in pictures.get(table.title, [])]}
        for table in measurement_tables(case.measured)
    ]
    return {"tables": tables, "notes": list(dict.fromkeys(case.measured.notes))}


def _small_figure(title: str, png: bytes, aspect: float) -> dict[str, Any]:
    return {"title": title, "width": f"{aspect * HEIGHT_INCHES * 100:.0f}", "png": b64encode(png).decode("ascii")}


def _pictures(case: Case) -> list[dict[str, Any]]:
    scan = case.scans[case.reference]
    margin = case.declared.margin_mm if case.declared else None
    window = gray_window(scan)
    rows = [_row([(view, window, title_of(view)) for view in orthogonal_slices(scan, case.labels, case.segments, margin)], strip=False)]
    if len(case.scans) > 1:
        point, bounds = busiest_point(case.labels), display_bounds(scan, case.labels, margin)
        views = [
            (cut(other, case.labels, case.segments, PLANES[0], point, bounds), gray_window(other), _channel_name(case, name))
            for name, other in case.scans.items()
        ]
        rows.append(_row(views, strip=True))
    return rows


def _channel_name(case: Case, key: str) -> str:
    return case.declared.channel(key).name if case.declared else key


def _row(views: Sequence[tuple[Slice, tuple[float, float], str]], strip: bool) -> dict[str, Any]:
    """Pictures of one height beside each other; those of a ``strip`` follow another row."""
    height = min(TALLEST_ROW_INCHES, ROW_INCHES / sum(view.aspect for view, _, _ in views))
    figures = [
        {
            "title": title,
            "share": view.aspect,
            "width": f"{view.aspect * height * 100:.0f}",
            "png": b64encode(as_png([(view, window, title)], height)).decode("ascii"),
        }
        for view, window, title in views
    ]
    return {"strip": strip, "figures": figures}


def _stages(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    total = sum(seconds.values())
    if total <= 0:
        return []
    return [
        {"name": stage, "seconds": value, "share": value / total, "color": STAGE_COLORS[number % len(STAGE_COLORS)]}
        for number, (stage, value) in enumerate(seconds.items())
    ]


def _details(case: Case) -> dict[str, str]:
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
    return facts
