"""The part of *Measure* that compares the segmentations of several studies of one patient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from neurospineseg_panel.follow_nodes import CHART
from neurospineseg_panel.follow_run import NodeStudy, study_name
from neurospineseg_panel.host import Host
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.measure_folder import KEY_ATTRIBUTE, own_nodes
from neurospineseg_panel.measure_plots import show_chart
from neurospineseg_panel.run import Listener, Run

LISTING_MILLISECONDS = 200
"""After what has come, gone or got another name."""


class FollowSection(VTKObservationMixin):
    """The list of segmentations to check, which follows the scene, and the button that compares them.

    Args:
        ui: the panel's widgets.
        host: the panel around it.
        logic: of the module.

    Attributes:
        listed: called when other segmentations are in the scene than before.
    """

    def __init__(self, ui: Any, host: Host, logic: SegmentLogic) -> None:
        VTKObservationMixin.__init__(self)
        self.ui, self.host, self.logic = ui, host, logic
        self._offered: list[NodeStudy] = []
        self.listed: Callable[[], None] = lambda: None
        self._first: Any = None
        ui.followList.connect("itemChanged(QListWidgetItem*)", self.onChanged)
        ui.followButton.connect("clicked(bool)", self.onFollow)
        self._listing = qt.QTimer()
        self._listing.setSingleShot(True)
        self._listing.setInterval(LISTING_MILLISECONDS)
        self._listing.connect("timeout()", self.onListing)
        self._watch()

    def _watch(self) -> None:
        """Observes the scene and the segmentations that are in it now; the mixin would keep alive what it once observed."""
        self.removeObservers()
        for event in (slicer.mrmlScene.NodeAddedEvent, slicer.mrmlScene.NodeRemovedEvent):
            self.addObserver(slicer.mrmlScene, event, self.onSceneChanged)
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            for event in (vtk.vtkCommand.ModifiedEvent, slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved):
                self.addObserver(node, event, self.onSceneChanged)

    def onSceneChanged(self, caller: Any, event: Any) -> None:
        self._listing.start()

    def onListing(self) -> None:
        self._watch()
        before = self._offered
        self.onChanged(None)
        if self._offered != before:
            self.listed()

    def update(self, busy: bool) -> None:
        """Lists the scene's segmentations, by date where all have one; shown only where there are two or more."""
        offered = segmentations_by_date()
        if offered != self._offered:
            checked = [study.node for study in self.checked()]
            self._offered = offered
            blocked = self.ui.followList.blockSignals(True)
            self.ui.followList.clear()
            for study in offered:
                item = qt.QListWidgetItem(study.name if study.name == study.node.GetName() else f"{study.name}  {study.node.GetName()}")
                item.setCheckState(qt.Qt.Checked if study.node in checked else qt.Qt.Unchecked)
                self.ui.followList.addItem(item)
            self.ui.followList.blockSignals(blocked)
        self.ui.followWidget.setVisible(len(offered) > 1)
        self.ui.followButton.enabled = not busy and len(self.checked()) > 1

    def checked(self) -> list[NodeStudy]:
        """The studies to compare, the earliest first."""
        rows = range(min(self.ui.followList.count, len(self._offered)))
        return [self._offered[row] for row in rows if self.ui.followList.item(row).checkState() == qt.Qt.Checked]

    def onChanged(self, item: Any) -> None:
        self.update(self.logic.run is not None and not self.logic.run.done)

    def cleanup(self) -> None:
        self._listing.stop()
        self.removeObservers()

    def onFollow(self, checked: bool = False) -> None:
        self.host.when_installed(self.ui.followButton, lambda: self.host.begin(self._run, self.onFollowed))

    def _run(self, listener: Listener) -> Run:
        studies = self.checked()
        run = self.logic.follow_run(studies, listener)
        self._first = studies[0].node
        return run

    def onFollowed(self, table: Any, notes: list[str]) -> None:
        """Says where the table is, and shows the first plot."""
        text = _("The studies were compared: see the table '{name}'. Not for clinical use.").format(name=table.GetName())
        self.host.say("\n".join([text, *notes]))
        charts = [node for key, node in own_nodes(self._first).items() if key.startswith(CHART)]
        if charts:
            show_chart(charts[0])


def segmentations_by_date() -> list[NodeStudy]:
    """The scene's segmentations but for those that we drew from others; by date where all have one, else in the scene's order."""
    nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if not node.GetAttribute(KEY_ATTRIBUTE)]
    studies = [NodeStudy(study_name(node), node) for node in nodes if node.GetSegmentation().GetNumberOfSegments()]
    names = [study.name for study in studies]
    studies = [
        study if names.count(study.name) == 1 else NodeStudy(f"{study.name} {study.node.GetName()}", study.node) for study in studies
    ]
    dated = all(study.name != study.node.GetName() for study in studies)
    return sorted(studies, key=lambda study: study.name) if dated else studies
