"""The widgets of the section *Batch*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _


class BatchWidgets:
    """Folders, the table and its buttons, start and progress, one below the other.

    Args:
        layout: of the section.
    """

    def __init__(self, layout: Any) -> None:
        self.folderButton = self._folder(
            _("Choose the folder of the scans"),
            _("The folder that holds the cases: scans side by side, a folder for each case, BIDS, BraTS, nnU-Net's raw data, DICOM."),
        )
        self.findButton = self._button(_("Find cases"), _("Looks through the folder again; what was changed in the table is lost."))
        self.databaseButton = self._button(
            _("From the DICOM database"),
            _("Takes the patients, studies or series that are selected in the module DICOM, each study as a case."),
        )
        layout.addWidget(self.folderButton)
        layout.addLayout(_row(self.findButton, self.databaseButton))
        self.table = qt.QTableWidget()
        self.table.toolTip = _("Which file is which scan of each case. Double-click a row to load its scans and its mask.")
        layout.addWidget(self.table)
        self.fileButton = self._button(_("Choose file..."), _("Makes another file the scan of the cell that is selected."))
        self.emptyButton = self._button(_("No scan"), _("Leaves the scan of the cell that is selected out."))
        self.removeButton = self._button(_("Leave case out"), _("Takes the case that is selected out of the table; its files stay."))
        layout.addLayout(_row(self.fileButton, self.emptyButton, self.removeButton))
        self.outputButton = self._folder(
            _("Choose the folder for the masks"),
            _("Receives a mask for each case, summary.csv and report.html. A batch that was begun there can go on."),
        )
        layout.addWidget(self.outputButton)
        self.startButton = self._button(
            _("Start"),
            _("Segments every case that has no mask there yet, with the model, the device, the structures and the options chosen above."),
        )
        self.reportButton = self._button(
            _("Show report"), _("Opens the list of the cases with a small picture of each, those first that need a look most.")
        )
        layout.addLayout(_row(self.startButton, self.reportButton))
        self.bar = qt.QProgressBar()
        self.bar.format = "%v / %m"
        layout.addWidget(self.bar)
        self.statusLabel = qt.QLabel()
        self.statusLabel.wordWrap = True
        self.statusLabel.textInteractionFlags = qt.Qt.TextSelectableByMouse
        self.statusLabel.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Preferred)
        layout.addWidget(self.statusLabel)

    def _folder(self, text: str, tip: str) -> Any:
        button = ctk.ctkDirectoryButton()
        button.text, button.toolTip = text, tip
        return button

    def _button(self, text: str, tip: str) -> Any:
        button = qt.QPushButton(text)
        button.toolTip = tip
        return button

    def tell_folder(self, button: Any, folder: Path) -> None:
        """Shows a chosen folder on its button, the end of a long path."""
        text = str(folder)
        button.text = text if len(text) <= 52 else f"...{text[-49:]}"


def _row(*widgets: Any) -> Any:
    row = qt.QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
