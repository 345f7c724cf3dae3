"""One module's panel, driven by its buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer

from Testing.slicer.waiting import Heartbeat, Waiter, expect

SEGMENTING_SECONDS = 300.0


class Panel:
    """A panel of the extension.

    Args:
        widget: the module's ``SegmentWidget``.
        waiter: lets the application work.
        note: tells a figure.

    Attributes:
        opened_in: the seconds that it took to open.
    """

    def __init__(self, widget: Any, waiter: Waiter, note: Callable[[str], None]) -> None:
        self.widget, self.waiter, self.note, self.opened_in = widget, waiter, note, 0.0

    @property
    def ui(self) -> Any:
        return self.widget.ui

    @property
    def parameters(self) -> Any:
        return self.widget.parameters

    @property
    def task(self) -> str:
        return self.widget.declaration.task

    @property
    def idle(self) -> bool:
        return not self.widget.runs.busy and self.ui.segmentButton.text == "Segment"

    def message(self) -> str:
        return self.ui.statusLabel.text

    def click(self, name: str) -> None:
        """Clicks a button that is enabled."""
        button = getattr(self.ui, name)
        expect(button.enabled, f"{name} is not enabled; the panel says: {self.message()}")
        button.click()

    def begin(self) -> None:
        """Clicks Segment and waits until the worker is at work."""
        self.click("segmentButton")
        expect(self.widget.runs.busy, f"nothing began: {self.message()}")
        self.waiter.until(lambda: self.ui.progressBar.value > 0 or self.idle, "the worker to begin", 120.0, self.message)
        expect(not self.idle, f"it was over before it could be disturbed: {self.message()}")

    def wait(self, what: str = "the run to end", seconds: float = SEGMENTING_SECONDS) -> float:
        return self.waiter.until(lambda: self.idle, what, seconds, self.message)

    def segment(self) -> tuple[Any, float]:
        """Clicks Segment; returns the segmentation and the seconds that it took; tells the longest turn of the event loop."""
        with Heartbeat() as beat:
            self.click("segmentButton")
            expect(self.widget.runs.busy, f"nothing began: {self.message()}")
            seconds = self.wait("the segmentation")
            self.waiter.for_a_while(0.3)
        node = self.parameters.shown
        expect(node is not None, f"there is no segmentation: {self.message()}")
        expect(node.GetSegmentation().GetNumberOfSegments() > 0, f"no structure was found: {self.message()}")
        self.note(f"segmented in {seconds:.1f} s; the longest turn of the event loop was {beat.longest:.2f} s; {self.message()}")
        return node, seconds


def names_of(node: Any) -> dict[str, str]:
    """Segment ID and name."""
    segmentation = node.GetSegmentation()
    identifiers = [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]
    return {identifier: segmentation.GetSegment(identifier).GetName() for identifier in identifiers}


def mask_of(node: Any, identifier: str, scan: Any) -> np.ndarray:
    """A segment as bool (K, J, I) on a scan's grid, by Slicer's own function."""
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, identifier, scan) > 0


def masks_of(node: Any, scan: Any) -> dict[str, np.ndarray]:
    """The masks on a scan's grid by segment ID."""
    return {identifier: mask_of(node, identifier, scan) for identifier in names_of(node)}


def largest_of(node: Any, scan: Any) -> str:
    """The ID of the segment with the most voxels."""
    sizes = {identifier: int(mask.sum()) for identifier, mask in masks_of(node, scan).items()}
    return max(sizes, key=lambda identifier: sizes[identifier])


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Of two bool masks on one grid; 1 for two empty ones."""
    both = int(one.sum()) + int(other.sum())
    return 1.0 if both == 0 else 2.0 * int((one & other).sum()) / both
