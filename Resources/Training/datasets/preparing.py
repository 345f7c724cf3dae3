"""Brings planned cases into the on-disk form: checked, resumable, with a report and a page to look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import track

from neurospineseg.errors import InputError
from neurospineseg.volume import Volume, write_volume

from .raw_dataset import IGNORE, Split, write_description, write_json

SAME_PLACE_MM = 0.01


class LeftOut(Exception):
    """A case is left out on purpose; the message is the reason."""


@dataclass(frozen=True)
class LoadedCase:
    """A case ready to be written.

    Attributes:
        scans: by channel name, every channel of the plan, all on one grid.
        labels: integers on that grid, values of the plan's ``labels``.
        notes: what was changed or dropped, for the report.
        names: file name that each volume came from, by channel and ``label``, for messages.
    """

    scans: Mapping[str, Volume]
    labels: Volume
    notes: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedCase:
    """A case as found, before any voxel is read.

    Attributes:
        name: of the case's files in the data set; letters, digits, ``_``, ``-`` and ``.``.
        sources: the files it is made of.
        load: reads it. May raise InputError (its files are faulty) or LeftOut (it was asked to leave such cases out).
        group: cases of one group (a patient) never lie on both sides of a split.
    """

    name: str
    sources: Sequence[Path]
    load: Callable[[], LoadedCase]
    group: str = ""


@dataclass(frozen=True)
class Plan:
    """What an adapter found.

    Attributes:
        task: ``tumor``, ``spine`` or ``subcortical``.
        channels: modality names in the order of the channels.
        labels: values by class name: ``background`` 0, then consecutive; ``ignore``, if there is one, last.
        cases: sorted by name.
        problems: a sentence for each file that is missing or cannot be used.
        split: a split that the data set comes with; None to draw one.
    """

    task: str
    channels: Sequence[str]
    labels: Mapping[str, int]
    cases: Sequence[PlannedCase]
    problems: Sequence[str] = ()
    split: Split | None = None


@dataclass(frozen=True)
class Report:
    """What came of it: names of written cases, sentences by case of what was left out, faulty or changed."""

    written: Sequence[str]
    left_out: Mapping[str, str]
    faulty: Mapping[str, str]
    notes: Mapping[str, Sequence[str]]


def prepare(plan: Plan, folder: Path, fingerprint: Mapping[str, object], draw: Callable[[Sequence[PlannedCase]], Split]) -> Report:
    """Writes the cases of a plan that are not there yet, then the description.

    A case that was written, left out or found faulty with the same ``fingerprint`` before is not read again, unless its
    files have changed since.

    Args:
        folder: of the data set; made where it is missing.
        fingerprint: the adapter's name and every option that changes what is written.
        draw: makes a split of the written cases where the plan brings none.

    Raises:
        InputError: the folder holds a data set prepared otherwise, no case is left, or it cannot be written.
    """
    ledger = folder / "prepared.json"
    done = _ledger(ledger, fingerprint, folder)
    (folder / "imagesTr").mkdir(parents=True, exist_ok=True)
    (folder / "labelsTr").mkdir(exist_ok=True)
    for case in track(plan.cases, description="Preparing", disable=None):
        state = _state(case.sources)
        if done.get(case.name, {}).get("state") == state and _is_there(folder, plan, case.name, done[case.name]):
            continue
        done[case.name] = {"state": state, **_write(plan, case, folder)}
        write_json(ledger, {"fingerprint": dict(fingerprint), "cases": done})
    done = {case.name: done[case.name] for case in plan.cases}
    written = [case for case in plan.cases if done[case.name]["outcome"] == "written"]
    report = Report(
        [case.name for case in written],
        {name: entry["reason"] for name, entry in done.items() if entry["outcome"] == "left out"},
        {name: entry["reason"] for name, entry in done.items() if entry["outcome"] == "faulty"},
        {name: entry["notes"] for name, entry in done.items() if entry["notes"]},
    )
    write_json(folder / "report.json", {**report.__dict__, "problems": list(plan.problems)})
    if not written:
        raise InputError(
            "No case could be prepared: " + next(iter([*report.faulty.values(), *report.left_out.values()]), "none was found.")
        )
    split = draw(written)
    write_description(folder, plan.task, plan.channels, plan.labels, split, {"source": dict(fingerprint)})
    return report


def draw_split(cases: Sequence[PlannedCase], n_train: int | None, n_val: int | None, seed: int) -> Split:
    """Shuffles the groups: ``n_train`` of them to train on, ``n_val`` to validate with, the rest to test.

    Where one number is missing it takes what the other leaves; where both are, a fifth (at least one) validates.

    Raises:
        InputError: there are fewer groups than asked for.
    """
    groups: dict[str, list[str]] = {}
    for case in cases:
        groups.setdefault(case.group or case.name, []).append(case.name)
    order = [sorted(groups)[n] for n in np.random.default_rng(seed).permutation(len(groups))]
    if n_val is None:
        n_val = max(1, len(order) // 5) if n_train is None else max(0, len(order) - n_train)
    if n_train is None:
        n_train = max(0, len(order) - n_val)
    if n_train < 1 or n_train + n_val > len(order):
        raise InputError(
            f"{n_train} to train on and {n_val} to validate with were asked for, of {len(order)} patients or cases; ask for fewer."
        )
    parts = (order[:n_train], order[n_train : n_train + n_val], order[n_train + n_val :])
    return Split(*(tuple(sorted(name for group in part for name in groups[group])) for part in parts))


def _ledger(path: Path, fingerprint: Mapping[str, object], folder: Path) -> dict:
    if not path.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(f"'{folder}' is not empty and holds no data set of prepare.py; choose an empty folder.")
        return {}
    before = json.loads(path.read_text(encoding="utf-8"))
    if before["fingerprint"] != json.loads(json.dumps(dict(fingerprint))):
        raise InputError(f"'{folder}' holds a data set that was prepared with other options; choose another folder or remove it.")
    return before["cases"]


def _state(sources: Sequence[Path]) -> str:
    """A checksum of the source files' names, sizes and times."""
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    return hashlib.sha256(json.dumps(stats).encode()).hexdigest()


def _is_there(folder: Path, plan: Plan, name: str, entry: Mapping) -> bool:
    files = [folder / "imagesTr" / f"{name}_{n:04d}.nii.gz" for n in range(len(plan.channels))] + [folder / "labelsTr" / f"{name}.nii.gz"]
    return entry["outcome"] != "written" or all(file.is_file() for file in files)


def _write(plan: Plan, case: PlannedCase, folder: Path) -> dict:
    try:
        loaded = case.load()
        check(plan, case, loaded)
    except LeftOut as reason:
        return {"outcome": "left out", "reason": str(reason), "notes": []}
    except InputError as error:
        return {"outcome": "faulty", "reason": str(error), "notes": []}
    for number, channel in enumerate(plan.channels):
        write_volume(loaded.scans[channel], folder / "imagesTr" / f"{case.name}_{number:04d}.nii.gz")
    labels = Volume(loaded.labels.voxels.astype(np.uint8), loaded.labels.ijk_to_ras)
    write_volume(labels, folder / "labelsTr" / f"{case.name}.nii.gz")
    return {"outcome": "written", "reason": "", "notes": list(loaded.notes)}


def check(plan: Plan, case: PlannedCase, loaded: LoadedCase) -> None:
    """Raises InputError, naming the file, where a volume lies elsewhere than the first or a label is not known."""
    reference = loaded.scans[plan.channels[0]]
    first = loaded.names.get(plan.channels[0], case.sources[0].name)
    for role, volume in [*((name, loaded.scans[name]) for name in plan.channels[1:]), ("label", loaded.labels)]:
        name = loaded.names.get(role, role)
        if volume.shape != reference.shape:
            sizes = " and ".join("x".join(map(str, each.shape[::-1])) for each in (volume, reference))
            raise InputError(f"'{name}' and '{first}' have different sizes ({sizes}); give files of the same grid.")
        apart = farthest_corner_mm(volume, reference)
        if apart > SAME_PLACE_MM:
            raise InputError(f"'{name}' and '{first}' lie up to {apart:.2f} mm apart; give files of the same grid.")
    unknown = set(np.unique(loaded.labels.voxels).tolist()) - set(plan.labels.values())
    if unknown:
        name = loaded.names.get("label", "label")
        raise InputError(f"'{name}' holds the label {min(unknown):g}, which this data set does not have; check the file.")
    teaching = loaded.labels.voxels[loaded.labels.voxels != plan.labels.get(IGNORE, -1)]
    if not np.any(teaching):
        raise InputError(f"'{loaded.names.get('label', 'label')}' is empty: no voxel is labeled; leave the case out or check the file.")


def farthest_corner_mm(one: Volume, other: Volume) -> float:
    """The largest distance in mm between corresponding corners of two volumes of the same shape."""
    top = np.array(one.shape[::-1]) - 1
    corners = np.array([[i, j, k, 1] for i in (0, top[0]) for j in (0, top[1]) for k in (0, top[2])])
    return float(np.linalg.norm((corners @ (one.ijk_to_ras - other.ijk_to_ras).T)[:, :3], axis=1).max())
