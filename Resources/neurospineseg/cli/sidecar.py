"""The record beside a mask, as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurospineseg.atomic_files import MASK_ENDINGS, beside
from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.errors.of_files import reading_failed

Shape = type | tuple[type, ...] | dict[str, Any] | list[Any]
NUMBER = (int, float)
SHOWN: dict[str, Shape] = {
    "task": str,
    "reference": str,
    "device": str,
    "precision": str,
    "model": {"name": str, "version": str, "sha256": str},
    "software": {"*": str},
    "volumes": {"*": {"name": str, "mL": NUMBER}},
    "seconds": {"*": NUMBER},
    "warnings": [str],
    "segments": [{"label": int, "key": str, "name": str, "color": [int]}],
}
"""What a page shows of a record, each where it is there: ``*`` stands for any name, a list's one entry for each of its entries."""


def read_sidecar(mask: Path) -> dict[str, Any]:
    """The record beside a mask; empty where there is none of this program, which writes none beside a mask of a kind that it only reads.

    Raises:
        InputError: it is no JSON, or what a page shows of it is of another type.
    """
    if not mask.name.lower().endswith(MASK_ENDINGS):
        return {}
    path = beside(mask, ".json")
    try:
        record = json_of(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise reading_failed(error, path.name) from error
    except ValueError as error:
        raise InputError(f"'{path.name}' beside the mask cannot be read as JSON; remove it or segment again.") from error
    if not isinstance(record, dict) or not isinstance(record.get("program"), dict) or record["program"].get("name") != "NeuroSpineSeg":
        return {}
    wrong = next((name for name, shape in SHOWN.items() if name in record and not _has(record[name], shape)), None)
    if wrong is None and any(len(entry["color"]) != 3 for entry in record.get("segments", [])):
        wrong = "segments"
    if wrong is not None:
        raise InputError(f"What '{path.name}' beside the mask says of '{wrong}' cannot be read; remove it or segment again.")
    return record


def _has(value: Any, shape: Shape) -> bool:
    """Whether a value of JSON's own types is of a type, or holds at least what is named."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and _has(value[name], kind) for name, kind in _named(value, shape))
    if isinstance(shape, list):
        return isinstance(value, list) and all(_has(entry, shape[0]) for entry in value)
    return isinstance(value, shape) and not isinstance(value, bool)


def _named(value: Mapping[str, Any], shape: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, shape["*"]) for name in value] if "*" in shape else list(shape.items())
