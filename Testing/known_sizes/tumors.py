"""Drawn tumors: shells around a dead middle in edema, one to three of them, and what measuring them must give.

python -m Testing.known_sizes.tumors --count 200
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.diameters import slice_axis
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.measurements.measuring import measure
from Testing.known_sizes.comparison import Compared, print_summary
from Testing.known_sizes.ellipsoid import Ellipsoid
from Testing.known_sizes.random_grids import paint, random_grid, random_spacing

NAMES = {1: "necrotic_core", 2: "edema", 3: "enhancing_tumor"}
APART_MM = 62.0


@dataclass(frozen=True)
class DrawnTumor:
    """One to three foci; each is an ellipsoid of edema around one of enhancing tumor around one of necrosis.

    Attributes:
        labels: 1 necrosis, 2 edema, 3 enhancing.
        foci: the enhancing ellipsoids, the largest first.
        middles: the necroses in them.
        edema: around them.
    """

    labels: Volume
    foci: list[Ellipsoid]
    middles: list[Ellipsoid]
    edema: list[Ellipsoid]


def draw_tumor(seed: int) -> DrawnTumor:
    """A tumor in a random pose on a random grid; it is the same for the same seed."""
    rng = np.random.default_rng(seed)
    spacing = random_spacing(rng)
    count = int(rng.integers(1, 4)) if spacing.prod() > 1 else 1
    centers = APART_MM / np.sqrt(3) * np.array([(1, 0, 0), (-0.5, 0.866, 0), (-0.5, -0.866, 0)])[:count]
    foci = sorted((Ellipsoid.random(rng, center, 6, 22) for center in centers), key=lambda each: -each.ml)
    middles, edema = [each.scaled(rng.uniform(0.4, 0.8)) for each in foci], [each.scaled(1.3) for each in foci]
    grid = random_grid(rng, centers.mean(0), 30 if count == 1 else APART_MM / np.sqrt(3) + 30, spacing)
    labels = np.zeros(grid.shape, np.uint8)
    for value, shapes in ((2, edema), (3, foci), (1, middles)):
        for shape in shapes:
            paint(labels, grid, shape, value)
    return DrawnTumor(Volume(labels, grid.affine), foci, middles, edema)


def longest_in_slices(shape: Ellipsoid, grid: Grid, axis: int) -> tuple[float, float]:
    """The diameters of the section, of those in a grid's slices, that has the longest one."""
    steps = np.delete(grid.affine.linear[:, ::-1], axis, 1)
    points = [grid.affine.apply_kji(np.eye(3)[axis] * index) for index in range(grid.shape[axis])]
    return max(found for point in points if (found := shape.slice_diameters(point, steps)) is not None)


def expected(tumor: DrawnTumor) -> Iterator[tuple[str, str, float]]:
    """Key, place and true value of each measure."""
    necrosis, core, whole = (sum(each.ml for each in shapes) for shapes in (tumor.middles, tumor.foci, tumor.edema))
    parts = {"necrotic_core": necrosis, "enhancing_tumor": core - necrosis, "edema": whole - core, "tumor_core": core, "whole_tumor": whole}
    for place, ml in parts.items():
        yield "volume", place, ml
    axis = slice_axis(tumor.labels.grid)
    for number, focus in enumerate(tumor.foci, 1):
        place = f"focus_{number}"
        yield "volume", place, focus.ml
        for key, value in zip(("center_r", "center_a", "center_s"), focus.center.tolist()):
            yield key, place, value
        long, short = longest_in_slices(focus, tumor.labels.grid, axis)
        yield "longest_diameter", place, long
        yield "perpendicular_diameter", place, short
        yield "product", place, long * short


def compare(seed: int) -> list[Compared]:
    """What was measured on a drawn tumor beside what is true."""
    tumor = draw_tumor(seed)
    measured = measure(tumor.labels, NAMES, "tumor")
    return [Compared(seed, of(measured, key, place), truth) for key, place, truth in expected(tumor)]


def of(measured: Measurements, key: str, place: str) -> Measurement:
    """The measurement of a key at a place, which there must be."""
    found = measured.find(key, place)
    if found is None:
        raise LookupError(f"{key} of {place} was not measured")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    print_summary([each for seed in range(parser.parse_args().count) for each in compare(seed)])


if __name__ == "__main__":
    main()
