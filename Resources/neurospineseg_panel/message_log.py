"""What the panel says: to the user in full, and in a log that can be sent to strangers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from neurospineseg_panel.anonymous import anonymous
from neurospineseg_panel.option_words import in_the_panel
from neurospineseg_panel.wrapped_labels import fit

MOST_LINES = 6


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
        fit(self._label)

    def say(self, text: str) -> None:
        """A message to the user, a sentence a line; an empty one takes the last away. What is much alike stands in the log alone."""
        text = in_the_panel(text)
        self.show(shortened(text))
        self.log(text)

    def log(self, text: str) -> None:
        if text.strip():
            now = qt.QTime.currentTime().toString("hh:mm:ss")
            self._text.appendPlainText(f"{now} {anonymous(text.rstrip(), self._folders())}")

    @property
    def lines(self) -> str:
        """The whole log; names that were given meanwhile are left out too."""
        return anonymous(self._text.plainText, self._folders())


def shortened(text: str) -> str:
    """Sentences that differ in quoted names and numbers only once, and no more than ``MOST_LINES``; what is left out is said."""
    lines = text.split("\n")
    alike = Counter(map(_pattern, lines))
    firsts = {_pattern(line): line for line in reversed(lines)}
    shown = [line if alike[pattern] == 1 else f"{line} {_more(alike[pattern] - 1)}" for line, pattern in _in_order(lines, firsts)]
    if len(shown) > MOST_LINES:
        shown = [*shown[: MOST_LINES - 1], _more(len(shown) - MOST_LINES + 1)]
    return "\n".join(shown)


def _in_order(lines: Sequence[str], firsts: dict[str, str]) -> list[tuple[str, str]]:
    """The first line of each pattern, in the order of the lines."""
    return [(firsts[pattern], pattern) for pattern in dict.fromkeys(map(_pattern, lines))]


def _pattern(line: str) -> str:
    return re.sub(r"'[^']*'|\d+", "''", line)


def _more(count: int) -> str:
    """The number stands alone, since languages differ in how they count."""
    return _("(More of this kind: {count}; see the messages under 'Advanced'.)").format(count=count)
