"""Which part of the scan is segmented: the choice, and the box that shows it."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.geometry.region import Region
from neurospineseg.mrml import roi_from_region
from neurospineseg_panel.host import Host
from neurospineseg_panel.parameters import RegionKind, SegmentParameters


class RegionSection:
    """The box's row and the button that shows the region."""

    def __init__(self, ui: Any, host: Host) -> None:
        self.ui, self.host = ui, host
        ui.previewRegionButton.connect("clicked(bool)", self.onPreview)

    def update(self, busy: bool) -> None:
        kind = self.host.chosen.regionKind
        for widget in (self.ui.regionLabel, self.ui.regionSelector):
            widget.setVisible(kind is RegionKind.BOX)
        self.ui.previewRegionButton.enabled = bool(self.host.scans()) and not busy and kind is not RegionKind.WHOLE

    def onPreview(self, checked: bool = False) -> None:
        """Shows the region as a box; an automatic one is found first."""
        if not self._show_chosen():
            self.host.when_installed(self.ui.previewRegionButton, self._preview)

    def _preview(self) -> None:
        if not self._show_chosen():
            self.host.find_region(self.onFound)

    def _show_chosen(self) -> bool:
        """Shows the box that the user chose; returns whether there is one."""
        parameters = self.host.chosen
        chosen = parameters.regionKind is RegionKind.BOX and parameters.region is not None
        if chosen:
            self._show_box(parameters.region)
        return chosen

    def onFound(self, region: Region) -> None:
        node = roi_from_region(region, slicer.mrmlScene, _("Region to segment"), self.host.chosen.region)
        self.host.chosen.region = node
        self._show_box(node)
        self.host.say(_("The box shows the region that was found; choose 'Inside a box' to change it."))

    def _show_box(self, node: Any) -> None:
        """An outline, since a filled box hides the anatomy that it is to be judged by."""
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetFillVisibility(False)
        node.SetDisplayVisibility(True)
        center = [0.0, 0.0, 0.0]
        node.GetCenterWorld(center)
        self.host.jump(center)


def chosen_region(parameters: SegmentParameters) -> Any:
    """The region as the logic takes it.

    Raises:
        InputError: a box is wanted and none is chosen.
    """
    kind = parameters.regionKind
    if kind is RegionKind.BOX and parameters.region is None:
        raise InputError(_("No box was chosen for the region; create one or segment the whole scan."))
    return {RegionKind.WHOLE: None, RegionKind.AUTOMATIC: "auto", RegionKind.BOX: parameters.region}[kind]
