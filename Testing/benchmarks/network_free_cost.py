"""What a case costs beside the network: reading, bringing onto the model's grid, anatomy, taking out and writing.

    python Testing/benchmarks/network_free_cost.py [--rounds 3] [--device cpu] [--json figures.json]

A drawn glioma in four modalities of 240 x 240 x 155 voxels of 1 mm, skull-stripped as in the BraTS data, is written as
compressed NIfTI and segmented from the files the way ``neurospineseg segment`` does, into ``.seg.nrrd`` (``.nii.gz``
where slicer-core is missing). Prints the median seconds of each stage, and the share that is not the network's.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median

import nibabel as nib
import numpy as np
import torch

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
sys.path[:0] = [str(RESOURCES), str(RESOURCES / "Training")]

from neurospineseg.grid import Grid, resample  # noqa: E402
from neurospineseg.segment_command import Request, run_request  # noqa: E402
from synthetic.tumor_phantom import tumor_phantom  # noqa: E402

SHAPE_KJI = (155, 240, 240)
NETWORK_STAGE = "Segmenting"


def write_case(folder: Path, seed: int) -> dict[str, Path]:
    """Four modalities of ``SHAPE_KJI`` as int16 NIfTI, zero outside the brain."""
    images, ijk_to_ras, _ = tumor_phantom(seed, spacing_mm=2.0, oblique_degrees=0.0)
    first = next(iter(images.values()))
    source = Grid(first.shape, ijk_to_ras)
    middle = source.ijk_to_ras[:3, :3] @ np.argwhere(first > 0).mean(0)[::-1] + source.ijk_to_ras[:3, 3]
    target = Grid.canonical(middle, np.array(SHAPE_KJI[::-1], float), np.ones(3))
    paths = {}
    for name, image in images.items():
        voxels = resample(torch.from_numpy(image)[None], source, target)[0].round().numpy().astype(np.int16)
        paths[name] = folder / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(voxels.T, target.ijk_to_ras), paths[name])
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", help="bundle name or folder; default: the installed tumor model")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    ending = ".seg.nrrd" if importlib.util.find_spec("slicer") else ".nii.gz"
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as name:
        scans = write_case(Path(name), seed=11)
        for _ in range(options.rounds):
            settings = {"device": options.device, "model": options.model}
            result = run_request(
                Request("tumor", scans, Path(name) / f"mask{ending}", settings, overwrite=True), lambda stage, fraction: None
            )
            rounds.append(result.report["seconds"])
    stages = {stage: median(seconds[stage] for seconds in rounds) for stage in rounds[0]}
    total = sum(stages.values())
    for stage, seconds in stages.items():
        print(f"{stage:32s} {seconds:7.2f} s {seconds / total:6.1%}")
    rest = total - stages[NETWORK_STAGE]
    print(
        f"{'all':32s} {total:7.2f} s\nbeside the network {rest:.2f} s, {rest / total:.1%} of the whole ({options.rounds} rounds, {result.report['device']}, {platform.machine()})"
    )
    if options.json is not None:
        figures = {
            "stages_s": stages,
            "total_s": total,
            "network_free_share": rest / total,
            "rounds": options.rounds,
            "device": result.report["device"],
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
