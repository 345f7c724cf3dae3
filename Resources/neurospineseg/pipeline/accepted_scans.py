"""The scans that a model takes, with what is harmless repaired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurospineseg.checks.distinct_scans import check_distinct
from neurospineseg.checks.fill_values import above_background, without_fill
from neurospineseg.checks.input_checks import check_field_of_view, repaired
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.tasks.task import Task


@dataclass(frozen=True)
class AcceptedScans:
    """Scans by channel, the channel of the reference, whose grid the mask has, and sentences for the user."""

    scans: dict[str, Volume]
    reference: str
    warnings: list[str]


def accepted_scans(scans: Mapping[str, Volume], spec: ModelSpec, task: Task) -> AcceptedScans:
    """The scans as the model takes them.

    Raises:
        InputError: one cannot be used or is missing.
    """
    reference, accepted, warnings = reference_of(scans, spec), {}, []
    lacking = [name for name in spec.advised_channels if name not in scans]
    if lacking:
        them = "it" if len(lacking) == 1 else "them"
        warnings.append(
            f"Without {' and '.join(lacking)} the model '{spec.name}' finds far less (see its model card); give {them} if you can."
        )
    for name, scan in scans.items():
        words = "the scan" if task.single else f"the scan {name}"
        check_field_of_view(scan, task, words)
        warnings += scan.notes if task.single else [f"The scan {name}: {note}" for note in scan.notes]
        accepted[name], notes = made_plain(scan, words)
        warnings += notes
    check_distinct(accepted)
    return AcceptedScans(accepted, reference, warnings)


def made_plain(scan: Volume, words: str) -> tuple[Volume, list[str]]:
    """A scan of finite gray values above its background, and what was done, in sentences for the user.

    Raises:
        InputError: it is no image.
    """
    finite, notes = repaired(scan, words)
    filled, more = without_fill(finite, words)
    return above_background(filled), [*notes, *more]


def reference_of(scans: Mapping[str, Volume], spec: ModelSpec) -> str:
    """The first of a model's channels that is given.

    Raises:
        InputError: a scan is not of its channels, or one is missing that it needs.
    """
    channels, optional, model = spec.channels, spec.optional_channels, spec.name
    unknown = [name for name in scans if name not in channels]
    if unknown:
        raise InputError(f"The model '{model}' takes {', '.join(channels)}; it has no use for '{unknown[0]}'.")
    missing = [name for name in channels if name not in scans]
    if len(missing) == len(channels) or (missing and not optional):
        raise InputError(f"The model '{model}' needs {' and '.join(missing)}; give {'at least one of them' if optional else 'them'}.")
    return next(name for name in channels if name in scans)
