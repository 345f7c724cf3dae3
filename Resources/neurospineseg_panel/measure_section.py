"""The part of the panel that measures the shown segmentation, lists the numbers and goes to where each was taken."""

from __future__ import annotations

import logging
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from neurospineseg.errors import InputError
from neurospineseg.measurements.edits import moved
from neurospineseg.measurements.measurement import Measurements
from neurospineseg_panel.acpc_transform import place_acpc
from neurospineseg_panel.follow_section import FollowSection
from neurospineseg_panel.host import Host
from neurospineseg_panel.level_names import LevelNames
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.measure_edits import edits_in, remember_edits
from neurospineseg_panel.measure_folder import TABLE, own_nodes
from neurospineseg_panel.measure_plots import chart_for, refill_charts, show_chart
from neurospineseg_panel.measure_run import scan_of_segmentation
from neurospineseg_panel.measure_table import read_table_node, update_table_node
from neurospineseg_panel.measure_tree import MeasureTree
from neurospineseg_panel.measured_segmentation import MeasuredSegmentation
from neurospineseg_panel.run import Listener, Run
from neurospineseg_panel.shown_marks import Points, ShownMarks
from neurospineseg_panel.turns import Turns
from neurospineseg_panel.wrapped_labels import fit

SETTLING_MILLISECONDS, DRAGGED_MILLISECONDS = 600, 150


class MeasureSection(VTKObservationMixin):
    """Measures, and tells when what is listed no longer holds.

    Args:
        ui: the panel's widgets.
        host: the panel around it.
        logic: of the module.
    """

    def __init__(self, ui: Any, host: Host, logic: SegmentLogic) -> None:
        VTKObservationMixin.__init__(self)
        self.ui, self.host, self.logic = ui, host, logic
        self.node: Any = None
        self.measured: Measurements | None = None
        self._results: dict[str, MeasuredSegmentation] = {}
        self.tree = MeasureTree(ui.measureTree, self.onPointed, self.onChosen)
        self.marks = ShownMarks(self.onMoved)
        self.levels = LevelNames(logic.declaration.task)
        self._selected = ""
        self._filling = Turns(self._failed)
        self._dragged = qt.QTimer()
        self._dragged.setSingleShot(True)
        self._dragged.setInterval(DRAGGED_MILLISECONDS)
        self._dragged.connect("timeout()", self.onDragged)
        self._settled = qt.QTimer()
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLING_MILLISECONDS)
        self._settled.connect("timeout()", self.onSettled)
        self.following = FollowSection(ui, host, logic)
        ui.measureButton.connect("clicked(bool)", self.onMeasure)
        ui.measureSection.connect("contentsCollapsed(bool)", self.onCollapsed)
        ui.measureAllCheckBox.connect("toggled(bool)", self.marks.show_all)
        ui.measurePlotButton.connect("clicked(bool)", self.onPlot)
        ui.levelNamesCheckBox.connect("toggled(bool)", self.onLevelNames)
        ui.levelNamesCheckBox.setVisible(logic.declaration.renumbers)

    def update(self, node: Any, busy: bool) -> None:
        """Follows what the panel shows."""
        self.show(node)
        self.following.update(busy)
        self.ui.measureButton.enabled = node is not None and not busy and node.GetSegmentation().GetNumberOfSegments() > 0

    def show(self, node: Any) -> None:
        """Lists what was measured on a segmentation, or nothing."""
        if node is self.node:
            return
        self.removeObservers()  # removeObserver would keep the node alive
        self._filling.stop()
        self.node, self.measured = node, None
        self._observe()
        self.tree.clear()
        self.take_table()
        self.tell_state()
        self.levels.stop()
        self.ui.levelNamesCheckBox.checked = self.levels.is_shown(node)

    def take_table(self) -> None:
        """Lists what the segmentation's table in the scene says, be it of another session."""
        table = None if self.node is None else own_nodes(self.node).get(TABLE)
        self.take(None if table is None else read_table_node(table)[0])

    def take(self, measured: Measurements | None) -> None:
        self.measured = measured
        self.marks.show(self.node, self.measured)
        if self.measured is not None:
            self._filling.start(self.tree.filling(self.measured), lambda nothing: None)

    def _observe(self) -> None:
        if self.node is None:
            return
        kind = slicer.vtkSegmentation
        events = (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified, kind.SourceRepresentationModified)
        transformed = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        for event in (*events, slicer.vtkMRMLSegmentationNode.SegmentationChangedEvent, transformed):
            self.addObserver(self.node, event, self.onSegmentationChanged)

    def onSegmentationChanged(self, caller: Any, event: Any) -> None:
        self._settled.start()

    def onSettled(self) -> None:
        self.tell_state()
        if self.levels.is_shown(self.node):
            self.onLevelNames(True)

    def onMeasure(self, checked: bool = False) -> None:
        self.host.when_installed(self.ui.measureButton, lambda: self.host.begin(self._run, self.onMeasured))

    def _run(self, listener: Listener) -> Run:
        scan = scan_of_segmentation(self.node) or next(iter(self.host.scans().values()), None)
        return self.logic.measure_run(self.node, listener, scan, self.ui.measureKeepCheckBox.checked)

    def onMeasured(self, result: MeasuredSegmentation, notes: list[str]) -> None:
        self._results[result.node.GetID()] = result
        self.ui.measureSection.collapsed = False
        text = _("'{name}' was measured; numbers: {count}. Not for clinical use.").format(
            name=result.node.GetName(), count=sum(each.value is not None for each in result.measured)
        )
        self.host.say("\n".join([text, *notes]))
        if result.node is self.node:
            self.take(result.measured)
            self.onSettled()

    def tell_state(self) -> None:
        """Says whether what is listed still holds."""
        self.ui.measureLabel.text = self._state_text()
        self.ui.measureButton.text = _("Measure") if self.measured is None else _("Measure again")
        fit(self.ui.measureLabel)

    def _state_text(self) -> str:
        if self.node is None or self.measured is None:
            return ""
        result = self._results.get(self.node.GetID())
        if result is None:
            return _("Measured before this scene was opened or in the console; measure again if the segmentation has changed since.")
        if not result.holds:
            return _("OUTDATED: the segmentation has changed or was moved since it was measured; measure again.")
        return _("Measured as the segmentation is now.")

    def onPointed(self, number: int) -> None:
        if self.ui.measureFollowCheckBox.checked:
            self._jump(number)

    def onChosen(self, number: int) -> None:
        """Goes to where a number was measured and shows its mark, which can be dragged."""
        self._jump(number)
        self.marks.select(number)
        self._selected = self.measured.items[number].key if self.measured is not None else ""

    def _jump(self, number: int) -> None:
        place = self.marks.place_of(number)
        if place is not None:
            self.host.jump(place)

    def onMoved(self, number: int, points: Points) -> None:
        """The user drags a mark: its number and what hangs on it change, in the list and in the table."""
        assert self.measured is not None
        before, table = self.measured, own_nodes(self.node).get(TABLE)
        try:
            self.measured = moved(before, number, points)
        except InputError as error:
            self.host.say(str(error))
            self.marks.put_back(number)
            return
        self.marks.update(self.measured)
        for row, (old, new) in enumerate(zip(before, self.measured)):
            if old != new:
                self.tree.tell(row, new)
        if table is not None:
            update_table_node(table, before, self.measured)
            remember_edits(table, [*edits_in(table), (before.items[number].place, before.items[number].key)])
        self._dragged.start()

    def onDragged(self) -> None:
        """A drag rests: what is made of the numbers follows."""
        if self.node is not None and self.measured is not None:
            known = own_nodes(self.node)
            refill_charts(self.measured, known)
            place_acpc(self.node, self.measured, known)

    def onPlot(self, checked: bool = False) -> None:
        """Shows the chart of the selected row's measure in the layout."""
        chart = None if self.measured is None else chart_for(self.measured, self._selected, own_nodes(self.node))
        if chart is None:
            self.host.say(_("There is nothing to plot; measure first."))
        else:
            show_chart(chart)

    def onLevelNames(self, on: bool) -> None:
        """Shows the names of the levels at the centers of their bodies, or hides them."""
        if not on or self.node is None:
            self.levels.hide(self.node)
            return
        result = self._results.get(self.node.GetID())
        self.levels.show(self.node, self.measured if result is not None and result.holds else None)

    def onCollapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self.tell_state()

    def _failed(self, error: Exception) -> None:
        logging.error("The measurements could not be listed.", exc_info=error)

    def scene_closes(self) -> None:
        self._results.clear()

    def cleanup(self) -> None:
        self._settled.stop()
        self._dragged.stop()
        self.levels.stop()
        self.tree.cleanup()
        self.following.cleanup()
        self.show(None)
        self.marks.cleanup()
