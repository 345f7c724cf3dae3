"""Trains what a recipe says and leaves a bundle that ``neurospineseg models`` lists and the panel offers.

    python Resources/Training/train.py brats_unet3d --data DATASET
    python Resources/Training/train.py stn_unet2d --data DATASET --set network.n_levels=3 --set loss.name=bce
    python Resources/Training/train.py tumor_glioma --set loop.epochs=30
    python Resources/Training/train.py finetune --from tumor_glioma --data CORRECTIONS
    torchrun --nproc_per_node 4 Resources/Training/train.py brats_unet3d --data DATASET

A run's folder holds ``last.ckpt`` (``--resume`` goes on from it), ``logs`` (CSV and TensorBoard), ``curves.png`` and
``recipe.json``. The bundle goes to ``--models``, by default where NeuroSpineSeg looks for models of your own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from neurospineseg.models.catalog import MODELS_FOLDER, user_models_folder
from Training.training.program import run_program
from Training.training.session import Session, train


def main(arguments: list[str] | None = None) -> int:
    return run_program(
        parser(),
        run,
        arguments,
        afterwards="Then go on with --resume.",
        stopped="Stopped; the same command with --resume goes on from the last epoch.",
    )


def run(options: argparse.Namespace) -> None:
    bundle = train(Session(**vars(options)))
    if bundle is not None and int(os.environ.get("RANK", 0)) == 0:
        print(f"The model '{bundle.name}' is in {bundle}; `neurospineseg models` lists it and the panel offers it.")
        if (MODELS_FOLDER / bundle.name).is_dir() and bundle.parent.resolve() != MODELS_FOLDER:
            print("It takes the place of the model of that name that comes with the program, until you remove it.")


def _whole(text: str) -> int:
    if int(text) < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return int(text)


def _from_one(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def _minutes(text: str) -> float:
    if not float(text) > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return float(text)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("recipe", help="name of a file in recipes/, or a path that ends in .yaml")
    result.add_argument("--data", type=Path, action="append", default=[], metavar="DATASET", help="prepared data set; may be given again")
    result.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="changes a key of the recipe")
    begin = result.add_mutually_exclusive_group()
    begin.add_argument("--from", dest="start", metavar="BUNDLE", help="go on with a model as it is: its name or folder")
    begin.add_argument("--weights", metavar="BUNDLE", help="begin the recipe's own model with the weights of one with the same network")
    result.add_argument("--name", help="of the new model; default the recipe's, with --from the model's and '_tuned'")
    result.add_argument("--folder", dest="run", type=Path, metavar="FOLDER", help="of this run; default runs/NAME beside this program")
    result.add_argument("--models", type=Path, default=user_models_folder(), metavar="FOLDER", help="receives the bundle")
    result.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    result.add_argument(
        "--devices", type=_from_one, default=1, help="GPUs (or processes on the CPU) of this machine; torchrun sets it itself"
    )
    result.add_argument("--workers", type=_whole, default=1, help="processes that load examples")
    result.add_argument("--minutes", type=_minutes, help="stop after this long, and write the bundle")
    return result


if __name__ == "__main__":
    sys.exit(main())
