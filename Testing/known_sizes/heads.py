"""Drawn heads: the deep nuclei as ellipsoids in the frame of their commissures, in random poses; what measuring them must give.

python -m Testing.known_sizes.heads --count 200
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.ac_pc import AC_MNI, NUCLEI_MNI, PC_MNI, AcPc, ac_pc_of_mni, nucleus_mni
from neurospineseg.measurements.measurement import Measurement
from neurospineseg.measurements.measuring import MeasuredMask
from neurospineseg.measurements.midline import MidPlane
from neurospineseg.measurements.nuclei import AXES, ENDS, measure_nuclei, measure_nuclei_in
from neurospineseg.tasks.anatomy import structure
from Testing.known_sizes.comparison import Compared, print_summary
from Testing.known_sizes.ellipsoid import Ellipsoid
from Testing.known_sizes.random_grids import paint, random_grid, whole
from Testing.known_sizes.tumors import of

SEMI_MM = {
    "subthalamic_nucleus": (6.4, 3.9, 1.6),
    "red_nucleus": (5.3, 4.3, 3.4),
    "thalamus": (15.0, 10.0, 8.0),
    "caudate": (14.0, 6.0, 5.0),
    "putamen": (15.0, 6.0, 5.0),
}
"""Semi-axes of the drawn ellipsoids, shorter than the nuclei where these would meet."""
PLACE_DEVIATION_MM = 1.0
"""By how much each drawn nucleus lies elsewhere than in the atlas, along each axis, when the commissures are to be found from them."""


PLANE_DEVIATION_DEGREES, PLANE_DEVIATION_MM = 0.35, 0.65
"""By how much a scan's mid-plane is off, about each of two axes and sideways: the most that it was in three templates."""


@dataclass(frozen=True)
class DrawnHead:
    """Nuclei whose sizes, places and commissures are known.

    Attributes:
        labels: of the structures' own label values.
        nuclei: those over which no other is drawn, by key.
        frame: the true commissures and mid-plane.
    """

    labels: Volume
    nuclei: Mapping[str, Ellipsoid]
    frame: AcPc

    @property
    def mask(self) -> MeasuredMask:
        return MeasuredMask(self.labels, {structure(key).label: key for key in self.nuclei})


def draw_head(seed: int, deviation_mm: float = 0.0) -> DrawnHead:
    """A head in a random pose, 0.9 to 1.1 times as large as MNI152, on a random grid of spacings up to 2 mm."""
    rng = np.random.default_rng(seed)
    linear = rng.uniform(0.9, 1.1) * Rotation.random(random_state=rng).as_matrix()
    mni_to_ras = Affine.of(linear, rng.uniform(-60, 60, 3))
    nuclei: dict[str, Ellipsoid] = {}
    for key in [f"{side}_{nucleus}" for side in ("left", "right") for nucleus in SEMI_MM]:
        place = mni_to_ras.apply(nucleus_mni(key)) + rng.normal(0, deviation_mm, 3)
        turn = Rotation.random(random_state=rng).as_matrix()
        nuclei[key] = Ellipsoid(place, np.array(SEMI_MM[key.split("_", 1)[1]]) * rng.uniform(0.8, 1.0), turn)
    grid = random_grid(rng, mni_to_ras.apply([0, -5, 0]), 55, rng.uniform(0.5, 2.0, 3))
    labels = np.zeros(grid.shape, np.uint8)
    for key, shape in nuclei.items():
        paint(labels, grid, shape, structure(key).label)
    visible = {key: shape for key, shape in nuclei.items() if whole(labels, grid, shape, structure(key).label)}
    return DrawnHead(Volume(labels, grid.affine), visible, ac_pc_of_mni(mni_to_ras))


def expected(head: DrawnHead) -> Iterator[tuple[str, str, float]]:
    """Key, place and true value of each measure in the true frame."""
    axes = head.frame.to_ras.linear
    for key, shape in head.nuclei.items():
        yield "volume", key, shape.ml
        own = head.frame.of_ras(shape.center)
        for (name, _), value in zip(AXES, own.tolist()):
            yield name, key, value
        for (low, high), axis in ENDS:
            reach = shape.reach(axes[:, axis])
            yield low, key, float(own[axis]) - reach
            yield high, key, float(own[axis]) + reach
    for side in ("left", "right"):
        stn, red = (head.nuclei.get(f"{side}_{nucleus}") for nucleus in ("subthalamic_nucleus", "red_nucleus"))
        if stn is not None and red is not None:
            yield "stn_from_red_nucleus", side, float(np.linalg.norm(stn.center - red.center))


def compare(seed: int) -> list[Compared]:
    """What was measured in the true frame beside what is true."""
    head = draw_head(seed)
    measured = measure_nuclei_in(head.mask, head.frame)
    return [Compared(seed, of(measured, key, place), truth) for key, place, truth in expected(head)]


def seen_mid_plane(frame: AcPc, rng: np.random.Generator) -> MidPlane:
    """The mid-plane as a scan shows it: off by as much as those of three templates were."""
    right, forward, up = frame.to_ras.linear.T
    lean, slide = np.radians(rng.normal(0, PLANE_DEVIATION_DEGREES, 2)), rng.normal(0, PLANE_DEVIATION_MM)
    normal = right + lean[0] * forward + lean[1] * up
    return MidPlane((frame.ac + frame.pc) / 2 + slide * right, normal / np.linalg.norm(normal), 1.0)


def compare_commissures(seed: int) -> list[Compared]:
    """Commissures found from nuclei that lie a little elsewhere than in the atlas, beside the true ones: their distance, their places, the frame's angles."""
    head = draw_head(seed, PLACE_DEVIATION_MM)
    every = MeasuredMask(head.labels, {structure(f"{side}_{key}").label: f"{side}_{key}" for side in ("left", "right") for key in SEMI_MM})
    measured = measure_nuclei(every)
    points = {key: np.array(of(measured, "r", key).points[0]) for key in ("ac", "pc", "midline")}
    found, length = AcPc(points["ac"], points["pc"], points["midline"]), of(measured, "ac_pc_length", "")
    turned = np.degrees(Rotation.from_matrix(found.to_ras.linear.T @ head.frame.to_ras.linear).magnitude())
    refined = found.refined(seen_mid_plane(head.frame, np.random.default_rng(seed)))
    less = np.degrees(Rotation.from_matrix(refined.to_ras.linear.T @ head.frame.to_ras.linear).magnitude())
    off = [Measurement(f"{key}_off", "", "", "", "mm", float(np.linalg.norm(points[key] - getattr(head.frame, key))), 0, length.high - length.value,
                       flags=length.flags) for key in ("ac", "pc")]  # fmt: skip
    turn = Measurement("frame_off", "", "", "", "deg", float(turned), 0, 180, flags=length.flags)
    with_plane = replace(turn, key="frame_off_with_mid_plane", value=float(less))
    return [Compared(seed, length, head.frame.length), *(Compared(seed, each, 0.0) for each in (*off, turn, with_plane))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    seeds = range(parser.parse_args().count)
    print("In the true frame:\n")
    print_summary([each for seed in seeds for each in compare(seed)])
    apart = np.linalg.norm(np.subtract(AC_MNI, PC_MNI))
    print(f"\nCommissures found from {len(SEMI_MM)} of {len(NUCLEI_MNI)} nuclei a side, each {PLACE_DEVIATION_MM} mm off along each axis ({apart:.1f} mm apart in MNI152):\n")  # fmt: skip
    print_summary([each for seed in seeds for each in compare_commissures(seed)])


if __name__ == "__main__":
    main()
