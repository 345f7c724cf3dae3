"""The deep nuclei, left and right, and what is asked of the scan."""

from __future__ import annotations

from neurospineseg.tasks.channel import Channel, Suitability
from neurospineseg.tasks.structure import LEFT, RIGHT, Code, Structure, oklch
from neurospineseg.tasks.task import Phantom, PlausibleVolumes, Task

NUCLEI = (
    ("subthalamic_nucleus", "subthalamic nucleus", Code("UBERON", "0001906", "Subthalamic nucleus")),
    ("red_nucleus", "red nucleus", Code("UBERON", "0001947", "Red nucleus")),
    ("substantia_nigra", "substantia nigra", Code("SCT", "70007007", "Substantia nigra")),
    ("zona_incerta", "zona incerta", Code("UBERON", "0001907", "Zona incerta")),
    ("thalamus", "thalamus", Code("SCT", "42695009", "Thalamus")),
    ("caudate", "caudate nucleus", Code("SCT", "11000004", "Caudate nucleus")),
    ("putamen", "putamen", Code("SCT", "89278009", "Putamen")),
    ("globus_pallidus_externus", "globus pallidus externus", Code("UBERON", "0002476", "Lateral globus pallidus")),
    ("globus_pallidus_internus", "globus pallidus internus", Code("UBERON", "0002477", "Medial globus pallidus")),
    ("hippocampus", "hippocampus", Code("SCT", "5366008", "Hippocampus")),
    ("amygdala", "amygdala", Code("SCT", "4958002", "Amygdala")),
    ("nucleus_accumbens", "nucleus accumbens", Code("SCT", "427667007", "Nucleus accumbens")),
)
"""Those that no SNOMED CT list of Slicer, DICOM or TotalSegmentator holds carry UBERON identifiers; the others are in Slicer's master list."""
SLICER_COLORS = {
    "substantia_nigra": (0, 108, 112),
    "thalamus": (122, 101, 38),
    "caudate": (30, 111, 85),
    "putamen": (210, 157, 166),
    "amygdala": (98, 153, 112),
}
"""Recommended display colors of Slicer's DICOM master list, alike on both sides."""
NUCLEI_ML = {
    "subthalamic_nucleus": (0.03, 0.5),
    "red_nucleus": (0.06, 0.9),
    "substantia_nigra": (0.1, 1.5),
    "thalamus": (2.5, 16.0),
    "caudate": (1.2, 10.0),
    "putamen": (1.8, 13.0),
}
"""Wide limits: from about a quarter to two or three times the volumes of the ZonaBB atlas in MNI152."""

DRAWN = tuple(
    f"{side}_{key}"
    for key in (*(key for key, _, _ in NUCLEI[:4]), "globus_pallidus_externus", "globus_pallidus_internus", "thalamus")
    for side in ("left", "right")
)
"""Those that a cube of 60 mm around them holds wholly."""


def structures() -> tuple[Structure, ...]:
    found = []
    for number, (key, name, code) in enumerate(NUCLEI):
        for offset, (side, meaning) in enumerate((("left", LEFT), ("right", RIGHT))):
            color = SLICER_COLORS.get(key) or oklch(0.74 - 0.1 * offset, 0.14, 137.5 * number)
            label, words = 2 * number + 1 + offset, f"{side.capitalize()} {name}"
            found.append(
                Structure(f"{side}_{key}", words, label, code, color, side=meaning, family=key, in_dicom_master=code.scheme == "SCT")
            )
    return tuple(found)


TASK = Task(
    name="subcortical",
    title="Deep nuclei",
    summary="deep nuclei in brain MR",
    channels=(Channel("image", "Scan", suits=Suitability({"t2": 5, "t2_star": 4, "t1": 3, "t1c": 2, "flair": 1}, not_of=("spine",))),),
    structures=structures(),
    least_extent_mm=(45.0, 45.0, 45.0),
    greatest_extent_mm=(600.0, 600.0, 800.0),
    rules="neurospineseg.tasks.subcortical.rules:postprocess_subcortical",
    notes="neurospineseg.tasks.subcortical.rules:contrast_notes",
    fit="neurospineseg.tasks.subcortical.visible_nuclei:onto_visible",
    measures="neurospineseg.measurements.nuclei:measure_nuclei",
    head="needed",
    plausible=PlausibleVolumes("deep nuclei", NUCLEI_ML),
    margin_mm=35.0,
    phantom=Phantom("Training.synthetic.nuclei.phantom:labeled_phantom", DRAWN),
    order=30,
)
