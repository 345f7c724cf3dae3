"""How likely each structure of a run is at each place, for the error bars of what is measured."""

from __future__ import annotations

from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.class_probabilities import ClassProbabilities
from neurospineseg.pipeline.scan_frame import ScanFrame
from neurospineseg.tasks.class_scores import ModelClasses, Postprocessed
from neurospineseg.tasks.task import task_named


def structure_probabilities(
    classes: ClassProbabilities, done: Postprocessed, grid: Grid, spec: ModelClasses, frame: ScanFrame
) -> dict[str, Volume]:
    """Probabilities in RAS: by structure's key after anatomy's rules, and by class before them where a class becomes several structures.

    Args:
        done: on ``grid``, which lies in ``frame`` as that of ``classes`` does.
    """
    keys = {structure.label: structure.key for structure in task_named(spec.task).structures}
    after, before = frame.grid_in_ras(grid).affine, frame.grid_in_ras(classes.grid).affine
    found = {
        keys[channel.label]: Volume(done.probabilities[number].cpu().numpy(), after)
        for number, channel in enumerate(done.channels)
        if channel.label
    }
    if any(channel.label_field is not None for channel in done.channels):
        named = list(enumerate(spec.classes))[1:]
        found |= {name: Volume(classes.values[number].cpu().numpy(), before) for number, name in named if name not in found}
    return found
