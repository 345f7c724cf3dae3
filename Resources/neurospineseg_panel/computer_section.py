"""The part of the panel that says which computer segments."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.worker.results import Described
from neurospineseg_panel.host import Host
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.other_computer import choose_computer, chosen_computer, host_named


class ComputerSection:
    """Its name, the Python there, and *Test connection*.

    Args:
        ui: the panel's widgets.
        host: the panel around it.
        logic: of the module.
    """

    def __init__(self, ui: Any, host: Host, logic: SegmentLogic) -> None:
        self.ui, self._host, self._logic = ui, host, logic
        self._segmenting = (ui.segmentButton, ui.forceButton, ui.againButton, ui.previewRegionButton)
        self.enter()
        for edit in (ui.hostEdit, ui.hostPythonEdit):
            edit.connect("editingFinished()", self.take)
        ui.hostEdit.connect("textChanged(QString)", lambda text: self.update(busy=False))
        ui.testConnectionButton.connect("clicked(bool)", self.onTest)

    def enter(self) -> None:
        """Shows and uses what is chosen, be it in another module's panel."""
        if (self.ui.hostEdit.text, self.ui.hostPythonEdit.text) != chosen_computer():
            self.ui.hostEdit.text, self.ui.hostPythonEdit.text = chosen_computer()
        try:
            self._logic.use_host(host_named(*chosen_computer()))
        except InputError as error:  # somebody changed Slicer's settings by hand
            self._host.say(str(error))

    def update(self, busy: bool) -> None:
        for edit in (self.ui.hostEdit, self.ui.hostPythonEdit):
            edit.enabled = not busy
        self.ui.testConnectionButton.enabled = not busy and bool(self.ui.hostEdit.text.strip())

    def segments_elsewhere(self, button: Any) -> bool:
        """Whether another computer does what a button says, so that no packages are needed here."""
        return self._logic.host is not None and button in self._segmenting

    def take(self) -> None:
        """Uses what was typed; what cannot be used is said, and what was chosen before stays."""
        name, python = self.ui.hostEdit.text.strip(), self.ui.hostPythonEdit.text.strip()
        if (name, python) == chosen_computer():
            return
        try:
            host = host_named(name, python)
        except InputError as error:
            self._host.say(str(error))
            self.ui.hostEdit.text, self.ui.hostPythonEdit.text = chosen_computer()
            return
        choose_computer(name, python)
        self._logic.use_host(host)

    def onTest(self, checked: bool = False) -> None:
        self.take()
        if self._logic.host is not None:
            self._host.begin(self._logic.describe_run, self.onDescribed)

    def onDescribed(self, found: Described, notes: list[str]) -> None:
        host = self._logic.host
        text = _("'{computer}' is ready: {device} ({hardware}). Models: {models}.")
        models = ", ".join(found.models) or _("none")
        self._host.say(text.format(computer=host.name if host else "", device=found.device, hardware=found.hardware, models=models))
