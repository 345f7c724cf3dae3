"""What a click on *Segment* asks for, kept to ask again when the scans turned out not to be what the model expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurospineseg.mrml import MergeRule
from neurospineseg_panel.parameters import RegionKind, SegmentParameters
from neurospineseg_panel.segmentation_result import SegmentationResult


@dataclass(frozen=True)
class SegmentRequest:
    """Where the result goes, and where in the scan it is looked for.

    Attributes:
        target: the segmentation that receives the result; None for a new one.
        rule: what happens to its segments.
        region: markups ROI node, ``auto``, or None for the whole scan.
        inside_only: whether, with a region, the structures that are there stay as they are outside it.
        earlier: with ``inside_only``, what the segmentation holds of an earlier run, if that is known.
    """

    target: Any = None
    rule: MergeRule = MergeRule.REPLACE
    region: Any = None
    inside_only: bool = False
    earlier: SegmentationResult | None = None


@dataclass(frozen=True)
class Choices:
    """Whatever the user chose that makes a segmentation another one; nodes by their IDs."""

    model: str
    rule: MergeRule
    region_kind: RegionKind
    structures: tuple[str, ...]
    register: bool
    scans: tuple[tuple[str, str], ...]
    result: str | None
    box: str | None


@dataclass(frozen=True)
class RefusedRequest:
    """A request whose scans are not what the model expects; while the choices are the same, it can be insisted on."""

    request: SegmentRequest
    choices: Choices


def choices_of(parameters: SegmentParameters, scans: Mapping[str, Any]) -> Choices:
    result, box = parameters.result, parameters.region
    return Choices(
        parameters.model,
        parameters.mergeRule,
        parameters.regionKind,
        tuple(parameters.structures),
        parameters.register,
        tuple((channel, node.GetID()) for channel, node in scans.items()),
        result.GetID() if result is not None else None,
        box.GetID() if box is not None else None,
    )
