"""What the user chose in a panel; kept in a parameter node, so that a saved scene brings it back.

Enumerations are stored by the names of their members: do not rename them.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper

from neurospineseg.mrml import MergeRule


class RegionKind(Enum):
    """Which part of the scan is segmented."""

    WHOLE = 0
    AUTOMATIC = 1
    BOX = 2

    def label(self) -> str:
        return {RegionKind.WHOLE: _("Whole scan"), RegionKind.AUTOMATIC: _("Automatic"), RegionKind.BOX: _("Inside a box")}[self]


class Device(Enum):
    """What computes; the value is the worker's word for it."""

    AUTO = "auto"
    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"

    def label(self) -> str:
        return {Device.AUTO: _("Automatic"), Device.CUDA: "CUDA", Device.MPS: "MPS (Apple)", Device.CPU: "CPU"}[self]


@parameterNodeWrapper
class SegmentParameters:
    """The parameters of every panel.

    Attributes:
        image, t1c, t1, t2, flair: scans by channel, see ``scan_of``; a panel uses those that its task takes.
        regionKind, region: which part is segmented.
        model: name of a model; empty for the task's default.
        mergeRule: what happens to segments that are there already.
        result: the segmentation that receives the result; None for a new one.
        shown: the segmentation that is shown, measured and corrected.
        structures: keys of the structures to keep; empty for all.
        corrections: folder of accepted corrections.
    """

    if TYPE_CHECKING:  # what parameterNodeWrapper adds

        def __init__(self, parameterNode: Any) -> None: ...

        def connectGui(self, gui: Any) -> int: ...

        def disconnectGui(self, tag: int) -> None: ...

    image: vtkMRMLScalarVolumeNode
    t1c: vtkMRMLScalarVolumeNode
    t1: vtkMRMLScalarVolumeNode
    t2: vtkMRMLScalarVolumeNode
    flair: vtkMRMLScalarVolumeNode
    regionKind: RegionKind = RegionKind.WHOLE
    region: vtkMRMLMarkupsROINode
    model: str = ""
    device: Device = Device.AUTO
    register: bool = False
    result: vtkMRMLSegmentationNode
    mergeRule: MergeRule = MergeRule.REPLACE
    shown: vtkMRMLSegmentationNode
    structures: list[str] = []
    corrections: str = ""


NAMED_CHANNELS = ("image", "t1c", "t1", "t2", "flair")
"""Channels whose scans are parameters of their own; those of other tasks are node references."""


def scan_of(parameters: SegmentParameters, channel: str) -> vtkMRMLScalarVolumeNode | None:
    """The scan that was chosen for a channel."""
    if channel in NAMED_CHANNELS:
        return getattr(parameters, channel)
    return cast(Any, parameters).parameterNode.GetNodeReference(_role(channel))


def choose_scan(parameters: SegmentParameters, channel: str, scan: vtkMRMLScalarVolumeNode | None) -> None:
    """Chooses a scan for a channel; None for no scan."""
    if channel in NAMED_CHANNELS:
        setattr(parameters, channel, scan)
    else:
        cast(Any, parameters).parameterNode.SetNodeReferenceID(_role(channel), scan.GetID() if scan is not None else None)


def _role(channel: str) -> str:
    """A role that no parameter has."""
    return f"scan.{channel}"
