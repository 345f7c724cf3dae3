"""Judges a spine model on real scans: bodies, discs and names, each case with its seconds.

    python Resources/Training/evaluate_spine.py --model spine_3d --pictures out/ --out figures.csv

Chu (held out), Zukic (VB1) and MyoSegmenTUM (VB3) label vertebral bodies only, so of our vertebrae that part is compared
that lies within 3 mm of a true body of any level; arches are thereby left out, except where they begin. Dice is
of the union of bodies. A body counts as detected where one of ours overlaps it with an intersection over union above
0.5, and as named where that one has its name too (names up from the sacrum; none is right without). Discs likewise.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from neurospineseg.anatomy import structure  # noqa: E402
from neurospineseg.errors import InputError  # noqa: E402
from neurospineseg.measure import dice, hd95  # noqa: E402
from neurospineseg.pipeline import Result, Segmenter, Settings  # noqa: E402
from neurospineseg.spine_numbering import disc_key  # noqa: E402
from neurospineseg.volume import Volume, read_volume  # noqa: E402
from real_data import DATA  # noqa: E402
from synthetic.chu2015 import HELD_OUT  # noqa: E402
from synthetic.spine_phantom import spine_phantom  # noqa: E402

FOLDER = DATA / "spine"
NEAR_MM = 3.0
SACRUM = structure("sacrum").label
CANAL = structure("spinal_canal").label


@dataclass(frozen=True)
class Case:
    """A scan and what is known of it.

    Attributes:
        truth: (K, J, I) in our label values; ``kind`` says of what: ``bodies``, ``discs``, ``vertebrae`` (with arches) or none.
    """

    name: str
    scan: Volume
    truth: np.ndarray | None
    kind: str


def _pair(folder: str, name: str, kind: str) -> Case:
    scan, seg = (read_volume(FOLDER / folder / f"{name}_{part}.nii.gz") for part in ("img", "seg"))
    truth = seg.voxels.round().astype(int)
    if kind == "discs":
        truth = np.select([truth == 201 + n for n in range(23)], [structure(disc_key(n, True)).label for n in range(23)], 0)
    return Case(name, scan, truth, kind)


def _crop(scan: str, seg: str) -> Case:
    truth = read_volume(FOLDER / "crops" / seg).voxels.round().astype(int)
    return Case(scan, read_volume(FOLDER / "crops" / scan), np.where(truth < 29, truth, 0), "vertebrae")


def cases() -> Iterator[Case]:
    for name in HELD_OUT:
        yield _pair("chu2015", name, "bodies")
    for path in sorted((FOLDER / "evaluate").glob("*_img.nii.gz")):
        name = path.name.removesuffix("_img.nii.gz")
        yield _pair("evaluate", name, "discs" if name.startswith("IVD") else "bodies")
    yield _crop("sub-ct_label-22_ct.nii.gz", "sub-ct_seg-vert_label-22_msk.nii.gz")
    yield _crop("sub-mri_label-6_T2w.nii.gz", "sub-mri_seg-vert_label-6_msk.nii.gz")
    yield Case("t2_lumbar_unlabelled", read_volume(FOLDER / "crops" / "t2_lumbar_unlabelled.nii.gz"), None, "")
    for seed, contrast in ((101, "t2"), (102, "t1"), (103, "ct")):
        image, ijk_to_ras, labels = spine_phantom(seed, contrast=contrast)
        yield Case(
            f"drawn {contrast}",
            Volume(image, ijk_to_ras),
            np.where((labels < 26) | (labels > 100), labels, 0).astype(int),
            "vertebrae and discs",
        )


def comparable(found: np.ndarray, truth: np.ndarray, kind: str, spacing_kji: np.ndarray) -> np.ndarray:
    """Our labels (K, J, I) reduced to what the truth labels."""
    vertebra = ((found >= 1) & (found < SACRUM)) | (found == 28) | ((found > 200) & (found < 250))
    disc = ((found > 100) & (found < 130)) | (found > 250)
    if kind == "bodies":
        bone = vertebra | ((found == SACRUM) & (truth == SACRUM).any())
        near = ndimage.distance_transform_edt(truth == 0, sampling=spacing_kji) <= NEAR_MM
        return np.where(bone & near, found, 0)
    kept = disc if kind == "discs" else vertebra if kind == "vertebrae" else vertebra | disc
    return np.where(kept, found, 0)


def compare(case: Case, result: Result) -> dict[str, float]:
    """Dice and HD95 (mm) of the union, and the shares of true instances detected and rightly named; missing ones count."""
    spacing = case.scan.spacing[::-1]
    truth = case.truth
    found = comparable(result.labels.voxels.astype(int), truth, case.kind, spacing)
    detected = named = 0
    values = [int(value) for value in np.unique(truth) if value]
    if case.kind == "discs":
        low, high = np.argwhere(truth > 0)[:, 0].min(), np.argwhere(truth > 0)[:, 0].max()
        found[: max(0, low - 4)], found[high + 5 :] = 0, 0
    for value in values:
        here = truth == value
        overlap = np.bincount(found[here], minlength=1)
        overlap[0] = 0
        best = int(overlap.argmax())
        if overlap[best] == 0:
            continue
        union = int((here | (found == best)).sum())
        detected += overlap[best] / union > 0.5
        named += overlap[best] / union > 0.5 and best == value
    box = tuple(
        slice(max(0, a - 3), b + 4)
        for a, b in zip(np.argwhere((truth > 0) | (found > 0)).min(0), np.argwhere((truth > 0) | (found > 0)).max(0))
    )
    return {
        "Dice": dice(found > 0, truth > 0),
        "HD95 mm": hd95((found > 0)[box], (truth > 0)[box], tuple(spacing)),
        "instances": len(values),
        "detected": float(detected / len(values)),
        "named": float(named / len(values)),
    }


def draw(case: Case, result: Result, path: Path) -> None:
    """A sagittal and a coronal slice through the column: our outlines in color, the truth's in white."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import nibabel as nib

    def turned(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        image = nib.as_closest_canonical(nib.Nifti1Image(array.T.astype(np.float32), case.scan.ijk_to_ras))
        return np.asarray(image.dataobj), np.asarray(image.header.get_zooms()[:3])

    picture, spacing = turned(case.scan.voxels)
    labels = turned(result.labels.voxels)[0].astype(int)
    truth = None if case.truth is None else turned(case.truth)[0].astype(int)
    shown = (labels > 0) & (labels < 60) if truth is None or not (truth > 0).any() else truth > 0
    middle = np.argwhere(shown).mean(0).round().astype(int) if shown.any() else np.array(labels.shape) // 2
    colors = {int(s.label): np.array(s.color) / 255 for s in result.structures}
    figure, panels = plt.subplots(1, 2, figsize=(14, 8))
    for axis, panel in zip((0, 1), panels):
        cut = tuple(middle[axis] if a == axis else slice(None) for a in range(3))
        rest = np.delete(spacing, axis)
        panel.imshow(
            picture[cut].T,
            cmap="gray",
            origin="lower",
            aspect=rest[1] / rest[0],
            vmin=np.percentile(picture, 1),
            vmax=np.percentile(picture, 99.3),
        )
        for value in np.unique(labels[cut]):
            if value:
                panel.contour((labels[cut] == value).T, [0.5], colors=[colors.get(int(value), (1, 0, 0))], linewidths=1.3)
                place = np.argwhere(labels[cut] == value).mean(0)
                panel.text(*place, str(value), color="yellow", fontsize=8, ha="center")
        if truth is not None and (truth[cut] > 0).any():
            for value in np.unique(truth[cut])[1:]:
                panel.contour((truth[cut] == value).T, [0.5], colors="white", linewidths=0.6)
        panel.axis("off")
    figure.suptitle(case.name)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=50)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="bundle name or folder; default: the installed spine model")
    parser.add_argument("--only", help="cases whose name holds this text")
    parser.add_argument("--pictures", type=Path, help="folder for PNG overlays")
    parser.add_argument("--out", type=Path, help="CSV file of the figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    segmenter = Segmenter("spine", Settings(model=options.model, device="cpu"))
    rows: list[dict[str, object]] = []
    for case in cases():
        if options.only and options.only not in case.name:
            continue
        started = perf_counter()
        try:
            result = segmenter.run({"image": case.scan})
        except InputError as error:
            print(f"{case.name}: {error}")
            continue
        seconds = perf_counter() - started
        figures = compare(case, result) if case.truth is not None and (case.truth > 0).any() else {}
        rows.append({"case": case.name, "kind": case.kind, "seconds": round(seconds, 1), **figures})
        names = [s.key.removeprefix("vertebra_") for s in result.structures]
        print(
            {key: round(value, 2) if isinstance(value, float) else value for key, value in rows[-1].items()},
            names,
            result.warnings[1:],
            flush=True,
        )
        if options.pictures is not None:
            draw(case, result, options.pictures / f"{case.name}.png")
    for group in dict.fromkeys(str(row["case"])[:3] for row in rows):
        values = [row for row in rows if str(row["case"]).startswith(group) and "Dice" in row]
        if values:
            cells = [
                f"{key} {np.nanmean([row[key] for row in values]):.2f} (worst {worst([row[key] for row in values]):.2f})"
                for key, worst in (("Dice", np.nanmin), ("HD95 mm", np.nanmax), ("detected", np.nanmin), ("named", np.nanmin))
            ]
            print(group, len(values), "cases |", " | ".join(cells))
    if options.out is not None:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["case", "kind", "seconds", "Dice", "HD95 mm", "instances", "detected", "named"])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
