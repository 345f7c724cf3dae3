"""From the click to the first result, with a cold and a warm worker, and in a process started for it.

    python -m Testing.benchmarks.cold_start [--rounds 3] [--tasks spine] [--device cpu] [--json figures.json]

The panel hands voxels that are in memory to its worker: once to one that must be started, once to one that has loaded the model while nobody
waited, and once more. Beside it, from the same scan's file, our way and MONAI's (standard and tuned) in a fresh Python process, as a program
runs that starts one for each click. Prints medians, and how many times the warm worker's they are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.device import choose_device
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.settings import Settings
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.protocol import Died, Done, Failed, Refused
from neurospineseg.worker.requests import ScanFile, Segment, Warm
from Testing.benchmarks.case import save_case
from Testing.benchmarks.drawn_case import drawn_case
from Testing.benchmarks.fresh_process import in_fresh_process
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import TASKS, case_options, ended, parser
from Testing.benchmarks.ways import OWN, with_region

COLD, LOADED, AGAIN = "worker not started", "worker with the model loaded", "the same worker again"
FRESH = {
    OWN: "a fresh process, our way",
    "monai float32": "a fresh process, MONAI float32",
    "monai tuned": "a fresh process, MONAI tuned",
}
WAITING_S = 0.005


def answered(client: WorkerClient, number: int) -> Any:
    """Waits for a request's result.

    Raises:
        InputError: it was refused or failed, or the worker died.
    """
    while True:
        client.poll()
        for answer in client.answers_to(number):
            if isinstance(answer, Done):
                return answer.result
            if isinstance(answer, Refused | Failed | Died):
                raise InputError(f"The worker gave no result: {answer.message}")
        sleep(WAITING_S)


def click(client: WorkerClient, task: str, volumes: Mapping[str, Volume], model: str | None, device: str) -> float:
    """Seconds from handing the voxels over until the label map can be read, as the panel asks for it (with the doubtful places)."""
    started = perf_counter()
    client.start()
    scans = {}
    for name, volume in volumes.items():
        np.save(client.folder / f"scan-{name}.npy", volume.voxels)
        scans[name] = ScanFile(f"scan-{name}.npy", volume.ijk_to_ras.tolist())
    number = client.request(Segment(task, Settings(model=model, device=device, uncertainty=True, force=True), scans))
    labels = np.load(client.folder / answered(client, number).labels, mmap_mode="r")
    int(labels.max())
    return perf_counter() - started


def measure(task: str, model: str | None, options: Any, room: Path) -> dict[str, list[float]]:
    """Seconds of each round, by what was there before the click."""
    case = drawn_case(task, options.cases or room, options.quick)
    folder = room / case.name
    save_case(with_region(case, model), folder)
    volumes = {name: read_volume(path) for name, path in case.scans.items()}
    seconds: dict[str, list[float]] = {name: [] for name in (COLD, LOADED, AGAIN, *FRESH.values())}
    client = WorkerClient()
    try:
        for number in range(options.rounds):
            client.stop()
            seconds[COLD].append(click(client, task, volumes, model, options.device))
            client.stop()
            answered(client, client.request(Warm(task, Settings(model=model, device=options.device))))
            seconds[LOADED].append(click(client, task, volumes, model, options.device))
            seconds[AGAIN].append(click(client, task, volumes, model, options.device))
            for way, name in FRESH.items():
                started = perf_counter()
                in_fresh_process(way, folder, room / "mask.nii.gz", model, options.device)
                seconds[name].append(perf_counter() - started)
            told = ", ".join(f"{name} {found[-1]:.2f} s" for name, found in seconds.items())
            print(f"round {number + 1}: {task}: {told}", file=sys.stderr, flush=True)
    finally:
        client.stop()
    return seconds


def main() -> None:
    made = parser(__doc__)
    case_options(made, ("spine",))
    options = made.parse_args()
    if options.quick:
        options.rounds = 1
    models = {find_bundle(name).spec.task: name for name in options.model}
    choose_device(options.device)
    everything = {}
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as name:
        for task in [task for task in TASKS if task in options.tasks]:
            seconds = measure(task, models.get(task), options, Path(name))
            warm = median(seconds[AGAIN])
            print(f"\n{task}, click to result, median of {options.rounds}")
            for what, found in seconds.items():
                print(f"  {what:34s} {median(found):7.2f} s   {median(found) / warm:6.2f} times")
            everything[task] = {
                "seconds": seconds,
                "median_s": {what: median(found) for what, found in seconds.items()},
                "times_the_warm_worker": {what: median(found) / warm for what, found in seconds.items()},
            }
    print(f"\n{machine_line(machine(options.device))}")
    write_json(options.json, "cold_start", options.device, options.quick, tasks=everything)


if __name__ == "__main__":
    raise SystemExit(ended(main))
