"""Evaluates a model of the deep nuclei on templates with atlas labels in random poses, and on drawn heads that no model saw.

    python Resources/Training/evaluate_subcortical.py --model subcortical_nuclei_3d --draws 25 --output out/

Templates: each draw turns the template by up to 30 degrees about each axis, shifts it by up to 15 mm, scales it by 0.9-1.1, and
samples it in axial slices of 1x1x3 mm with noise and a bias field, as it is (T1) and made to look like T2, T2*, SWI, a fusion of T1 and T2*,
nulled white matter, PD and QSM. Those are half drawn: see ``synthetic.nuclei.template_contrasts``. Beside the model stands the subthalamic nucleus's mean ellipsoid in MNI space, put where
the same locator finds the head. Labels are compared on the scan's own grid. Held-out heads: the network alone, on regions drawn
as for training and on harder ones (see ``HARDER``) that training never drew; the truth is the registered atlas.
Writes ``templates.csv`` and ``heads.csv``, one row a structure and draw, with how far what was found lies outward, forward and upward of the
truth in the template's own frame, which tells a bias from scatter, and pictures of the worst draws. The pictures of failures in the
model's card are the worst of the drawn regions:

    python Resources/Training/evaluate_subcortical.py --draws 0 --drawn 8 --failures Resources/Models/subcortical_nuclei_3d/docs
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.agreement import dice
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.head_pose import REGION_CENTER_MNI, find_head
from neurospineseg.inference.predict import predict
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.tasks.anatomy import structure, structures_of
from neurospineseg.tasks.subcortical.rules import T1_NOTE
from Training.datasets.real_data import DATA
from Training.evaluation.nuclei_pictures import draw_region, draw_scan
from Training.synthetic.examples.subcortical_nuclei_3d import Examples
from Training.synthetic.nuclei.heads import DEEP_GRAY, cached_heads
from Training.synthetic.nuclei.template import STN, Template, as_scanned, labels_on, mean_ellipsoid, random_pose, read_template
from Training.synthetic.nuclei.template_contrasts import CONTRASTS
from Training.training.program import run_program

TEMPLATES = ("ICBM2009_T1w_ZonaBB", "MNI6_T1w_1mm_ZonaBB")
SCAN_MM = (1.0, 1.0, 3.0)
HARDER = {"thickest_mm": 6.0, "artifact_share": 0.7, "noise": 12.0, "physical": 0.5}
TURN = "turn in degrees"
"""Of the locator's rows; it stands in the column of millimeters."""
COLUMNS = (
    *("data", "setting", "draw", "method", "structure", "dice", "centroid_mm", "swapped"),
    *("outward_mm", "forward_mm", "upward_mm"),
)
UNKNOWN = (np.nan,) * 3


def scores(found: np.ndarray, truth: np.ndarray, other: np.ndarray, grid: Grid) -> tuple[float, float, int]:
    """Dice, distance of the centroids in mm (NaN if nothing was found), and whether what was found overlaps the ``other`` side's truth more."""
    value = dice(found, truth)
    if not found.any():
        return 0.0, np.nan, 0
    places = [grid.centroid(mask) for mask in (found, truth)]
    return value, float(np.linalg.norm(places[0] - places[1])), int(dice(found, other) > value)


def displacement(key: str, found: np.ndarray, truth: np.ndarray, grid: Grid, to_template: np.ndarray) -> tuple[float, ...]:
    """How far (mm) the middle of what was found lies outward, forward and upward of the truth's, in the template's frame (4x4 from RAS)."""
    if not found.any():
        return UNKNOWN
    here, there = (Affine(to_template).apply(grid.centroid(mask)) for mask in (found, truth))
    return tuple((here - there) * (-1 if key.startswith("left") else 1, 1, 1))


def mirror(key: str) -> str:
    side, name = key.split("_", 1)
    return f"{'right' if side == 'left' else 'left'}_{name}"


def located(segmenter: Segmenter, scan: Volume) -> np.ndarray:
    """4x4 from the scan's RAS to MNI, as the model's locator finds it."""
    locator = find_bundle(segmenter.bundle.spec.locator)
    network = segmenter.network(locator)
    pose = find_head(
        {"image": scan},
        scan.grid,
        locator.spec,
        lambda image: predict(network, image, locator.spec, segmenter.device, segmenter.precision)[0],
    )
    return pose.mni_to_ras.inverse.matrix


def template_rows(
    segmenter: Segmenter, template: Template, contrast: str, draw: int, pictures: dict[str, tuple], told: list[bool]
) -> Iterable[tuple]:
    """The rows of one draw; keeps it in ``pictures`` if it is its contrast's worst so far, and in ``told`` whether it was taken for T1."""
    rng = np.random.default_rng([draw, 17])
    source = template.seen(contrast)
    pose = random_pose(rng, source.grid.center)
    scan = as_scanned(source, pose, rng, SCAN_MM)
    start = (template.name.split("_")[0], contrast, draw)
    truth = labels_on(template.truth, pose @ template.scan.ijk_to_ras, scan.grid)
    to_mni = np.eye(4)
    try:
        to_mni = located(segmenter, scan)
        result = segmenter.run({"image": scan})
        labels = result.labels.voxels
        told.append(T1_NOTE in result.warnings)
    except InputError as error:
        print(*start, error)
        labels = np.zeros(scan.shape, np.uint16)
    turn = Affine(to_mni @ pose)
    angle = np.degrees(np.arccos(np.clip((np.trace(turn.linear) / np.cbrt(np.linalg.det(turn.linear)) - 1) / 2, -1, 1)))
    center = np.array(REGION_CENTER_MNI)
    yield (*start, "locator", "place", np.nan, np.linalg.norm(turn.apply(center) - center), 0, *(turn.apply(center) - center))
    yield (*start, "locator", TURN, np.nan, angle, 0, *UNKNOWN)
    ellipsoids = {key: mean_ellipsoid(scan.grid, key.split("_")[0], to_mni) for key in STN}
    anything = np.argwhere((truth > 0) | (labels > 0) | ellipsoids[STN[0]] | ellipsoids[STN[1]])
    low, high = anything.min(0), anything.max(0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high))
    part = scan.grid.crop(tuple(low), tuple(high))
    masks = {found.key: truth[box] == found.label for found in structures_of("subcortical") if (truth == found.label).any()}
    worst, back = [], np.linalg.inv(pose)
    for key, true in masks.items():
        found = labels[box] == structure(key).label
        row = scores(found, true, masks[mirror(key)], part)
        yield (*start, "model", key, *row, *displacement(key, found, true, part, back))
        if key in STN:
            worst.append(row[0])
            found = ellipsoids[key][box]
            yield (*start, "ellipsoid", key, *scores(found, true, masks[mirror(key)], part), *displacement(key, found, true, part, back))
    if labels.any() and (contrast not in pictures or min(worst) < pictures[contrast][0]):
        subthalamic = np.isin(truth, [structure(key).label for key in STN])
        pictures[contrast] = (min(worst), scan, labels, subthalamic, "_".join(map(str, start)))


def head_rows(segmenter: Segmenter, setting: str, draws: int, failures: Path | None) -> Iterable[tuple]:
    """Rows of drawn regions of the heads that no model was trained on; draws that with the worst subthalamic nucleus in ``failures``."""
    spec = segmenter.bundle.spec
    drawing = Examples(spec)
    drawing.heads.labeled, drawing.heads.share = cached_heads("deep", held_out=True), 0.0
    if setting == "harder":
        for name, value in HARDER.items():
            setattr(drawing, name, value)
    worst = 2.0
    for draw in range(draws):
        image, labels, seen = drawing.region(np.random.default_rng([99, draw]))
        probabilities, _, _ = predict(segmenter.network(segmenter.bundle), image[None], spec, segmenter.device, segmenter.precision)
        winner = torch.where(seen, probabilities.argmax(0), 0).numpy()
        truth = {}
        for name, sides in DEEP_GRAY.items():
            truth |= {f"{side}_{name}": ((labels == value) & seen).numpy() for side, value in zip(("left", "right"), sides)}
        for number, key in enumerate(spec.classes[1:], 1):
            if truth[key].sum() > 20:
                grid = Grid(winner.shape, np.eye(4))
                row = scores(winner == number, truth[key], truth[mirror(key)], grid)
                yield ("heads", setting, draw, "model", key, *row, *UNKNOWN)
                if failures is not None and key in STN and row[0] < worst:
                    worst = row[0]
                    place = np.argwhere(truth[key]).mean(0).round().astype(int)
                    found = {name: winner == value for value, name in enumerate(spec.classes[1:], 1)}
                    draw_region(image.numpy(), truth, found, place, failures / f"worst_{setting.replace(' ', '_')}.png")


def summary(rows: list[tuple]) -> None:
    """Prints the mean, median and worst of each structure, both sides together."""
    groups: dict[tuple, list[tuple]] = {}
    for data, setting, _, method, key, *values in rows:
        name = key if method == "locator" else key.split("_", 1)[1]
        groups.setdefault((data, setting, method, name), []).append(values)
    for group, values in groups.items():
        overlap, distance, swapped, *away = np.array(values, float).T
        if np.isnan(distance).all():
            print(" | ".join(group), f"| n {len(values)} | nothing found")
            continue
        if group[2] == "locator":
            print(
                " | ".join(group),
                f"| n {len(values)} | mean {distance.mean():.1f} median {np.median(distance):.1f} worst {distance.max():.1f}",
            )
            continue
        print(
            " | ".join(group),
            f"| n {len(values)} | Dice mean {overlap.mean():.2f} median {np.median(overlap):.2f} worst {overlap.min():.2f}",
            f"| centroid mean {np.nanmean(distance):.1f} median {np.nanmedian(distance):.1f} worst {np.nanmax(distance):.1f} mm",
            f"| lost {int(np.isnan(distance).sum())} | swapped {int(swapped.sum())}",
            f"| outward, forward, upward {', '.join(f'{np.nanmean(axis):.1f}' for axis in away)}" if not np.isnan(away).all() else "",
        )


def on_other(segmenter: Segmenter, output: Path) -> None:
    """Volumes (mm3) and warnings on heads without labels; a picture of each."""
    paths = [DATA / "other" / f"{name}.nii.gz" for name in ("head_t2w", "head_pd_no_tumor", "head_ct")]
    for path in [*paths, DATA / "subcortical" / "templates" / "icbm152_2009a_sym_t1.nii.gz"]:
        scan = read_volume(path)
        try:
            result = segmenter.run({"image": scan})
        except InputError as error:
            print(f"{path.name}: {error}")
            continue
        print(
            path.name, {found.key: round(1000 * result.report["volumes"][found.key]["mL"]) for found in result.structures}, result.warnings
        )
        draw_scan(scan, result.labels.voxels, None, output / f"{path.name.split('.')[0]}.png")


def write(rows: list[tuple], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows([*row[:5], f"{row[5]:.4f}", f"{row[6]:.3f}", row[7], *(f"{mm:.2f}" for mm in row[8:])] for row in rows)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    result.add_argument("--model", help="bundle name or folder; the task's default without it")
    result.add_argument("--draws", type=int, default=25, help="of each template and contrast; 0 leaves out all but the drawn regions")
    result.add_argument("--contrasts", nargs="*", choices=CONTRASTS, default=CONTRASTS)
    result.add_argument(
        "--drawn", type=int, default=12, help="regions of the held-out heads, of each setting; 0 leaves out all but the templates"
    )
    result.add_argument("--failures", type=Path, metavar="FOLDER", help="receives a picture of each setting's worst drawn region")
    result.add_argument("--output", type=Path, default=Path("subcortical_evaluation"))
    return result


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), evaluate, arguments)


def evaluate(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    segmenter = Segmenter("subcortical", Settings(model=options.model, device="cpu", force=True))
    rows: list[tuple] = []
    pictures: dict[str, tuple] = {}
    for name in TEMPLATES if options.draws else ():
        template = read_template(DATA / "subcortical", name)
        for contrast in options.contrasts:
            told: list[bool] = []
            for number in range(options.draws):
                rows += template_rows(segmenter, template, contrast, number, pictures, told)
            print(f"{name} | {contrast} | taken for T1-weighted: {sum(told)} of {len(told)}", flush=True)
    if rows:
        summary(rows)
        write(rows, options.output / "templates.csv")
    for _, scan, labels, truth, name in pictures.values():
        draw_scan(scan, labels, truth, options.output / f"worst_{name}.png")
    if not options.drawn:
        return
    if segmenter.bundle.spec.bilateral and cached_heads("deep", held_out=True):
        rows = [row for setting in ("as trained", "harder") for row in head_rows(segmenter, setting, options.drawn, options.failures)]
        summary(rows)
        write(rows, options.output / "heads.csv")
    if options.draws:
        on_other(segmenter, options.output)


if __name__ == "__main__":
    sys.exit(main())
