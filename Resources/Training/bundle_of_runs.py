"""Makes a model of a training that still runs, or one of the mean weights of several trainings of the same recipe.

    python Resources/Training/bundle_of_runs.py runs/tumor_fold0 --name fold0 --models MODELS
    python Resources/Training/bundle_of_runs.py runs/tumor_fold0 runs/tumor_fold1 runs/tumor_fold2 --name tumor_glioma_1mm --models MODELS

The averaged weights of each run's last checkpoint are taken. Means of weights work where all runs began with the same ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from neurospineseg.errors import InputError
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.catalog import user_models_folder
from neurospineseg.models.network import build_network
from neurospineseg.models.weights import save_weights
from Training.training.network_shape import model_spec, network_def
from Training.training.recipe import Recipe

PREFIX = "network."


def weights_of(run: Path) -> tuple[dict[str, torch.Tensor], int]:
    """The network's state dict in a run's last checkpoint, and after how many steps.

    Raises:
        InputError: there is no checkpoint.
    """
    file = run / "last.ckpt"
    if not file.is_file():
        raise InputError(f"'{run}' holds no last.ckpt yet; wait for the training's first epoch.")
    stored = torch.load(file, map_location="cpu", weights_only=True)
    state = {key.removeprefix(PREFIX): value for key, value in stored["state_dict"].items() if key.startswith(PREFIX)}
    return state, int(stored["global_step"])


def mean_weights(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of state dicts of one network; what is no floating-point number is the first's."""
    first = states[0]
    return {
        key: torch.stack([state[key].float() for state in states]).mean(0) if value.is_floating_point() else value
        for key, value in first.items()
    }


def bundle_of_runs(runs: list[Path], name: str, models: Path) -> Path:
    """Writes the bundle and returns its folder; the recipe is the first run's.

    Raises:
        InputError: a run holds no checkpoint or no recipe.
    """
    states, steps = zip(*(weights_of(run) for run in runs))
    try:
        recipe = Recipe.model_validate(json.loads((runs[0] / "recipe.json").read_text(encoding="utf-8")) | {"name": name})
    except FileNotFoundError as error:
        raise InputError(f"'{runs[0]}' holds no recipe.json; give the folder of a training.") from error
    spec = model_spec(recipe, (), (), ())
    definition = network_def(recipe, spec)
    network = build_network(definition)
    network.load_state_dict(mean_weights(list(states)))
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "model.pt"
        save_weights(network, weights)
        card = f"# {spec.title}\n\n**Research only; not for clinical use.**\n\nThe mean of {len(runs)} trainings after {', '.join(map(str, steps))} steps.\n"
        return write_bundle(models, spec, definition, weights, card)


def main() -> int:
    options = parser().parse_args()
    try:
        print(bundle_of_runs(options.runs, options.name, options.models))
    except InputError as error:
        print(error)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of trainings")
    made.add_argument("--name", required=True, help="of the model")
    made.add_argument("--models", type=Path, default=user_models_folder(), metavar="FOLDER", help="receives the bundle")
    return made


if __name__ == "__main__":
    sys.exit(main())
