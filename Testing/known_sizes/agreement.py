"""How far measures of an expert's masks and of a model's masks of the same scans are apart: mean difference and limits of agreement.

NEUROSPINESEG_SPINES=... python -m Testing.known_sizes.agreement --model FOLDER --fold 0 --plot FOLDER

The limits are those of Bland and Altman: the mean of ours less the expert's, and 1.96 standard deviations to either side. Pictures are
made of patients: keep them out of the repository.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurospineseg.measurements.intervertebral_discs import NO_DISC
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.measuring import measure
from Testing.known_sizes.patients import Pair, pairs, right_names

SHOWN = (
    "body_height_front",
    "body_height_middle",
    "body_height_back",
    "body_depth",
    "upper_endplate_depth",
    "disc_height_front",
    "disc_height_middle",
    "disc_height_back",
    "canal_depth",
)


@dataclass(frozen=True)
class Twice:
    """One measure of both masks.

    Attributes:
        flagged: whether either carries a flag, but that a disc is not in the mask.
    """

    case: str
    source: str
    key: str
    place: str
    unit: str
    expert: float
    ours: float
    flagged: bool

    @property
    def difference(self) -> float:
        return self.ours - self.expert


@dataclass(frozen=True)
class Agreement:
    """Of one measure: the mean of ours less the expert's, and the limits of agreement."""

    count: int
    mean: float
    low: float
    high: float
    median_apart: float
    largest: float


def agreement(members: Sequence[Twice]) -> Agreement:
    """Of at least two."""
    off = np.array([each.difference for each in members])
    reach = 1.96 * off.std(ddof=1)
    return Agreement(
        len(off),
        float(off.mean()),
        float(off.mean() - reach),
        float(off.mean() + reach),
        float(np.median(np.abs(off))),
        float(np.abs(off).max()),
    )


def both(pair: Pair) -> list[Twice]:
    """What has a value in both masks of a scan."""
    expert, ours = (measure(mask, pair.names(mask), "spine") for mask in (pair.expert, pair.ours))
    return [
        _twice(pair, each.key, each.place, expert, ours) for each in ours if _has(expert, each.key, each.place) and each.value is not None
    ]


def _has(found: Measurements, key: str, place: str) -> bool:
    item = found.find(key, place)
    return item is not None and item.value is not None


def _twice(pair: Pair, key: str, place: str, expert: Measurements, ours: Measurements) -> Twice:
    first, second = expert.find(key, place), ours.find(key, place)
    assert first is not None
    assert second is not None
    values = (float(first.value or 0.0), float(second.value or 0.0))
    return Twice(pair.case, pair.source, key, place, first.unit, *values, bool({*first.flags, *second.flags} - {NO_DISC}))


def table(found: Iterable[Twice]) -> str:
    """A row for each source and measure of which there are at least five pairs without a flag."""
    lines = [
        "| source | measure | pairs | unit | mean difference | limits of agreement | median apart | largest |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    plain = [each for each in found if not each.flagged]
    for source, key in dict.fromkeys((each.source, each.key) for each in plain):
        members = [each for each in plain if (each.source, each.key) == (source, key)]
        if len(members) >= 5:
            made = agreement(members)
            limits = f"{made.low:+.2f} to {made.high:+.2f}"
            sizes = f"{made.median_apart:.2f} | {made.largest:.2f}"
            lines.append(f"| {source} | {key} | {made.count} | {members[0].unit} | {made.mean:+.2f} | {limits} | {sizes} |")
    return "\n".join(lines)


def plot(found: Sequence[Twice], path: Path) -> None:
    """A Bland-Altman plot for each of ``SHOWN``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 3, figsize=(13, 10), constrained_layout=True)
    for key, axis in zip(SHOWN, axes.flat):
        members = [each for each in found if each.key == key and not each.flagged]
        axis.set_title(key.replace("_", " "))
        for source, color in (("SPIDER", "tab:blue"), ("Chu", "tab:orange")):
            own = [each for each in members if each.source == source]
            axis.plot([(each.ours + each.expert) / 2 for each in own], [each.difference for each in own], ".", color=color, label=source)
        if len(members) > 1:
            made = agreement(members)
            for height, style in ((made.mean, "-"), (made.low, "--"), (made.high, "--")):
                axis.axhline(height, color="black", linestyle=style, linewidth=0.8)
        axis.set_xlabel("mean of both, mm")
        axis.set_ylabel("ours less the expert's, mm")
    axes.flat[0].legend()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="bundle name or folder; default: the installed spine model")
    parser.add_argument("--fold", type=int, default=0, help="the cases that a training of this fold did not see")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw the plots")
    options = parser.parse_args()
    found: list[Twice] = []
    for pair in pairs(options.model, options.fold):
        found += both(pair)
        names = right_names(pair) if pair.source == "Chu" else {}
        print(
            f"{pair.case}: {len(found)} pairs so far{f', {sum(names.values())} of {len(names)} named right' if names else ''}", flush=True
        )
    print(table(found))
    if options.plot is not None:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
