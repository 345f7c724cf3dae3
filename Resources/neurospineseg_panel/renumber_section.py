"""Naming one vertebra, so that the others follow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import renumbering, vertebrae_of
from neurospineseg.tasks.spine.renumbering import LEVELS, Variant
from neurospineseg_panel.turns import Turns


class RenumberSection:
    """The vertebrae of a segmentation and the names that one of them can get.

    Args:
        ui: the panel's widgets.
        say: gives the user a message.
        save_undo: called with the segmentation before it is changed.
    """

    def __init__(self, ui: Any, say: Callable[[str], None], save_undo: Callable[[Any], None]) -> None:
        self.ui, self._say, self._save_undo = ui, say, save_undo
        self.node: Any = None
        self._turns = Turns(self._failed)
        self.vertebrae: list[tuple[str, str]] = []
        for level in LEVELS:
            ui.renumberLevelSelector.addItem(level)
        for variant in Variant:
            ui.renumberVariantSelector.addItem(variant_text(variant))
        ui.renumberSegmentSelector.connect("currentIndexChanged(int)", self.onVertebraChosen)
        ui.renumberButton.connect("clicked(bool)", self.onRenumber)

    def show(self, node: Any) -> None:
        """Lists the vertebrae of a segmentation; the chosen one stays chosen."""
        self.node = node
        found = vertebrae_of(node) if node is not None else []
        selector = self.ui.renumberSegmentSelector
        if found != self.vertebrae:
            chosen = selector.itemData(selector.currentIndex)
            self.vertebrae = found
            selector.clear()
            for identifier, name in found:
                selector.addItem(name, identifier)
            selector.setCurrentIndex(max(0, selector.findData(chosen)))
        self.ui.renumberButton.enabled = bool(found) and not self._turns.busy

    def onVertebraChosen(self, row: int) -> None:
        """Proposes the name that the vertebra has."""
        level = self.vertebrae[row][1].split()[0] if 0 <= row < len(self.vertebrae) else ""
        if level in LEVELS:
            self.ui.renumberLevelSelector.setCurrentIndex(LEVELS.index(level))

    def onRenumber(self, checked: bool = False) -> None:
        row = self.ui.renumberSegmentSelector.currentIndex
        level = LEVELS[self.ui.renumberLevelSelector.currentIndex]
        variant = list(Variant)[self.ui.renumberVariantSelector.currentIndex]
        node = self.node
        self._turns.start(
            renumbering(node, self.vertebrae[row][0], level, variant, lambda: self._save_undo(node)),
            lambda notes: self._tell("\n".join([_("The spine was renumbered from {level}.").format(level=level), *notes])),
        )
        self.show(self.node)

    def _tell(self, text: str) -> None:
        self._say(text)
        self.show(self.node)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, InputError):
            self._tell(str(error))
        else:
            logging.error("The spine could not be renumbered.", exc_info=error)
            self._tell(_("The spine could not be renumbered ({kind}).").format(kind=type(error).__name__))

    def stop(self) -> None:
        """The scene closes."""
        self._turns.stop()


def variant_text(variant: Variant) -> str:
    return {
        Variant.STANDARD: _("12 thoracic, 5 lumbar"),
        Variant.T13: _("13 thoracic (T13)"),
        Variant.L6: _("6 lumbar (L6)"),
        Variant.FOUR_LUMBAR: _("4 lumbar"),
    }[variant]
