"""What the panel says: to the user in full, and in a log that can be sent to strangers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

from neurospineseg_panel.anonymous import anonymous


class MessageLog:
    """A label for the last message and a text with all of them.

    Args:
        label: shows the last message.
        text: keeps all lines, without the names of nodes and folders.
        folders: the folders that the user chose.
    """

    def __init__(self, label: Any, text: Any, folders: Callable[[], Sequence[str]]) -> None:
        self._label, self._text, self._folders = label, text, folders

    def show(self, text: str) -> None:
        """A message that the log does not keep, such as progress."""
        self._label.text = text

    def say(self, text: str) -> None:
        """A message to the user; an empty one takes the last away."""
        self._label.text = text
        self.log(text)

    def log(self, text: str) -> None:
        if text.strip():
            now = qt.QTime.currentTime().toString("hh:mm:ss")
            self._text.appendPlainText(f"{now} {anonymous(text.rstrip(), self._folders())}")

    @property
    def lines(self) -> str:
        """The whole log; names that were given meanwhile are left out too."""
        return anonymous(self._text.plainText, self._folders())
