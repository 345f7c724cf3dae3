"""Heads kept ready for the tumor model, and the examples cut from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.errors import InputError
from neurospineseg.images.intensity import normalize
from neurospineseg.models.bundle import ModelSpec, read_bundle
from Testing.prepared_miniature import write_dataset
from Training.bundle_of_runs import bundle_of_runs
from Training.datasets.glioma_cases import GliomaCase, fold_of, in_8_bits, read_cases, write_case
from Training.datasets.raw_dataset import read_dataset
from Training.prepare_gliomas import keep_data_set
from Training.synthetic.examples import tumor_patients
from Training.synthetic.tumor import altered_glioma
from Training.synthetic.tumor.altered_glioma import altered
from Training.synthetic.tumor.altered_pose import Pose, cut
from Training.training.recipe import read_recipe
from Training.training.session import Session, drawn_source, train

PATCH = (32, 32, 32)


def head(seed: int, tumor: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A ball of tissue in air with a tumor of all three classes: uint8 (4, K, J, I) and (K, J, I)."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.arange(n) - n / 2 for n in (44, 48, 40)), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 17**2
    labels = np.zeros(inside.shape, np.uint8)
    if tumor:
        distance = np.sqrt(sum((axis - 4) ** 2 for axis in axes))
        for value, radius in ((2, 9), (3, 6), (1, 4)):
            labels[distance < radius] = value
    image = np.stack([(90 + 30 * rng.standard_normal(inside.shape) + 20 * labels).clip(1, 255) * inside for _ in range(4)])
    return image.astype(np.uint8), labels * inside


def spec() -> ModelSpec:
    return ModelSpec(
        name="probe",
        task="tumor",
        channels=tumor_patients.CHANNELS,
        spacing=(1.0, 1.0, 1.0),
        patch=PATCH,
        normalization="foreground_zscore",
        classes=("background", "necrotic_core", "edema", "enhancing_tumor"),
    )


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(5):
        write_case(tmp_path / f"patient_{number}", "patient", *head(number))
    without_t1c, labels = head(9, tumor=False)
    without_t1c[0] = 0
    write_case(tmp_path / "healthy_0", "healthy", without_t1c, labels)
    monkeypatch.setattr(tumor_patients, "cases_folder", lambda spacing: tmp_path)
    return tmp_path


def case(folder: Path) -> GliomaCase:
    return read_cases(folder)[1]


def test_a_straight_patch_is_what_the_library_normalizes(kept: Path) -> None:
    chosen = case(kept)
    shape = chosen.labels.shape
    raw, labels = cut(chosen, np.array(shape) // 2, Pose.straight(), shape)
    image, _ = altered(None, chosen, raw, labels, 1.0)
    library = normalize(torch.from_numpy(np.array(chosen.image)).float(), "foreground_zscore")
    assert torch.equal(labels, torch.from_numpy(np.array(chosen.labels)).long())
    assert torch.equal(image == 0, library == 0)
    assert float((image - library).abs().max()) < 0.1


def test_examples_are_patches_with_a_channel_that_was_taken(kept: Path) -> None:
    examples = tumor_patients.Examples(spec(), healthy_share=0.4)
    for seed in range(12):
        image, bits = examples.example(np.random.default_rng(seed))
        assert image.shape == (4, *PATCH)
        assert bits.shape == PATCH
        assert bool(image.isfinite().all())
        assert bool(image.any())
        assert float(image.abs().max()) <= 5
        assert set(bits.unique().tolist()) <= {1, 2, 4, 8}


def test_the_same_seed_gives_the_same_example(kept: Path) -> None:
    first, second = (tumor_patients.Examples(spec()).example(np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_patients_kept_aside_teach_nothing_and_every_patient_is_aside_once(kept: Path) -> None:
    aside = []
    for fold in range(3):
        examples = tumor_patients.Examples(spec(), fold=fold)
        names = {each.name for each in examples.aside}
        assert not names & {each.name for each in examples.groups["patient"]}
        assert {each.name for each in examples.kept_aside.cases} == names
        aside += names
    assert sorted(aside) == [f"patient_{number}" for number in range(5)]
    assert len(tumor_patients.Examples(spec()).groups["patient"]) == 5


def test_heads_without_a_tumor_are_dealt_into_the_folds_too(kept: Path) -> None:
    write_case(kept / "healthy_1", "healthy", *head(8, tumor=False))
    taught = {fold: [each.name for each in tumor_patients.Examples(spec(), fold=fold).groups["healthy"]] for fold in (-1, 0, 1, 2)}
    assert taught == {-1: ["healthy_0", "healthy_1"], 0: ["healthy_1"], 1: ["healthy_0"], 2: ["healthy_0", "healthy_1"]}


def test_folds_are_dealt_round_robin() -> None:
    assert fold_of(["c", "a", "b", "d"], 3) == {"a": 0, "b": 1, "c": 2, "d": 0}


def test_heads_drawn_meanwhile_are_taken_up(kept: Path) -> None:
    examples = tumor_patients.Examples(spec(), reload=1)
    write_case(kept / "drawn_0", "drawn", *head(20))
    examples.example(np.random.default_rng(0))
    assert [each.name for each in examples.groups["drawn"]] == ["drawn_0"]


def test_taking_enhancement_away_leaves_core(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(altered_glioma, "UNENHANCED", 1.0)
    chosen = case(kept)
    raw, labels = cut(chosen, np.array(chosen.labels.shape) // 2, Pose.straight(), chosen.labels.shape)
    _, changed = altered(np.random.default_rng(0), chosen, raw, labels, 1.0)
    assert not bool((changed == 3).any())
    assert torch.equal(changed == 1, (labels == 1) | (labels == 3))


def test_a_faint_edema_is_nearer_to_plain_tissue(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(altered_glioma, "FAINT_EDEMA", 1.0)
    chosen = case(kept)
    raw, labels = cut(chosen, np.array(chosen.labels.shape) // 2, Pose.straight(), chosen.labels.shape)
    faint = altered_glioma.other_edema(np.random.default_rng(0), chosen, raw, labels)
    plain = torch.from_numpy(np.median(chosen.ranks, 1)).view(4, 1)
    before, after = ((image[:, labels == 2] - plain).abs().mean(1) for image in (raw, faint))
    assert bool((after < 0.9 * before).all())
    assert torch.equal(faint[:, 0], raw[:, 0])


def test_a_bent_patch_keeps_labels_on_the_tumor(kept: Path) -> None:
    chosen = case(kept)
    pose = Pose.drawn(
        np.random.default_rng(next(s for s in range(99) if Pose.drawn(np.random.default_rng(s), PATCH).bend is not None)), PATCH
    )
    raw, labels = cut(chosen, chosen.places[1][0], pose, PATCH)
    assert set(labels.unique().tolist()) == {0, 1, 2, 3}
    assert float(raw[0][labels == 1].mean()) < float(raw[0][labels == 3].mean())


def test_without_patients_the_way_to_them_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tumor_patients, "cases_folder", lambda spacing: tmp_path)
    with pytest.raises(InputError, match="prepare_gliomas.py"):
        tumor_patients.Examples(spec())


def test_the_recipe_names_what_draws_it(kept: Path) -> None:
    recipe = read_recipe("tumor_patients_1mm", ["drawing.fold=1", f"model.patch={list(PATCH)}"])
    assert drawn_source(recipe, spec()).aside


def test_eight_bits_keep_air_apart_from_tissue() -> None:
    channel = torch.zeros(20, 20, 20)
    channel[4:16, 4:16, 4:16] = torch.rand(12, 12, 12) * 1000 + 0.01
    assert np.array_equal(in_8_bits(channel) > 0, channel.numpy() > 0)


def test_a_prepared_data_set_is_kept_with_its_classes_by_name(tmp_path: Path) -> None:
    data = read_dataset(write_dataset(tmp_path / "data", train=1, val=1, test=1))
    (tmp_path / "kept").mkdir()
    keep_data_set(data, 4.0, tmp_path / "kept")
    cases = read_cases(tmp_path / "kept")
    assert [each.name for each in cases] == sorted(f"patient_{name}" for name in data.split.train + data.split.val)
    assert all(each.given.all() and set(each.places) == {0, 1, 2, 3} for each in cases)


def test_a_training_of_a_fold_goes_on_and_its_checkpoint_becomes_a_model(kept: Path, tmp_path: Path) -> None:
    def session(epochs: int, resume: bool) -> Session:
        small = ["model.patch=[32, 32, 32]", "network.n_levels=3", "network.filters=[4, 8, 8]", "loop.steps_per_epoch=2"]
        changes = (*small, "loop.validation_examples=2", "drawing.fold=0", f"loop.epochs={epochs}")
        where = {"run": tmp_path / "run", "models": tmp_path / "models", "name": "fold0", "workers": 0, "device": "cpu"}
        return Session("tumor_patients_1mm", changes=changes, resume=resume, **where)

    train(session(1, False))
    stored = json.loads((tmp_path / "run" / "recipe.json").read_text(encoding="utf-8"))
    stored["loss"]["unweight"] = stored["loss"].pop("logit_adjustment")
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(stored), encoding="utf-8")
    bundle = read_bundle(train(session(2, True)))
    assert bundle.spec.nested == ("edema", "necrotic_core", "enhancing_tumor")
    assert bundle.network_def["out_channels"] == 3
    made = read_bundle(bundle_of_runs([tmp_path / "run"], "midway", tmp_path / "models"))
    assert "after 4 steps" in made.card.read_text(encoding="utf-8")
    former, now = (torch.load(each.weights, weights_only=True) for each in (bundle, made))
    assert all(torch.equal(former[key], now[key]) for key in former)
