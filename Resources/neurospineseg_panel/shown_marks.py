"""The marks of the measurements that the panel lists: which are shown, and what the user drags."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import slicer
from slicer.util import VTKObservationMixin

from neurospineseg.measurements.edits import frame_of, is_movable
from neurospineseg.measurements.measurement import Measurements
from neurospineseg_panel.measure_folder import KEY_ATTRIBUTE, own_nodes
from neurospineseg_panel.measure_marks import (
    MARK,
    control_points,
    is_being_placed,
    is_complete,
    make_mark,
    mark_key,
    measured_points,
    place_mark,
)
from neurospineseg_panel.turns import Turns

LEAST_MM = 0.002
"""Points that were moved by less are where they were; measurements keep a thousandth of a millimeter."""
Points = Sequence[tuple[float, float, float]]


class ShownMarks(VTKObservationMixin):
    """Makes marks when they are wanted and follows them.

    Args:
        moved: called with the number of a measurement and the points at which its mark lies now, when the user has moved it.
    """

    def __init__(self, moved: Callable[[int, Points], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._moved = moved
        self.node: Any = None
        self.measured: Measurements | None = None
        self._known: dict[str, Any] = {}
        self._selected: str | None = None
        self._all = False
        self._making = Turns(lambda error: logging.error("A mark could not be made.", exc_info=error))

    def show(self, node: Any, measured: Measurements | None) -> None:
        """Follows the marks of a segmentation's measurements; those that are there already stay as they are."""
        self._making.stop()
        self.removeObservers()
        same, self.node, self.measured = node is self.node, node, measured
        self._known = own_nodes(node) if node is not None else {}
        self._selected = self._selected if same and self._selected in self._known else None
        for key in self._marks():
            self._follow(key)
        if self._all and measured is not None:
            self.show_all(True)

    def _marks(self) -> list[str]:
        return [key for key, node in self._known.items() if key.startswith(MARK) and node.GetScene() is not None]

    def _follow(self, key: str) -> None:
        event = slicer.vtkMRMLMarkupsNode.PointModifiedEvent
        if not self.hasObserver(self._known[key], event, self.onPointModified):
            self.addObserver(self._known[key], event, self.onPointModified)

    def select(self, number: int) -> None:
        """Shows the mark of a measurement, and no other unless all are wanted."""
        key = self._make(number)
        if self._selected not in (None, key) and not self._all:
            self._set_visible(self._selected, False)
        self._selected = key
        if key is not None:
            self._set_visible(key, True)

    def _set_visible(self, key: str | None, on: bool) -> None:
        node = self._known.get(key or "")
        if node is not None and node.GetScene() is not None:
            node.SetDisplayVisibility(on)

    def _make(self, number: int) -> str | None:
        """The key of a measurement's mark, which is there then; None where it was taken nowhere."""
        if self.measured is None or not self.measured.items[number].points:
            return None
        key, each = mark_key(self.measured.items, number), self.measured.items[number]
        make_mark(self.node, key, each, self._known, is_movable(each, frame_of(self.measured)))
        self._follow(key)
        return key

    def show_all(self, on: bool) -> None:
        """Shows all marks, made one in a turn, or only the selected one."""
        self._all = on
        self._making.stop()
        if on and self.measured is not None:
            self._making.start(self._showing_all(), lambda nothing: None)
        elif not on:
            for key in self._marks():
                self._set_visible(key, key == self._selected)

    def _showing_all(self) -> Generator[None, None, None]:
        for number in range(0 if self.measured is None else len(self.measured)):
            self._set_visible(self._make(number), True)
            yield

    @property
    def busy(self) -> bool:
        return self._making.busy

    def update(self, measured: Measurements) -> None:
        """Takes changed measurements: marks that lie elsewhere now are moved there."""
        before, self.measured = self.measured, measured
        for number, (old, new) in enumerate(zip(before or (), measured)):
            if old.points != new.points:
                self.put_back(number)

    def put_back(self, number: int) -> None:
        """Moves the mark of a measurement to where it was taken."""
        assert self.measured is not None
        each = self.measured.items[number]
        node = self._known.get(f"{MARK}{each.place}/{each.key}")
        if node is not None and node.GetScene() is not None and not self._lies_there(number, node):
            place_mark(self.node, node, each)

    def _lies_there(self, number: int, node: Any) -> bool:
        assert self.measured is not None
        each = self.measured.items[number]
        if not is_complete(each, node):
            return False
        return bool(np.abs(np.subtract(measured_points(each, node), each.points)).max() < LEAST_MM)

    def onPointModified(self, node: Any, event: Any) -> None:
        """The user moves a point, or a program does."""
        if is_being_placed(node) or self.measured is None:
            return
        place, _slash, name = (node.GetAttribute(KEY_ATTRIBUTE) or "").removeprefix(MARK).rpartition("/")
        number = next((n for n, each in enumerate(self.measured) if (each.place, each.key) == (place, name)), None)
        if number is None or not is_complete(self.measured.items[number], node) or self._lies_there(number, node):
            return
        self._moved(number, measured_points(self.measured.items[number], node))

    def place_of(self, number: int) -> list[float] | None:
        """Where a measurement's mark lies, or where it was taken (world RAS mm); None where it was taken nowhere."""
        if self.measured is None or not self.measured.items[number].points:
            return None
        node = self._known.get(mark_key(self.measured.items, number))
        there = node is not None and node.GetScene() is not None and node.GetNumberOfControlPoints() > 0
        return np.mean(control_points(node) if there else self.measured.items[number].points, 0).tolist()

    def cleanup(self) -> None:
        self._making.stop()
        self.removeObservers()
        self.node, self.measured, self._known = None, None, {}
