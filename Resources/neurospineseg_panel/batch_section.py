"""The part of the panel that segments a folder of cases: what was matched, where the masks go, how far it is; a row loads its case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.pipeline.batch import mask_of
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.summary import DONE, KEPT, REPORT
from neurospineseg.tasks.task import Task
from neurospineseg.worker.protocol import CaseBegun, CaseOver
from neurospineseg.worker.results import BatchOver, FolderMatched
from neurospineseg_panel.batch_dicom import selected_cases
from neurospineseg_panel.batch_loading import load_case
from neurospineseg_panel.batch_logic import TABLE, BatchLogic, stored_cases
from neurospineseg_panel.batch_run import BatchListener
from neurospineseg_panel.batch_table import BatchTable
from neurospineseg_panel.batch_widgets import BatchWidgets
from neurospineseg_panel.messages import time_text
from neurospineseg_panel.option_words import in_the_panel

LAST = "NeuroSpineSeg/Batch/{module}/{what}"
"""In Slicer's settings: folders of the last batch, by which it goes on after Slicer was closed."""


class BatchSection:
    """Chooses, matches, segments and shows; what it says stands below its own buttons.

    Args:
        section: the collapsible button.
        layout: its layout.
        task: of the module.
        logic: of the module's batches.
        settings: what the panel's model, device, structures and options say, when a batch begins; raises InputError.
        when_installed: does what a button says, once all packages are there.
        loaded: called with the scans by channel and the segmentation (None for none) of a case that was loaded.
    """

    def __init__(
        self,
        section: Any,
        layout: Any,
        task: Task,
        logic: BatchLogic,
        settings: Callable[[], Settings],
        when_installed: Callable[[Any, Callable[[], None]], None],
        loaded: Callable[[dict[str, Any], Any], None],
    ) -> None:
        self.section, self.task, self.logic = section, task, logic
        self._settings, self._when_installed, self._loaded = settings, when_installed, loaded
        self.ui = BatchWidgets(layout)
        self.table = BatchTable(self.ui.table, task, self.load, self.onCell)
        self.folder: Path | None = None
        self.output: Path | None = None
        self._failed: dict[str, str] = {}
        self._over = 0
        self._connect()
        self._was_opened = False
        self.update()

    def _connect(self) -> None:
        ui = self.ui
        ui.folderButton.connect("directorySelected(QString)", self.onFolder)
        ui.outputButton.connect("directorySelected(QString)", self.onOutput)
        ui.findButton.connect("clicked(bool)", self.onFind)
        ui.databaseButton.connect("clicked(bool)", self.onDatabase)
        ui.fileButton.connect("clicked(bool)", self.onFile)
        ui.emptyButton.connect("clicked(bool)", lambda checked=False: self._choose(None))
        ui.removeButton.connect("clicked(bool)", self.onRemove)
        ui.startButton.connect("clicked(bool)", self.onStart)
        ui.reportButton.connect("clicked(bool)", self.onReport)
        self.section.connect("contentsCollapsed(bool)", self.onCollapsed)

    def onCollapsed(self, collapsed: bool) -> None:
        """The first time that it is opened, the last batch is there to go on."""
        if collapsed or self._was_opened:
            return
        self._was_opened = True
        folder, output = (qt.QSettings().value(self._key(what)) for what in ("folder", "output"))
        if folder and Path(folder).is_dir() and self.folder is None:
            self.folder = Path(folder)
            self.ui.tell_folder(self.ui.folderButton, self.folder)
        if output and (Path(output) / TABLE).is_file() and self.output is None:
            self.onOutput(output)
        self.update()

    def _key(self, what: str) -> str:
        return LAST.format(module=self.logic.declaration.name, what=what)

    def onFolder(self, folder: str) -> None:
        self.folder = Path(folder)
        self.ui.tell_folder(self.ui.folderButton, self.folder)
        qt.QSettings().setValue(self._key("folder"), folder)
        if not self.logic.busy:
            self.onFind()

    def onFind(self, checked: bool = False) -> None:
        self._when_installed(self.ui.findButton, self._find)

    def _find(self) -> None:
        folder, output = self.folder, self.output
        if folder is not None:
            self._try(lambda: self.logic.find(folder, output, self._listener(self._found)))

    def _found(self, matched: FolderMatched, notes: list[str]) -> None:
        self._list([Case(case.name, case.scans, case.problem, why=case.why) for case in matched.cases])
        self.say("\n".join([self._words_of_cases(), *matched.warnings]))

    def onDatabase(self, checked: bool = False) -> None:
        def list_selected() -> None:
            self._list(selected_cases(self.task))
            self.say(self._words_of_cases())

        self._try(list_selected)

    def onOutput(self, output: str) -> None:
        """Chooses where masks go; a batch that was begun there is listed again."""
        self.output = Path(output)
        self.ui.tell_folder(self.ui.outputButton, self.output)
        qt.QSettings().setValue(self._key("output"), output)
        if (self.output / TABLE).is_file():
            self._try(self._take_up)
        else:
            self._list(self.table.cases)
        self.update()

    def _take_up(self) -> None:
        assert self.output is not None
        self._list(stored_cases(self.output, self.task.name))
        waiting = self._waiting()
        self.say(
            _("A batch of {count} cases was begun there; {waiting} of them have no mask yet: 'Start' goes on.").format(
                count=len(self.table.cases), waiting=waiting
            )
            if waiting
            else _("A batch of {count} cases was done there; double-click one to load it.").format(count=len(self.table.cases))
        )

    def _list(self, cases: list[Case]) -> None:
        self._failed.clear()
        self.table.show(cases, self._state)
        self.update()

    def _state(self, case: Case) -> str:
        if self.output is not None and mask_of(case, self.output).exists():
            return _("done")
        return self._failed.get(case.name, case.problem)

    def _waiting(self) -> int:
        """How many cases have no mask and none of the known problems."""
        return sum(not self._state(case) for case in self.table.cases)

    def _words_of_cases(self) -> str:
        cases = self.table.cases
        wrong = sum(bool(case.problem) for case in cases)
        lacking = sum(not case.problem and len(case.scans) < len(self.task.channels) for case in cases)
        text = _("{count} cases were found; look at the table before you start.").format(count=len(cases))
        if wrong:
            text += " " + _("Cannot be segmented, as their state says: {count}.").format(count=wrong)
        if lacking:
            text += " " + _("Without one of the scans, which not every model needs: {count}.").format(count=lacking)
        return text

    def onCell(self) -> None:
        """A long state is cut off in its cell."""
        case, _key = self.table.current or (None, None)
        if case is not None and not self.logic.busy and "." in self._state(case):
            self.say(f"{case.name}: {self._state(case)}")
        self.update()

    def onFile(self, checked: bool = False) -> None:
        case, key = self.table.current or (None, None)
        if case is None or key is None:
            return
        near = case.scans.get(key) or next(iter(case.scans.values()), self.folder or Path())
        chosen = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("{case}: scan {key}").format(case=case.name, key=key), str(near.parent)
        )
        path = chosen[0] if isinstance(chosen, tuple) else chosen
        if path:
            self._choose(Path(path))

    def _choose(self, path: Path | None) -> None:
        self.table.choose(path)
        self.update()

    def onRemove(self, checked: bool = False) -> None:
        self.table.remove_current()
        self.update()

    def onStart(self, checked: bool = False) -> None:
        if self.logic.busy:
            self.logic.stop()
            if self.logic.busy:
                self.say(_("Stopping: what is being written is finished first; click again to stop at once."))
            self.update()
        else:
            self._when_installed(self.ui.startButton, lambda: self._try(self._start))

    def _start(self) -> None:
        if self.output is None:
            raise InputError(_("No folder was chosen for the masks; choose one."))
        self._failed.clear()
        self._over = 0
        self.logic.start(self.table.cases, self.output, self._settings(), self._listener(self._ended))
        self.say(_("The worker is starting; Slicer can be used meanwhile."))

    def _listener(self, finished: Callable[[Any, list[str]], None]) -> BatchListener:
        def ended(result: Any, notes: list[str]) -> None:
            finished(result, notes)
            qt.QTimer.singleShot(0, self.update)

        def failed(message: str, detail: str) -> None:
            self.table.show(self.table.cases, self._state)
            self.say(in_the_panel(message))
            qt.QTimer.singleShot(0, self.update)

        return BatchListener(finished=ended, failed=failed, begun=self._begun, case_over=self._case_over)

    def _begun(self, case: CaseBegun) -> None:
        self.ui.bar.setMaximum(max(1, case.count))
        if not case.case:
            self.ui.bar.setValue(case.number)
            self.say(_("Looking through the folder: {number} of {count}").format(number=case.number, count=case.count))
            return
        self.table.tell(case.case, _("at work"))
        self.table.follow(case.case)
        self._tell_progress()

    def _tell_progress(self) -> None:
        """Counts what is over: while one case is read, those before it are still segmented and written."""
        number, count = self._over, self.ui.bar.maximum
        self.ui.bar.setValue(number)
        if self.logic.stopping:
            return
        parts = [_("{number} of {count} cases").format(number=number, count=count)]
        if self._failed:
            parts.append(_("{count} failed").format(count=len(self._failed)))
        seconds = self.logic.run.clock.left(count - number) if self.logic.run is not None else None
        if seconds is not None:
            parts.append(time_text(seconds))
        self.say(", ".join(parts) + ".")

    def _case_over(self, case: CaseOver) -> None:
        done = case.outcome in (DONE, KEPT)
        if not done:
            self._failed[case.case] = in_the_panel(case.outcome)
        self._over += 1
        self.table.tell(case.case, _("done") if done else self._failed[case.case])
        self._tell_progress()

    def _ended(self, over: BatchOver, notes: list[str]) -> None:
        states = list(over.outcomes.values())
        done, kept = states.count(DONE), states.count(KEPT)
        self.ui.bar.setValue(self.ui.bar.maximum)
        self.say(
            _(
                "{done} segmented, {kept} had their masks, {failed} failed. Look at the report first; double-click a case to load it."
            ).format(done=done, kept=kept, failed=len(states) - done - kept)
        )

    def load(self, case: Case) -> None:
        """Loads a case into the scene."""

        def load() -> None:
            scans, node = load_case(case, mask_of(case, self.output or Path()))
            self._loaded(scans, node)
            self.say(
                _("'{case}' was loaded.").format(case=case.name)
                if node is not None
                else _("The scans of '{case}' were loaded; it has no mask yet.").format(case=case.name)
            )

        self._try(load)

    def onReport(self, checked: bool = False) -> None:
        if self.output is not None:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self.output / REPORT)))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except InputError as error:
            self.say(in_the_panel(str(error)))
        self.update()

    def say(self, text: str) -> None:
        self.ui.statusLabel.text = text

    def update(self) -> None:
        """Which buttons can be clicked."""
        ui, busy, current = self.ui, self.logic.busy, self.table.current
        in_slot = current is not None and current[1] is not None and not busy
        for widget in (ui.folderButton, ui.outputButton, ui.databaseButton):
            widget.enabled = not busy
        ui.findButton.enabled = self.folder is not None and not busy
        ui.fileButton.enabled = in_slot
        ui.emptyButton.enabled = in_slot and current is not None and current[1] in current[0].scans
        ui.removeButton.enabled = current is not None and not busy
        ui.startButton.text = _("Stop") if busy else _("Start")
        ui.startButton.enabled = busy or (self.output is not None and bool(self.table.cases))
        ui.bar.setVisible(busy)
        ui.reportButton.enabled = self.output is not None and (self.output / REPORT).is_file()

    def cleanup(self) -> None:
        """The module is unloaded or the application ends."""
        self.table.stop()
        self.logic.end()
