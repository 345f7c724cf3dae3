"""Trains the small network that tells a brain scan's contrast, from drawn heads, and writes the bundle ``brain_contrast``.

    python Resources/Training/train_contrast.py --models FOLDER

It takes minutes: a head is drawn in six contrasts, each is looked at in a few slightly wrong poses, and a network with one hidden layer
learns from how bright each part of the head is (``neurospineseg.checks.contrast``). It is evaluated on heads kept from training.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from neurospineseg.checks.contrast import features, head_view
from neurospineseg.inference.head_pose import Pose
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.catalog import user_models_folder
from neurospineseg.models.network import build_network
from neurospineseg.models.weights import save_weights
from Training.synthetic.brain.contrasts import CONTRASTS, contrasts_of
from Training.synthetic.brain.head_pool import HeadPool
from Training.synthetic.deform import random_linear
from Training.synthetic.nuclei.heads import cached_heads, mirrored
from Training.training.program import run_program

VIEW_SPACING, HIDDEN = 8.0, 32
POSES = 3
PROCEDURAL = (6, 0.1, 4.0)
"""Where no label maps are prepared: size and renewal of the pool of procedural heads, their spacing in mm."""
SPEC = ModelSpec(
    name="brain_contrast",
    task="tumor",
    role="recognize",
    channels=("image",),
    spacing=(VIEW_SPACING,) * 3,
    patch=(18, 24, 18),
    normalization="foreground_percentile",
    classes=CONTRASTS,
    modalities="brain MR and CT, with or without skull",
    title="Brain contrast",
    summary="Tells T1 with and without contrast agent, T2, FLAIR, proton density and CT of the brain apart.",
    trained_on="drawn heads only, no patient",
)


def jittered(rng: np.random.Generator, pose: Pose) -> Pose:
    """A pose as wrong as the locator's."""
    turn = random_linear(rng, degrees=8, scale=0.0, shear=0.0)
    return Pose(turn @ pose.axes, pose.offset + rng.normal(0, 2.5, 3), pose.scale * float(np.exp(rng.normal(0, 0.04))), 0.0)


def drawn(rng: np.random.Generator, heads: HeadPool, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, F) of ``count`` heads in all contrasts and poses, and the contrasts' numbers (N,)."""
    rows, numbers = [], []
    for _ in range(count):
        images, grid, pose = contrasts_of(rng, heads.take(rng)[0])
        for number, image in enumerate(images):
            for _ in range(POSES):
                view = head_view(image, grid, jittered(rng, pose), VIEW_SPACING)
                if view is not None:
                    rows.append(features(view))
                    numbers.append(number)
    return torch.stack(rows), torch.tensor(numbers)


def fit(network: torch.nn.Module, rows: torch.Tensor, numbers: torch.Tensor, epochs: int, seed: int) -> None:
    """AdamW with noise on the features."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    network.train()
    for _ in range(epochs):
        for part in torch.randperm(len(rows), generator=generator).split(64):
            noisy = rows[part] * torch.empty(len(part), 1).uniform_(0.7, 1.3, generator=generator)
            noisy = noisy + 0.15 * torch.randn(noisy.shape, generator=generator)
            loss = torch.nn.functional.cross_entropy(network(noisy), numbers[part], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    network.eval()


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--heads", type=int, default=400, help="heads that are drawn")
    made.add_argument("--epochs", type=int, default=40)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--models", type=Path, default=user_models_folder(), metavar="FOLDER", help="receives the bundle")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), train, arguments)


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    heads = [form for head in cached_heads("whole") for form in (head, mirrored(head))]
    rows, numbers = drawn(np.random.default_rng(options.seed), HeadPool(heads, 0.0, *PROCEDURAL), options.heads)
    print(f"{len(rows)} examples of {rows.shape[1]} features", flush=True)
    definition = {
        "_target_": "FullyConnectedNet",
        "in_channels": rows.shape[1],
        "out_channels": len(CONTRASTS),
        "hidden_channels": [HIDDEN],
        "dropout": 0.3,
    }
    network = build_network(definition)
    fit(network, rows, numbers, options.epochs, options.seed)
    others = HeadPool(cached_heads("whole", held_out=True), 0.0, *PROCEDURAL)
    held_out, truth = drawn(np.random.default_rng(options.seed + 1), others, max(4, options.heads // 8))
    with torch.inference_mode():
        found = network(held_out).argmax(1)
    for number, name in enumerate(CONTRASTS):
        shares = torch.bincount(found[truth == number], minlength=len(CONTRASTS)) / (truth == number).sum()
        print(f"{name:6s} taken for", {other: round(float(share), 2) for other, share in zip(CONTRASTS, shares) if share > 0})
    with tempfile.TemporaryDirectory() as room:
        save_weights(network, Path(room) / "model.pt")
        print(write_bundle(options.models, SPEC, definition, Path(room) / "model.pt"))


if __name__ == "__main__":
    sys.exit(main())
