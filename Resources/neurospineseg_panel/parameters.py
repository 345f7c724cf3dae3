"""What the user chose in a panel; kept in a parameter node, so that a saved scene brings it back.

Enumerations are stored by the names of their members: do not rename them.
"""

from __future__ import annotations

from enum import Enum

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


class ExistingSegments(Enum):
    """What happens to segments that are there already; the values are those of ``MergeRule``."""

    REPLACE = MergeRule.REPLACE.value
    ONLY_EMPTY = MergeRule.ONLY_EMPTY.value
    ADD = MergeRule.ADD.value

    def label(self) -> str:
        return {
            ExistingSegments.REPLACE: _("Replace the same structures"),
            ExistingSegments.ONLY_EMPTY: _("Write only where empty"),
            ExistingSegments.ADD: _("Keep and add new ones"),
        }[self]


@parameterNodeWrapper
class SegmentParameters:
    """The parameters of all three panels.

    Attributes:
        image, t1c, t1, t2, flair: the scans; a panel uses those that its model takes.
        regionKind, region: which part is segmented.
        model: name of a model; empty for the task's default.
        result: the segmentation that receives the result; None for a new one.
        shown: the segmentation that is shown, measured and corrected.
        structures: keys of the structures to keep; empty for all.
        corrections: folder of accepted corrections.
    """

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
    mergeRule: ExistingSegments = ExistingSegments.REPLACE
    shown: vtkMRMLSegmentationNode
    structures: list[str] = []
    corrections: str = ""
