"""How far what is measured on masks of spines lies from the truth: spines drawn from shapes of known size, in random poses and grids.

python -m Testing.known_sizes.spines --count 200
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from neurospineseg.measurements.measurement import FEW_VOXELS, UNSURE, Measurement
from neurospineseg.measurements.measuring import measure
from Testing.known_sizes.drawn_spines import draw_spine
from Testing.known_sizes.spine_grids import random_grid
from Testing.known_sizes.spine_voxels import drawn_labels, drawn_probabilities
from Testing.known_sizes.true_sizes import true_sizes

NARROWEST = ("canal_narrowest_depth", "spinal_canal")
FAR = {"mm": 2.0, "deg": 4.0, "%": 6.0, "mm2": 60.0, "": 0.1}
"""An error beyond this without a flag is listed."""


@dataclass(frozen=True)
class Compared:
    """One number beside its truth; ``error`` is in its unit, but relative, in percent, for areas and ratios."""

    seed: int
    item: Measurement
    truth: float

    @property
    def error(self) -> float:
        value = float(self.item.value or 0.0)
        relative = self.item.unit == "mm2" or (self.item.unit == "" and abs(self.truth) > 0.02)
        return 100 * (value - self.truth) / self.truth if relative else value - self.truth

    @property
    def far(self) -> bool:
        return abs(float(self.item.value or 0.0) - self.truth) > FAR[self.item.unit]

    @property
    def flagged(self) -> bool:
        return bool({FEW_VOXELS, UNSURE} & set(self.item.flags))

    @property
    def in_bar(self) -> bool:
        low, high = self.item.low, self.item.high
        return low is not None and high is not None and low <= self.truth <= high


@dataclass(frozen=True)
class Case:
    """A drawn spine's comparison.

    Attributes:
        missing: how many known sizes were not measured, with a flag; ``unsaid``: without a word.
    """

    compared: list[Compared]
    missing: int
    unsaid: list[tuple[str, str]]
    seconds: float
    spacing: np.ndarray


def compare(seed: int, probabilities: bool = False) -> Case:
    """Draws a spine from a seed, measures it and puts the truth beside it."""
    rng = np.random.default_rng(seed)
    spine = draw_spine(rng)
    grid, _ = random_grid(rng, spine)
    labels, names = drawn_labels(spine, grid)
    shares = drawn_probabilities(spine, grid) if probabilities else None
    names = {value: key for value, key in names.items() if (labels.voxels == value).any()}
    truths = true_sizes(spine)
    started = perf_counter()
    found = measure(labels, names, "spine", probabilities=shares)
    seconds = perf_counter() - started
    items = {(each.key, each.place): each for each in found}
    if any(key == "canal_depth" and (key, place) not in items for key, place in truths):
        truths.pop(NARROWEST, None)  # what was cut off may have held it
    both = [(items[at], truth) for at, truth in truths.items() if at in items]
    compared = [Compared(seed, item, truth) for item, truth in both if item.value is not None]
    unsaid = [at for at in _expected(truths, set(names.values())) if at not in items]
    return Case(compared, len(both) - len(compared), unsaid, seconds, grid.spacing)


def _expected(truths: Iterable[tuple[str, str]], shown: Set[str]) -> Iterator[tuple[str, str]]:
    """Sizes of bodies that the label map shows: each must be measured, or be said not to be."""
    yield from (at for at in truths if at[0].startswith("body_height") and at[1] in shown)


def report(cases: list[Case]) -> str:
    """Tables of errors by measure and by unit, and what is far off."""
    everything = [each for case in cases for each in case.compared]
    lines = [f"{len(cases)} spines, {len(everything)} numbers, {sum(case.missing for case in cases)} not measured and flagged, "]
    lines[0] += f"{sum(len(case.unsaid) for case in cases)} left out without a word; {np.median([c.seconds for c in cases]):.1f} s each"
    lines += [
        "",
        "| measure | numbers | median error | 95 % below | largest without flag | flagged | truth in error bar |",
        "|---|---|---|---|---|---|---|",
    ]
    by_key: dict[str, list[Compared]] = defaultdict(list)
    for each in everything:
        by_key[each.item.key].append(each)
    lines += [_row(key, found) for key, found in by_key.items()]
    far = [each for each in everything if each.far and not each.flagged]
    lines += ["", f"{len(far)} far off without a flag:"]
    lines += [f"  seed {e.seed}: {e.item.key} {e.item.place_name}: {e.item.value:.2f}, true {e.truth:.2f} {e.item.unit}" for e in far]
    return "\n".join(lines)


def _row(key: str, found: list[Compared]) -> str:
    errors = np.abs([each.error for each in found])
    plain = np.abs([each.error for each in found if not each.flagged])
    unit = {"mm2": "%", "": "%", "deg": "°"}.get(found[0].item.unit, found[0].item.unit)
    largest = f"{plain.max():.2f}" if len(plain) else "-"
    share = np.mean([each.in_bar for each in found])
    flagged = np.mean([each.flagged for each in found])
    return f"| {key} | {len(found)} | {np.median(errors):.2f} {unit} | {np.quantile(errors, 0.95):.2f} | {largest} | {flagged:.0%} | {share:.0%} |"


def _add_numbers(path: Path, case: Case) -> None:
    with open(path, "a", newline="", encoding="utf-8") as file:
        for e in case.compared:
            csv.writer(file).writerow([e.seed, e.item.key, e.item.place, e.item.unit, e.item.value, e.truth, e.error, e.flagged, e.in_bar])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--probabilities", action="store_true", help="with the share of each voxel that a structure fills")
    parser.add_argument("--numbers", type=Path, metavar="CSV", help="also write every number beside its truth")
    options = parser.parse_args()
    cases = []
    for seed in range(options.first, options.first + options.count):
        cases.append(compare(seed, options.probabilities))
        if options.numbers:
            _add_numbers(options.numbers, cases[-1])
        print(f"{seed - options.first + 1} of {options.count}", end="\r", flush=True)
    print(report(cases))


if __name__ == "__main__":
    main()
