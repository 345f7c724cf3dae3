"""Writes a bundle from the checkpoint of a training that still runs, or from the mean of several trainings' weights.

    python Resources/Training/bundle_checkpoint.py RUN --name spine_now --models MODELS
    python Resources/Training/bundle_checkpoint.py RUN0 RUN1 RUN2 --name spine_3d --models MODELS

Weights of trainings that began with the same ones may be averaged (Wortsman et al., "Model soups", ICML 2022). The recipe is that of
the first run.
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
from neurospineseg.models.network import build_network
from neurospineseg.models.weights import save_weights
from Training.training.network_shape import model_spec, network_def
from Training.training.program import run_program
from Training.training.recipe import Recipe

PREFIX = "network."


def checkpoint_weights(run: Path, averaged: bool = True) -> tuple[dict[str, torch.Tensor], int]:
    """The network's weights in a run's ``last.ckpt``, and after how many steps; the moving average where there is one and it is wanted.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        kept = torch.load(run / "last.ckpt", map_location="cpu", weights_only=True)
        whole = kept["state_dict"] if averaged else kept.get("current_model_state", kept["state_dict"])
        state = {key.removeprefix(PREFIX): value for key, value in whole.items() if key.startswith(PREFIX)}
        return state, int(kept["global_step"])
    except FileNotFoundError as error:
        raise InputError(f"'{run}' holds no last.ckpt; wait for the training's first epoch to end.") from error
    except (RuntimeError, KeyError, EOFError) as error:
        raise InputError(f"'{run / 'last.ckpt'}' is no checkpoint of a training; give the folder of a run.") from error


def mean_weights(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor.

    Raises:
        InputError: they are of different networks.
    """
    first = {key: value.shape for key, value in states[0].items()}
    if any({key: value.shape for key, value in state.items()} != first for state in states[1:]):
        raise InputError("These trainings are of different networks; average only those of one recipe.")
    return {key: torch.stack([state[key].float() for state in states]).mean(0) for key in first}


def bundle_of(runs: Sequence[Path], name: str, models: Path, averaged: bool = True) -> Path:
    """Writes the bundle; returns its folder."""
    try:
        recipe = Recipe.model_validate(json.loads((runs[0] / "recipe.json").read_text(encoding="utf-8")) | {"name": name})
    except FileNotFoundError as error:
        raise InputError(f"'{runs[0]}' holds no recipe.json; give the folder of a run.") from error
    spec = model_spec(recipe, (), (), ())
    definition = network_def(recipe, spec)
    found = [checkpoint_weights(run, averaged) for run in runs]
    network = build_network(definition)
    network.load_state_dict(mean_weights([state for state, _ in found]))
    card = f"# {spec.title}\n\n**Research only; not for clinical use.** Weights after {' and '.join(str(steps) for _, steps in found)} steps.\n"
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "model.pt"
        save_weights(network, weights)
        return write_bundle(models, spec, definition, weights, card)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("run", type=Path, nargs="+", help="folder of a training")
    made.add_argument("--name", required=True, help="of the model")
    made.add_argument("--models", type=Path, required=True, metavar="FOLDER", help="receives the bundle")
    made.add_argument("--latest", action="store_true", help="the weights after the last step, not their moving average")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    print(bundle_of(options.run, options.name, options.models, not options.latest))


if __name__ == "__main__":
    sys.exit(main())
