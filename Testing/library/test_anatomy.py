"""Which structures a model's classes make."""

from __future__ import annotations

import pytest

from neurospineseg.errors import InputError
from neurospineseg.tasks.anatomy import family, structures_of, structures_of_classes
from neurospineseg.tasks.class_scores import check_classes


@pytest.mark.parametrize(
    "key, kind",
    [("vertebra_L1", "vertebra"), ("vertebra_7", "vertebra"), ("disc_L5_S1", "disc"), ("spinal_canal", "canal"), ("sacrum", "sacrum")],
)
def test_families(key: str, kind: str) -> None:
    assert family(key) == kind


def test_parts_of_vertebrae_make_vertebrae() -> None:
    found = {structure.key for structure in structures_of_classes("spine", ("background", "vertebra_body", "disc"))}
    everything = {structure.key for structure in structures_of("spine")}
    assert found == everything - {"spinal_canal", "sacrum"}
    assert {s.key for s in structures_of_classes("spine", ("background", "canal", "sacrum"))} == {"spinal_canal", "sacrum"}


def test_only_what_a_model_knows() -> None:
    classes = ("background", "left_subthalamic_nucleus", "right_subthalamic_nucleus")
    assert [structure.key for structure in structures_of_classes("subcortical", classes)] == list(classes[1:])


@pytest.mark.parametrize(
    "task, classes, words",
    [
        ("tumor", ("background", "nose"), "'nose' is no class"),
        ("tumor", ("background", "edema"), "needs the classes"),
        ("spine", ("background", "disc"), "'vertebra' or 'vertebra_body'"),
    ],
)
def test_classes_that_the_rules_do_not_understand(task: str, classes: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_classes(task, classes)
