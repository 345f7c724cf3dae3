"""A batch whose reading, segmenting and writing overlap, beside the same batch one step after the other.

    python -m Testing.benchmarks.batch_overlap [--cases 6] [--rounds 3] [--model tumor_glioma] [--device cpu] [--json figures.json]

Copies of the drawn glioma that comes with the program are written as gzipped files of four contrasts each, then segmented in turns by both ways with
warm networks. Prints the medians of seconds for each case, and what reading and writing take of the time one after the other.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from neurospineseg.images.volume import read_volume, write_volume
from neurospineseg.pipeline.batch import OUTPUT_ENDING, InSteps, SegmentCase, run_batch
from neurospineseg.pipeline.batch_report import picture_of
from neurospineseg.pipeline.batch_steps import BatchSteps, told_to
from neurospineseg.pipeline.file_job import FileJob, run_file_job
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Stage, no_progress

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "Samples" / "tumor"
CONTRASTS = ("t1c", "t1", "t2", "flair")
ONE_BY_ONE, OVERLAPPING = "one step after the other", "overlapping"


def write_cases(folder: Path, count: int) -> None:
    """Cases of four gzipped scans each."""
    scans = {key: read_volume(SAMPLE / f"{key}.nrrd") for key in CONTRASTS}
    for number in range(count):
        for key, scan in scans.items():
            write_volume(scan, folder / f"case{number}_{key}.nii.gz")


def ways(settings: Settings, networks: dict[str, Any]) -> dict[str, SegmentCase | InSteps]:
    """How a batch segments, by name."""

    def job(scans: Mapping[str, Path], mask: Path) -> FileJob:
        return FileJob("tumor", scans, mask, settings, picture=picture_of(mask, OUTPUT_ENDING))

    def one_by_one(scans: Mapping[str, Path], mask: Path) -> list[str]:
        return run_file_job(job(scans, mask), no_progress, networks).warnings

    return {
        ONE_BY_ONE: one_by_one,
        OVERLAPPING: InSteps(lambda scans, mask: BatchSteps(job(scans, mask), networks, told_to(no_progress))),
    }


def seconds_of(folder: Path, segment: SegmentCase | InSteps, check: Callable[[dict[str, str]], None]) -> tuple[float, list[float]]:
    """Seconds of a batch, and those of reading and writing by case."""
    with tempfile.TemporaryDirectory() as output:
        started = perf_counter()
        check(run_batch("tumor", folder, Path(output), segment, warn=lambda sentence: None, report=True))
        taken = perf_counter() - started
        records = [json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in Path(output).glob("*.json")]
    return taken, [record[Stage.READING_FILES.value] + record[Stage.WRITING_FILES.value] for record in records]


def refuse_failures(outcomes: dict[str, str]) -> None:
    failed = {case: words for case, words in outcomes.items() if words != "done"}
    if failed:
        raise SystemExit(f"Not all cases could be segmented: {failed}")


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cases", type=int, default=6)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--model", default="tumor_glioma")
    made.add_argument("--device", default="auto")
    made.add_argument("--quick", action="store_true", help="two cases, one round")
    made.add_argument("--json", type=Path)
    options = made.parse_args()
    cases, rounds = (2, 1) if options.quick else (options.cases, options.rounds)
    settings = Settings(model=options.model, device=options.device, uncertainty=True)
    taken: dict[str, list[float]] = {ONE_BY_ONE: [], OVERLAPPING: []}
    files: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        write_cases(Path(folder), cases)
        all_ways = ways(settings, {})
        seconds_of(Path(folder), all_ways[ONE_BY_ONE], refuse_failures)
        for _ in range(rounds):
            for name, segment in all_ways.items():
                seconds, of_files = seconds_of(Path(folder), segment, refuse_failures)
                taken[name].append(seconds / cases)
                files += of_files if name == ONE_BY_ONE else []
                print(f"{name}: {seconds / cases:.2f} s a case", flush=True)
    ratio = median(taken[ONE_BY_ONE]) / median(taken[OVERLAPPING])
    print(f"medians: {median(taken[ONE_BY_ONE]):.2f} and {median(taken[OVERLAPPING]):.2f} s a case, {ratio:.2f} times as fast")
    print(f"reading and writing: {median(files):.2f} s a case")
    if options.json is not None:
        figures = {"program": "batch_overlap", "quick": options.quick, "machine": platform.processor(), "seconds": taken, "files": files}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
