"""Steps per second of ``train.py brats_unet3d`` beside a plain MONAI loop with the same network, patches, loss and threads.

    python -m Testing.benchmarks.training [--rounds 3] [--steps 7] [--patch 32] [--batch 2] [--workers 1] [--device cpu] [--json figures.json]

Three drawn gliomas of 128 x 128 x 128 voxels of 1 mm in four modalities. The plain loop is that of MONAI's tutorials: ``CacheDataset``,
``DataLoader`` and dictionary transforms of the kinds and chances that the recipe has, with the labeled voxels found beforehand.
Both run in one process, each the first in every other round; what comes before the third step of a round (starting workers, first use) is
not counted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from monai import transforms as mt
from monai.data import CacheDataset, DataLoader, list_data_collate
from torch.utils.data import ConcatDataset

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.models.network import build_network
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import ended, parser, positive
from Testing.prepared_miniature import write_dataset
from Training.datasets.raw_dataset import RawDataset, read_dataset
from Training.training.losses import make_loss
from Training.training.network_shape import network_def
from Training.training.recipe import Recipe, read_recipe
from Training.training.segmentation_training import SegmentationTraining, make_optimizer
from Training.training.session import Examples, Session, _model, _trainer
from Training.training.working_cases import working_cases

CASES, UNCOUNTED = 3, 2
OWN, PLAIN = "train.py", "plain MONAI"


class Clock(Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs: object, batch: object, number: int) -> None:
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        self.ends.append(perf_counter())


def rate(ends: list[float]) -> float:
    return (len(ends) - UNCOUNTED) / (ends[-1] - ends[UNCOUNTED - 1])


def own_rate(recipe: Recipe, spec: ModelSpec, data: RawDataset, session: Session) -> float:
    """Steps per second of one epoch of our training."""
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as run:
        examples, clock = Examples(recipe, spec, [data], session.workers), Clock()
        trainer = _trainer(session, recipe, Path(run))
        trainer.callbacks.append(clock)
        trainer.limit_val_batches = 1
        trainer.fit(SegmentationTraining(build_network(network_def(recipe, spec)), recipe, spec, examples.count, 1000), examples)
    torch.use_deterministic_algorithms(False)
    return rate(clock.ends)


def plain_dataset(recipe: Recipe, spec: ModelSpec, data: RawDataset) -> ConcatDataset:
    """The same cases and kinds of change as MONAI's tutorials have them."""
    items = [
        {"image": np.asarray(case.image, np.float32), "label": np.asarray(case.labels)[None]}
        for case in working_cases(data, data.split.train, spec)
    ]
    change, both, turn = recipe.augmentation, ("image", "label"), np.deg2rad(recipe.augmentation.rotate_degrees)
    share = recipe.loop.foreground_share
    steps = [
        mt.EnsureTyped(both),
        mt.FgBgToIndicesd("label"),
        mt.RandCropByPosNegLabeld(
            both, "label", spec.patch, pos=share, neg=1 - share, fg_indices_key="label_fg_indices", bg_indices_key="label_bg_indices"
        ),
        mt.RandAffined(
            both,
            prob=change.chance,
            rotate_range=[turn] * 3,
            scale_range=[change.scale] * 3,
            mode=("bilinear", "nearest"),
            padding_mode="border",
        ),
        *(mt.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in change.flip),
        mt.RandGaussianNoised("image", prob=change.chance / 2, std=change.noise),
        mt.RandGaussianSmoothd("image", prob=change.chance / 2, **{f"sigma_{axis}": (0.3, change.blur) for axis in "xyz"}),
        mt.RandScaleIntensityd("image", factors=change.contrast, prob=change.chance),
        mt.RandAdjustContrastd("image", prob=change.chance, gamma=(1 - change.contrast, 1 + change.contrast)),
        mt.SelectItemsd(both),
    ]
    return ConcatDataset([CacheDataset(items, mt.Compose(steps), progress=False, num_workers=1)] * recipe.loop.patches_per_case)


def plain_rate(recipe: Recipe, spec: ModelSpec, dataset: ConcatDataset, session: Session) -> float:
    """Steps per second of one epoch of the plain loop."""
    device = torch.device(session.device)
    loader = DataLoader(dataset, batch_size=recipe.loop.batch, shuffle=True, num_workers=session.workers, collate_fn=list_data_collate)
    network = build_network(network_def(recipe, spec)).to(device).train()
    loss, optimizer = make_loss(recipe.loss, len(spec.classes)).loss, make_optimizer(recipe.optimizer, network)
    ends, total = [], 0.0
    for batch in loader:
        image, labels = batch["image"].as_tensor().to(device), batch["label"].as_tensor().to(device)
        optimizer.zero_grad()
        found = loss(network(image), labels.long())
        found.backward()
        optimizer.step()
        total += found.item()
        ends.append(perf_counter())
    return rate(ends)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--steps", type=positive, default=7, help="counted steps a round (default: %(default)s)")
    made.add_argument("--patch", type=positive, default=32, help="side of the patches in voxels (default: %(default)s)")
    made.add_argument("--batch", type=positive, default=2, help="patches a step (default: %(default)s)")
    made.add_argument("--workers", type=int, default=1, help="loading processes (default: %(default)s)")
    options = made.parse_args()
    if options.device not in ("cpu", "cuda"):
        raise InputError(f"Training is measured on cpu or cuda, not on '{options.device}'.")
    cases, size = CASES, 64
    if options.quick:
        options.rounds, options.steps, options.patch, options.batch, options.workers, cases, size = 1, 2, 16, 1, 0, 1, 24
    examples = (options.steps + UNCOUNTED) * options.batch
    sizes = [f"model.patch={[options.patch] * 3}", f"loop.batch={options.batch}", f"loop.patches_per_case={-(-examples // cases)}"]
    quick_sizes = ["network.filters=4", "network.n_levels=3"] if options.quick else []
    recipe = read_recipe("brats_unet3d", [*sizes, *quick_sizes, "loop.epochs=1", "loop.precision=32"])
    session = Session("brats_unet3d", Path(), device=options.device, workers=options.workers)
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as folder:
        data = read_dataset(write_dataset(Path(folder), train=cases, val=1, test=0, size=size))
        spec, _ = _model(recipe, [data], None)
        dataset = plain_dataset(recipe, spec, data)
        loops = {OWN: lambda: own_rate(recipe, spec, data, session), PLAIN: lambda: plain_rate(recipe, spec, dataset, session)}
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for number in range(options.rounds):
            for name in list(loops)[:: -1 if number % 2 else 1]:
                rates[name].append(loops[name]())
            told = ", ".join(f"{name} {found[-1]:.3f}" for name, found in rates.items())
            print(f"round {number + 1}: {told} steps/s", file=sys.stderr, flush=True)
    own, plain = rates[OWN], rates[PLAIN]
    ratios = [a / b for a, b in zip(own, plain)]
    print(
        f"median of {options.rounds}: {OWN} {median(own):.3f}, {PLAIN} {median(plain):.3f} steps/s; ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"patch {options.patch}^3, batch {options.batch}, float32, {options.workers} loading process(es)")
    print(machine_line(machine(options.device)))
    figures = {"steps_per_s": rates, "ratios": ratios, "median_ratio": median(ratios)}
    settings = {"patch": options.patch, "batch": options.batch, "steps": options.steps, "workers": options.workers}
    write_json(options.json, "training", options.device, options.quick, **figures, **settings)


if __name__ == "__main__":
    raise SystemExit(ended(main))
