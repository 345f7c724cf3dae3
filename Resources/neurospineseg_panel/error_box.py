"""The box that says what went wrong when no panel is there to say it."""

from __future__ import annotations

import logging

import slicer

from neurospineseg_panel.anonymous import anonymous


def show_error(message: str, title: str) -> None:
    """Shows a sentence in full and logs it without names, which ``slicer.util.errorDisplay`` would log too."""
    logging.error(anonymous(message))
    if slicer.app.testingEnabled() or slicer.util.mainWindow() is None:
        return
    import qt

    slicer.util.messageBox(message, windowTitle=title, icon=qt.QMessageBox.Critical, standardButtons=qt.QMessageBox.Ok)
