"""Recipes: those that come with the program, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import read_bundle
from neurospineseg.models.catalog import MODELS_FOLDER
from neurospineseg.tasks.task import task_named
from Training.training.network_shape import model_spec, network_def
from Training.training.recipe import RECIPES, read_recipe
from Training.training.session import Session, _check_fits, train

NAMES = sorted(file.stem for file in RECIPES.glob("*.yaml"))
BUNDLED = sorted(
    bundle.spec.name for role in ("segment", "locate") for bundle in map(read_bundle, MODELS_FOLDER.iterdir()) if bundle.spec.role == role
)

OF_PATIENTS = {"spine_3d": "spine_patients", "tumor_glioma": "tumor_patients_2mm", "tumor_glioma_1mm": "tumor_patients_1mm"}
"""The recipes of bundled models that were last taught by another one than that of their name."""
WAYS = ("coarse", "nested", "narrow", "follow", "overlap", "preference")


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_valid_and_its_network_takes_its_patch(name: str) -> None:
    recipe = read_recipe(name)
    task = task_named(recipe.task)
    spec = model_spec(recipe, task.channel_keys, ("background", *task.classes), (1.0, 1.0, 1.0))
    assert recipe.name == name
    _check_fits(network_def(recipe, spec), spec)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_has_a_recipe_that_gives_its_network_and_its_input(name: str) -> None:
    bundle, recipe = read_bundle(MODELS_FOLDER / name), read_recipe(OF_PATIENTS.get(name, name))
    spec = model_spec(recipe, (), (), ())
    assert network_def(recipe, spec) == bundle.network_def
    for key in (
        "task",
        "role",
        "channels",
        "classes",
        "spacing",
        "patch",
        "slice_axis",
        "slices",
        "normalization",
        "locator",
        "region_mm",
        *WAYS,
    ):
        assert getattr(spec, key) == getattr(bundle.spec, key), key


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("loop.epoch=5", "loop.epoch"),
        ("epochs=5", "epochs"),
        ("loop.epochs=many", "loop.epochs"),
        ("loop.epochs=0", "loop.epochs"),
        ("loss.name=hinge", "loss.name"),
        ("model.patch=[4,40,40]", "model.patch"),
        ("model.patch=[1,40]", "model.patch"),
        ("model.slices=2", "model.slices"),
        ("model.classes=[left_subthalamic_nucleus]", "model.classes"),
        ("loss.logit_adjustment=2", "loss.logit_adjustment"),
        ("network.deep_supervision=true", "network.deep_supervision"),
        ("augmentation.flip=[3]", "augmentation.flip"),
        ("name=../elsewhere", "name"),
        ("loop.epochs", "loop.epochs"),
        ("loop.epochs.most=5", "loop.epochs.most"),
        ("loop.epochs=[", "loop.epochs"),
    ],
)
def test_a_wrong_change_is_one_sentence_that_names_the_key(change: str, key: str) -> None:
    with pytest.raises(InputError) as caught:
        read_recipe("stn_unet2d", [change])
    message = str(caught.value)
    assert key in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(("content", "words"), [("a: [", "not valid YAML"), ("- 1", "holds no keys"), ("task: heart", "wrong at task")])
def test_a_wrong_file_is_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_recipe(str(file))


def test_an_unknown_recipe_is_answered_with_those_there_are() -> None:
    with pytest.raises(InputError, match="tumor_glioma"):
        read_recipe("brats")


def test_a_list_of_filters_needs_one_for_each_level() -> None:
    recipe = read_recipe("brats_unet3d", ["network.filters=[8,16]"])
    with pytest.raises(InputError, match="n_levels=5"):
        network_def(recipe, model_spec(recipe, ("t1",), ("background", "edema"), (1.0, 1.0, 1.0)))


def test_a_patch_that_the_network_cannot_halve_is_refused() -> None:
    recipe = read_recipe("stn_unet2d", ["network.n_levels=5"])
    spec = model_spec(recipe, ("t2",), ("background", "left_subthalamic_nucleus"), (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="no patches of 40 x 40"):
        _check_fits(network_def(recipe, spec), spec)


@pytest.mark.parametrize(
    ("recipe", "change", "words"),
    [
        ("tumor_glioma", "model.spacing=[1,1,1]", "drawn at 2 mm"),
        ("tumor_glioma", "model.patch=[32,32,32]", r"patches of \[64, 80, 64\]"),
        ("spine_3d", "drawn=heart", "Nothing draws 'heart'"),
        ("spine_3d", "drawing.arms=1", "no drawing.arms; it knows real_share, map_share, artifact_share"),
        ("brats_unet3d", "drawing.real_share=0", "no effect without drawn"),
        ("subcortical_nuclei", "model.flips=[2]", "wrong at model: a model that tells left from right must not be mirrored along i"),
    ],
)
def test_examples_that_cannot_be_drawn_so_are_refused(tmp_path: Path, recipe: str, change: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        train(Session(recipe, tmp_path, changes=[change], run=tmp_path / "run"))


@pytest.mark.parametrize("name", BUNDLED)
def test_the_recipe_of_a_bundled_model_comes_as_far_as_its_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*_: object) -> None:
        raise InputError("The examples were reached.")

    monkeypatch.setattr("Training.training.session.Examples", reached)
    with pytest.raises(InputError, match="were reached"):
        train(Session(name, tmp_path, run=tmp_path / "run", device="cpu"))


def test_the_former_name_of_a_key_is_understood(tmp_path: Path) -> None:
    text = (RECIPES / "subcortical_nuclei.yaml").read_text(encoding="utf-8")
    (tmp_path / "former.yaml").write_text(text.replace("logit_adjustment:", "unweight:"), encoding="utf-8")
    assert read_recipe(str(tmp_path / "former.yaml")).loss.logit_adjustment == 0.6
