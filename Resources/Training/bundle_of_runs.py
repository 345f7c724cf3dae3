"""Makes a model of a training that still runs, or one of the mean weights of several trainings of the same recipe.

    python Resources/Training/bundle_of_runs.py runs/tumor_fold0 --name fold0 --models MODELS
    python Resources/Training/bundle_of_runs.py runs/tumor_fold0 runs/tumor_fold1 runs/tumor_fold2 --name tumor_glioma_1mm --models MODELS

Each run's last checkpoint is taken, with the moving average of its weights where it keeps one. Means of weights work where all runs began with
the same ones (Wortsman et al., "Model soups", ICML 2022). The recipe is the first run's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from neurospineseg.errors import InputError
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.catalog import user_models_folder
from neurospineseg.models.network import build_network
from neurospineseg.models.weights import save_weights
from Training.training.network_shape import model_spec, network_def
from Training.training.program import run_program
from Training.training.recipe import Recipe

PREFIX = "network."
LATEST = "current_model_state"
"""Where Lightning keeps the weights after the last step beside their moving average."""


def weights_of(run: Path, averaged: bool = True) -> tuple[dict[str, torch.Tensor], int]:
    """The network's state dict in a run's last checkpoint, and after how many steps.

    Raises:
        InputError: there is no checkpoint, or it is damaged.
    """
    try:
        stored = torch.load(run / "last.ckpt", map_location="cpu", weights_only=True)
        whole = stored["state_dict"] if averaged else stored.get(LATEST, stored["state_dict"])
        return {key.removeprefix(PREFIX): value for key, value in whole.items() if key.startswith(PREFIX)}, int(stored["global_step"])
    except FileNotFoundError as error:
        raise InputError(f"'{run}' holds no last.ckpt yet; wait for the training's first epoch.") from error
    except (RuntimeError, KeyError, EOFError) as error:
        raise InputError(f"'{run / 'last.ckpt'}' is no checkpoint of a training; give the folder of a run.") from error


def mean_weights(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of state dicts of one network; what is no floating-point number is the first's.

    Raises:
        InputError: they are of different networks.
    """
    first = states[0]
    shapes = {key: value.shape for key, value in first.items()}
    if any({key: value.shape for key, value in state.items()} != shapes for state in states[1:]):
        raise InputError("These trainings are of different networks; average only those of one recipe.")
    return {
        key: torch.stack([state[key].float() for state in states]).mean(0) if value.is_floating_point() else value
        for key, value in first.items()
    }


def bundle_of_runs(runs: Sequence[Path], name: str, models: Path, averaged: bool = True) -> Path:
    """Writes the bundle and returns its folder.

    Raises:
        InputError: a run holds no checkpoint or no recipe.
    """
    states, steps = zip(*(weights_of(run, averaged) for run in runs))
    try:
        recipe = Recipe.model_validate(json.loads((runs[0] / "recipe.json").read_text(encoding="utf-8")) | {"name": name})
    except FileNotFoundError as error:
        raise InputError(f"'{runs[0]}' holds no recipe.json; give the folder of a training.") from error
    spec = model_spec(recipe, (), (), ())
    definition = network_def(recipe, spec)
    network = build_network(definition)
    network.load_state_dict(mean_weights(states))
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "model.pt"
        save_weights(network, weights)
        card = f"# {spec.title}\n\n**Research only; not for clinical use.**\n\nThe mean of {len(runs)} trainings after {', '.join(map(str, steps))} steps.\n"
        return write_bundle(models, spec, definition, weights, card)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of trainings")
    made.add_argument("--name", required=True, help="of the model")
    made.add_argument("--models", type=Path, default=user_models_folder(), metavar="FOLDER", help="receives the bundle")
    made.add_argument("--latest", action="store_true", help="the weights after the last step, not their moving average")
    return made


def make(options: argparse.Namespace) -> None:
    print(bundle_of_runs(options.runs, options.name, options.models, not options.latest))


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), make, arguments)


if __name__ == "__main__":
    sys.exit(main())
