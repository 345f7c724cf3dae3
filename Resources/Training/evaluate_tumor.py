"""Judges the tumor model on gliomas with expert labels, on scans without, and on drawn heads no model was trained on.

    python Resources/Training/evaluate_tumor.py --drawn 24 --pictures out/

Whole tumor, core (necrosis, non-enhancing and enhancing tumor) and enhancing tumor are compared on the scan's own grid:
Dice, HD95 (mm), and volumes (mL, found / true). Of a glioma in four contrasts without labels, every subset of them is
compared with the result of all four. Drawn heads are those of the label maps kept from training, once as in training and once
with thicker slices and stronger shading, noise and artifacts than training has.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from itertools import combinations
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
CHANNELS = ("t1c", "t1", "t2", "flair")
GIVEN = [chosen for count in (4, 3, 2, 1) for chosen in combinations(CHANNELS, count)]
"""Every set of contrasts that may be given, the largest first."""
DRAWN_GIVEN = (CHANNELS, ("t1c", "flair"), ("flair",), ("t2",), ("t1c",), ("t1",))


NO_TUMOR = {
    "T2 with skull": ("t2", "other/head_t2w.nii.gz"),
    "proton density as T2": ("t2", "other/head_pd_no_tumor.nii.gz"),
    "proton density as FLAIR": ("flair", "other/head_pd_no_tumor.nii.gz"),
    "T1 template": ("t1", "subcortical/templates/icbm152_2009a_sym_t1.nii.gz"),
    "T1 template as T1c": ("t1c", "subcortical/templates/icbm152_2009a_sym_t1.nii.gz"),
}
"""Heads without a tumor: the channel they are given as, and their file."""


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


def subsets(segmenter: Segmenter, scans: Mapping[str, Volume]) -> None:
    """Dice of what every set of contrasts gives against what all give, on the grid of the first contrast."""
    full: np.ndarray | None = None
    for chosen in GIVEN:
        found = segmenter.run({name: scans[name] for name in chosen}).labels.voxels
        full = found if full is None else full
        cells = " | ".join(f"{region} {dice(np.isin(found, labels), np.isin(full, labels)):.2f}" for region, labels in REGIONS.items())
        print(f"BraTS-GLI-00001 | {' + '.join(chosen)} | {cells} | {(found > 0).mean() * found.size / 1000:.1f} mL", flush=True)


def on_drawn(segmenter: Segmenter, count: int, harder: bool) -> None:
    """Mean, median and lowest Dice on drawn heads of the label maps no model was trained on, by the channels given (the network alone)."""
    from drawn.tumor_glioma import SPACING, Examples

    drawing = Examples(segmenter.bundle.spec)
    drawing.heads.labeled = [form for head in cached_heads("whole", held_out=True) for form in (head, mirrored(head))]
    drawing.heads.share = 0.0
    spec = segmenter.bundle.spec
    network = load_weights(build_network(segmenter.bundle.network_def), segmenter.bundle.weights)
    kind = "harder than drawn in training" if harder else "as drawn in training"
    scores: dict[tuple[str, ...], list[list[float]]] = {chosen: [] for chosen in DRAWN_GIVEN}
    false_ml: list[float] = []
    for number in range(count):
        image, classes = drawing.scan(np.random.default_rng([98, number]), harder)
        truth = classes.numpy()
        for chosen in DRAWN_GIVEN if truth.any() else DRAWN_GIVEN[:1]:
            given = torch.tensor([name in chosen for name in CHANNELS]).view(4, 1, 1, 1)
            found = predict(network, image * given, spec, segmenter.device, segmenter.precision)[0].argmax(0).numpy()
            if truth.any():
                present = [(np.isin(found, r), np.isin(truth, r)) for r in REGIONS.values()]
                scores[chosen].append([dice(a, b) if b.any() else np.nan for a, b in present])
            else:
                false_ml.append(float((found > 0).sum() * SPACING**3 / 1000))
    for chosen, values in scores.items():
        table = np.array(values)
        cells = " | ".join(
            f"{region} {np.nanmean(column):.2f} median {np.nanmedian(column):.2f} lowest {np.nanmin(column):.2f}"
            for region, column in zip(REGIONS, table.T)
        )
        print(f"held-out heads {HELD_OUT}, {kind} | {' + '.join(chosen)} | {cells} | {len(table)} drawn tumors", flush=True)
    print(f"held-out heads {HELD_OUT}, {kind} | heads without a tumor: found mL {np.round(false_ml, 2).tolist()}", flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--model", help="bundle name or folder; default: the installed tumor model")
    made.add_argument("--drawn", type=int, default=12, help="heads drawn from the held-out label maps; 0 for none")
    made.add_argument("--pictures", type=Path, help="folder for PNG overlays")
    return made


def main() -> None:
    options = parser().parse_args()
    torch.set_num_threads(1)
    segmenter = Segmenter("tumor", Settings(model=options.model, device="cpu", anyway=True))
    for number in (1, 2, 3):
        scans, truth = deepmedic(number)
        run(f"deepmedic pat{number:04d}", segmenter, scans, options.pictures, truth)
        for name in scans:
            run(f"deepmedic pat{number:04d} {name} only", segmenter, {name: scans[name]}, None, truth)
    run("BraTS-GLI-00001", segmenter, brats(), options.pictures)
    subsets(segmenter, brats())
    run("TCGA raw", segmenter, tcga(), options.pictures)
    run(
        "TCGA raw registered",
        Segmenter("tumor", Settings(model=options.model, device="cpu", register=True, anyway=True)),
        tcga(),
        options.pictures,
    )
    for name, (channel, path) in NO_TUMOR.items():
        run(f"no tumor {name}", segmenter, {channel: read_volume(DATA / path)}, options.pictures)
    for harder in (False, True) if options.drawn else ():
        on_drawn(segmenter, options.drawn, harder)


if __name__ == "__main__":
    main()
