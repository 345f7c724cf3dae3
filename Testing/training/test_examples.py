"""The order in which examples come, and how patches are cut and bent."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, write_volume
from neurospineseg.models.bundle import ModelSpec
from Testing.prepared_miniature import write_dataset
from Training.datasets.raw_dataset import Split, read_dataset, write_description
from Training.training.examples import VALIDATION_EPOCH, Drawn, EpochBatches, Kept, Patches
from Training.training.recipe import Recipe
from Training.training.working_cases import WorkingCase, _places, working_cases


def recipe(**parts: dict) -> Recipe:
    model = {"patch": (8, 8, 8), **parts.pop("model", {})}
    return Recipe.model_validate({"name": "mine", "task": "tumor", "network": {"_target_": "DynUNet"}, "model": model, **parts})


def spec(**values: object) -> ModelSpec:
    given = {"channels": ("t1",), "spacing": (1.0,) * 3, "patch": (8, 8, 8), "classes": ("background", "edema"), **values}
    return ModelSpec(name="mine", task="tumor", normalization="foreground_zscore", **given)


def case(image: np.ndarray, labels: np.ndarray, ignored: int | None = None) -> WorkingCase:
    lookup = np.array([1, 2, 3][: int(labels.max()) + 1], np.int64)
    return WorkingCase("case", image.astype(np.float16), labels.astype(np.uint8), dict(_places(labels, ignored)), lookup)


def numbered(shape: tuple[int, int, int] = (20, 24, 28)) -> WorkingCase:
    """A case whose three channels hold k, j and i of each voxel; a box is labeled."""
    labels = np.zeros(shape, np.uint8)
    labels[4:7, 5:9, 6:10] = 1
    return case(np.indices(shape), labels)


def ball(size: int = 32) -> WorkingCase:
    """A case whose image is its labels: a smooth ball off the middle."""
    k, j, i = np.indices((size,) * 3)
    labels = ((k - 13) ** 2 + (j - 17) ** 2 + (i - 20) ** 2 < 64).astype(np.uint8)
    return case(labels[None], labels)


def patches(of: WorkingCase, augment: bool = False, model: dict | None = None, **parts: dict) -> Patches:
    return Patches([of], spec(channels=tuple("abcd"[: len(of.image)]), **(model or {})), recipe(model=model or {}, **parts), augment)


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("count", [3, 4, 7, 12, 13])
def test_every_number_comes_once_and_every_process_gets_as_many_batches(world: int, batch: int, count: int) -> None:
    everyone = [EpochBatches(count, batch, 5, rank, world) for rank in range(world)]
    for epoch in (0, 1):
        for each in everyone:
            each.set_epoch(epoch)
        batches = [list(each) for each in everyone]
        assert len({len(own) for own in batches} | {len(each) for each in everyone}) == 1
        assert sorted(number for own in batches for one in own for _, number in one) == list(range(count))
        assert {key[0] for own in batches for one in own for key in one} == {epoch}
        sizes = [len(one) for own in batches for one in own]
        assert min(sizes) >= 1
        assert max(sizes) <= max(batch, 2 if count % world else 1)


def test_the_order_changes_with_the_epoch_and_not_for_validation() -> None:
    shuffled, fixed = EpochBatches(20, 4, 5), EpochBatches(20, 4, 5, shuffle=False)
    first = list(shuffled), list(fixed)
    shuffled.set_epoch(1)
    fixed.set_epoch(1)
    assert [number for batch in shuffled for _, number in batch] != [number for batch in first[0] for _, number in batch]
    assert list(fixed) == first[1]


class Noted(LightningModule):
    """Notes the keys of the batches it trains on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(1, 1), []

    def training_step(self, keys: list[torch.Tensor], _: int) -> torch.Tensor:
        self.seen += zip(*(part.tolist() for part in keys))
        return self.layer(torch.zeros(1)).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def test_every_epoch_of_a_training_has_examples_of_its_own() -> None:
    keys = {(epoch, number): (epoch, number) for epoch in range(3) for number in range(4)}
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    noted = Noted()
    trainer.fit(noted, DataLoader(keys, batch_sampler=EpochBatches(4, 2, 1)))
    assert sorted(noted.seen) == sorted(keys)


def test_fewer_examples_than_processes_are_refused() -> None:
    with pytest.raises(InputError, match="1 examples for 2 processes"):
        EpochBatches(1, 2, 5, world=2)


def test_a_key_gives_the_same_patch_in_any_order_and_with_any_number_of_workers() -> None:
    keys = [[(3, 0), (3, 1)], [(3, 2), (3, 3)], [(4, 0), (4, 1)]]
    given = patches(ball(), augment=True, loop={"patches_per_case": 4}, augmentation={"chance": 1.0})
    runs = [list(DataLoader(given, batch_sampler=order, num_workers=n)) for order, n in ((keys, 0), (keys, 2), (keys[::-1], 1))]
    runs[2].reverse()
    for other in runs[1:]:
        for one, same in zip(runs[0], other):
            assert all(torch.equal(a, b) for a, b in zip(one, same))
    assert not torch.equal(runs[0][0][0], runs[0][2][0])


def test_a_patch_is_a_box_of_the_scan() -> None:
    given = patches(numbered())
    for number in range(20):
        image, bits, _ = given[0, number]
        corner = image[:, 0, 0, 0].int().tolist()
        expected = np.indices((8, 8, 8)) + np.reshape(corner, (3, 1, 1, 1))
        assert np.array_equal(image.numpy(), expected)
        box = tuple(slice(at, at + 8) for at in corner)
        assert np.array_equal(bits.numpy(), 1 + given.cases[0].labels[box])


def test_every_voxel_can_be_seen() -> None:
    given = patches(numbered((12, 12, 12)), loop={"foreground_share": 0.0})
    seen = np.zeros((12, 12, 12), bool)
    for number in range(300):
        k, j, i = given[0, number][0][:, 0, 0, 0].int().tolist()
        seen[k : k + 8, j : j + 8, i : i + 8] = True
    assert seen.all()


def test_a_scan_smaller_than_the_patch_is_padded_around() -> None:
    small = numbered((5, 12, 7))
    image, bits, _ = patches(small, loop={"foreground_share": 0.0})[0, 0]
    assert image.shape == (3, 8, 8, 8)
    assert bits.shape == (8, 8, 8)
    assert sorted(set(image[0].flatten().int().tolist())) == list(range(5))
    assert int((image[2, :, 0, :] > 0).any(0).sum()) == 6  # i of 1 to 6; that of 0 is as the padding


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_come_with_their_neighbors_and_the_first_repeats(axis: int) -> None:
    size = tuple(1 if n == axis else 8 for n in range(3))
    given = patches(numbered(), model={"patch": size, "slice_axis": axis, "slices": 3}, loop={"foreground_share": 0.0})
    ends = 0
    for number in range(60):
        image, bits, _ = given[0, number]
        assert image.shape == (9, 8, 8)
        assert bits.shape == (8, 8)
        along = image.view(3, 3, 8, 8)[:, axis]  # channels are slice by slice, as predict gives them
        assert (along == along[:, :1, :1]).all()
        before, middle, after = along[:, 0, 0].int().tolist()
        last = given.cases[0].labels.shape[axis] - 1
        assert (before, after) == (max(0, middle - 1), min(last, middle + 1))
        ends += middle in (0, last)
    assert ends


def test_as_many_patches_as_asked_lie_at_labeled_voxels() -> None:
    for share, low, high in ((0.0, 0, 0.25), (0.5, 0.45, 0.75), (1.0, 1.0, 1.0)):
        given = patches(numbered((40, 40, 40)), loop={"foreground_share": share})
        found = np.mean([bool((given[0, number][1] == 2).any()) for number in range(200)])
        assert low <= found <= high


def test_ignored_voxels_attract_no_patches() -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[2:5, 2:5, 2:5], labels[30:, 30:, 30:] = 1, 2
    given = patches(case(labels[None], labels, ignored=2), loop={"foreground_share": 1.0})
    assert all(bool((given[0, number][1] == 2).any()) for number in range(30))


@pytest.mark.parametrize("model", [{}, {"patch": (1, 16, 16), "slice_axis": 0}])
def test_labels_bend_with_the_image(model: dict) -> None:
    bent = patches(
        ball(),
        augment=True,
        model={"patch": (16, 16, 16), **model},
        loop={"foreground_share": 1.0},
        augmentation={"chance": 1.0, "flip": (1, 2), "rotate_degrees": 40, "scale": 0.3, "noise": 0, "blur": 0, "contrast": 0},
    )
    straight = patches(ball(), model={"patch": (16, 16, 16), **model}, loop={"foreground_share": 1.0})
    moved = 0
    for number in range(12):
        image, bits, _ = bent[0, number]
        assert float(((image[0] > 0.5) == (bits == 2)).float().mean()) > 0.97
        moved += not torch.equal(bits, straight[0, number][1])
    assert moved == 12


@pytest.mark.parametrize(("flip", "mirrored"), [((), False), ((0, 1), False), ((2,), True)])
def test_left_and_right_are_mirrored_only_where_asked(flip: tuple[int, ...], mirrored: bool) -> None:
    quiet = {"rotate_degrees": 0, "scale": 0, "chance": 0.0, "flip": flip}
    given = patches(numbered(), augment=True, augmentation=quiet)
    backward = [bool((image[2].diff(dim=2) < 0).any()) for image, _, _ in (given[0, number] for number in range(20))]
    assert any(backward) == mirrored
    assert not all(backward)


def test_a_label_that_the_data_set_does_not_name_is_refused(tmp_path: Path) -> None:
    data = read_dataset(write_dataset(tmp_path / "data", 1, 1, 0))
    _, labels = data.read("case0")
    write_volume(Volume(np.where(labels.voxels == 3, 4, labels.voxels).astype(np.uint8), labels.ijk_to_ras), data.label_file("case0"))
    model = spec(channels=data.channels, classes=data.classes, spacing=(2.0,) * 3)
    with pytest.raises(InputError, match="'case0' hold 4"):
        working_cases(data, ("case0",), model)


def test_labels_with_a_gap_are_refused(tmp_path: Path) -> None:
    write_description(tmp_path, "tumor", ("t1",), {"background": 0, "edema": 2}, Split(("a",), ("b",)), {})
    with pytest.raises(InputError, match="0 for the background"):
        read_dataset(tmp_path)


def test_a_case_that_changed_is_brought_anew(tmp_path: Path) -> None:
    data = read_dataset(write_dataset(tmp_path / "data", 2, 1, 0))
    model = spec(channels=data.channels, classes=data.classes, spacing=(4.0,) * 3)
    first = working_cases(data, ("case0",), model)[0].labels.sum()
    data.label_file("case0").write_bytes(data.label_file("case1").read_bytes())
    assert working_cases(data, ("case0",), model)[0].labels.sum() != first


def test_a_case_goes_to_another_process_without_its_voxels(tmp_path: Path) -> None:
    data = read_dataset(write_dataset(tmp_path / "data", 1, 1, 0))
    (here,) = working_cases(data, ("case0",), spec(channels=data.channels, classes=data.classes, spacing=(1.0,) * 3))
    packed = pickle.dumps(here)
    there = pickle.loads(packed)
    assert len(packed) < here.image.nbytes / 4
    assert np.array_equal(there.image, here.image)
    assert np.array_equal(there.labels, here.labels)


def test_a_data_set_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    data = read_dataset(write_dataset(tmp_path / "data", 1, 1, 0))
    (data.folder / "working").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be kept in"):
        working_cases(data, ("case0",), spec(channels=data.channels, classes=data.classes))


def test_drawn_examples_to_validate_with_stay_the_same_though_their_source_goes_on() -> None:
    class Counting:
        taken = 0

        def example(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            self.taken += 1
            return np.full((1, 2, 2, 2), self.taken), np.full((2, 2, 2), 1)

    kept = Kept(Drawn(Counting(), 3, seed=1))
    epochs = [[float(kept[(VALIDATION_EPOCH, number)][0].mean()) for number in range(3)] for _ in range(2)]
    assert epochs == [[1.0, 2.0, 3.0]] * 2
    assert len(kept) == 3
