"""*Add model...*: somebody else's model becomes one of the user's own; the worker reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from neurospineseg.tasks.task import task_named
from neurospineseg.worker.requests import AddModel
from neurospineseg.worker.results import ModelAdded
from neurospineseg_panel.host import Host
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Run

FILES = "*.zip metadata.json plans.json"
"""A zip file, or the file by which a folder is known: of a MONAI Bundle and of nnU-Net's results."""


class ModelAdding:
    """Asks which model, and which scans its channels are where that cannot be told.

    Args:
        button: the panel's.
        added: called with the new model's name.
    """

    def __init__(self, button: Any, host: Host, logic: SegmentLogic, added: Callable[[str], None]) -> None:
        self._button, self._host, self._logic, self._added = button, host, logic, added
        button.connect("clicked(bool)", self.onClicked)

    def onClicked(self, checked: bool = False) -> None:
        self._host.when_installed(self._button, self.ask)

    def ask(self) -> None:
        words = _("Models ({files})").format(files=FILES)
        chosen = qt.QFileDialog.getOpenFileName(self._button.window(), _("Add model: a zip file, metadata.json or plans.json"), "", words)
        if chosen:
            self.add(folder_of(Path(chosen)), {})

    def add(self, path: Path, channels: Mapping[str, str]) -> None:
        """Has the worker add a model; asks and goes on where it must."""
        request = AddModel(self._logic.declaration.task, path, dict(channels))

        def finished(answer: ModelAdded, notes: list[str]) -> None:
            if answer.name is not None:
                self._host.say("\n".join([_("The model was added: {name}.").format(name=answer.name), *answer.notes]))
                self._added(answer.name)
            else:
                qt.QTimer.singleShot(0, lambda: self._ask_channels(path, answer.unmatched, channels))

        self._host.begin(lambda listener: Run(self._logic.client, {}, request, listener, RemainingTime()), finished)

    def _ask_channels(self, path: Path, names: Sequence[str], known: Mapping[str, str]) -> None:
        found = self.channels_by_hand(names)
        if found is None:
            self._host.say(_("The model was not added, since it was not said which scans it takes."))
        else:
            self.add(path, {**known, **found})

    def channels_by_hand(self, names: Sequence[str]) -> dict[str, str] | None:
        """Which of the task's scans each of a model's channels is, as a person says; None where it was canceled."""
        dialog = qt.QDialog(slicer.util.mainWindow())
        dialog.windowTitle = _("Which scans does the model take?")
        form, selectors = qt.QFormLayout(dialog), {}
        channels = task_named(self._logic.declaration.task).channels
        for number, name in enumerate(names):
            selectors[name] = qt.QComboBox()
            for channel in channels:
                selectors[name].addItem(channel.name, channel.key)
            selectors[name].setCurrentIndex(min(number, len(channels) - 1))
            form.addRow(name, selectors[name])
        box = qt.QDialogButtonBox()
        box.setStandardButtons(qt.QDialogButtonBox.Ok | qt.QDialogButtonBox.Cancel)
        box.connect("accepted()", dialog.accept)
        box.connect("rejected()", dialog.reject)
        form.addRow(box)
        accepted = bool(dialog.exec_())
        dialog.deleteLater()
        if not accepted:
            return None
        return {name: selector.itemData(selector.currentIndex) for name, selector in selectors.items()}


def folder_of(chosen: Path) -> Path:
    """What is to be added where a file was chosen: a zip file itself, the model's folder of another file.

    Of a cascade of nnU-Net, the folder that holds both stages.
    """
    if chosen.name == "metadata.json":
        return chosen.parent.parent
    if chosen.name == "plans.json":
        return chosen.parent.parent if "cascade" in chosen.parent.name else chosen.parent
    return chosen
