"""Brings planned cases into the on-disk form: checked, resumable, with a report and a page to look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

import numpy as np

from neurospineseg.checks.input_checks import repaired
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, write_volume
from Training.datasets.progress import each
from Training.datasets.raw_dataset import IGNORE, RawDataset, Split, read_dataset, write_description, write_json

SAME_PLACE_MM = 0.01
IN_TWO_FILES = {".img": (".hdr", ".mat"), ".hdr": (".img", ".mat"), ".mhd": (".raw", ".zraw"), ".nhdr": (".raw", ".raw.gz")}
"""Endings of the files that may lie beside one, whose change changes the image."""


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
        absent: channels that were not given and are zero everywhere.
    """

    scans: Mapping[str, Volume]
    labels: Volume
    notes: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()


@dataclass(frozen=True)
class PlannedCase:
    """A case as found, before any voxel is read.

    Attributes:
        name: of the case's files in the data set; letters, digits, ``_``, ``-`` and ``.``.
        sources: the files it is made of.
        load: reads it. May raise InputError (its files are faulty) or LeftOut (it was asked to leave such cases out).
        group: cases of one group (a patient) never lie on both sides of a split.
        reading: what the other cases say about how to read this one; where it changes, the case is read again.
    """

    name: str
    sources: Sequence[Path]
    load: Callable[[], LoadedCase]
    group: str = ""
    reading: str = ""


@dataclass(frozen=True)
class Plan:
    """What an adapter found.

    Attributes:
        task: name of a registered task.
        channels: modality names in the order of the channels.
        labels: values by class name: ``background`` 0, then consecutive; ``ignore``, if there is one, last.
        cases: sorted by name.
        problems: a sentence for each file that is missing or cannot be used.
        split: a split that the data set comes with; None to draw one.
        finish: writes what was asked for beside the data set; called with it on every start, when it is complete.
    """

    task: str
    channels: Sequence[str]
    labels: Mapping[str, int]
    cases: Sequence[PlannedCase]
    problems: Sequence[str] = ()
    split: Split | None = None
    finish: Callable[[RawDataset], None] | None = None


@dataclass(frozen=True)
class Report:
    """What came of it: names of written cases, sentences by case of what was left out, faulty or changed."""

    written: Sequence[str]
    left_out: Mapping[str, str]
    faulty: Mapping[str, str]
    notes: Mapping[str, Sequence[str]]


def prepare(plan: Plan, folder: Path, fingerprint: Mapping[str, object], draw: Callable[[Sequence[PlannedCase]], Split]) -> Report:
    """Writes the cases of a plan that are not there yet, then the description; removes those that are no longer in it.

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
    _require_own_names(plan.cases)
    (folder / "imagesTr").mkdir(parents=True, exist_ok=True)
    (folder / "labelsTr").mkdir(exist_ok=True)
    for case in each(plan.cases, "Preparing"):
        state = _state(plan, case)
        if done.get(case.name, {}).get("state") == state and _is_there(folder, plan, case.name, done[case.name]):
            continue
        done[case.name] = {"state": state, **_write(plan, case, folder)}
        write_json(ledger, {"fingerprint": dict(fingerprint), "cases": done})
    written = [case for case in plan.cases if done[case.name]["outcome"] == "written"]
    for name in done.keys() - {case.name for case in written}:
        for file in _on_disk(folder, name):
            file.unlink(missing_ok=True)
    done = {case.name: done[case.name] for case in plan.cases}
    report = Report(
        [case.name for case in written],
        {name: entry["reason"] for name, entry in done.items() if entry["outcome"] == "left out"},
        {name: entry["reason"] for name, entry in done.items() if entry["outcome"] == "faulty"},
        {name: entry["notes"] for name, entry in done.items() if entry["notes"]},
    )
    write_json(folder / "report.json", {**report.__dict__, "problems": list(plan.problems)})
    if not written:
        reasons = [*report.faulty.values(), *report.left_out.values()]
        others = f" The reasons of the other cases are in '{folder / 'report.json'}'." if reasons[1:] else ""
        raise InputError("No case could be prepared: " + next(iter(reasons), "none was found.") + others)
    split = draw(written)
    write_description(folder, plan.task, plan.channels, plan.labels, split, {"source": dict(fingerprint)})
    if plan.finish:
        plan.finish(read_dataset(folder))
    return report


def draw_split(cases: Sequence[PlannedCase], n_train: int | None, n_val: int | None, seed: int) -> Split:
    """Shuffles the groups: ``n_train`` of them to train on, ``n_val`` to validate with, the rest to test.

    Where one number is missing it takes what the other leaves; where both are, a fifth (at least one of two) validates.

    Raises:
        InputError: there are fewer groups than asked for.
    """
    groups: dict[str, list[str]] = {}
    for case in cases:
        groups.setdefault(case.group or case.name, []).append(case.name)
    order = [sorted(groups)[n] for n in np.random.default_rng(seed).permutation(len(groups))]
    if n_val is None:
        n_val = min(len(order) - 1, max(1, len(order) // 5)) if n_train is None else max(0, len(order) - n_train)
    if n_train is None:
        n_train = max(0, len(order) - n_val)
    if n_train < 1 or n_val < 0 or n_train + n_val > len(order):
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
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        options, cases = before["fingerprint"], dict(before["cases"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is not what prepare.py writes; choose an empty folder.") from error
    if options != json.loads(json.dumps(dict(fingerprint))):
        raise InputError(f"'{folder}' holds a data set that was prepared with other options; choose another folder or remove it.")
    return cases


def _require_own_names(cases: Sequence[PlannedCase]) -> None:
    """Raises InputError where two cases would be written to the same files."""
    seen: dict[str, PlannedCase] = {}
    for case in cases:
        other = seen.setdefault(case.name, case)
        if other is not case:
            files = " and ".join(f"'{found.sources[0]}'" for found in (other, case) if found.sources)
            raise InputError(f"Two cases would be named '{case.name}': {files}; rename one.")


def _state(plan: Plan, case: PlannedCase) -> str:
    """A checksum of the source files' names, sizes and times, of how they are read and of what their labels become."""
    files = [file for path in case.sources for file in (path, *_beside(path))]
    stats = [(file.parent.name, file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps([stats, case.reading, list(plan.channels), dict(plan.labels)]).encode()).hexdigest()


def _beside(path: Path) -> list[Path]:
    """The other files of an image that is kept in two: header and voxels."""
    endings = IN_TWO_FILES.get(path.suffix.lower(), ())
    return [file for file in map(path.with_suffix, endings) if file.is_file()]


def _files(folder: Path, plan: Plan, name: str) -> list[Path]:
    """A case's images in the order of the channels, and its label map."""
    images = [folder / "imagesTr" / f"{name}_{number:04d}.nii.gz" for number in range(len(plan.channels))]
    return [*images, folder / "labelsTr" / f"{name}.nii.gz"]


def _on_disk(folder: Path, name: str) -> list[Path]:
    """Every file of a case, however many channels it was written with."""
    return [*(folder / "imagesTr").glob(f"{escape(name)}_[0-9][0-9][0-9][0-9].nii.gz"), folder / "labelsTr" / f"{name}.nii.gz"]


def _is_there(folder: Path, plan: Plan, name: str, entry: Mapping) -> bool:
    return entry["outcome"] != "written" or all(file.is_file() for file in _files(folder, plan, name))


def _write(plan: Plan, case: PlannedCase, folder: Path) -> dict:
    try:
        loaded = case.load()
        check(plan, case, loaded)
        notes, scans = list(loaded.notes), []
        for channel in plan.channels:
            scan, warnings = loaded.scans[channel], []
            if channel not in loaded.absent:
                scan, warnings = repaired(scan, f"'{loaded.names.get(channel, channel)}'")
            scans.append(scan)
            notes += warnings
    except LeftOut as reason:
        return {"outcome": "left out", "reason": str(reason), "notes": []}
    except InputError as error:
        return {"outcome": "faulty", "reason": str(error), "notes": []}
    labels, files = Volume(loaded.labels.voxels.astype(np.uint8), loaded.labels.ijk_to_ras), _files(folder, plan, case.name)
    for file in set(_on_disk(folder, case.name)) - set(files):
        file.unlink()
    for volume, file in zip([*scans, labels], files):
        write_volume(volume, file)
    return {"outcome": "written", "reason": "", "notes": notes}


def check(plan: Plan, case: PlannedCase, loaded: LoadedCase) -> None:
    """Raises InputError, naming the file, where a volume lies elsewhere than the first or a label is not known."""
    named = [(loaded.names.get(channel, channel), loaded.scans[channel]) for channel in plan.channels]
    require_one_grid([*named, (loaded.names.get("label", "label"), loaded.labels)])
    if min(loaded.labels.shape) < 2:
        size = "x".join(map(str, loaded.labels.shape[::-1]))
        raise InputError(f"'{named[0][0]}' would be written with {size} voxels; at least 2 voxels along each axis are needed.")
    unknown = set(np.unique(loaded.labels.voxels).tolist()) - set(plan.labels.values())
    if unknown:
        name = loaded.names.get("label", "label")
        raise InputError(f"'{name}' holds the label {min(unknown):g}, which this data set does not have; check the file.")
    teaching = loaded.labels.voxels[loaded.labels.voxels != plan.labels.get(IGNORE, -1)]
    if not np.any(teaching):
        raise InputError(f"'{loaded.names.get('label', 'label')}' is empty: no voxel is labeled; leave the case out or check the file.")


def require_one_grid(named: Sequence[tuple[str, Volume]]) -> None:
    """Raises InputError where a volume, given with its file's name, lies elsewhere than the first."""
    (first, reference), *others = named
    for name, volume in others:
        if volume.shape != reference.shape:
            sizes = " and ".join("x".join(map(str, each.shape[::-1])) for each in (volume, reference))
            raise InputError(f"'{name}' and '{first}' have different sizes ({sizes}); give files of the same grid.")
        apart = farthest_corner_mm(volume, reference)
        if apart > SAME_PLACE_MM:
            raise InputError(f"'{name}' and '{first}' lie up to {apart:.2f} mm apart; give files of the same grid.")


def farthest_corner_mm(one: Volume, other: Volume) -> float:
    """The largest distance in mm between corresponding corners of two volumes of the same shape."""
    top = np.array(one.shape[::-1]) - 1
    corners = np.array([[i, j, k, 1] for i in (0, top[0]) for j in (0, top[1]) for k in (0, top[2])])
    return float(np.linalg.norm((corners @ (one.ijk_to_ras - other.ijk_to_ras).T)[:, :3], axis=1).max())
