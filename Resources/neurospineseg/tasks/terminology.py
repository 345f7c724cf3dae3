"""Slicer's terminology file for the structures that its DICOM master list does not hold.

    python -m neurospineseg.tasks.terminology

writes ``Terminologies/SegmentationCategoryTypeModifier-NeuroSpineSeg.json`` from ``anatomy``; the modules load it into Slicer's
Terminologies module, so that these structures can be chosen and colored there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neurospineseg.tasks.anatomy import LEFT, OWN_CONTEXT, RIGHT, Code, Structure
from neurospineseg.tasks.task import registered_tasks

FILE = Path(__file__).resolve().parent / "Terminologies" / "SegmentationCategoryTypeModifier-NeuroSpineSeg.json"
SCHEMA = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas/segment-context-schema.json#"


def _coded(code: Code) -> dict[str, Any]:
    return {"CodingSchemeDesignator": code.scheme, "CodeValue": code.value, "CodeMeaning": code.meaning}


def _type(structures: list[Structure]) -> dict[str, Any]:
    """One type; where its structures have sides, a modifier for each with its own color."""
    first = structures[0]
    entry: dict[str, Any] = {
        **_coded(first.type),
        "3dSlicerLabel": first.key.removeprefix("left_"),
        "recommendedDisplayRGBValue": list(first.color),
    }
    by_side = {structure.side: structure for structure in structures}
    modifiers = [{**_coded(side), "recommendedDisplayRGBValue": list(by_side[side].color)} for side in (LEFT, RIGHT) if side in by_side]
    return {**entry, "Modifier": modifiers} if modifiers else entry


def document() -> dict[str, Any]:
    """The terminology of the declared tasks as JSON, in the order of ``anatomy``; neutral numbers share the type of their kind."""
    categories: dict[Code, dict[Code, list[Structure]]] = {}
    for structure in (each for task in registered_tasks() for each in task.structures):
        if not structure.in_dicom_master:
            categories.setdefault(structure.category, {}).setdefault(structure.type, []).append(structure)
    listed = [
        {**_coded(category), "showAnatomy": "false", "Type": [_type(structures) for structures in types.values()]}
        for category, types in categories.items()
    ]
    return {"@schema": SCHEMA, "SegmentationCategoryTypeContextName": OWN_CONTEXT, "SegmentationCodes": {"Category": listed}}


def as_text() -> str:
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(as_text(), encoding="utf-8")
    print(FILE)
