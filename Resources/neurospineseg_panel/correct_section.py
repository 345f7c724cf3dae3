"""The part of the panel for correcting a result: uncertain regions, the box again, renumbering, the Segment Editor, accepting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.results import CorrectionStored
from neurospineseg_panel.correction_run import CorrectionRun
from neurospineseg_panel.correction_scans import reference_channel
from neurospineseg_panel.embedded_editor import EmbeddedEditor
from neurospineseg_panel.host import Host
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.renumber_section import RenumberSection
from neurospineseg_panel.run import Listener
from neurospineseg_panel.segmentation_result import SegmentationResult, SegmentationResults
from neurospineseg_panel.uncertain_section import UncertainSection


class CorrectSection:
    """Everything under *Correct*.

    Args:
        ui: the panel's widgets.
        host: the panel around it.
        declaration: of the module.
        client: the worker, which stores corrections.
        selected: called with the ID of the segment that the editor changes.
    """

    def __init__(self, ui: Any, host: Host, declaration: ModuleDeclaration, client: WorkerClient, selected: Callable[[str], None]) -> None:
        self.ui, self.host, self.declaration, self._client = ui, host, declaration, client
        self._results = SegmentationResults()
        self.accepted: Callable[[], None] = lambda: None
        self.embedded = EmbeddedEditor(ui.editorPlace, declaration.name, lambda: host.is_entered, selected)
        self.uncertain = UncertainSection(ui, host.jump, self.uncertain_regions)
        self.renumbering = RenumberSection(ui, host.say, self.save_undo, self._numbering)
        ui.renumberWidget.setVisible(declaration.renumbers)
        for section in (ui.correctSection, ui.editorSection):
            section.connect("contentsCollapsed(bool)", self.onCollapsed)
        ui.againButton.connect("clicked(bool)", self.onAgain)
        ui.acceptButton.connect("clicked(bool)", self.onAccept)
        ui.correctionsFolderButton.connect("directorySelected(QString)", self.onFolder)
        self._tell_folder()

    @property
    def node(self) -> Any:
        """The segmentation that is corrected."""
        return self.host.parameters.shown if self.host.parameters is not None else None

    @property
    def editor(self) -> Any:
        """The ``qMRMLSegmentEditorWidget``; None until it is needed."""
        return self.embedded.widget

    def take(self, result: SegmentationResult) -> None:
        """A new result: its uncertain regions are walked from the first again, and it is what corrections are compared with."""
        self._results.add(result)
        self.uncertain.start_again()

    def update(self, busy: bool) -> None:
        node, scans, parameters = self.node, self.host.scans(), self.host.chosen
        self.uncertain.show(node)
        self.ui.againButton.enabled = node is not None and not busy and parameters.region is not None
        self.ui.acceptButton.enabled = node is not None and not busy and bool(scans)
        self._tell_folder()
        if self.declaration.renumbers:
            self.renumbering.show(node)
        self.embedded.show(node, next(iter(scans.values()), None))

    def offer_levels(self) -> None:
        """Offers the levels of the segmentations that are in the scene now."""
        if self.declaration.renumbers and self.host.parameters is not None:
            self.renumbering.show(self.node)

    def uncertain_regions(self) -> list[dict[str, Any]]:
        """Those of the shown segmentation; one of an earlier session tells them by its attribute."""
        if self.node is None:
            return []
        result = self._results.of(self.node)
        if result is not None:
            return result.uncertain_regions()
        text = self.node.GetAttribute("NeuroSpineSeg.Doubtful")
        return json.loads(text) if text else []

    def _numbering(self) -> dict[str, Any]:
        """What the run of the shown segmentation says of its numbering."""
        result = None if self.node is None else self._results.of(self.node)
        return {} if result is None else result.report.get("numbering", {})

    def onAgain(self, checked: bool = False) -> None:
        self.host.when_installed(self.ui.againButton, self.segment_again)

    def segment_again(self) -> None:
        """Segments the box again, whose outside stays as it is."""
        node, known = self.node, self._results.of(self.node)
        try:
            reference_channel(node, self.host.scans(), known)
        except InputError as error:
            self.host.say(str(error))
            return
        earlier = known or SegmentationResult(node, {}, uncertain=self.uncertain_regions(), predicted=False)
        self.host.segment_in_box(node, earlier)

    def onFolder(self, folder: str) -> None:
        """A folder was chosen, be it the one that the dialog offered first, which does not change the button's."""
        if self.host.parameters is not None:
            self.host.parameters.corrections = folder
            self._tell_folder()

    def _tell_folder(self) -> None:
        """The button says what was chosen; by itself it would show the folder that Slicer was started in."""
        button = self.ui.correctionsFolderButton
        folder = self.host.parameters.corrections if self.host.parameters is not None else ""
        button.text = Path(folder).name or folder or _("Choose a folder")
        button.toolTip = folder or _("The folder that receives corrected cases.")
        if folder and button.directory != folder:
            button.directory = folder

    def onAccept(self, checked: bool = False) -> None:
        self.host.when_installed(self.ui.acceptButton, lambda: self.host.begin(self._correction_run, self.onAccepted))

    def _correction_run(self, listener: Listener) -> CorrectionRun:
        """Stores what is shown.

        Raises:
            InputError: it cannot be stored; see ``CorrectionRun``.
        """
        node, folder = self.node, self.host.chosen.corrections
        if self._results.is_mixed(node):
            raise InputError(_("The segmentation holds results of different scans; segment each into a segmentation of its own."))
        return CorrectionRun(self._client, self.host.scans(), node, self._results.of(node), folder, self.declaration.task, listener)

    def onAccepted(self, stored: CorrectionStored, notes: list[str]) -> None:
        name, dice = stored.folder.name, stored.dice
        self.accepted()
        text = _("The correction was stored as '{name}'.").format(name=name)
        if dice:
            mean = sum(dice.values()) / len(dice)
            text += " " + _("Mean Dice between prediction and correction: {dice:.3f}.").format(dice=mean)
        self.host.say("\n".join([text, *notes]))

    def onCollapsed(self, collapsed: bool) -> None:
        if not self.ui.correctSection.collapsed and not self.ui.editorSection.collapsed:
            self.embedded.make()

    def save_undo(self, node: Any) -> None:
        """Makes what follows one step for the editor's *Undo*."""
        self.embedded.save_undo(node)

    def scene_closes(self) -> None:
        self._results.clear()
        self.renumbering.stop()
        self.uncertain.start_again()
        self.embedded.scene_closes()
