"""Gliomas: their parts and what is asked of the scans."""

from __future__ import annotations

from neurospineseg.tasks.channel import Channel
from neurospineseg.tasks.contrasts import CONTRASTS
from neurospineseg.tasks.structure import ALTERED_STRUCTURE, Code, Structure
from neurospineseg.tasks.task import Composite, Hiding, Phantom, PlausibleVolumes, Task

NECROTIC_CORE = Structure(
    "necrotic_core", "Necrotic core", 1, Code("SCT", "6574001", "Necrosis"), (216, 191, 216), ALTERED_STRUCTURE, in_dicom_master=True
)
EDEMA = Structure("edema", "Edema", 2, Code("SCT", "79654002", "Edema"), (140, 224, 228), ALTERED_STRUCTURE, in_dicom_master=True)
ENHANCING_TUMOR = Structure(
    "enhancing_tumor", "Enhancing tumor", 3, Code("NCIt", "C113842", "Enhancing Lesion"), (226, 90, 60), ALTERED_STRUCTURE
)
FILE_WORDS = {
    "t1c": ("t1c", "t1ce", "t1gd", "t1post"),
    "t1": ("t1", "t1n", "t1w"),
    "t2": ("t2", "t2w"),
    "flair": ("flair", "t2f"),
}
"""Of BraTS 2018 to 2023 and of common use."""

LEAST_MEAN = 0.8
"""Lesser islands are kept only where tumor of any kind is this likely on average, the largest is then doubted: real ones reached 0.82 to
0.94, most false ones 0.6 to 0.8."""

TASK = Task(
    name="tumor",
    title="Glioma",
    summary="glioma in brain MR",
    channels=tuple(Channel(key, CONTRASTS[key], words, contrast=key) for key, words in FILE_WORDS.items()),
    structures=(NECROTIC_CORE, EDEMA, ENHANCING_TUMOR),
    least_extent_mm=(60.0, 60.0, 60.0),
    greatest_extent_mm=(600.0, 600.0, 800.0),
    needed_classes=(("necrotic_core",), ("edema",), ("enhancing_tumor",)),
    rules="neurospineseg.tasks.tumor.rules:postprocess_tumor",
    measures="neurospineseg.measurements.tumor:measure_tumor",
    head="expected",
    only_in_head=True,
    plausible=PlausibleVolumes(
        "tumor parts",
        total_ml=500.0,
        total_doubt="The tumor found measures {ml:.0f} mL, a third of a brain or more; check that the right scans were chosen.",
    ),
    composites=(
        Composite("tumor_core", "Tumor core (necrotic core + enhancing)", ("necrotic_core", "enhancing_tumor")),
        Composite("whole_tumor", "Whole tumor", ("necrotic_core", "edema", "enhancing_tumor")),
    ),
    hiding=Hiding(("t2",), LEAST_MEAN),
    registers=True,
    phantom=Phantom("Training.synthetic.tumor.phantom:tumor_phantom"),
    order=10,
)
