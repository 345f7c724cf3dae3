"""Takes part of the loss's class weights back out of a trained recipe's last layer, so that small classes are not overdrawn.

    python Resources/Training/unweight.py subcortical_nuclei --share 0.6

Cross-entropy with weights w teaches scores that are too high by log w; the share is chosen on drawn images.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from neurospineseg.network import build_network, load_weights, save_weights  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="name of a file in recipes/; its network must be a DynUNet")
    parser.add_argument("--share", type=float, default=0.6)
    options = parser.parse_args()
    recipe = importlib.import_module(f"recipes.{options.recipe}").recipe
    run = HERE / "runs" / options.recipe
    network = load_weights(build_network(recipe.network_def), run / "model.pt")
    with torch.no_grad():
        network.output_block.conv.conv.bias -= options.share * torch.tensor(recipe.class_weights).log()
    save_weights(network, run / "unweighted.pt")


if __name__ == "__main__":
    main()
