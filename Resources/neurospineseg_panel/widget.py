"""The panel that every module shows: its sections, and what happens when the module or the scene comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from neurospineseg.geometry.region import Region
from neurospineseg.models.catalog import ModelEntry
from neurospineseg.tasks.task import task_named
from neurospineseg_panel.batch_logic import BatchLogic
from neurospineseg_panel.batch_section import BatchSection
from neurospineseg_panel.computer_section import ComputerSection
from neurospineseg_panel.correct_section import CorrectSection
from neurospineseg_panel.input_section import InputSection, guess_scans
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.measure_section import MeasureSection
from neurospineseg_panel.merge_rule_selector import MergeRuleSelector
from neurospineseg_panel.message_log import MessageLog
from neurospineseg_panel.model_adding import ModelAdding
from neurospineseg_panel.model_section import ModelSection
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.panel_runs import PanelRuns
from neurospineseg_panel.parameters import SegmentParameters, choose_scan, scan_of
from neurospineseg_panel.region_section import RegionSection
from neurospineseg_panel.report_text import report_text
from neurospineseg_panel.result_section import ResultSection
from neurospineseg_panel.result_views import jump_all, show_result
from neurospineseg_panel.run import Listener, Run
from neurospineseg_panel.segment_request import SegmentRequest
from neurospineseg_panel.segmentation_result import SegmentationResult
from neurospineseg_panel.structure_list import StructureList
from neurospineseg_panel.teach_section import TeachSection
from neurospineseg_panel.wrapped_labels import WrappedLabels

UI_FILE = Path(__file__).resolve().parent.parent / "UI" / "SegmentPanel.ui"


class SegmentWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Inputs, Segment, the result and its correction; the ``Host`` of its sections.

    A module's widget derives from this and names its declaration and its logic.
    """

    declaration: ModuleDeclaration
    logicClass: Callable[[], SegmentLogic]

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.parameters: SegmentParameters | None = None
        self._gui_tag: int | None = None

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        self.panel = slicer.util.loadUI(str(UI_FILE))
        self.layout.addWidget(self.panel)
        self.layout.addStretch(1)
        self.ui = slicer.util.childWidgetVariables(self.panel)
        self.panel.setMRMLScene(slicer.mrmlScene)
        self.logic = self.logicClass()
        self._make_sections()
        self.ui.segmentButton.connect("clicked(bool)", self.onSegmentButton)
        self.ui.forceButton.connect("clicked(bool)", self.onForceButton)
        self.ui.copyReportButton.connect("clicked(bool)", self.onCopyReport)
        self.ui.packagesButton.connect("clicked(bool)", lambda checked=False: self.runs.installation.open())
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartImportEvent, self.onSceneStartImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        slicer.app.connect("aboutToQuit()", self.onQuit)
        slicer.app.connect("aboutToQuit()", self.batch.cleanup)
        self.initializeParameterNode()

    def _make_sections(self) -> None:
        """Shows what this module takes and hides the rest; lists its models and structures."""
        ui, task = self.ui, task_named(self.declaration.task)
        self.labels = WrappedLabels((ui.noticeLabel, ui.statusLabel, ui.uncertainLabel, ui.teachLabel, ui.measureLabel))
        self.messages = MessageLog(ui.statusLabel, ui.logText, lambda: [self.parameters.corrections] if self.parameters else [])
        self.inputs = InputSection(ui.inputsSection.layout(), task.channels, self.onScanChosen)
        self.models = ModelSection(ui, task.name, lambda name: self._choose("model", name))
        self.adding = ModelAdding(ui.addModelButton, self, self.logic, self.onModelAdded)
        self.computer = ComputerSection(ui, self, self.logic)
        self.structures = StructureList(ui.structuresList, task.structures, lambda keys: self._choose("structures", keys))
        self.merge_rule = MergeRuleSelector(ui, lambda rule: self._choose("mergeRule", rule))
        self.region = RegionSection(ui, self)
        self.result = ResultSection(ui, self.say, self.jump, lambda identifier: self.correct.embedded.select(identifier))
        self.correct = CorrectSection(ui, self, self.declaration, self.logic.client, self.result.table.select)
        self.measure = MeasureSection(ui, self, self.logic)
        self.measure.following.listed = self.correct.offer_levels
        self.batch = BatchSection(
            ui.batchSection,
            ui.batchSection.layout(),
            task,
            BatchLogic(self.declaration),
            lambda: self.runs.settings(None),
            lambda button, action: self.runs.when_installed(button, action),
            self.onCaseLoaded,
        )
        self.teach = TeachSection(ui, self, task.name, self._model_name, self.onOffered, self.models.list_models)
        self.correct.accepted = lambda: self.teach.show(self.chosen.corrections, anew=True)
        self.runs = PanelRuns(
            self,
            self.logic,
            self.messages,
            ui.progressBar,
            prepare_undo=self.correct.embedded.make,
            save_undo=self.correct.save_undo,
            segmented=self.onSegmented,
            refresh=self._update,
        )
        for selector in (ui.regionSelector, ui.resultSelector, ui.shownSelector):
            selector.sizeAdjustPolicy = qt.QComboBox.AdjustToMinimumContentsLengthWithIcon  # a long name would widen Slicer's panel
        for widget in (ui.registerLabel, ui.registerCheckBox):
            widget.setVisible(task.registers)

    def cleanup(self) -> None:
        """The module is unloaded or the application ends."""
        slicer.app.disconnect("aboutToQuit()", self.onQuit)
        slicer.app.disconnect("aboutToQuit()", self.batch.cleanup)
        self.onQuit()
        self.runs.installation.close()
        self.setParameterNode(None)
        self.correct.embedded.cleanup()
        self.result.cleanup()
        self.measure.cleanup()
        self.batch.cleanup()
        self.labels.cleanup()
        self.removeObservers()

    def onQuit(self) -> None:
        """The processes beside Slicer end; a fine-tuning can be gone on with."""
        self.teach.stop()
        self.logic.stop()

    @property
    def chosen(self) -> SegmentParameters:
        assert self.parameters is not None, "no scene is open"
        return self.parameters

    @property
    def is_entered(self) -> bool:
        return self.parent.isEntered

    def enter(self) -> None:
        self.initializeParameterNode()
        self._guess_inputs()
        self.correct.embedded.enter()
        self.computer.enter()
        self.logic.warm(self.chosen.model or None, self.chosen.device.value)

    def exit(self) -> None:
        self.correct.embedded.exit()
        self._disconnect()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        if not self.runs.busy:
            self.messages.show("")
        self.logic.cancel(_("The scene was closed while it was being segmented."))
        self.runs.forget()
        self.setParameterNode(None)
        self.correct.scene_closes()
        self.measure.scene_closes()

    def onSceneStartImport(self, caller: Any, event: Any) -> None:
        """Slicer's selectors make their rows anew after an import and tell that nothing is chosen; the choices stay as they are."""
        self._disconnect()

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        if self.is_entered:
            self.setParameterNode(None)
            self.initializeParameterNode()
            self._guess_inputs()
            qt.QTimer.singleShot(0, self._reattach)

    def _reattach(self) -> None:
        if self.is_entered and self.parameters is not None:
            self._update()
            self.correct.embedded.reattach()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameters: SegmentParameters | None) -> None:
        self._disconnect()
        self.parameters = parameters
        if parameters is not None:
            self._gui_tag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._update)
            self._update()
        else:
            self.result.show(None)
            self.measure.show(None)

    def _disconnect(self) -> None:
        """The widgets no longer follow the parameters; a run that is under way still uses them."""
        if self._gui_tag is not None and self.parameters is not None:
            self.parameters.disconnectGui(self._gui_tag)
            self._gui_tag = None
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._update)

    def _guess_inputs(self) -> None:
        """Fills the channels from the names and DICOM attributes of the scans, if the user chose none yet."""
        if self.scans():
            return
        with slicer.util.NodeModify(self.parameters):
            for channel, node in guess_scans(task_named(self.declaration.task)).items():
                choose_scan(self.chosen, channel, node)

    def scans(self) -> dict[str, Any]:
        """The chosen volume nodes by channel."""
        chosen = {channel: scan_of(self.chosen, channel) for channel in self.declaration.channel_keys}
        return {channel: node for channel, node in chosen.items() if node is not None}

    @property
    def model(self) -> ModelEntry | None:
        """The chosen model; None where none is installed."""
        return self.models.of_name(self.chosen.model)

    def _update(self, caller: Any = None, event: Any = None) -> None:
        """The panel after any parameter changed."""
        if self.parameters is None:
            return
        parameters, scans, busy = self.parameters, self.scans(), self.runs.busy
        self.inputs.show(scans)
        self.region.update(busy)
        self.computer.update(busy)
        self.models.show(self.model)
        self._offer_structures()
        self.structures.show(parameters.structures)
        self.merge_rule.show(parameters.mergeRule, visible=parameters.result is not None)
        self._update_buttons(bool(scans), busy)
        self.result.show(parameters.shown)
        self.measure.update(parameters.shown, busy)
        self.correct.update(busy)
        self.teach.show(parameters.corrections)

    def _offer_structures(self) -> None:
        """The task's structures and those of the model's own; of those that were checked only what can be chosen stays so."""
        offered = [*task_named(self.declaration.task).structures, *(self.model.added_structures if self.model is not None else ())]
        self.structures.offer(offered)
        keys = {structure.key for structure in offered}
        if not set(self.chosen.structures) <= keys:
            self._choose("structures", [key for key in self.chosen.structures if key in keys])

    def _update_buttons(self, scans: bool, busy: bool) -> None:
        button = self.ui.segmentButton
        button.text = _("Cancel") if busy else _("Segment")
        button.enabled = busy or (scans and self.model is not None)
        button.toolTip = self._segment_tip(busy, scans)
        self.ui.progressBar.setVisible(busy)
        self.ui.forceButton.setVisible(self.runs.can_insist)

    def _segment_tip(self, busy: bool, scans: bool) -> str:
        if busy:
            return _("Stops at once; the scene stays as it is.")
        if self.model is None:
            return _("No model is installed; install the extension again.")
        return _("Segments the chosen scans.") if scans else _("Choose a scan first.")

    def _model_name(self) -> str:
        model = self.model if self.parameters is not None else None
        return model.name if model is not None else ""

    def onOffered(self, name: str) -> None:
        """The user wants a new model that was made of corrections."""
        self._choose("model", name)

    def _choose(self, parameter: str, value: Any) -> None:
        if self.parameters is not None:
            setattr(self.parameters, parameter, value)

    def onScanChosen(self, channel: str, node: Any) -> None:
        """A scan that another slot holds leaves this one empty: Slicer chooses a neighbor by itself where the chosen scan is deleted."""
        if self._gui_tag is not None:
            taken = any(other is node for key, other in self.scans().items() if key != channel)
            choose_scan(self.chosen, channel, None if taken else node)
            self.inputs.show(self.scans())

    def onModelAdded(self, name: str) -> None:
        """A model of the user's own was added, and is chosen."""
        self.models.list_models()
        self._choose("model", name)
        self._update()

    def onSegmentButton(self, checked: bool = False) -> None:
        if self.runs.busy:
            self.runs.cancel()
        else:
            self.when_installed(self.ui.segmentButton, self.runs.segment_as_chosen)

    def onForceButton(self, checked: bool = False) -> None:
        self.when_installed(self.ui.forceButton, self.runs.insist)

    def onSegmented(self, result: SegmentationResult) -> None:
        self.correct.take(result)
        self.ui.resultSection.collapsed = False
        self.chosen.shown = result.node
        show_result(result)

    def onCaseLoaded(self, scans: dict[str, Any], node: Any) -> None:
        """Shows a case of a batch that was loaded: its scans in their slots, its mask as the segmentation that is shown."""
        with slicer.util.NodeModify(self.parameters):
            for channel in self.declaration.channel_keys:
                choose_scan(self.chosen, channel, scans.get(channel))
            if node is not None:
                self.chosen.shown = node
        if scans:
            slicer.util.setSliceViewerLayers(background=next(iter(scans.values())), fit=True)
        if node is not None:
            self.ui.resultSection.collapsed = False
            bounds = [0.0] * 6
            node.GetRASBounds(bounds)
            if bounds[0] <= bounds[1]:
                self.jump([(bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, (bounds[4] + bounds[5]) / 2])

    def segment_in_box(self, node: Any, earlier: SegmentationResult) -> None:
        self.runs.segment(SegmentRequest(node, region=self.chosen.region, inside_only=True, earlier=earlier))

    def find_region(self, finished: Callable[[Region], None]) -> None:
        self.runs.find_region(finished)

    def when_installed(self, button: Any, action: Callable[[], None]) -> None:
        self.computer.take()  # on macOS a click on a button leaves the cursor in the field
        if self.computer.segments_elsewhere(button):
            action()
        else:
            self.runs.when_installed(button, action)

    def begin(self, make_run: Callable[[Listener], Run], finished: Callable[[Any, list[str]], None]) -> None:
        self.runs.begin(make_run, finished)

    def say(self, text: str) -> None:
        self.messages.say(text)

    def jump(self, ras: Any) -> None:
        jump_all(ras)

    def onCopyReport(self, checked: bool = False) -> None:
        text = report_text(self.declaration.name, self.chosen, self.model, self.scans(), self.messages.lines)
        slicer.app.clipboard().setText(text)
        slicer.util.showStatusMessage(_("The report was copied."), 3000)
