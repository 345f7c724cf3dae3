"""Brings a published data set into the form that train.py (and nnU-Net) reads.

    python Resources/Training/prepare.py brats RAW_FOLDER -o DATASET --dry-run
    python Resources/Training/prepare.py brats RAW_FOLDER -o DATASET
    python Resources/Training/prepare.py ADAPTER --help
    python Resources/Training/prepare.py check DATASET

Started again, it goes on where it ended. ``DATASET/overlays.html`` shows every case: look at it before training.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from neurospineseg.cli.console import say
from neurospineseg.errors import InputError
from Training.datasets.preparing import Plan, Report, draw_split, prepare
from Training.datasets.preview import write_preview
from Training.datasets.raw_dataset import Split
from Training.training.program import run_program

ADAPTERS = ("stn", "brats", "spider", "nrrd-list", "corrections", "nnunet", "synthetic")
NOT_ON_DISK = ("adapter", "output", "dry_run", "no_preview", "source", "slices")


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), run, arguments, stopped="Stopped; the same command goes on from here.")


def run(options: argparse.Namespace) -> int:
    if options.adapter == "check":
        return check(options.source)
    adapter = importlib.import_module(f"Training.datasets.{options.adapter.replace('-', '_')}")
    plan = adapter.plan(options)
    for problem in plan.problems:
        say(problem)
    if not plan.cases:
        raise InputError(f"No case of the form '{options.adapter}' was found; 'prepare.py {options.adapter} --help' says what is expected.")
    if plan.split is None:
        draw_split(plan.cases, options.n_train, options.n_val, options.seed)
    if options.dry_run:
        describe(plan, options.output)
        return 0
    fingerprint = {key: _plain(value) for key, value in vars(options).items() if key not in NOT_ON_DISK}
    fingerprint |= {"adapter": options.adapter, "task": plan.task}
    report = prepare(
        plan,
        options.output,
        fingerprint,
        lambda cases: _kept(plan, cases) or draw_split(cases, options.n_train, options.n_val, options.seed),
    )
    if not options.no_preview:
        write_preview(options.output)
    tell(plan, report, options.output)
    return 1 if plan.problems or report.faulty else 0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Exit status: 0 all cases, 1 some faulty, 2 none.")
    commands = result.add_subparsers(dest="adapter", required=True)
    looks = commands.add_parser("check", help="Draws the page of a prepared data set anew.")
    looks.add_argument("source", type=Path, metavar="DATASET")
    for name in ADAPTERS:
        adapter = importlib.import_module(f"Training.datasets.{name.replace('-', '_')}")
        lines = adapter.__doc__.strip().splitlines()
        command = commands.add_parser(
            name, help=lines[0], description=adapter.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        adapter.add_options(command)
        command.add_argument("-o", "--output", type=Path, required=True, help="folder of the data set")
        command.add_argument("--n-train", type=int, help="patients to train on")
        command.add_argument("--n-val", type=int, help="patients to validate with; default a fifth, the rest of both tests")
        command.add_argument("--seed", type=int, default=1, help="of the split")
        command.add_argument("--dry-run", action="store_true", help="only say what would be done")
        command.add_argument("--no-preview", action="store_true", help="draw no overlays")
    return result


def check(folder: Path) -> int:
    """Draws ``overlays.html`` of a prepared data set."""
    write_preview(folder)
    print(f"Look at {folder / 'overlays.html'}.")
    return 0


def _plain(value: object) -> object:
    return str(value.resolve()) if isinstance(value, Path) else value


def _kept(plan: Plan, cases) -> object:
    """The split that the data set comes with, of the cases that were written, others to test; None if it comes with none."""
    if plan.split is None:
        return None
    names = {case.name for case in cases}
    train, val, test = (tuple(n for n in part if n in names) for part in (plan.split.train, plan.split.val, plan.split.test))
    return Split(train, val, (*test, *sorted(names.difference(train, val, test))))


def describe(plan: Plan, output: Path) -> None:
    """Prints what would be done."""
    print(f"{len(plan.cases)} cases of {len({case.group or case.name for case in plan.cases})} patients would go to {output}:")
    print(f"task {plan.task}; channels {', '.join(plan.channels)}; labels {', '.join(f'{n} {v}' for n, v in plan.labels.items())}")
    for case in plan.cases:
        print(f"  {case.name}: {', '.join(path.name for path in case.sources)}")
    print(f"{len(plan.problems)} problems were found.")


def tell(plan: Plan, report: Report, output: Path) -> None:
    """Prints what was done."""
    for reasons in (report.left_out, report.faulty):
        for name, reason in reasons.items():
            say(f"{name} left out: {reason}")
    print(f"{len(report.written)} of {len(plan.cases)} cases are in {output}; look at {output / 'overlays.html'} before training.")


if __name__ == "__main__":
    sys.exit(main())
