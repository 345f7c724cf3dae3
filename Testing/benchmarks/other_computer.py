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
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import Describe
from Testing.benchmarks.cold_start import answered, click
from Testing.benchmarks.drawn_case import drawn_case
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import TASKS, case_options, ended, parser
from Testing.own_sshd import NoServer, Server, own_sshd

SAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "Samples"
HERE, THERE = "this computer's worker", "a worker behind ssh"


def measure(task: str, options: Any, room: Path, server: Server) -> dict[str, Any]:
    """Of the module's sample: seconds of each round, cold and warm, memory and time of the processes. Of a scan of full size: the way there."""
    volumes = {path.stem: read_volume(path) for path in sorted((SAMPLES / task).glob("*.nrrd")) if path.stem != "labels"}
    seconds: dict[str, list[float]] = {f"{where}, {when}": [] for where in (HERE, THERE) for when in ("cold", "warm")}
    clients = {HERE: WorkerClient(), THERE: WorkerClient(host=server.host("workstation"))}
    processes: dict[str, dict[str, tuple[float, float]]] = {}
    for _ in range(options.rounds):
        for where, client in clients.items():
            for when in ("cold", "warm"):
                seconds[f"{where}, {when}"].append(click(client, task, volumes, None, options.device))
                told = ", ".join(f"{name} {found[-1]:.2f} s" for name, found in seconds.items() if found)
                print(f"{task}: {told}", file=sys.stderr, flush=True)
            processes[where] = processes_of(client, server)
            traveled = client.log_tail()
            client.stop()
    return {"seconds": seconds, "voxel_bytes": size_of(volumes), **bytes_of(traveled), "processes": processes}


def size_of(volumes: Mapping[str, Volume]) -> int:
    return sum(volume.voxels.nbytes for volume in volumes.values())


def bytes_of(log: str) -> dict[str, int]:
    """What the last run sent and received, by the log of the relay, which counts on."""
    counted = [(0, 0), *(tuple(map(int, each)) for each in re.findall(r"(\d+) bytes sent and (\d+) received", log))]
    return {"sent_bytes": counted[-1][0] - counted[-2][0], "received_bytes": counted[-1][1] - counted[-2][1]}


def way_there(task: str, options: Any, room: Path, server: Server) -> dict[str, Any]:
    """What sending a drawn scan of full size takes: to a model that is not there, which is said when all has come."""
    volumes = {name: read_volume(path) for name, path in drawn_case(task, options.cases or room, options.quick).scans.items()}
    client = WorkerClient(host=server.host("workstation"))
    try:
        answered(client, client.request(Describe()))
        before = processes_of(client, server)
        try:
            click(client, task, volumes, "not-there", options.device)
        except InputError as refused:
            assert "is not installed" in str(refused), refused
        spent = {role: used[1] - before[role][1] for role, used in processes_of(client, server).items() if role in before}
        return {"voxel_bytes": size_of(volumes), **bytes_of(client.log_tail()), "cpu_seconds": spent}
    finally:
        client.stop()


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
                    there = way_there(task, options, Path(name), server)
                    print(f"\n{task}, the way there of a drawn scan: {megabytes(there)}; seconds of the processor:", flush=True)
                    print("  " + ", ".join(f"{role} {spent:.2f}" for role, spent in there["cpu_seconds"].items()), flush=True)
                    everything[task] = found = {**measure(task, options, Path(name), server), "way_there": there}
                    show(task, found, options.rounds)
        except NoServer as error:
            raise InputError(f"Nothing was measured: {error}.") from error
    print(f"\n{machine_line(machine(options.device))}")
    write_json(options.json, "other_computer", options.device, options.quick, tasks=everything)


def megabytes(found: Mapping[str, Any]) -> str:
    voxels, sent, received = (found[what] / 1e6 for what in ("voxel_bytes", "sent_bytes", "received_bytes"))
    return f"{voxels:.1f} MB of voxels, {sent:.2f} MB sent, {received:.2f} MB received"


def show(task: str, found: dict[str, Any], rounds: int) -> None:
    print(f"\n{task}, the module's sample, click to result, median of {rounds}")
    for what, seconds in found["seconds"].items():
        print(f"  {what:34s} {median(seconds):7.2f} s")
    print(f"  the warm run: {megabytes(found)}")
    for where, processes in found["processes"].items():
        print(f"  after a cold and a warm run, {where}: resident memory, seconds of the processor")
        for role, (resident, cpu_seconds) in processes.items():
            print(f"    {role:16s} {resident:6.0f} MB {cpu_seconds:7.2f} s")


if __name__ == "__main__":
    raise SystemExit(ended(main))
