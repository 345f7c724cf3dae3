"""Labels that are as high as their text: Qt tells one line as the least height of a word-wrapped one, and others then lie over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt


class WrappedLabels(qt.QObject):
    """Fits the least height of word-wrapped labels to their text whenever they get another width.

    Args:
        labels: ``QLabel``; whoever changes a text calls ``fit``.
    """

    def __init__(self, labels: Sequence[Any]) -> None:
        qt.QObject.__init__(self)
        self._labels = tuple(labels)
        for label in self._labels:
            label.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        if event.type() == qt.QEvent.Resize:
            fit(watched)
        return False

    def cleanup(self) -> None:
        for label in self._labels:
            label.removeEventFilter(self)


def fit(label: Any) -> None:
    """Makes room for the whole text at the label's width."""
    label.minimumHeight = 0  # Qt's heightForWidth is never less than that
    label.minimumHeight = max(0, label.heightForWidth(label.width)) if label.text else 0
