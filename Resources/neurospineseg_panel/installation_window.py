"""The window of an installation: the question, its progress, and how it ended; each says what happens next. Slicer stays usable beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from neurospineseg_panel.chosen_folder import choose_folder, chosen_folder
from neurospineseg_panel.dependencies import comes_through_extension, missing_packages, refusal
from neurospineseg_panel.installation import Installation, Meanwhile, Told

WIDTH = 460


class InstallationWindow:
    """Asks, installs, and goes on.

    Args:
        module: its name.
        say: tells a sentence in the panel.
    """

    def __init__(self, module: str, say: Callable[[str], None]) -> None:
        self.module, self._say = module, say
        self._dialog: Any = None
        self._running: Installation | None = None
        self._clicked = ""
        self._then: Callable[[], None] = lambda: None
        self._go_on: Callable[[], None] = self._leave

    def needed(self, clicked: str, then: Callable[[], None]) -> bool:
        """Shows the window where packages are missing.

        Args:
            clicked: what is written on the button that was clicked.
            then: called once the packages are there and the user goes on.
        """
        if not missing_packages() or slicer.app.testingEnabled() or slicer.util.mainWindow() is None:
            return False
        self._clicked, self._then = clicked, then
        self.open()
        return True

    def open(self) -> None:
        """Shows the window, also where nothing is missing; one that is at work is brought to the front."""
        if self._dialog is None:
            self._make()
        if self._running is None:
            self._ask()
        self._dialog.show()
        self._dialog.raise_()

    def close(self) -> None:
        """The module is unloaded: what can be canceled is."""
        if self._running is not None:
            self._running.give_up()
            self._running = None
        if self._dialog is not None:
            self._dialog.hide()

    def _make(self) -> None:
        self._dialog = qt.QDialog(slicer.util.mainWindow())
        self._dialog.setWindowTitle(_("{module}: Python packages").format(module=self.module))
        self._dialog.connect("rejected()", self.onStop)
        layout = qt.QVBoxLayout(self._dialog)
        self.headLabel, self.textLabel = qt.QLabel(), qt.QLabel()
        for label in (self.headLabel, self.textLabel):
            label.wordWrap = True
            layout.addWidget(label)
        self.bar = qt.QProgressBar()
        layout.addWidget(self.bar)
        layout.addWidget(self._make_source())
        layout.addWidget(self._make_details())
        layout.addLayout(self._make_buttons())
        self._dialog.setMinimumWidth(WIDTH)

    def _make_source(self) -> Any:
        """Where packages come from: the network or a folder."""
        self.sourceRow = qt.QWidget()
        row = qt.QHBoxLayout(self.sourceRow)
        row.setContentsMargins(0, 0, 0, 0)
        self.sourceLabel = qt.QLabel()
        self.sourceLabel.wordWrap = True
        self.folderButton, self.networkButton = qt.QPushButton(_("Folder of wheels...")), qt.QPushButton(_("Use the network"))
        self.folderButton.toolTip = _(
            "For computers without a network: a folder that the command neurospineseg wheels filled on another one."
        )
        self.folderButton.connect("clicked(bool)", self.onFolder)
        self.networkButton.connect("clicked(bool)", self.onNetwork)
        row.addWidget(self.sourceLabel, 1)
        for button in (self.folderButton, self.networkButton):
            button.autoDefault = False
            row.addWidget(button)
        return self.sourceRow

    def _make_details(self) -> Any:
        self.details = ctk.ctkCollapsibleButton()
        self.details.text, self.details.collapsed = _("What pip says"), True
        self.logText = qt.QPlainTextEdit()
        self.logText.readOnly = True
        qt.QVBoxLayout(self.details).addWidget(self.logText)
        return self.details

    def _make_buttons(self) -> Any:
        self.goButton, self.stopButton = qt.QPushButton(), qt.QPushButton()
        self.goButton.connect("clicked(bool)", self.onGo)
        self.stopButton.connect("clicked(bool)", self.onStop)
        self.goButton.default, self.stopButton.autoDefault = True, False
        row = qt.QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.goButton)
        row.addWidget(self.stopButton)
        return row

    def _show(self, head: str, text: str, go: str, stop: str, *, source: bool = False, working: bool = False) -> None:
        """One screen: what is going on, what happens next, and the buttons for it."""
        self.headLabel.text, self.textLabel.text = f"<b>{head}</b>", text
        self.goButton.text, self.stopButton.text = go, stop
        self.goButton.setVisible(bool(go))
        (self.goButton if go else self.stopButton).setFocus()
        self.stopButton.enabled = True
        self.bar.setVisible(working)
        self.sourceRow.setVisible(source)
        self.details.setVisible(bool(self.logText.plainText))
        self._show_source()
        self._dialog.adjustSize()

    def _show_source(self) -> None:
        folder = chosen_folder()
        self.sourceLabel.text = _("From the network") if folder is None else _("From {folder}").format(folder=folder)
        self.networkButton.setVisible(folder is not None)

    def _ask(self) -> None:
        missing = missing_packages()
        if not missing:
            self._show(
                _("All packages are installed"), _("Nothing is to be done; a click on Segment segments."), "", _("Close"), source=True
            )
            return
        self._go_on = self._install
        text = _(
            "Segmenting needs {names}, and what these need in turn. They are installed into Slicer once, which takes some minutes and some GB of disk; what Slicer has of its own stays as it is. {meanwhile} Nothing of your data leaves this computer."
        )
        text = text.format(names=", ".join(missing), meanwhile=_while_asked())
        self._show(_("Install Python packages?"), text, _("Install"), _("Not now"), source=True)

    def onGo(self, checked: bool = False) -> None:
        self._go_on()

    def onStop(self, checked: bool = False) -> None:
        """*Not now*, *Cancel* or *Close*, or the window's own cross."""
        if self._running is not None and not self.stopButton.enabled:
            self._dialog.show()
            return
        if self._running is not None:
            self._running.give_up()
            self._running = None
            self._say(_("The installation was canceled. Click again to go on."))
        elif missing_packages():
            self._say(refusal())
        self._dialog.hide()

    def onFolder(self, checked: bool = False) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(self._dialog, _("Folder of wheels"), str(chosen_folder() or ""))
        if chosen:
            choose_folder(Path(chosen))
            self._show_source()

    def onNetwork(self, checked: bool = False) -> None:
        choose_folder(None)
        self._show_source()

    def _install(self) -> None:
        self.logText.setPlainText("")
        self._running = Installation(Told(self._progress, self._ended, self.logText.appendPlainText), chosen_folder())
        self._show(_("Installing Python packages"), _("Beginning ..."), "", _("Cancel"), working=True)
        qt.QTimer.singleShot(0, self._running.begin)

    def _progress(self, text: str, fraction: float | None, meanwhile: Meanwhile) -> None:
        self.textLabel.text = f"{text}\n{_meanwhile_text(meanwhile)}"
        self.bar.setRange(0, 0 if fraction is None else 1000)
        self.bar.setValue(round(1000 * (fraction or 0)))
        self.stopButton.enabled = meanwhile is Meanwhile.CANCEL
        self.details.setVisible(bool(self.logText.plainText))

    def _ended(self, problem: str, restart: bool) -> None:
        self._running = None
        if problem:
            self._say(problem)
            self._go_on = self._install
            self._show(_("The packages were not installed"), problem, _("Try again"), _("Close"), source=True)
        elif restart:
            text = _("Older packages are still loaded: Slicer must be restarted before it can segment. Save the scene first.")
            self._go_on = slicer.util.restart
            self._show(_("All packages are installed"), text, _("Restart Slicer"), _("Later"))
        else:
            self._go_on = self._leave
            text = _("Nothing more is asked from now on.")
            if self._clicked:
                text += " " + _("'{button}' goes on with what the panel shows.").format(button=self._clicked)
            self._say(_("All packages are installed; click again to go on."))
            self._show(_("All packages are installed"), text, self._clicked, _("Close"))
        self._dialog.show()

    def _leave(self) -> None:
        self._dialog.hide()
        self._then()


def _while_asked() -> str:
    if comes_through_extension():
        return _("First the PyTorch extension installs PyTorch; Slicer does not answer during these minutes, so save the scene before.")
    return _("You can go on working meanwhile.")


def _meanwhile_text(meanwhile: Meanwhile) -> str:
    return {
        Meanwhile.CANCEL: _("You can go on working. Canceling leaves Slicer as it is."),
        Meanwhile.GO_ON: _("You can go on working. Segment can be clicked after it."),
        Meanwhile.WAIT: _(
            "Slicer does not answer until that is done, which takes some minutes; the rest is installed while you can go on working."
        ),
    }[meanwhile]
