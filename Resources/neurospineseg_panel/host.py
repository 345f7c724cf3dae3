"""What the sections of the panel may ask of the panel around them, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from neurospineseg.geometry.region import Region
from neurospineseg_panel.parameters import SegmentParameters
from neurospineseg_panel.run import Listener, Run
from neurospineseg_panel.segmentation_result import SegmentationResult


class Host(Protocol):
    """The panel.

    Attributes:
        parameters: what the user chose; None while no scene is open.
    """

    parameters: SegmentParameters | None

    @property
    def chosen(self) -> SegmentParameters:
        """What the user chose, for what happens only while a scene is open."""

    @property
    def is_entered(self) -> bool:
        """Whether the module is the one that is shown."""

    def scans(self) -> dict[str, Any]:
        """The chosen volume nodes by channel."""

    def say(self, text: str) -> None:
        """A message to the user."""

    def jump(self, ras: Any) -> None:
        """Centers all slice views on a place (RAS mm)."""

    def when_installed(self, button: Any, action: Callable[[], None]) -> None:
        """Does what a button says, once all packages are there; it may be called much later, when the panel shows something else."""

    def begin(self, make_run: Callable[[Listener], Run], finished: Callable[[Any, list[str]], None]) -> None:
        """Begins a run that shows its progress in the panel; whatever goes wrong ends as a sentence there."""

    def find_region(self, finished: Callable[[Region], None]) -> None:
        """Asks the worker for the region that would be segmented; ``finished`` gets it as ``roi_from_region`` takes it."""

    def segment_in_box(self, node: Any, earlier: SegmentationResult) -> None:
        """Segments the chosen box again, into a segmentation that is there."""
