"""The selector of what happens to segments that are there already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.mrml import MergeRule


class MergeRuleSelector:
    """A combo box with a sentence for each rule.

    Args:
        ui: the panel's widgets.
        chosen: called with the rule that the user chose.
    """

    def __init__(self, ui: Any, chosen: Callable[[MergeRule], None]) -> None:
        self.ui = ui
        for rule in MergeRule:
            ui.mergeRuleSelector.addItem(rule_text(rule))
        ui.mergeRuleSelector.connect("currentIndexChanged(int)", lambda index: chosen(list(MergeRule)[index]))

    def show(self, rule: MergeRule, visible: bool) -> None:
        for widget in (self.ui.mergeRuleLabel, self.ui.mergeRuleSelector):
            widget.setVisible(visible)
        blocked = self.ui.mergeRuleSelector.blockSignals(True)
        self.ui.mergeRuleSelector.setCurrentIndex(list(MergeRule).index(rule))
        self.ui.mergeRuleSelector.blockSignals(blocked)


def rule_text(rule: MergeRule) -> str:
    return {
        MergeRule.REPLACE: _("Replace the same structures"),
        MergeRule.ONLY_EMPTY: _("Write only where empty"),
        MergeRule.ADD: _("Keep and add new ones"),
    }[rule]
