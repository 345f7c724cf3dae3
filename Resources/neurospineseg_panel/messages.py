"""Words for stages and times."""

from __future__ import annotations

from slicer.i18n import tr as _

from neurospineseg.pipeline.stages import Stage


def stage_text(stage: Stage) -> str:
    """A stage of the pipeline in the user's language."""
    known = {
        Stage.SENDING: _("Sending the scans"),
        Stage.LOADING: _("Loading the model"),
        Stage.CHECKING: _("Checking the scans"),
        Stage.REGISTERING: _("Aligning the scans"),
        Stage.FINDING_REGION: _("Finding the region"),
        Stage.RESAMPLING: _("Reading into the model's grid"),
        Stage.SEGMENTING: _("Segmenting"),
        Stage.APPLYING_ANATOMY: _("Applying anatomy"),
        Stage.WRITING_MASK: _("Writing onto the scan's grid"),
        Stage.MEASURING: _("Measuring"),
        Stage.TAKING_RESULT: _("Taking the result"),
    }
    return known.get(stage, stage.value)


def time_text(seconds: float) -> str:
    """About how long is left."""
    if seconds < 1.5:
        return _("about a second left")
    if seconds < 90:
        return _("about {seconds} s left").format(seconds=round(seconds))
    return _("about {minutes} min left").format(minutes=round(seconds / 60))
