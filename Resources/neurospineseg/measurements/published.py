"""What others measured, beside which a number may be looked at: ranges and means as their sources print them, none of our own.

A number outside says nothing by itself: ages, scanners and ways to outline differ.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A published value.

    Attributes:
        text: the value with its spread or range.
        source: who measured it, on whom, where it was published.
    """

    text: str
    source: str

    def __str__(self) -> str:
        return f"{self.text} ({self.source})"


ZHU = "35 patients before deep brain stimulation, Zhu et al., Acta Neurochir 2002;144:959"
ZWIRNER = "14 persons aged 65 to 96, Zwirner et al., Hum Brain Mapp 2017;38:909"
PRUESSNER = "40 healthy adults, brains scaled to the MNI template, Pruessner et al., Cereb Cortex 2000;10:433"

PUBLISHED = {
    ("ac_pc_length", ""): Published("mean 25.7 mm, 21 to 29 mm", ZHU),
    ("volume", "subthalamic_nucleus"): Published("0.099 ± 0.006 mL on MR, 0.132 ± 0.020 mL in histology", ZWIRNER),
    ("lateral", "subthalamic_nucleus"): Published("12.65 ± 1.3 mm from the midline, 3 mm below the commissures", ZHU),
    ("volume", "left_hippocampus"): Published("mean 3.21 mL", PRUESSNER),
    ("volume", "right_hippocampus"): Published("mean 3.32 mL", PRUESSNER),
    ("volume", "amygdala"): Published("means 1.15 and 1.16 mL", PRUESSNER),
}
"""By key of the measure and of the structure, or of the nucleus on either side."""


def published(key: str, place: str) -> Published | None:
    """What is published of a measure on a structure, such as ``left_thalamus``; None where this table has nothing."""
    return PUBLISHED.get((key, place)) or PUBLISHED.get((key, place.split("_", 1)[-1]))
