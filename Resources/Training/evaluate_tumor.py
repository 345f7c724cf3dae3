"""Judges the tumor model on gliomas with expert labels, on scans without, and on drawn heads no model was trained on.

    python Resources/Training/evaluate_tumor.py --drawn 12 --pictures out/

Whole tumor, core (necrosis, non-enhancing and enhancing tumor) and enhancing tumor are compared on the scan's own grid:
Dice, HD95 (mm), and volumes (mL, found / true).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from neurospineseg.errors import InputError  # noqa: E402
from neurospineseg.measure import dice, hd95  # noqa: E402
from neurospineseg.network import build_network, load_weights  # noqa: E402
from neurospineseg.pipeline import Result, Segmenter, Settings  # noqa: E402
from neurospineseg.predict import predict  # noqa: E402
from neurospineseg.volume import Volume, read_volume  # noqa: E402
from real_data import DATA  # noqa: E402
from synthetic.nuclei import HELD_OUT, cached_heads, mirrored  # noqa: E402

FOLDER = DATA / "tumor"
REGIONS = {"whole tumor": (1, 2, 3), "core": (1, 3), "enhancing": (3,)}
SUBSETS = {
    "all four": (1, 1, 1, 1),
    "T1c+FLAIR": (1, 0, 0, 1),
    "T1c": (1, 0, 0, 0),
    "T1": (0, 1, 0, 0),
    "T2": (0, 0, 1, 0),
    "FLAIR": (0, 0, 0, 1),
}
"""Which of T1c, T1, T2 and FLAIR are given."""


def line(found: np.ndarray, truth: np.ndarray, spacing_kji: tuple[float, ...], voxel_ml: float) -> str:
    """Dice, HD95 and volumes of the three regions, as text."""
    parts = []
    for name, labels in REGIONS.items():
        a, b = np.isin(found, labels), np.isin(truth, labels)
        parts.append(
            f"{name} {dice(a, b):.2f} / {hd95(*_boxed(a, b), spacing_kji):.1f} mm / {a.sum() * voxel_ml:.1f} of {b.sum() * voxel_ml:.1f} mL"
        )
    return " | ".join(parts)


def _boxed(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.argwhere(a | b)
    if len(places) == 0:
        return a, b
    box = tuple(slice(max(0, low - 2), high + 3) for low, high in zip(places.min(0), places.max(0)))
    return a[box], b[box]


def deepmedic(number: int) -> tuple[dict[str, Volume], np.ndarray]:
    """A case's T1c and FLAIR, and its expert labels as ours: 1 necrotic core (with non-enhancing), 2 edema, 3 enhancing."""
    folder = FOLDER / f"deepmedic_brats2013_pat{number:04d}"
    truth = read_volume(folder / "OTMultiClass.nii.gz").voxels.round().astype(int)
    scans = {name: read_volume(folder / f"{file}_subtrMeanDivStd.nii.gz") for name, file in (("t1c", "T1c"), ("flair", "Flair"))}
    return scans, np.array([0, 1, 2, 1, 3])[truth]


def brats() -> dict[str, Volume]:
    folder = FOLDER / "BraTS-GLI-00001-000"
    return {name: read_volume(folder / f"{file}.nii.gz") for name, file in (("t1c", "t1c"), ("t1", "t1n"), ("t2", "t2w"), ("flair", "t2f"))}


def tcga() -> dict[str, Volume]:
    folder = FOLDER / "tcga_raw"
    return {
        name: read_volume(next(folder.glob(f"*_{ending}.nii.gz")))
        for name, ending in (("t1c", "t1c"), ("t1", "t1"), ("t2", "t2"), ("flair", "fla"))
    }


def run(name: str, segmenter: Segmenter, scans: Mapping[str, Volume], pictures: Path | None, truth: np.ndarray | None = None) -> None:
    started = perf_counter()
    try:
        result = segmenter.run(scans)
    except InputError as error:
        print(f"{name}: {error}")
        return
    seconds = perf_counter() - started
    reference = next(iter(scans.values()))
    volumes = {key: entry["mL"] for key, entry in result.report["volumes"].items()}
    figures = (
        line(result.labels.voxels, truth, tuple(reference.spacing[::-1]), reference.grid.voxel_volume_ml) if truth is not None else volumes
    )
    print(f"{name} | {seconds:.1f} s | {figures} | {result.warnings}", flush=True)
    if pictures is not None:
        draw(scans, result, truth, pictures / f"{name.replace(' ', '_')}.png")


def draw(scans: Mapping[str, Volume], result: Result, truth: np.ndarray | None, path: Path) -> None:
    """The axial slice with most tumor in the reference scan and in those on its grid; ours in color, the truth's outlines white."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    labels = result.labels.voxels
    reference = next(iter(scans.values()))
    axis = int(np.abs(reference.ijk_to_ras[2, :3] / reference.spacing).argmax())
    labels = np.moveaxis(labels, 2 - axis, 0)
    truth = None if truth is None else np.moveaxis(truth, 2 - axis, 0)
    counts = ((labels > 0) if truth is None else (truth > 0)).sum((1, 2))
    place = int(counts.argmax()) if counts.any() else labels.shape[0] // 2
    shown = {name: scan for name, scan in scans.items() if scan.shape == reference.shape}
    figure, panels = plt.subplots(1, len(shown) + 1, figsize=(6 * (len(shown) + 1), 6))
    for panel, (name, scan) in zip(panels, [*shown.items(), ("", reference)]):
        picture = np.moveaxis(scan.voxels, 2 - axis, 0)[place]
        panel.imshow(picture, cmap="gray", vmax=np.percentile(scan.voxels, 99.8))
        panel.set_title(name)
        panel.axis("off")
        if name:
            for value, color in ((1, "deepskyblue"), (2, "lime"), (3, "red")):
                if (labels[place] == value).any():
                    panel.contour(labels[place] == value, [0.5], colors=color, linewidths=1)
            if truth is not None:
                panel.contour(truth[place] > 0, [0.5], colors="white", linewidths=0.7)
                if (truth[place] == 3).any():
                    panel.contour(truth[place] == 3, [0.5], colors="yellow", linewidths=0.7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=50)
    plt.close(figure)


def on_drawn(segmenter: Segmenter, count: int) -> None:
    """Mean (lowest) Dice on drawn heads of the label maps no model was trained on, by the channels given (the network alone)."""
    from drawn.tumor_glioma import NO_TUMOR, SPACING, Examples

    drawing = Examples(segmenter.bundle.spec)
    drawing.heads = [form for head in cached_heads("whole", held_out=True) for form in (head, mirrored(head))]
    drawing.procedural_share = 0.0
    spec = segmenter.bundle.spec
    network = load_weights(build_network(segmenter.bundle.network_def), segmenter.bundle.weights)
    scores: dict[str, list[list[float]]] = {name: [] for name in SUBSETS}
    false_ml: list[float] = []
    for number in range(count):
        image, classes = drawing.scan(np.random.default_rng([98, number]))
        truth = classes.numpy()
        for name, given in SUBSETS.items():
            channels = image * torch.tensor(given, dtype=torch.float32).view(4, 1, 1, 1)
            found = predict(network, channels, spec, segmenter.device, segmenter.precision)[0].argmax(0).numpy()
            if truth.any():
                scores[name].append(
                    [dice(np.isin(found, r), np.isin(truth, r)) if np.isin(truth, r).any() else np.nan for r in REGIONS.values()]
                )
            elif name == "all four":
                false_ml.append(float((found > 0).sum() * SPACING**3 / 1000))
    for name, values in scores.items():
        table = np.array(values)
        cells = " | ".join(f"{region} {np.nanmean(column):.2f} ({np.nanmin(column):.2f})" for region, column in zip(REGIONS, table.T))
        print(f"held-out heads {HELD_OUT} | {name} | {cells} | {len(table)} drawn tumors")
    print(f"held-out heads {HELD_OUT} | no tumor (drawn with chance {NO_TUMOR}): found mL {np.round(false_ml, 2).tolist()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="bundle name or folder; default: the installed tumor model")
    parser.add_argument("--drawn", type=int, default=12, help="heads drawn from the held-out label maps")
    parser.add_argument("--pictures", type=Path, help="folder for PNG overlays")
    options = parser.parse_args()
    torch.set_num_threads(1)
    segmenter = Segmenter("tumor", Settings(model=options.model, device="cpu"))
    for number in (1, 2, 3):
        scans, truth = deepmedic(number)
        run(f"deepmedic pat{number:04d}", segmenter, scans, options.pictures, truth)
        for name in scans:
            run(f"deepmedic pat{number:04d} {name} only", segmenter, {name: scans[name]}, None, truth)
    run("BraTS-GLI-00001", segmenter, brats(), options.pictures)
    run("TCGA raw", segmenter, tcga(), options.pictures)
    run("TCGA raw registered", Segmenter("tumor", Settings(model=options.model, device="cpu", register=True)), tcga(), options.pictures)
    other = {"head_t2w": "t2", "head_pd_no_tumor": "t2"}
    for file, channel in other.items():
        run(f"no tumor {file}", segmenter, {channel: read_volume(DATA / "other" / f"{file}.nii.gz")}, options.pictures)
    run(
        "no tumor ICBM 2009a T1",
        segmenter,
        {"t1": read_volume(DATA / "subcortical" / "templates" / "icbm152_2009a_sym_t1.nii.gz")},
        options.pictures,
    )
    on_drawn(segmenter, options.drawn)


if __name__ == "__main__":
    main()
