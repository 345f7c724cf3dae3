"""Compares two or more models that ``evaluate.py`` measured on the same cases.

    python Resources/Training/compare.py EVALUATION_2D EVALUATION_3D -o FOLDER
    python Resources/Training/compare.py A B C -o FOLDER --measure hd95_mm

Each is compared with the first. ``FOLDER`` receives ``differences.csv`` and ``comparison.png``.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import asdict
from pathlib import Path

from neurospineseg.cli.console import out, say, table
from neurospineseg.errors import InputError
from Training.evaluation.case_scores import MEASURES
from Training.evaluation.comparison import Difference, draw_comparison, paired
from Training.evaluation.score_table import read_scores
from Training.training.program import run_program


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), compare, arguments)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("evaluations", type=Path, nargs="+", metavar="EVALUATION", help="folder that evaluate.py wrote")
    result.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    result.add_argument("--measure", choices=MEASURES, default="dice")
    return result


def compare(options: argparse.Namespace) -> None:
    if len(options.evaluations) < 2:
        raise InputError("There is nothing to compare; give the folders of two or more evaluations.")
    names = [folder.resolve().name for folder in options.evaluations]
    if len(set(names)) < len(names):
        names = ["/".join(folder.resolve().parts[-2:]) for folder in options.evaluations]
    tables = [read_scores(folder / "cases.csv") for folder in options.evaluations]
    found: list[tuple[str, Difference]] = []
    for name, scores in zip(names[1:], tables[1:]):
        differences = paired(tables[0], scores, options.measure)
        if not differences:
            raise InputError(f"'{names[0]}' and '{name}' have no case and structure in common; evaluate them on the same cases.")
        found += [(name, difference) for difference in differences]
        own, others = ({score.case for score in each} for each in (tables[0], scores))
        if own != others:
            say(f"'{names[0]}' has {len(own)} cases and '{name}' {len(others)}; only the {len(own & others)} that both have are compared.")
    options.output.mkdir(parents=True, exist_ok=True)
    with open(options.output / "differences.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["first_model", "other_model", "measure", *asdict(found[0][1])])
        writer.writerows([names[0], name, options.measure, *asdict(difference).values()] for name, difference in found)
    draw_comparison(options.output / "comparison.png", names, tables, options.measure)
    columns = ["Structure", "Cases", names[0], "Other", "Model", "Difference", "95 % interval"]
    rows = [
        [d.structure, str(d.cases), f"{d.first:.3f}", f"{d.other:.3f}", name, f"{d.mean:+.3f}", f"{d.low:+.3f} to {d.high:+.3f}"]
        for name, d in found
    ]
    wide = out()
    wide.width = max(wide.width, 132)
    wide.print(table(f"{options.measure}, compared with {names[0]}", columns, rows, right=(1, 2, 3, 5, 6)))
    print(f"Intervals: bootstrap over cases. Plot: {options.output / 'comparison.png'}")


if __name__ == "__main__":
    sys.exit(main())
