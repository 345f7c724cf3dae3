"""The spine: what its models' classes become and what is asked of the scan."""

from __future__ import annotations

from neurospineseg.tasks.channel import Channel, Suitability
from neurospineseg.tasks.spine.structures import structures
from neurospineseg.tasks.task import Phantom, PlausibleVolumes, Task

TASK = Task(
    name="spine",
    title="Spine",
    summary="vertebrae, discs, canal and sacrum in MR or CT",
    channels=(
        Channel("image", "Scan", suits=Suitability({"ct": 6, "t2": 4, "t1": 2, "t1c": 1, "flair": 1}, sagittal=2, not_of=("head",))),
    ),
    structures=structures(),
    least_extent_mm=(8.0, 40.0, 40.0),
    families={
        "vertebra": "vertebra",
        "vertebra_body": "vertebra",
        "vertebra_arch": "vertebra",
        "disc": "disc",
        "canal": "canal",
        "sacrum": "sacrum",
    },
    needed_classes=(("vertebra", "vertebra_body"),),
    rules="neurospineseg.tasks.spine.numbering:postprocess_spine",
    measures="neurospineseg.measurements.spine:measure_spine",
    modalities=("MR", "CT"),
    head="unwanted",
    plausible=PlausibleVolumes("vertebrae", {"vertebra": (1.5, 150.0)}),
    renumbers=True,
    phantom=Phantom("Training.synthetic.spine.phantom:spine_phantom"),
    order=20,
)
