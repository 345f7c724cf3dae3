"""Numbers over time as a drawing (SVG): a curve for each place with error bars, and thresholds as dashed lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from math import ceil, log10
from pathlib import Path

import numpy as np

from neurospineseg.measurements.over_time import Change
from neurospineseg.measurements.rano import ThresholdLine

PLOTTED = (
    ("volume", "Volume, mL"),
    ("sum_of_products", "Sum of the products of diameters, mm²"),
    ("body_height_middle", "Body height, middle, mm"),
)
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 820, 320, 70, 210, 40, 50
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")


def places_in_time(names: Sequence[str]) -> list[float]:
    """Days since the first, where all names are dates such as 2024-05-31 in rising order; else their numbers."""
    try:
        days = [float(date.fromisoformat(name).toordinal()) for name in names]
    except ValueError:
        return [float(number) for number in range(len(names))]
    rising = all(earlier < later for earlier, later in zip(days, days[1:]))
    return [day - days[0] for day in days] if rising else [float(number) for number in range(len(names))]


def write_plot(changes: Sequence[Change], lines: Sequence[ThresholdLine], path: Path) -> None:
    """Writes the drawing, with a part for each kind of number that there is.

    Raises:
        OSError: the file cannot be written.
    """
    names = list(dict.fromkeys(each.study for each in changes))
    parts = [
        (key, title) for key, title in PLOTTED if any(each.measured.key == key and each.measured.value is not None for each in changes)
    ]
    drawn = [_part(changes, lines, names, key, title, number * HEIGHT) for number, (key, title) in enumerate(parts)]
    height = max(1, len(parts)) * HEIGHT + 24
    note = f'<text x="10" y="{height - 8}" fill="#555">Research only; not for clinical use. Lines are no verdict.</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">'
    text = "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *drawn, note, "</svg>", ""])
    path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class _Scale:
    """Where a part's numbers are drawn.

    Attributes:
        across: x by study's name.
        top: y of the part; ``most``: value at its upper edge; ``step``: between ticks.
    """

    across: dict[str, float]
    top: float
    most: float
    step: float

    @classmethod
    def of(cls, names: Sequence[str], largest: float, top: float) -> _Scale:
        """For the studies of these names and values up to the largest."""
        days, step = places_in_time(names), _step(max(largest, 1e-6))
        x = LEFT + np.array(days) / max(days[-1], 1e-9) * (WIDTH - LEFT - RIGHT)
        return cls(dict(zip(names, x.tolist())), top, step * ceil(max(largest, 1e-6) / step), step)

    def down(self, value: float) -> float:
        """The y of a value."""
        return self.top + TOP + (1 - value / self.most) * (HEIGHT - TOP - BOTTOM)


def _part(changes: Sequence[Change], lines: Sequence[ThresholdLine], names: Sequence[str], key: str, title: str, top: float) -> str:
    """The curves of one kind of number, with its title, axes, thresholds and the names of the places."""
    own = [each for each in changes if each.measured.key == key and each.measured.value is not None]
    beside = [line for line in lines if line.key == key]
    ends = [max(each.measured.value or 0.0, each.measured.high or 0.0) for each in own]
    scale = _Scale.of(names, max([*ends, *(line.value for line in beside)]), top)
    drawn = [f'<text x="{LEFT}" y="{top + 24}" font-size="14">{escape(title)}</text>', *_axes(scale)]
    drawn += [each for line in beside for each in _threshold(line, scale.down(line.value))]
    places = dict.fromkeys((each.measured.place, each.measured.place_name) for each in own)
    for number, (place, words) in enumerate(places):
        color, y = COLORS[number % len(COLORS)], top + TOP + 14 + 16 * number
        drawn += _curve([each for each in own if each.measured.place == place], color, scale)
        drawn.append(f'<rect x="{WIDTH - RIGHT + 16}" y="{y - 9}" width="10" height="10" fill="{color}"/>')
        drawn.append(f'<text x="{WIDTH - RIGHT + 32}" y="{y}">{escape(words or title)}</text>')
    return "\n".join(drawn)


def _axes(scale: _Scale) -> list[str]:
    drawn = []
    for tick in np.arange(0, scale.most + scale.step / 2, scale.step):
        y = scale.down(float(tick))
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    y = scale.down(0.0) + 20
    return drawn + [f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(name)}</text>' for name, x in scale.across.items()]


def _threshold(line: ThresholdLine, y: float) -> list[str]:
    right, beside = WIDTH - RIGHT, y + 13 if "below" in line.name else y - 4
    return [
        f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#444" stroke-dasharray="6 4"/>',
        f'<text x="{right - 4}" y="{beside:.1f}" text-anchor="end" font-size="11" fill="#444">{escape(line.label)}</text>',
    ]


def _curve(seen: Sequence[Change], color: str, scale: _Scale) -> list[str]:
    """The points of one place with their error bars, joined."""
    items = [(scale.across[each.study], each.measured) for each in seen]
    joined = " ".join(f"{x:.1f},{scale.down(item.value or 0.0):.1f}" for x, item in items)
    drawn = [f'<polyline points="{joined}" fill="none" stroke="{color}" stroke-width="2"/>']
    for x, item in items:
        drawn.append(f'<circle cx="{x:.1f}" cy="{scale.down(item.value or 0.0):.1f}" r="3.5" fill="{color}"/>')
        if item.low is not None and item.high is not None:
            low, high = scale.down(max(0.0, item.low)), scale.down(item.high)
            drawn.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{color}"/>')
    return drawn


def _step(largest: float) -> float:
    """A round number of which some five make up the largest value."""
    power = 10.0 ** np.floor(log10(largest / 5))
    return float(next(each * power for each in (1, 2, 5, 10) if each * power >= largest / 5))
