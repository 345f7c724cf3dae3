"""What a run has found, measured; the model's probabilities give the error bars."""

from __future__ import annotations

from collections.abc import Mapping

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.measuring import measure
from neurospineseg.pipeline.run import Run
from neurospineseg.pipeline.stages import Stage


def measured_run(run: Run, mask: Volume) -> Measurements:
    """The measurements of the mask that a run has ended with."""
    run.watch.start(Stage.MEASURING)
    known = set(run.task.structures)
    names = {structure.label: structure.key for structure in run.structures if structure in known}
    scan = Volume(run.reference_scan.voxels, run.given_affine)
    try:
        return measured_or_why_not(mask, names, run.task.name, scan, run.likely)
    finally:
        run.watch.stop()


def measured_or_why_not(
    labels: Volume, names: Mapping[int, str], task: str, scan: Volume | None = None, probabilities: Mapping[str, Volume] | None = None
) -> Measurements:
    """The measurements of a mask; none, and a note that says why, where it cannot be measured, whatever the reason: the mask stays."""
    if not names:
        return Measurements(task, (), ("Nothing was found that could be measured.",))
    try:
        return measure(labels, names, task, scan, probabilities)
    except InputError as error:
        return Measurements(task, (), (str(error),))
    except Exception as error:  # a mask that was made must not be lost to a fault in what is told of it
        return Measurements(
            task, (), (f"It could not be measured; this is a fault of the program ({type(error).__name__}), please report it.",)
        )
