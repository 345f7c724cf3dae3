"""Naming one vertebra, so that the others follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import has_levels, renumbering, renumbering_as, rival_numberings, vertebrae_of
from neurospineseg.mrml.pieces import Pieces
from neurospineseg.tasks.spine.evidence import Numbering
from neurospineseg.tasks.spine.renumbering import LEVELS, Variant
from neurospineseg_panel.turns import Turns

LEAST_LIKELY = 0.003
"""Numberings that are less likely are not offered."""


@dataclass(frozen=True)
class Proposal:
    """One way to number the shown segmentation.

    Attributes:
        lowest: ID of its lowest vertebra; ``numbering``: what that is then called.
        other: ID of the segmentation whose levels are taken, where there is no numbering.
    """

    text: str
    lowest: str = ""
    numbering: Numbering | None = None
    other: str = ""


class RenumberSection:
    """The vertebrae of a segmentation and the names that one of them can get.

    Args:
        ui: the panel's widgets.
        say: gives the user a message.
        save_undo: called with the segmentation before it is changed.
        record: what the run says of the numbering of the shown segmentation.
    """

    def __init__(
        self, ui: Any, say: Callable[[str], None], save_undo: Callable[[Any], None], record: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.ui, self._say, self._save_undo, self._record = ui, say, save_undo, record
        self.proposals: list[Proposal] = []
        self.node: Any = None
        self._turns = Turns(self._failed)
        self.vertebrae: list[tuple[str, str]] = []
        for level in LEVELS:
            ui.renumberLevelSelector.addItem(level)
        for variant in Variant:
            ui.renumberVariantSelector.addItem(variant_text(variant))
        ui.renumberSegmentSelector.connect("currentIndexChanged(int)", self.onVertebraChosen)
        ui.renumberButton.connect("clicked(bool)", self.onRenumber)
        ui.renumberProposalSelector.connect("activated(int)", self.onProposal)

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
        self._show_proposals(self._proposals() if found else [])
        self.ui.renumberButton.enabled = self.ui.renumberProposalSelector.enabled = bool(found) and not self._turns.busy

    def _proposals(self) -> list[Proposal]:
        lowest, rivals = rival_numberings(self.node, self._record())
        made = [Proposal(rival_text(rival), lowest, rival) for rival in rivals if rival.likelihood >= LEAST_LIKELY]
        others = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node is not self.node and has_levels(node)]
        return made + [Proposal(_("As in {segmentation}").format(segmentation=node.GetName()), other=node.GetID()) for node in others]

    def _show_proposals(self, proposals: list[Proposal]) -> None:
        if proposals != self.proposals or not self.ui.renumberProposalSelector.count:
            self.proposals = proposals
            self.ui.renumberProposalSelector.clear()
            for text in (_("Numbering ..."), *(proposal.text for proposal in proposals)):
                self.ui.renumberProposalSelector.addItem(text)
        self.ui.renumberProposalSelector.setVisible(bool(proposals))

    def onProposal(self, row: int) -> None:
        """Applies the chosen numbering."""
        self.ui.renumberProposalSelector.setCurrentIndex(0)
        if not 0 < row <= len(self.proposals):
            return
        proposal, node = self.proposals[row - 1], self.node
        save = lambda: self._save_undo(node)  # noqa: E731
        if proposal.numbering is not None:
            level, variant = proposal.numbering.lowest, proposal.numbering.variant
            self._renumber(renumbering(node, proposal.lowest, level, variant, save), proposal.text)
        else:
            other = slicer.mrmlScene.GetNodeByID(proposal.other)
            if other is not None:
                self._renumber(renumbering_as(node, other, save), proposal.text)

    def _renumber(self, pieces: Pieces[list[str]], told: str) -> None:
        words = _("The spine was renumbered. {proposal}").format(proposal=told)
        self._turns.start(pieces, lambda notes: self._tell("\n".join([words, *notes])))
        self.show(self.node)

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


def rival_text(rival: Numbering) -> str:
    return _("The lowest is {level}: {percent} % likely").format(level=rival.words, percent=_percent(rival.likelihood))


def _percent(likelihood: float) -> str:
    return "< 1" if likelihood < 0.01 else "> 99" if likelihood > 0.99 else f"{100 * likelihood:.0f}"


def variant_text(variant: Variant) -> str:
    return {
        Variant.STANDARD: _("12 thoracic, 5 lumbar"),
        Variant.T13: _("13 thoracic (T13)"),
        Variant.L6: _("6 lumbar (L6)"),
        Variant.FOUR_LUMBAR: _("4 lumbar"),
    }[variant]
