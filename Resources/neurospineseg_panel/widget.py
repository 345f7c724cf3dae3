"""The panel that all three modules show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from neurospineseg.errors import InputError
from neurospineseg.models.catalog import ModelEntry, models_of
from neurospineseg.mrml import MergeRule, roi_from_region
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Stage
from neurospineseg.tasks.anatomy import structures_of
from neurospineseg.worker.protocol import RegionFound
from neurospineseg_panel.anonymous import anonymous
from neurospineseg_panel.correct_section import CorrectSection
from neurospineseg_panel.input_guess import guess_inputs, scan_info
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.messages import stage_text, time_text
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.parameters import RegionKind, SegmentParameters
from neurospineseg_panel.report_text import report_text
from neurospineseg_panel.result_section import ResultSection
from neurospineseg_panel.run import Listener
from neurospineseg_panel.segmentation_result import SegmentationResult

UI_FILE = Path(__file__).resolve().parent.parent / "UI" / "SegmentPanel.ui"
SLOTS = ("image", "t1c", "t1", "t2", "flair")
LOG_LINES = 500


class SegmentWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Inputs, Segment, the result and its correction.

    A module's widget derives from this and names its declaration and its logic.
    """

    declaration: ModuleDeclaration
    logicClass: type[SegmentLogic]

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.parameters: SegmentParameters | None = None
        self._gui_tag: int | None = None
        self._models: list[ModelEntry] = []
        self._doubted: tuple[list[Any], dict[str, Any]] | None = None

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        self.panel = slicer.util.loadUI(str(UI_FILE))
        self.layout.addWidget(self.panel)
        self.layout.addStretch(1)
        self.ui = slicer.util.childWidgetVariables(self.panel)
        self.panel.setMRMLScene(slicer.mrmlScene)
        self.logic = self.logicClass()
        self.result = ResultSection(self)
        self.correct = CorrectSection(self)
        self._fit_to_declaration()

        self.ui.segmentButton.connect("clicked(bool)", self.onSegmentButton)
        self.ui.forceButton.connect("clicked(bool)", self.onForceButton)
        self.ui.previewRegionButton.connect("clicked(bool)", self.onPreviewRegion)
        self.ui.modelCardButton.connect("clicked(bool)", self.onModelCard)
        self.ui.copyReportButton.connect("clicked(bool)", self.onCopyReport)
        self.ui.modelSelector.connect("currentIndexChanged(int)", self.onModelChosen)
        self.ui.structuresList.connect("itemChanged(QListWidgetItem*)", self.onStructureChecked)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        slicer.app.connect("aboutToQuit()", self.logic.stop)
        self.initializeParameterNode()

    def _fit_to_declaration(self) -> None:
        """Shows what this module takes and hides the rest; lists its models and structures."""
        for slot in SLOTS:
            for widget in (getattr(self.ui, f"{slot}Label"), getattr(self.ui, f"{slot}Selector")):
                widget.setVisible(slot in self.declaration.slots)
        for widget in (self.ui.registerLabel, self.ui.registerCheckBox):
            widget.setVisible(self.declaration.registers)
        self._models = models_of(self.declaration.task)
        for model in self._models:
            self.ui.modelSelector.addItem(model.title or model.name, model.name)
        for structure in structures_of(self.declaration.task):
            if "_" in structure.key and structure.key.rsplit("_", 1)[1].isdigit():
                continue
            item = qt.QListWidgetItem(structure.name)
            item.setData(qt.Qt.UserRole, structure.key)
            item.setCheckState(qt.Qt.Unchecked)
            self.ui.structuresList.addItem(item)

    def cleanup(self) -> None:
        """The module is unloaded or the application ends."""
        slicer.app.disconnect("aboutToQuit()", self.logic.stop)
        self.logic.stop()
        self.setParameterNode(None)
        self.correct.cleanup()
        self.result.cleanup()
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()
        self._guess_inputs()
        self.correct.enter()
        self.logic.warm(self.parameters.model, self.parameters.device.value)

    def exit(self) -> None:
        self.correct.exit()
        self._disconnect()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self.logic.cancel(_("The scene was closed while it was being segmented."))
        self._doubted = None
        self.setParameterNode(None)
        self.correct.sceneClosed()

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        if self.parent.isEntered:
            self.setParameterNode(None)
            self.initializeParameterNode()
            self._guess_inputs()
            self._when_idle(self._reattach)

    def _reattach(self) -> None:
        if self.parent.isEntered and self.parameters is not None:
            self.correct.reattach()

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

    def _disconnect(self) -> None:
        """The widgets no longer follow the parameters; a run that is under way still uses them."""
        if self._gui_tag is not None:
            self.parameters.disconnectGui(self._gui_tag)
            self._gui_tag = None
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._update)

    def _guess_inputs(self) -> None:
        """Fills the slots from the names and DICOM attributes of the scans, if the user chose none yet."""
        if any(getattr(self.parameters, slot) for slot in self.declaration.slots):
            return
        nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if not node.IsA("vtkMRMLLabelMapVolumeNode")]
        database = getattr(slicer, "dicomDatabase", None)
        value = database.instanceValue if database is not None and database.isOpen else None
        guess = guess_inputs(self.declaration.slots, [scan_info(node, value) for node in nodes], self.declaration.task)
        with slicer.util.NodeModify(self.parameters):
            for slot, number in guess.items():
                setattr(self.parameters, slot, nodes[number])

    def scans(self) -> dict[str, Any]:
        """The chosen volume nodes by slot."""
        chosen = {slot: getattr(self.parameters, slot) for slot in self.declaration.slots}
        return {slot: node for slot, node in chosen.items() if node is not None}

    @property
    def model(self) -> ModelEntry | None:
        """The chosen model; None where none is installed."""
        named = [model for model in self._models if model.name == self.parameters.model]
        return (named or self._models or [None])[0]

    def _update(self, caller: Any = None, event: Any = None) -> None:
        """The panel after any parameter changed."""
        if self.parameters is None:
            return
        busy = self.logic.run is not None and not self.logic.run.over
        model, scans = self.model, self.scans()
        box = self.parameters.regionKind is RegionKind.BOX
        for widget in (self.ui.regionLabel, self.ui.regionSelector):
            widget.setVisible(box)
        self.ui.previewRegionButton.enabled = bool(scans) and not busy and self.parameters.regionKind is not RegionKind.WHOLE
        existing = self.parameters.result is not None
        for widget in (self.ui.mergeRuleLabel, self.ui.mergeRuleSelector):
            widget.setVisible(existing)
        self.ui.segmentButton.text = _("Cancel") if busy else _("Segment")
        self.ui.segmentButton.enabled = busy or (bool(scans) and model is not None)
        self.ui.segmentButton.toolTip = self._segment_tip(busy, bool(scans), model)
        self.ui.progressBar.setVisible(busy)
        self.ui.forceButton.setVisible(not busy and self._doubted is not None and self._doubted[0] == self._given())
        self.ui.modelCardButton.enabled = model is not None
        if model is not None:
            self._select_model(model)
            self.ui.noticeLabel.text = model_notice(model)
        self._check_structures()
        self.result.show(self.parameters.shown)
        self.correct.update(busy)

    def _segment_tip(self, busy: bool, scans: bool, model: ModelEntry | None) -> str:
        if busy:
            return _("Stops at once; the scene stays as it is.")
        if model is None:
            return _("No model is installed; install the extension again.")
        return _("Segments the chosen scans.") if scans else _("Choose a scan first.")

    def _select_model(self, model: ModelEntry) -> None:
        blocked = self.ui.modelSelector.blockSignals(True)
        self.ui.modelSelector.setCurrentIndex(self._models.index(model))
        self.ui.modelSelector.blockSignals(blocked)

    def _check_structures(self) -> None:
        kept = self.parameters.structures
        blocked = self.ui.structuresList.blockSignals(True)
        for row in range(self.ui.structuresList.count):
            item = self.ui.structuresList.item(row)
            item.setCheckState(qt.Qt.Checked if item.data(qt.Qt.UserRole) in kept else qt.Qt.Unchecked)
        self.ui.structuresList.blockSignals(blocked)

    def onModelChosen(self, index: int) -> None:
        if self.parameters is not None and 0 <= index < len(self._models):
            self.parameters.model = self._models[index].name

    def onStructureChecked(self, item: Any) -> None:
        rows = [self.ui.structuresList.item(row) for row in range(self.ui.structuresList.count)]
        self.parameters.structures = [row.data(qt.Qt.UserRole) for row in rows if row.checkState() == qt.Qt.Checked]

    def onModelCard(self, checked: bool = False) -> None:
        """The card in a window of its own, which does not block the others."""
        self._card = qt.QTextBrowser()
        self._card.setMarkdown(self.model.card.read_text(encoding="utf-8"))
        self._card.windowTitle = _("Model card: {name}").format(name=self.model.title or self.model.name)
        self._card.resize(760, 640)
        self._card.show()

    def region(self) -> Any:
        """The region as the logic takes it.

        Raises:
            InputError: a box is wanted and none is chosen.
        """
        kind = self.parameters.regionKind
        if kind is RegionKind.BOX and self.parameters.region is None:
            raise InputError(_("No box was chosen for the region; create one or segment the whole scan."))
        return {RegionKind.WHOLE: None, RegionKind.AUTOMATIC: "auto", RegionKind.BOX: self.parameters.region}[kind]

    def settings(self, region: Any, force: bool = False) -> Settings:
        parameters = self.parameters
        return self.logic.settings(
            model=parameters.model,
            device=parameters.device.value,
            region=region,
            structures=parameters.structures,
            register=parameters.register and self.declaration.registers,
            force=force,
        )

    def onSegmentButton(self, checked: bool = False) -> None:
        if self.logic.run is not None and not self.logic.run.over:
            self.cancel()
            return
        rule = MergeRule(self.parameters.mergeRule.value)
        self.segment(target=self.parameters.result, rule=rule)

    def segment(
        self,
        target: Any = None,
        rule: MergeRule = MergeRule.REPLACE,
        region: Any = ...,
        inside_only: bool = False,
        earlier: SegmentationResult | None = None,
        force: bool = False,
    ) -> None:
        """Begins a segmentation with what the panel says; all problems end as a sentence in the panel.

        Args:
            force: whether scans that do not look like what the model expects are segmented too.
        """
        asked = {"target": target, "rule": rule, "region": region, "inside_only": inside_only, "earlier": earlier}
        given, self._doubted = self._given(), None
        try:
            settings = self.settings(self.region() if region is ... else region, force)
            self.logic.start(
                self.scans(),
                settings,
                Listener(
                    self.onProgress, self.onSegmented, self.onFailed, self.log, lambda message: self.onImplausible(message, given, asked)
                ),
                target,
                rule,
                inside_only=inside_only,
                save_undo=self.correct.save_undo,
                earlier=earlier,
            )
        except InputError as error:
            self.onFailed(str(error), "")
            return
        self.say("")
        self._update()

    def cancel(self) -> None:
        self.logic.cancel()
        self.logic.warm(self.parameters.model, self.parameters.device.value)
        self._update()

    def onProgress(self, stage: Stage, fraction: float, seconds: float | None) -> None:
        self._doubted = None
        self.ui.progressBar.setValue(round(1000 * fraction))
        self.ui.statusLabel.text = stage_text(stage) if seconds is None else f"{stage_text(stage)} – {time_text(seconds)}"

    def onSegmented(self, result: SegmentationResult, notes: list[str]) -> None:
        self.correct.take(result)
        self.ui.resultSection.collapsed = False
        self.parameters.shown = result.node
        count = len(result.masks)
        model, seconds = result.report["model"]["name"], self.logic.seconds
        done = _("{count} structures by {model} in {seconds:.1f} s on {device}.").format(
            count=count, model=model, seconds=seconds, device=result.report["device"]
        )
        self.say("\n".join([done, *notes]))
        self._when_idle(self._update)

    def onFailed(self, message: str, detail: str) -> None:
        self.say(message)
        if detail:
            self.log(detail)
        self._when_idle(self._update)

    def onImplausible(self, message: str, given: list[Any], asked: dict[str, Any]) -> None:
        """The scans are not what the model expects: nothing is shown before the user says so."""
        self._doubted = (given, asked)
        self.onFailed(message, "")

    def _given(self) -> list[Any]:
        """Whatever the user chose; when it changes, a doubt is settled."""
        chosen = self.parameters
        nodes = [(slot, node.GetID()) for slot, node in [*self.scans().items(), ("result", chosen.result), ("box", chosen.region)] if node]
        return [chosen.model, chosen.mergeRule, chosen.regionKind, list(chosen.structures), chosen.register, *nodes]

    def onForceButton(self, checked: bool = False) -> None:
        if self._doubted is not None:
            self.segment(**self._doubted[1], force=True)

    def _when_idle(self, action: Any) -> None:
        qt.QTimer.singleShot(0, action)

    def say(self, text: str) -> None:
        """A message to the user: in the panel, and in the log, which names no node."""
        self.ui.statusLabel.text = text
        if text:
            self.log(text)

    def log(self, text: str) -> None:
        if text.strip():
            now = qt.QTime.currentTime().toString("hh:mm:ss")
            self.ui.logText.appendPlainText(f"{now} {self.anonymous(text.rstrip())}")

    def anonymous(self, text: str) -> str:
        return anonymous(text, [self.parameters.corrections] if self.parameters is not None else [])

    def onPreviewRegion(self, checked: bool = False) -> None:
        """Shows the region as a box; an automatic one is found first."""
        if self.parameters.regionKind is RegionKind.BOX and self.parameters.region is not None:
            self._show_box(self.parameters.region)
            return
        listener = Listener(self.onProgress, self.onRegionFound, self.onFailed, self.log)
        try:
            self.logic.find_region(self.scans(), self.settings(None), listener)
        except InputError as error:
            self.onFailed(str(error), "")
        self._update()

    def onRegionFound(self, found: RegionFound, notes: list[str]) -> None:
        node = roi_from_region(found.region, slicer.mrmlScene, _("Region to segment"), self.parameters.region)
        self.parameters.region = node
        self._show_box(node)
        self.say(_("The box shows the region that was found; choose 'Inside a box' to change it."))
        self._when_idle(self._update)

    def _show_box(self, node: Any) -> None:
        node.SetDisplayVisibility(True)
        center = [0.0, 0.0, 0.0]
        node.GetCenterWorld(center)
        self.jump(center)

    def jump(self, ras: Any) -> None:
        """Centers all slice views on a place (RAS mm)."""
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras, slicer.vtkMRMLSliceNode.CenteredJumpSlice)

    def onCopyReport(self, checked: bool = False) -> None:
        slicer.app.clipboard().setText(report_text(self))
        slicer.util.showStatusMessage(_("The report was copied."), 3000)


def model_notice(model: ModelEntry) -> str:
    """What a model was trained on, what it reaches, and the warning."""
    parts = [model.summary, model.trained_on and _("Trained on {what}.").format(what=model.trained_on)]
    parts += [model.measured and _("Measured: {what}.").format(what=model.measured), _("Research only; not for clinical use.")]
    return " ".join(part for part in parts if part)
