"""What one module is for: all that differs between the three."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModuleDeclaration:
    """A module's declaration.

    Attributes:
        name: of the module, e.g. ``TumorSeg``.
        task: ``tumor``, ``spine`` or ``subcortical``.
        slots: names of the scans it takes, in the order of the panel.
        result_name: of a new segmentation node, in words for people; ``{scan}`` stands for the scan's name.
        sample_name: of its drawn sample scan, in words for people.
        renumbers: whether its result is a chain of vertebrae that can be renumbered.
        registers: whether several scans may have to be aligned.
    """

    name: str
    task: str
    slots: tuple[str, ...]
    result_name: str
    sample_name: str
    renumbers: bool = False
    registers: bool = False
