"""Writes a trained recipe as a MONAI Bundle under Resources/Models.

    python Resources/Training/export.py tumor_glioma

The model card ``docs/README.md`` is written by hand beside it, with the figures that ``evaluate.py`` printed.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from neurospineseg.bundle import write_bundle  # noqa: E402
from neurospineseg.catalog import MODELS_FOLDER  # noqa: E402
from neurospineseg.network import build_network, load_weights, save_weights  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="name of a file in recipes/")
    parser.add_argument("--weights", type=Path, help="default: runs/<recipe>/model.pt")
    options = parser.parse_args()
    recipe = importlib.import_module(f"recipes.{options.recipe}").recipe()
    weights = options.weights or HERE / "runs" / options.recipe / "model.pt"
    with TemporaryDirectory() as folder:
        fitting = Path(folder) / "model.pt"
        save_weights(load_weights(build_network(recipe.network_def), weights), fitting)
        bundle = write_bundle(MODELS_FOLDER, recipe.spec, recipe.network_def, fitting)
        print(f"{bundle.name}: {fitting.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
