"""Which structure a named segment of any program is."""

from __future__ import annotations

import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.segmentation_file import FileSegment
from neurospineseg.measurements.segment_names import shown_twice, structure_key, structures_of_segments
from neurospineseg.tasks.structure import STRUCTURE_TAG
from neurospineseg.tasks.task import task_named

GRAY = (128, 128, 128)


@pytest.mark.parametrize(
    "name, key",
    [
        ("L3", "vertebra_L3"),
        ("vertebrae_L5", "vertebra_L5"),
        ("L3 vertebra", "vertebra_L3"),
        ("T12", "vertebra_T12"),
        ("disc_L4_L5", "disc_L4_L5"),
        ("IVD L5-S1", "disc_L5_S1"),
        ("L3/L4", "disc_L3_L4"),
        ("sacrum", "sacrum"),
        ("S1", "sacrum"),
        ("Spinal canal", "spinal_canal"),
        ("canal", "spinal_canal"),
        ("spinal cord", None),
        ("left kidney", None),
        ("L30", None),
        ("vertebrae_S1", "sacrum"),
        ("L3 corrected", "vertebra_L3"),
        ("22 L3", "vertebra_L3"),
        ("L3 nerve root", None),
        ("L3 pedicle screw", None),
        ("T1 enhancing lesion", None),
        ("L4-L5 facet joint", None),
        ("L4-L5 foramen, left", None),
        ("auditory_canal_left", None),
        ("spinal canal stenosis", None),
        ("fracture of the sacrum", None),
    ],
)
def test_names_of_other_programs(name: str, key: str | None) -> None:
    assert structure_key(FileSegment("Segment_1", name, 1, GRAY), task_named("spine")) == key


def test_our_own_tag_goes_before_a_name_that_somebody_changed() -> None:
    segment = FileSegment("Segment_1", "the broken one", 1, GRAY, {STRUCTURE_TAG: "vertebra_L1"})
    assert structure_key(segment, task_named("spine")) == "vertebra_L1"


def test_the_task_is_the_one_that_knows_the_names() -> None:
    segments = [FileSegment("a", "L1", 3, GRAY), FileSegment("b", "Tumor of the kidney", 4, GRAY)]
    assert structures_of_segments(segments, [3, 4]) == ("spine", {3: "vertebra_L1"})


def test_label_values_are_the_tasks_own_where_nothing_is_named() -> None:
    assert structures_of_segments([], [20, 60, 99], "spine") == ("spine", {20: "vertebra_L1", 60: "spinal_canal"})


def test_a_mask_without_names_needs_a_task() -> None:
    with pytest.raises(InputError, match="--task"):
        structures_of_segments([], [1])


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="'Liver'"):
        structures_of_segments([FileSegment("a", "Liver", 1, GRAY)], [1])


def test_advice_names_what_the_task_knows() -> None:
    with pytest.raises(InputError, match="name them like Necrotic core"):
        structures_of_segments([FileSegment("a", "L3", 1, GRAY)], [1], "tumor")


def test_segments_that_show_one_structure_are_named() -> None:
    segments = [FileSegment("a", "L3", 1, GRAY), FileSegment("b", "vertebrae_L3", 2, GRAY), FileSegment("c", "L4", 3, GRAY)]
    (sentence,) = shown_twice(segments, structures_of_segments(segments, [1, 2, 3])[1])
    assert "'L3' and 'vertebrae_L3' are measured as one" in sentence
