"""Bodies become instances, instances become names, arches and discs go with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from neurospineseg.geometry.agreement import dice
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import read_volume
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.class_scores import Postprocessed
from neurospineseg.tasks.spine.level_fields import _above, _coordinates
from neurospineseg.tasks.spine.level_names import UPWARD, disc_key, vertebra_key
from neurospineseg.tasks.spine.numbering import postprocess_spine
from Training.synthetic.spine.canvas import ARCH, BODY, CANAL, DISC, SACRUM
from Training.synthetic.spine.drawing import Spine, draw_spine

SPEC = ModelSpec(
    name="spine",
    task="spine",
    channels=("image",),
    spacing=(2.0, 2.0, 2.0),
    patch=(32, 32, 32),
    normalization="foreground_zscore",
    classes=("background", "vertebra_body", "vertebra_arch", "disc", "canal", "sacrum"),
)


def certain(classes: np.ndarray) -> torch.Tensor:
    """Probabilities (6, K, J, I) that are nearly sure of a class map."""
    return torch.nn.functional.one_hot(torch.from_numpy(classes.astype(np.int64)), 6).movedim(-1, 0).float() * 0.94 + 0.01


def numbered(classes: np.ndarray, ijk_to_ras: np.ndarray) -> tuple[np.ndarray, Postprocessed]:
    """The label map (K, J, I) on the working grid."""
    done = postprocess_spine(certain(classes), Grid(classes.shape, ijk_to_ras), SPEC)
    winner = done.probabilities.argmax(0).numpy()
    labels = np.zeros(classes.shape, int)
    for number, channel in enumerate(done.channels):
        value = channel.label if channel.label_field is None else channel.label_field
        labels = np.where(winner == number, value, labels)
    return labels, done


def drawn(seed: int, middle: float = 70.0, slices: int = 120) -> Spine:
    return draw_spine(np.random.default_rng(seed), (slices, 80, 50), (2.0, 2.0, 2.0), middle, forward=15.0)


def most_frequent(labels: np.ndarray, where: np.ndarray) -> int:
    return int(np.bincount(labels[where]).argmax())


def test_keys_run_upward_from_the_sacrum() -> None:
    assert [vertebra_key(n, True) for n in (0, 4, 5, 17, 23, 24)] == [
        "vertebra_L5",
        "vertebra_L1",
        "vertebra_T12",
        "vertebra_C7",
        "vertebra_C1",
        None,
    ]
    assert [disc_key(n, True) for n in (0, 1, 5, 22, 23)] == ["disc_L5_S1", "disc_L4_L5", "disc_T12_L1", "disc_C2_C3", None]
    assert len(UPWARD) == 24
    assert all(structure(vertebra_key(n, True)).label == 24 - n for n in range(24))


@pytest.mark.parametrize("seed", range(5))
def test_with_a_sacrum_vertebrae_and_discs_get_their_names(seed: int) -> None:
    spine = drawn(seed)
    labels, done = numbered(spine.classes, spine.ijk_to_ras)
    for level in (1, 2, 3, 4):
        bone = (spine.level == level) & np.isin(spine.classes, (BODY, ARCH))
        assert most_frequent(labels, bone & (spine.classes == BODY)) == 25 - level
        assert dice(labels == 25 - level, bone) > 0.75
        disc = (spine.level == level) & (spine.classes == DISC)
        if disc.sum() > 60:
            assert most_frequent(labels, disc) == structure(disc_key(level - 1, True)).label
    assert dice(labels == structure("sacrum").label, spine.classes == SACRUM) > 0.98
    assert dice(labels == structure("spinal_canal").label, spine.classes == CANAL) > 0.98
    assert "numbered upward from the sacrum" in done.notes[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("width_mm", [12, 20])
def test_in_a_few_sagittal_slices_vertebrae_get_their_names_and_none_is_doubted(seed: int, width_mm: int) -> None:
    spine = drawn(seed)
    slab = slice(25 - width_mm // 4, 25 + width_mm // 4)
    labels, done = numbered(np.ascontiguousarray(spine.classes[..., slab]), spine.ijk_to_ras)
    for level in (1, 2, 3, 4):
        assert most_frequent(labels, ((spine.level == level) & (spine.classes == BODY))[..., slab]) == 25 - level
    assert len(done.notes) == 1 or "Cut by the edge" in done.notes[1]


@pytest.mark.parametrize("seed", range(3))
def test_without_a_sacrum_numbers_are_neutral_and_the_user_is_told(seed: int) -> None:
    spine = drawn(seed, middle=300.0)
    labels, done = numbered(spine.classes, spine.ijk_to_ras)
    found = sorted(int(value) for value in np.unique(labels) if 200 < value < 250)
    assert found == list(range(201, 201 + len(found)))
    assert len(found) > 5
    assert not set(range(1, 60)) & set(np.unique(labels).tolist())
    discs = sorted(int(value) for value in np.unique(labels) if value > 250)
    assert discs == list(range(251, 251 + len(discs)))
    assert "No sacrum was found" in done.notes[0]


def test_bodies_that_touch_are_parted() -> None:
    classes = np.zeros((90, 40, 30), np.uint8)
    for start in (5, 20, 35, 50, 65):
        classes[start : start + 12, 14:28, 6:24] = BODY
    classes[32:35, 17:24, 11:18] = BODY
    classes[62:65, 14:20, 6:20] = BODY
    labels, done = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert [most_frequent(labels, classes_at) for classes_at in (_slab(classes, k) for k in (8, 23, 39, 53, 70))] == [
        201,
        202,
        203,
        204,
        205,
    ]


def _slab(classes: np.ndarray, k: int) -> np.ndarray:
    where = np.zeros(classes.shape, bool)
    where[k : k + 5] = classes[k : k + 5] == BODY
    return where


def test_a_missed_vertebra_leaves_its_number_out() -> None:
    spine = drawn(2)
    classes = spine.classes.copy()
    classes[(spine.level == 3) & (spine.classes == BODY)] = 0
    labels, done = numbered(classes, spine.ijk_to_ras)
    assert most_frequent(labels, (spine.level == 2) & (classes == BODY)) == 23
    assert most_frequent(labels, (spine.level == 4) & (classes == BODY)) == 21
    assert any("missing" in note for note in done.notes)
    for level in (3, 4):
        disc = (spine.level == level) & (spine.classes == DISC)
        assert disc.any(), "nothing tells which of the two discs is which"
        assert most_frequent(labels, disc) == 0, "nothing tells which of the two discs is which"
    assert most_frequent(labels, (spine.level == 2) & (spine.classes == DISC)) == structure("disc_L4_L5").label


def test_a_missed_lowest_vertebra_does_not_shift_the_others() -> None:
    spine = drawn(1)
    classes = spine.classes.copy()
    classes[(spine.level == 1) & (spine.classes == BODY)] = 0
    labels, _ = numbered(classes, spine.ijk_to_ras)
    assert most_frequent(labels, (spine.level == 2) & (classes == BODY)) == 23
    for level in (1, 2):
        assert not (labels[(spine.level == level) & (spine.classes == DISC)] == structure("disc_L4_L5").label).any()


def test_a_step_along_the_front_to_back_axis_has_a_border() -> None:
    grid = Grid((4, 4, 4), np.diag([5.0, 5.0, 5.0, 1.0]))
    above = _above(_coordinates(grid), np.array([7.0, 7.0, 7.0]), np.array([0.0, 1.0, 0.0]), 30.0)
    assert above.any()
    assert not above.all()


def test_islands_far_from_the_column_are_taken_away() -> None:
    spine = drawn(0)
    classes = spine.classes.copy()
    classes[50:56, 72:78, 2:8], classes[20:24, 70:76, 40:46], classes[100:104, 74:78, 4:9] = BODY, DISC, CANAL
    labels, _ = numbered(classes, spine.ijk_to_ras)
    assert not labels[50:56, 72:78, 2:8].any()
    assert not labels[20:24, 70:76, 40:46].any()
    assert not labels[100:104, 74:78, 4:9].any()


def test_a_single_vertebra_and_nothing_at_all() -> None:
    classes = np.zeros((40, 40, 30), np.uint8)
    assert not numbered(classes, np.eye(4))[0].any()
    classes[12:24, 14:28, 6:24] = BODY
    labels, done = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert set(np.unique(labels).tolist()) == {0, 201}
    assert len(done.notes) == 1


def test_a_vertebra_at_the_edge_is_named_as_cut() -> None:
    spine = drawn(0, middle=300.0)
    _, done = numbered(spine.classes, spine.ijk_to_ras)
    assert any(note.startswith("Cut by the edge") for note in done.notes)


def column_of_blocks(shape: tuple[int, int, int], bend: float, sideways: float) -> np.ndarray:
    """Six bodies with discs on a curve that leaves the midline by ``sideways`` voxels, above a sacrum (2 mm voxels)."""
    classes = np.zeros(shape, np.uint8)
    for number in range(6):
        height = 26 + 15 * number
        forward, aside = round(bend * (number - 2.5) ** 2), round(sideways * np.sin(number))
        rows, columns = slice(20 + forward, 36 + forward), slice(22 + aside, 42 + aside)
        classes[height : height + 12, rows, columns] = BODY
        classes[height - 3 : height, rows, columns] = DISC
    classes[6:22, 14:34, 16:46] = SACRUM
    return classes


@pytest.mark.parametrize(("bend", "sideways"), [(0.0, 8.0), (1.5, 0.0), (1.2, -6.0)])
def test_bent_columns_keep_their_order(bend: float, sideways: float) -> None:
    classes = column_of_blocks((124, 60, 64), bend, sideways)
    labels, _ = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    for number in range(6):
        assert most_frequent(labels, _slab(classes, 30 + 15 * number)) == 24 - number


def test_an_oblique_grid_changes_no_name() -> None:
    turn = np.deg2rad(20)
    oblique = np.eye(4)
    oblique[:3, :3] = 2 * np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    classes = column_of_blocks((124, 60, 64), 1.0, 0.0)
    assert np.array_equal(numbered(classes, oblique)[0] > 0, numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))[0] > 0)
    assert most_frequent(numbered(classes, oblique)[0], _slab(classes, 30)) == 24


def test_a_false_sacrum_far_away_does_not_hide_the_true_one() -> None:
    classes = column_of_blocks((124, 90, 64), 0.0, 0.0)
    classes[90:120, 62:88, 10:50] = SACRUM
    labels, done = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert most_frequent(labels, _slab(classes, 30)) == 24
    assert not labels[90:120, 62:88, 10:50].any()


def test_a_piece_of_the_sacrum_seen_as_a_body_takes_no_name() -> None:
    classes = column_of_blocks((124, 60, 64), 0.0, 0.0)
    classes[16:22, 20:31, 24:40] = BODY
    labels, _ = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert most_frequent(labels, _slab(classes, 30)) == 24
    assert not (labels == 24)[16:22].any()


def test_bone_that_only_body_and_arch_together_win_is_taken_away_far_from_the_column() -> None:
    classes = column_of_blocks((124, 90, 64), 0.0, 0.0)
    probabilities = certain(classes)
    probabilities[:, 60:66, 80:86, 4:10] = torch.tensor([0.4, 0.3, 0.3, 0.0, 0.0, 0.0])[:, None, None, None]
    done = postprocess_spine(probabilities, Grid(classes.shape, np.diag([2.0, 2.0, 2.0, 1.0])), SPEC)
    assert not done.probabilities.argmax(0)[60:66, 80:86, 4:10].any()


def on_working_grid(path: Path) -> tuple[np.ndarray, Grid]:
    """A label map (K, J, I) at 2 mm."""
    volume = read_volume(path)
    grid = covering_grid(volume.grid, np.full(3, 2.0))
    labels = resample(torch.from_numpy(volume.voxels).float()[None], volume.grid, grid, mode="nearest")[0]
    return labels.round().int().numpy(), grid


def test_arches_of_a_real_spine_go_with_their_vertebra(real_data: Path) -> None:
    folder = real_data / "spine" / "label_maps"
    parts, grid = on_working_grid(folder / "mr_sagittal_semantic.nii.gz")
    vertebrae, _ = on_working_grid(folder / "mr_sagittal_matched_instance.nii.gz")
    classes = np.select(
        [parts == 49, (parts > 40) & (parts < 49), np.isin(parts, (62, 100)), np.isin(parts, (60, 61)), parts == 26],
        [BODY, ARCH, DISC, CANAL, SACRUM],
    )
    labels, _ = numbered(classes, grid.ijk_to_ras)
    for value in range(2, 9):
        arch = (vertebrae == value) & (classes == ARCH)
        assert most_frequent(labels, (vertebrae == value) & (classes == BODY)) == 16 + value
        assert dice((labels == 16 + value) & (classes == ARCH), arch) > 0.9
        if value > 2:
            assert most_frequent(labels, (vertebrae == 100 + value) & (classes == DISC)) == 115 + value


def test_a_crushed_vertebra_that_is_missed_shifts_no_number(real_data: Path) -> None:
    vertebrae, grid = on_working_grid(real_data / "spine" / "label_maps" / "sub-verse004_seg-vert_msk.nii.gz")
    classes = np.zeros(vertebrae.shape, np.uint8)
    for value, box in zip(range(1, 25), ndimage.find_objects(vertebrae)):
        if box is None:
            continue
        bone = vertebrae[box] == value
        depth = ndimage.distance_transform_edt(np.pad(bone, 1), sampling=2.0)[1:-1, 1:-1, 1:-1]
        radius = min(6.0, 0.8 * depth.max())
        cores = ndimage.label(depth > radius)[0]
        core = cores == np.bincount(cores[cores > 0]).argmax()
        body = (ndimage.distance_transform_edt(~core, sampling=2.0) <= radius + 1.0) & bone
        classes[box][bone] = ARCH
        classes[box][body] = BODY
    classes[(vertebrae == 20) & (classes == BODY)] = ARCH
    labels, done = numbered(classes, grid.ijk_to_ras)
    whole = [value for value in range(24, 15, -1) if value != 20]
    assert [most_frequent(labels, (vertebrae == value) & (classes == BODY)) for value in whole] == [225 - value for value in whole]
    assert np.median([dice(labels == 225 - value, vertebrae == value) for value in whole]) > 0.93
    assert any("missing" in note for note in done.notes)


def test_real_bodies_keep_their_order(real_data: Path) -> None:
    volume = read_volume(real_data / "spine" / "chu2015" / "VB2_02_seg.nii.gz")
    bodies = np.round(volume.voxels[::2, ::2, ::2]).astype(int)
    low, high = np.argwhere(bodies > 0).min(0), np.argwhere(bodies > 0).max(0) + 1
    bodies = np.pad(bodies[tuple(map(slice, low, high))], ((18, 0), (14, 0), (0, 0)))
    names = list(range(24, 17, -1))
    classes = (bodies > 0).astype(np.uint8)
    labels, _ = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert [most_frequent(labels, bodies == value) for value in names] == list(range(201, 208))
    k, j, i = np.argwhere(bodies == 24).min(0)
    classes[k - 16 : k - 2, j - 10 : j + 6, i : i + 26] = SACRUM
    labels, _ = numbered(classes, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert [most_frequent(labels, bodies == value) for value in names] == names


def test_lumbar_vertebrae_of_unusual_size_are_doubted() -> None:
    spine = drawn(1)
    matrix = spine.ijk_to_ras.copy()
    usual = numbered(spine.classes, matrix)[1].notes
    matrix[:3, :3] *= 0.8
    small = numbered(spine.classes, matrix)[1].notes
    assert not any("Unusual size" in note for note in usual)
    assert any("Unusual size" in note and "L3 vertebra" in note for note in small)


@pytest.mark.parametrize("names", [("vertebra", "disc", "canal"), ("vertebra_body",), ("vertebra_body", "disc")])
@pytest.mark.parametrize("seed", [1, 2])
def test_models_with_fewer_classes_give_each_vertebra_its_number(seed: int, names: tuple[str, ...]) -> None:
    spine = drawn(seed)
    values = {"vertebra": (BODY, ARCH), "vertebra_body": (BODY,), "disc": (DISC,), "canal": (CANAL,)}
    classes = np.zeros(spine.classes.shape, np.int64)
    for number, name in enumerate(names, 1):
        classes[np.isin(spine.classes, values[name])] = number
    spec = SPEC.model_copy(update={"classes": ("background", *names)})
    scores = torch.nn.functional.one_hot(torch.from_numpy(classes), len(names) + 1).movedim(-1, 0).float() * 0.94 + 0.01
    done = postprocess_spine(scores, Grid(classes.shape, spine.ijk_to_ras), spec)
    winner = done.probabilities.argmax(0).numpy()
    labels = np.where(winner == 1, done.channels[1].label_field, 0)
    full, _ = numbered(spine.classes, spine.ijk_to_ras)
    bodies = (spine.classes == BODY) & (full > 0)
    pairs = {(int(a), int(b)) for a, b in zip(full[bodies], labels[bodies]) if b}
    found = {a: max((b for x, b in pairs if x == a), key=lambda b: np.count_nonzero((full == a) & (labels == b))) for a, _ in pairs}
    assert len(found) >= 4, "each vertebra has a number of its own"
    assert len(set(found.values())) == len(found), "each vertebra has a number of its own"
    agree = np.mean([labels[place] == found[full[place]] for place in map(tuple, np.argwhere(bodies)) if full[place] in found])
    assert agree > 0.97
