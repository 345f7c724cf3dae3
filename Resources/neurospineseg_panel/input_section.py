"""The rows of the panel in which the scans are chosen: one for each channel of the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from neurospineseg.tasks.channel import Channel
from neurospineseg.tasks.input_guess import guess_inputs, scan_info
from neurospineseg.tasks.task import Task


class InputSection:
    """The node selectors of the channels, above everything else of the section *Segment*.

    Args:
        layout: the form that they go into.
        channels: of the task.
        chosen: called with a channel's key and the scan, or None, that the user chose for it.
    """

    def __init__(self, layout: Any, channels: Sequence[Channel], chosen: Callable[[str, Any], None]) -> None:
        self._chosen = chosen
        self.selectors: dict[str, Any] = {}
        for row, channel in enumerate(channels):
            selector = self._selector(channel)
            label = qt.QLabel(_("{scan}:").format(scan=_(channel.name)))
            layout.insertRow(row, label, selector)
            selector.setMRMLScene(slicer.mrmlScene)
            selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node, key=channel.key: self._chosen(key, node))
            self.selectors[channel.key] = selector
        if len(channels) > 1:
            self.selectors[channels[0].key].toolTip = _("The mask lies on the first scan that is given.")

    def _selector(self, channel: Channel) -> Any:
        selector = slicer.qMRMLNodeComboBox()
        selector.objectName = f"{channel.key}Selector"
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.showChildNodeTypes = False
        selector.noneEnabled = True
        selector.noneDisplay = _("None")
        selector.sizeAdjustPolicy = qt.QComboBox.AdjustToMinimumContentsLengthWithIcon
        for option in ("addEnabled", "removeEnabled", "renameEnabled", "selectNodeUponCreation"):
            setattr(selector, option, False)
        selector.toolTip = _("The scan to segment.")
        return selector

    def show(self, scans: Mapping[str, Any]) -> None:
        """Shows what is chosen, by channel."""
        for key, selector in self.selectors.items():
            blocked = selector.blockSignals(True)
            selector.setCurrentNode(scans.get(key))
            selector.blockSignals(blocked)


def guess_scans(task: Task) -> dict[str, Any]:
    """The scene's scans by channel of the task, as far as their names and DICOM attributes tell."""
    nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if not node.IsA("vtkMRMLLabelMapVolumeNode")]
    database = getattr(slicer, "dicomDatabase", None)
    value = database.instanceValue if database is not None and database.isOpen else None
    guess = guess_inputs(task, [scan_info(node, value) for node in nodes])
    return {key: nodes[number] for key, number in guess.items()}
