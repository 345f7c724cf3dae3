"""The list in which the structures to keep are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

from neurospineseg.tasks.structure import Structure


class StructureList:
    """A check box for each structure that has a name of its own; those that are only counted are not offered.

    Args:
        widget: the ``QListWidget``.
        structures: of the task.
        chosen: called with the keys of the structures that the user checked.
    """

    def __init__(self, widget: Any, structures: Sequence[Structure], chosen: Callable[[list[str]], None]) -> None:
        self._list, self._chosen = widget, chosen
        self._structures: tuple[Structure, ...] = ()
        self.offer(structures)
        widget.connect("itemChanged(QListWidgetItem*)", self.onChanged)

    def offer(self, structures: Sequence[Structure]) -> None:
        """Lists these and no others, none of them checked; nothing happens where they are listed already."""
        if tuple(structures) == self._structures:
            return
        blocked = self._list.blockSignals(True)
        self._structures = tuple(structures)
        self._list.clear()
        for structure in structures:
            if not _is_counted(structure.key):
                item = qt.QListWidgetItem(structure.name)
                item.setData(qt.Qt.UserRole, structure.key)
                item.setCheckState(qt.Qt.Unchecked)
                self._list.addItem(item)
        self._list.blockSignals(blocked)

    def show(self, keys: Sequence[str]) -> None:
        """Checks these and no others."""
        blocked = self._list.blockSignals(True)
        for item in self._items():
            item.setCheckState(qt.Qt.Checked if item.data(qt.Qt.UserRole) in keys else qt.Qt.Unchecked)
        self._list.blockSignals(blocked)

    def onChanged(self, item: Any) -> None:
        self._chosen([item.data(qt.Qt.UserRole) for item in self._items() if item.checkState() == qt.Qt.Checked])

    def _items(self) -> list[Any]:
        return [self._list.item(row) for row in range(self._list.count)]


def _is_counted(key: str) -> bool:
    """Whether a structure is one of a row without level names, such as ``vertebra_3``."""
    return "_" in key and key.rsplit("_", 1)[1].isdigit()
