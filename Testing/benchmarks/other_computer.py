"""From the click to the result on this computer's worker, and on one behind ssh; and what travels.

    python -m Testing.benchmarks.other_computer [--rounds 3] [--tasks spine] [--device cpu] [--json figures.json]

The other computer is this one, behind an sshd of its own on loopback: what is measured is the way there and back (packing, ssh, unpacking), not
a network and no other processor. Prints medians of cold and warm runs, bytes of the frames, memory of the idle processes,
and their time on the processor, which other programs on the computer do not make longer.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from neurospineseg.worker.client import WorkerClient
from Testing.benchmarks.cold_start import click
from Testing.benchmarks.drawn_case import drawn_case
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import TASKS, case_options, ended, parser
from Testing.own_sshd import NoServer, Server, own_sshd

HERE, THERE = "this computer's worker", "a worker behind ssh"


def measure(task: str, options: Any, room: Path, server: Server) -> dict[str, Any]:
    """Seconds of each round, cold and warm; bytes of one run; memory and time of the processes."""
    case = drawn_case(task, options.cases or room, options.quick)
    volumes = {name: read_volume(path) for name, path in case.scans.items()}
    seconds: dict[str, list[float]] = {f"{where}, {when}": [] for where in (HERE, THERE) for when in ("cold", "warm")}
    clients = {HERE: WorkerClient(), THERE: WorkerClient(host=server.host("workstation"))}
    processes: dict[str, dict[str, tuple[float, float]]] = {}
    traveled = (0, 0)
    for _ in range(options.rounds):
        for where, client in clients.items():
            for when in ("cold", "warm"):
                seconds[f"{where}, {when}"].append(click(client, task, volumes, None, options.device))
            if where == THERE:
                counted = [tuple(map(int, each)) for each in re.findall(r"(\d+) bytes sent and (\d+) received", client.log_tail())]
                traveled = (counted[-1][0] - counted[-2][0], counted[-1][1] - counted[-2][1])
            processes[where] = processes_of(client, server)
            client.stop()
            print(
                f"{task}: {', '.join(f'{name} {found[-1]:.2f} s' for name, found in seconds.items() if found)}", file=sys.stderr, flush=True
            )
    voxels = sum(volume.voxels.nbytes for volume in volumes.values())
    return {"seconds": seconds, "voxel_bytes": voxels, "sent_bytes": traveled[0], "received_bytes": traveled[1], "processes": processes}


def processes_of(client: WorkerClient, server: Server) -> dict[str, tuple[float, float]]:
    """Resident memory in MB (shared pages count in each process) and seconds of the processor so far, by role."""
    if client.host is None:
        return {"worker": _used(client.pid or 0)}
    found = {"relay here": _used(client.pid or 0)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, variables = (process / "cmdline").read_text(), (process / "environ").read_text()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if f"TMPDIR={server.folder}/there" in variables:
            found["far end there" if "far_end" in command else "worker there"] = _used(int(process.name))
        elif f"{server.folder}/ssh_config" in command:
            found["ssh here"] = _used(int(process.name))
        elif parent == server.process.pid:
            found["sshd there"] = _used(int(process.name))
    return found


def _used(pid: int) -> tuple[float, float]:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    made = parser(__doc__)
    case_options(made, ("spine", "tumor"))
    options = made.parse_args()
    everything = {}
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as name:
        try:
            (Path(name) / "sshd").mkdir()
            os.environ.setdefault("NEUROSPINESEG_MODELS", name)
            os.environ["PATH"] = f"{name}/sshd{os.pathsep}{os.environ['PATH']}"
            with own_sshd(Path(name) / "sshd") as server:
                for task in [task for task in TASKS if task in options.tasks]:
                    everything[task] = found = measure(task, options, Path(name), server)
                    show(task, found, options.rounds)
        except NoServer as error:
            raise InputError(f"Nothing was measured: {error}.") from error
    print(f"\n{machine_line(machine(options.device))}")
    write_json(options.json, "other_computer", options.device, options.quick, tasks=everything)


def show(task: str, found: dict[str, Any], rounds: int) -> None:
    print(f"\n{task}, click to result, median of {rounds}")
    for what, seconds in found["seconds"].items():
        print(f"  {what:34s} {median(seconds):7.2f} s")
    print(
        f"  {found['voxel_bytes'] / 1e6:.1f} MB of voxels, {found['sent_bytes'] / 1e6:.1f} MB sent, {found['received_bytes'] / 1e6:.2f} MB received"
    )
    for where, processes in found["processes"].items():
        print(f"  after a cold and a warm run, {where}: resident memory, seconds of the processor")
        for role, (megabytes, cpu_seconds) in processes.items():
            print(f"    {role:16s} {megabytes:6.0f} MB {cpu_seconds:7.2f} s")


if __name__ == "__main__":
    raise SystemExit(ended(main))
