"""Words for stages and times."""

from __future__ import annotations

from slicer.i18n import tr as _


def stage_text(stage: str) -> str:
    """A stage of the pipeline in the user's language."""
    known = {
        "Sending": _("Sending the scans"),
        "Loading the model": _("Loading the model"),
        "Checking": _("Checking the scans"),
        "Registering": _("Aligning the scans"),
        "Finding the region": _("Finding the region"),
        "Reading into the model's grid": _("Reading into the model's grid"),
        "Segmenting": _("Segmenting"),
        "Applying anatomy": _("Applying anatomy"),
        "Writing onto the scan's grid": _("Writing onto the scan's grid"),
        "Taking the result": _("Taking the result"),
        "Storing": _("Storing"),
        "Drawing": _("Drawing"),
    }
    return known.get(stage, stage)


def time_text(seconds: float) -> str:
    """About how long is left."""
    if seconds < 1.5:
        return _("about a second left")
    if seconds < 90:
        return _("about {seconds} s left").format(seconds=round(seconds))
    return _("about {minutes} min left").format(minutes=round(seconds / 60))
