"""Walking through the regions where the model was least certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.mrml import segment_at
from neurospineseg.tasks.anatomy import structure
from neurospineseg_panel.wrapped_labels import fit


class UncertainSection:
    """The button that goes to the next uncertain region, and the line that describes it.

    Args:
        ui: the panel's widgets.
        jump: centers the views on a place (RAS mm).
        regions: those of the shown segmentation, the most uncertain first.
    """

    def __init__(self, ui: Any, jump: Callable[[Any], None], regions: Callable[[], Sequence[dict[str, Any]]]) -> None:
        self.ui, self._jump, self._regions = ui, jump, regions
        self.node: Any = None
        self._number = -1
        ui.uncertainButton.connect("clicked(bool)", self.onNext)
        self._tell("")

    def show(self, node: Any) -> None:
        self.node = node
        self.ui.uncertainButton.enabled = bool(self._regions())

    def start_again(self) -> None:
        """The next region is the first one."""
        self._number = -1
        self._tell("")

    def onNext(self, checked: bool = False) -> None:
        regions = self._regions()
        if not regions:
            return
        self._number = (self._number + 1) % len(regions)
        region = regions[self._number]
        self._jump(region["ras"])
        name = segment_at(self.node, region["ras"]) or structure(region["key"]).name
        words = _("marked, but uncertain") if region["marked"] else _("perhaps missed")
        text = _("Region {number} of {count}: {name}, {words} ({ml:.2f} mL).")
        self._tell(text.format(number=self._number + 1, count=len(regions), name=name, words=words, ml=region["ml"]))

    def _tell(self, text: str) -> None:
        self.ui.uncertainLabel.text = text
        self.ui.uncertainLabel.setVisible(bool(text))
        fit(self.ui.uncertainLabel)
