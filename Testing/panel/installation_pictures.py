"""Pictures of the first run: question, refused, installing, no network, a folder of wheels that lacks something, done.

The program is at work but pip is not: what it would say is given.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from PySide6 import QtCore

from Testing.panel.conftest import Bench

WIDTH = 460

PIP_WITHOUT_NETWORK = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/monai/"


def _around(parent: Any, first: Any, last: Any) -> QtCore.QRect:
    """The strip of a panel from one widget to another."""
    top = first.mapTo(parent, QtCore.QPoint(0, 0)).y() - 8
    bottom = last.mapTo(parent, QtCore.QPoint(0, 0)).y() + last.geometry.height() + 8
    return QtCore.QRect(0, top, WIDTH, bottom - top)


def make_installation_pictures(application: Any, folder: Path) -> None:
    """Writes ``Installation-<state>.png``."""
    import slicer

    import neurospineseg_panel.dependencies as dependencies
    import neurospineseg_panel.installation as installation
    import neurospineseg_panel.installation_window as shown
    from neurospineseg_panel.chosen_folder import choose_folder
    from neurospineseg_panel.sample_data import load_sample

    made = Bench(application)
    panel = made.open("SpineSeg")
    load_sample(panel.declaration)
    made.leave(panel)
    made.enter(panel)
    window = panel.runs.installation
    panel.logic.stop()
    names = [name for name in dependencies.required() if name not in dependencies.SHIPPED]
    for module in (dependencies, installation, shown):
        module.missing_packages = lambda: names

    def picture(name: str) -> None:
        made.spin(0.3)
        window._dialog.adjustSize()
        made.spin(0.2)
        window._dialog.grab().save(str(folder / f"Installation-{name}.png"))

    window.needed("Segment", lambda: None)
    picture("question")
    made.click(window.stopButton)
    panel.parent.show()
    for _ in range(2):
        panel.parent.resize(WIDTH, panel.parent.sizeHint().height())
        made.spin(0.3)
    panel.parent.grab(_around(panel.parent, panel.ui.segmentButton, panel.ui.statusLabel)).save(str(folder / "Installation-refused.png"))
    window.open()
    work = installation.Installation(shown.Told(window._progress, window._ended, window.logText.appendPlainText), None)
    window._running = work
    window._show("Installing Python packages", "", "", "Cancel", working=True)
    work._wheels = [None] * 14
    for number in range(13):
        work._hear(f"Collecting {'torch' if number == 12 else names[1]}@ https://...")
    work._hear("Progress 41943040 of 209715200")
    picture("installing")
    work._hear(PIP_WITHOUT_NETWORK)
    window._ended(work._sentence(), False)
    picture("no-network")
    with tempfile.TemporaryDirectory(prefix="wheels-") as empty:
        choose_folder(Path(empty))
        window._install()
        made.spin(lambda: window._running is None)
        picture("folder")
    choose_folder(None)
    for module in (dependencies, installation, shown):
        module.missing_packages = lambda: []
    window.logText.setPlainText("")
    window._ended("", False)
    picture("done")
    window.close()
    made.close(panel)
    slicer.mrmlScene.Clear(0)
