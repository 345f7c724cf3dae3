"""Judges the subthalamic nucleus on templates with atlas labels, beside a fixed ellipsoid, as they lie and in random poses.

    python Resources/Training/evaluate_subcortical.py --poses 6 --pictures out/

A pose is a rotation of up to 15 degrees about each axis, a shift of up to 15 mm and a scale of 0.9-1.1, applied to the
scan's matrix and to its truth's alike. The ellipsoid is that of the ZonaBB atlas in MNI space, fixed in scanner space, or
moved by the shift of the scan's center of mass (which is thereby given the exact translation, not rotation and scale).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from neurospineseg.anatomy import structure  # noqa: E402
from neurospineseg.bundle import find_bundle  # noqa: E402
from neurospineseg.errors import InputError  # noqa: E402
from neurospineseg.grid import Grid, covering_grid  # noqa: E402
from neurospineseg.locate import REGION_CENTER_MNI, locate_region  # noqa: E402
from neurospineseg.measure import dice, hd95  # noqa: E402
from neurospineseg.network import build_network, load_weights  # noqa: E402
from neurospineseg.passage import bring_in  # noqa: E402
from neurospineseg.pipeline import Segmenter, Settings  # noqa: E402
from neurospineseg.predict import predict  # noqa: E402
from neurospineseg.volume import Volume, read_volume  # noqa: E402
from real_data import DATA  # noqa: E402
from synthetic.brain import DEEP_NUCLEI  # noqa: E402
from synthetic.deform import random_linear  # noqa: E402
from synthetic.nuclei import HELD_OUT, NUCLEI, cached_heads  # noqa: E402
from synthetic.nuclei_phantom import subcortical_phantom  # noqa: E402

TEMPLATES = ("ICBM2009_T1w_ZonaBB", "MNI6_T1w_1mm_ZonaBB")
STN = ("left_subthalamic_nucleus", "right_subthalamic_nucleus")


def ellipsoid_mask(grid: Grid, side: str, shift: np.ndarray) -> np.ndarray:
    """bool (K, J, I): the STN's mean ellipsoid in MNI space, moved by ``shift`` (RAS mm)."""
    *_, center, volume, axes, long, middle = DEEP_NUCLEI["subthalamic_nucleus"]
    axes = np.array(axes) * (volume / (4 / 3 * np.pi * np.prod(axes))) ** (1 / 3)
    directions = np.array([long, middle, np.cross(long, middle)])
    mirror = np.array([-1 if side == "left" else 1, 1, 1])
    k, j, i = np.indices(grid.shape)
    ras = np.stack([i, j, k], -1) @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    local = ((ras - np.array(center) * mirror - shift) * mirror) @ directions.T / axes
    return (local**2).sum(-1) <= 1


def center_of_mass(volume: Volume) -> np.ndarray:
    kji = np.argwhere(volume.voxels > 0.2 * np.percentile(volume.voxels, 99)).mean(0)
    return volume.ijk_to_ras[:3, :3] @ kji[::-1] + volume.ijk_to_ras[:3, 3]


def scores(found: np.ndarray, truth: np.ndarray, grid: Grid) -> np.ndarray:
    """Dice, HD95 (mm), centroid distance (mm); NaN distances where nothing was found."""
    if not found.any():
        return np.array([0.0, np.nan, np.nan])
    middles = [grid.ijk_to_ras[:3, :3] @ np.argwhere(mask).mean(0)[::-1] for mask in (found, truth)]
    low = np.maximum(np.argwhere(found | truth).min(0) - 2, 0)
    box = tuple(slice(a, b + 3) for a, b in zip(low, np.argwhere(found | truth).max(0)))
    return np.array([dice(found, truth), hd95(found[box], truth[box], tuple(grid.spacing[::-1])), np.linalg.norm(middles[0] - middles[1])])


def posed(rng: np.random.Generator | None, middle: np.ndarray, degrees: float = 15.0) -> Callable[[Volume], Volume]:
    """A function that puts a volume into one random pose about ``middle`` (RAS mm); without ``rng`` it stays."""
    matrix = np.eye(4)
    if rng is not None:
        matrix[:3, :3] = random_linear(rng, degrees, scale=0.0, shear=0.0) * rng.uniform(0.9, 1.1)
        matrix[:3, 3] = middle - matrix[:3, :3] @ middle + rng.uniform(-15, 15, 3)
    return lambda scan: Volume(scan.voxels, matrix @ scan.ijk_to_ras)


def on_templates(segmenter: Segmenter, poses: int, pictures: Path | None) -> None:
    for name in TEMPLATES:
        scan, truth = (read_volume(DATA / "subcortical" / "templates" / f"{name}_{kind}.nii.gz") for kind in ("img", "seg"))
        middle = center_of_mass(scan)
        rows: dict[str, list[np.ndarray]] = {"model": [], "ellipsoid, fixed": [], "ellipsoid, center of mass": []}
        for number in range(poses + 1):
            pose = posed(np.random.default_rng(number) if number else None, middle)
            here = pose(scan)
            shift = center_of_mass(here) - middle
            try:
                result = segmenter.run({"image": here})
                labels = result.labels.voxels
            except InputError as error:
                print(f"{name}, pose {number}: {error}")
                labels = np.zeros(here.shape, np.uint16)
            sides = zip(("left", "right"), STN)
            marks = {side: (labels == structure(key).label, truth.voxels == value) for value, (side, key) in enumerate(sides, 1)}
            rows["model"].append(np.array([scores(found, true, here.grid) for found, true in marks.values()]))
            for kind, moved in (("ellipsoid, fixed", np.zeros(3)), ("ellipsoid, center of mass", shift)):
                rows[kind].append(
                    np.array([scores(ellipsoid_mask(here.grid, side, moved), true, here.grid) for side, (_, true) in marks.items()])
                )
            if pictures is not None and number < 2:
                draw(here, labels, truth.voxels > 0, pictures / f"{name}_pose{number}.png")
        for kind, values in rows.items():
            values = np.array(values)
            print(f"{name} | {kind} | as it lies L {np.round(values[0, 0], 2)} R {np.round(values[0, 1], 2)}", end="")
            if poses:
                posed_values = values[1:].reshape(-1, 3)
                print(
                    f" | {poses} poses: mean {np.round(np.nanmean(posed_values, 0), 2)} worst Dice {posed_values[:, 0].min():.2f}", end=""
                )
            print(flush=True)


def on_locator(poses: int, degrees: float) -> None:
    """Error of the cube's middle (mm) and axes (degrees) on the templates turned by up to ``degrees`` about each axis."""
    bundle = find_bundle("subcortical_locator")
    network = load_weights(build_network(bundle.network_def), bundle.weights)
    for name in TEMPLATES:
        scan = read_volume(DATA / "subcortical" / "templates" / f"{name}_img.nii.gz")
        errors = []
        for number in range(poses):
            pose = posed(np.random.default_rng([number, 7]), center_of_mass(scan), degrees)
            here = pose(scan)
            coarse = covering_grid(here.grid, np.array(bundle.spec.spacing))
            image = bring_in({"image": here}, coarse, bundle.spec)
            probabilities, _, _ = predict(network, image, bundle.spec, torch.device("cpu"), torch.bfloat16)
            matrix = here.ijk_to_ras @ np.linalg.inv(scan.ijk_to_ras)
            turn = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))
            try:
                cube = locate_region(probabilities, coarse, bundle.spec)
            except InputError as error:
                print(f"{name}, pose {number}: {error}")
                continue
            axes = cube.ijk_to_ras[:3, :3] / cube.spacing
            angle = np.degrees(np.arccos(np.clip((np.trace(turn.T @ axes) - 1) / 2, -1, 1)))
            errors.append((np.linalg.norm(cube.center - matrix[:3, :3] @ np.array(REGION_CENTER_MNI) - matrix[:3, 3]), angle))
        print(
            f"locator | {name} | {len(errors)} of {poses} poses within {degrees:.0f} degrees | mean {np.round(np.mean(errors, 0), 1)} worst {np.round(np.max(errors, 0), 1)} (mm, degrees)"
        )


def on_held_out(segmenter: Segmenter, images: int) -> None:
    """Dice of every structure in drawn cubes of the heads no model was trained on (the network alone, without the locator)."""
    from drawn.subcortical_nuclei import Examples

    drawing = Examples(segmenter.bundle.spec)
    drawing.heads, drawing.procedural_share = cached_heads("cube", held_out=True), 0.0
    network = load_weights(build_network(segmenter.bundle.network_def), segmenter.bundle.weights)
    table = []
    for number in range(images):
        image, classes = drawing.cube(np.random.default_rng([99, number]))
        probabilities, _, _ = predict(network, image[None], segmenter.bundle.spec, segmenter.device, segmenter.precision)
        winner = probabilities.argmax(0)
        table.append([dice((winner == c).numpy(), (classes == c).numpy()) for c in range(1, len(segmenter.bundle.spec.classes))])
    for name, values in zip(segmenter.bundle.spec.classes[1:], np.array(table).T):
        print(f"held-out heads {HELD_OUT} | {name} | Dice {values.mean():.2f} (lowest {values.min():.2f}) over {images} drawn cubes")


def on_phantoms(segmenter: Segmenter, seeds: range, pictures: Path | None) -> None:
    """Dice of every structure on wholly procedural T2-like heads, the whole way of a scan."""
    for seed in seeds:
        image, ijk_to_ras, labels = subcortical_phantom(seed)
        scan = Volume(image, ijk_to_ras)
        try:
            found = segmenter.run({"image": scan}).labels.voxels
        except InputError as error:
            print(f"phantom {seed}: {error}")
            continue
        table = {
            f"{side}_{name}": dice(found == structure(f"{side}_{name}").label, labels == value)
            for name, pair in NUCLEI.items()
            for side, value in zip(("left", "right"), pair)
        }
        print(f"phantom {seed} | Dice", {name: round(value, 2) for name, value in table.items()})
        if pictures is not None:
            draw(scan, found, np.isin(labels, NUCLEI["subthalamic_nucleus"]), pictures / f"phantom_{seed}.png")


def on_other(segmenter: Segmenter, pictures: Path | None) -> None:
    paths = [DATA / "other" / f"{name}.nii.gz" for name in ("head_t2w", "head_pd_no_tumor")]
    for path in [*paths, DATA / "subcortical" / "templates" / "icbm152_2009a_sym_t1.nii.gz", DATA / "other" / "head_ct.nii.gz"]:
        scan = read_volume(path)
        try:
            result = segmenter.run({"image": scan})
        except InputError as error:
            print(f"{path.name}: {error}")
            continue
        print(path.name, {s.key: round(1000 * result.report["volumes"][s.key]["mL"]) for s in result.structures}, result.warnings)
        if pictures is not None:
            draw(scan, result.labels.voxels, None, pictures / f"{path.name.split('.')[0]}.png")


def draw(scan: Volume, labels: np.ndarray, truth: np.ndarray | None, path: Path) -> None:
    """Three slices through the found nuclei, their outlines in color, the truth's in white."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    if not labels.any():
        return
    wanted = np.isin(labels, [structure(key).label for key in STN])
    middle = np.argwhere(wanted if wanted.any() else labels > 0).mean(0).round().astype(int)
    figure, axes = plt.subplots(1, 3, figsize=(18, 6))
    for axis, panel in enumerate(axes):
        cut = tuple(middle[axis] if a == axis else slice(None) for a in range(3))
        picture, mask = scan.voxels[cut], labels[cut]
        spacing = np.delete(scan.spacing[::-1], axis)
        around = np.delete(middle, axis)
        half = 45 / spacing
        panel.imshow(picture, cmap="gray", origin="lower", aspect=spacing[0] / spacing[1], vmax=np.percentile(scan.voxels, 99.7))
        for key in np.unique(mask[mask > 0]):
            panel.contour(mask == key, [0.5], colors=[plt.cm.tab20(int(key) % 20)], linewidths=1.2)
        if truth is not None and truth[cut].any():
            panel.contour(truth[cut], [0.5], colors="white", linewidths=0.8)
        panel.set_xlim(around[1] - half[1], around[1] + half[1])
        panel.set_ylim(around[0] - half[0], around[0] + half[0])
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=60)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=6)
    parser.add_argument("--drawn", type=int, default=8, help="cubes drawn from the held-out heads")
    parser.add_argument("--pictures", type=Path, help="folder for PNG overlays")
    options = parser.parse_args()
    torch.set_num_threads(1)
    on_locator(options.poses, 15.0)
    on_locator(options.poses, 30.0)
    segmenter = Segmenter("subcortical", Settings(device="cpu"))
    on_templates(segmenter, options.poses, options.pictures)
    on_held_out(segmenter, options.drawn)
    on_phantoms(segmenter, range(101, 103), options.pictures)
    on_other(segmenter, options.pictures)


if __name__ == "__main__":
    main()
