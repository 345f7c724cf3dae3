"""What was measured on a segmentation node, and whether it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.segment_names import structure_key
from neurospineseg.mrml.segment_masks import BINARY, structure_of_segment
from neurospineseg.mrml.volume_node import to_world
from neurospineseg.tasks.anatomy import Structure
from neurospineseg.tasks.task import task_named


@dataclass(frozen=True)
class MeasuredSegmentation:
    """The measurements of a segmentation node.

    Attributes:
        node: the segmentation.
        measured: the numbers; points in world RAS mm.
        segments: segment ID by structure's key, as it was then.
        state: see ``state_of``.
    """

    node: Any
    measured: Measurements
    segments: Mapping[str, str]
    state: tuple

    @property
    def holds(self) -> bool:
        """Whether nothing that was measured has changed since."""
        return state_of(self.node, self.measured.task) == self.state


@dataclass(frozen=True)
class _NamedSegment:
    """A segment as ``structure_key`` asks for it; its own tags are looked at before."""

    key: str
    name: str
    label: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


def structure_shown(identifier: str, segment: Any, task: str) -> Structure | None:
    """The structure of a task that a segment shows, be it ours or another program's whose name says it; None for something else."""
    declared, found = task_named(task), structure_of_segment(segment)
    if found in declared.structures:
        return found
    key = structure_key(_NamedSegment(identifier, segment.GetName()), declared)
    return None if key is None else declared.structure(key)


def segments_by_structure(node: Any, task: str) -> dict[str, str]:
    """The ID of the segment that shows each structure of a task, by its key."""
    segmentation, found = node.GetSegmentation(), dict[str, str]()
    for identifier in segmentation.GetSegmentIDs():
        shown = structure_shown(identifier, segmentation.GetSegment(identifier), task)
        if shown is not None:
            found.setdefault(shown.key, identifier)
    return found


def measured_as_one(node: Any, task: str) -> list[str]:
    """A sentence for each structure that several segments show, such as one and its copy."""
    segmentation, names = node.GetSegmentation(), dict[str, list[str]]()
    for identifier in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(identifier)
        shown = structure_shown(identifier, segment, task)
        if shown is not None:
            names.setdefault(shown.name, []).append(f"'{segment.GetName()}'")
    words = _("Measured as one, {structure}: {segments}; remove what is a copy, or name it and its terminology as what it is.")
    return [words.format(structure=key, segments=", ".join(own)) for key, own in names.items() if len(own) > 1]


def state_of(node: Any, task: str) -> tuple:
    """Equal as long as a segmentation's voxels, what its segments show and where it lies stay as they are; colors do not count."""
    segmentation, parts = node.GetSegmentation(), []
    for identifier in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(identifier)
        shown, image = structure_shown(identifier, segment, task), segment.GetRepresentation(BINARY)
        parts.append((identifier, shown and shown.key, segment.GetLabelValue(), 0 if image is None else image.GetMTime()))
    try:
        place = tuple(to_world(node).ravel().round(6).tolist())
    except InputError:
        place = ()
    return (*parts, place)
