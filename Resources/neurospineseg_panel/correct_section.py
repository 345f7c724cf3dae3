"""The part of the panel for correcting by hand: the Segment Editor, uncertain regions, renumbering, accepting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import renumber, segment_at, vertebrae_of
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.spine.renumbering import LEVELS, Variant
from neurospineseg.worker.protocol import CorrectionStored
from neurospineseg_panel.correction_run import CorrectionRun
from neurospineseg_panel.correction_scans import reference_channel
from neurospineseg_panel.run import Listener
from neurospineseg_panel.segmentation_result import SegmentationResult, SegmentationResults

if TYPE_CHECKING:
    from neurospineseg_panel.widget import SegmentWidget

UNDO_STATES = 10


class CorrectSection:
    """Everything under *Correct*. The Segment Editor is made when it is first needed, since that takes a moment."""

    def __init__(self, widget: SegmentWidget) -> None:
        self.widget, self.ui = widget, widget.ui
        self.editor: Any = None
        self._place = -1
        self._results = SegmentationResults()
        self._vertebrae: list[tuple[str, str]] = []
        self.ui.renumberWidget.setVisible(widget.declaration.renumbers)
        for level in LEVELS:
            self.ui.renumberLevelSelector.addItem(level)
        for variant in Variant:
            self.ui.renumberVariantSelector.addItem(variant_text(variant))
        self.ui.correctSection.connect("contentsCollapsed(bool)", self.onCollapsed)
        self.ui.uncertainButton.connect("clicked(bool)", self.onNextUncertain)
        self.ui.againButton.connect("clicked(bool)", self.onAgain)
        self.ui.renumberSegmentSelector.connect("currentIndexChanged(int)", self.onVertebraChosen)
        self.ui.renumberButton.connect("clicked(bool)", self.onRenumber)
        self.ui.acceptButton.connect("clicked(bool)", self.onAccept)
        self.ui.correctionsFolderButton.connect("directoryChanged(QString)", self.onFolder)

    @property
    def node(self) -> Any:
        """The segmentation that is corrected."""
        return self.widget.parameters.shown if self.widget.parameters is not None else None

    def take(self, result: SegmentationResult) -> None:
        """A new result: its uncertain regions are walked from the first again, and it is what corrections are compared with."""
        self._place = -1
        self._results.add(result)

    def update(self, busy: bool) -> None:
        node = self.node
        self.ui.uncertainButton.enabled = bool(self._uncertain())
        self.ui.againButton.enabled = node is not None and not busy and self.widget.parameters.region is not None
        self.ui.acceptButton.enabled = node is not None and not busy and bool(self.widget.scans())
        folder = self.widget.parameters.corrections
        if folder and self.ui.correctionsFolderButton.directory != folder:
            self.ui.correctionsFolderButton.directory = folder
        if self.widget.declaration.renumbers:
            self._list_vertebrae()
        self._show_in_editor()

    def _list_vertebrae(self) -> None:
        found = vertebrae_of(self.node) if self.node is not None else []
        selector = self.ui.renumberSegmentSelector
        if found != self._vertebrae:
            chosen = selector.itemData(selector.currentIndex)
            self._vertebrae = found
            selector.clear()
            for identifier, name in found:
                selector.addItem(name, identifier)
            selector.setCurrentIndex(max(0, selector.findData(chosen)))
        self.ui.renumberButton.enabled = bool(found)

    def onVertebraChosen(self, row: int) -> None:
        """Proposes the name that the vertebra has."""
        level = self._vertebrae[row][1].split()[0] if 0 <= row < len(self._vertebrae) else ""
        if level in LEVELS:
            self.ui.renumberLevelSelector.setCurrentIndex(LEVELS.index(level))

    def _uncertain(self) -> list[dict[str, Any]]:
        if self.node is None:
            return []
        result = self._results.of(self.node)
        if result is not None:
            return result.uncertain_regions()
        text = self.node.GetAttribute("NeuroSpineSeg.Doubtful")
        return json.loads(text) if text else []

    def onNextUncertain(self, checked: bool = False) -> None:
        places = self._uncertain()
        if not places:
            return
        self._place = (self._place + 1) % len(places)
        place = places[self._place]
        self.widget.jump(place["ras"])
        name = segment_at(self.node, place["ras"]) or structure(place["key"]).name
        words = _("marked, but uncertain") if place["marked"] else _("perhaps missed")
        self.ui.uncertainLabel.text = _("Place {number} of {count}: {name}, {words} ({ml:.2f} mL).").format(
            number=self._place + 1, count=len(places), name=name, words=words, ml=place["ml"]
        )

    def onAgain(self, checked: bool = False) -> None:
        try:
            reference_channel(self.node, self.widget.scans(), self._results.of(self.node))
        except InputError as error:
            self.widget.say(str(error))
            return
        earlier = self._results.of(self.node) or SegmentationResult(self.node, {}, uncertain=self._uncertain(), predicted=False)
        self.widget.segment(target=self.node, region=self.widget.parameters.region, earlier=earlier, inside_only=True)

    def onRenumber(self, checked: bool = False) -> None:
        row = self.ui.renumberSegmentSelector.currentIndex
        level = LEVELS[self.ui.renumberLevelSelector.currentIndex]
        variant = list(Variant)[self.ui.renumberVariantSelector.currentIndex]
        try:
            self.save_undo(self.node)
            notes = renumber(self.node, self._vertebrae[row][0], level, variant)
            self.widget.say("\n".join([_("The spine was renumbered from {level}.").format(level=level), *notes]))
        except InputError as error:
            self.widget.say(str(error))
        self._list_vertebrae()

    def onFolder(self, folder: str) -> None:
        if self.widget.parameters is not None:
            self.widget.parameters.corrections = folder

    def onAccept(self, checked: bool = False) -> None:
        widget, folder = self.widget, self.widget.parameters.corrections
        result = self._results.of(self.node)
        listener = Listener(widget.onProgress, self.onAccepted, widget.onFailed, widget.log)
        try:
            if self._results.is_mixed(self.node):
                raise InputError(_("The segmentation holds results of different scans; segment each into a segmentation of its own."))
            widget.logic.begin(
                CorrectionRun(widget.logic.client, widget.scans(), self.node, result, folder, widget.declaration.task, listener)
            )
        except InputError as error:
            widget.onFailed(str(error), "")
        widget._update()

    def onAccepted(self, stored: CorrectionStored, notes: list[str]) -> None:
        name, dice = stored.folder.name, stored.dice
        text = _("The correction was stored as '{name}'.").format(name=name)
        if dice:
            mean = sum(dice.values()) / len(dice)
            text += " " + _("Mean Dice between prediction and correction: {dice:.3f}.").format(dice=mean)
        self.widget.say("\n".join([text, *notes]))
        self.widget._when_idle(self.widget._update)

    def onCollapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self._make_editor()

    def _make_editor(self) -> None:
        if self.editor is not None:
            return
        self.editor = slicer.qMRMLSegmentEditorWidget()
        self.editor.setMaximumNumberOfUndoStates(UNDO_STATES)
        self.editor.segmentationNodeSelectorVisible = False
        self._select_editor_node()
        self.editor.setMRMLScene(slicer.mrmlScene)
        self.ui.editorPlace.layout().addWidget(self.editor)
        self._show_in_editor()
        if self.widget.parent.isEntered:
            self.editor.setupViewObservations()
            self.editor.installKeyboardShortcuts()

    def _select_editor_node(self) -> None:
        tag = f"{self.widget.declaration.name}SegmentEditor"
        node = slicer.mrmlScene.GetSingletonNode(tag, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(tag)
            node = slicer.mrmlScene.AddNode(node)
        self.editor.setMRMLSegmentEditorNode(node)

    def _show_in_editor(self) -> None:
        if self.editor is None or self.widget.parameters is None:
            return
        if self.editor.segmentationNode() is not self.node:
            self.editor.setSegmentationNode(self.node)
        scan = next(iter(self.widget.scans().values()), None)
        if self.node is not None and scan is not None and self.editor.sourceVolumeNode() is None:
            self.editor.setSourceVolumeNode(scan)

    def save_undo(self, node: Any) -> None:
        """Makes what follows one step for the editor's *Undo*."""
        self._make_editor()
        if self.editor.segmentationNode() is not node:
            self.editor.setSegmentationNode(node)
        self.editor.saveStateForUndo()

    def enter(self) -> None:
        if self.editor is not None:
            self._select_editor_node()
            self.editor.setupViewObservations()
            self.editor.installKeyboardShortcuts()
            self._show_in_editor()

    def reattach(self) -> None:
        """After a scene was closed or loaded with the module open, and after the editor itself has seen that."""
        if self.editor is not None:
            self._select_editor_node()
            self._show_in_editor()
            self.editor.updateWidgetFromMRML()
            self.editor.setupViewObservations()

    def exit(self) -> None:
        if self.editor is not None:
            self.editor.setActiveEffect(None)
            self.editor.uninstallKeyboardShortcuts()
            self.editor.removeViewObservations()

    def sceneClosed(self) -> None:
        self._results.clear()
        self._place = -1
        self.ui.uncertainLabel.text = ""
        if self.editor is not None:
            self.editor.setSegmentationNode(None)
            self.editor.removeViewObservations()

    def cleanup(self) -> None:
        if self.editor is not None:
            self.exit()
            self.editor.setMRMLSegmentEditorNode(None)
            self.editor.setMRMLScene(None)


def variant_text(variant: Variant) -> str:
    return {
        Variant.STANDARD: _("12 thoracic, 5 lumbar"),
        Variant.T13: _("13 thoracic (T13)"),
        Variant.L6: _("6 lumbar (L6)"),
        Variant.FOUR_LUMBAR: _("4 lumbar"),
    }[variant]
