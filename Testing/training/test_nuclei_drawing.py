"""Contrasts of the deep nuclei, what atlases disagree about, and heads made of people's deep structures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from Training import prepare_nuclei
from Training.synthetic.nuclei.contrast import CHANCES, CONTRASTS, TISSUES, physical_contrast, random_contrast
from Training.synthetic.nuclei.heads import DEEP_GRAY, NUCLEI, Head
from Training.synthetic.nuclei.people import FREESURFER, amid, people
from Training.synthetic.nuclei.scan import ATLASES_MEAN_MM, as_another_atlas, drawn_head

RIGHT_RED, LEFT_RED = NUCLEI["red_nucleus"][1], NUCLEI["red_nucleus"][0]


def means_of(name: str, seeds: range = range(40)) -> dict[str, float]:
    """The mean ratio of each tissue to white matter over many draws of a contrast."""
    drawn = [physical_contrast(np.random.default_rng(seed), name)[0] for seed in seeds]
    white = np.mean([means[2] for means in drawn])
    return {tissue: float(np.mean([means[labels[0]] for means in drawn]) / white) for tissue, labels in TISSUES.items()}


def test_every_contrast_has_a_ratio_for_every_tissue_and_a_chance() -> None:
    assert set(CHANCES) == set(CONTRASTS)
    assert sum(CHANCES.values()) == pytest.approx(1)
    assert {len(ratios) for ratios in CONTRASTS.values()} == {len(TISSUES)}


@pytest.mark.parametrize("name", ["t2", "t2star", "swi", "fused"])
def test_the_subthalamic_nucleus_is_dark_where_iron_is(name: str) -> None:
    found = means_of(name)
    assert found["subthalamic"] < 0.9 * min(found["white"], found["zona_incerta"])


def test_a_fused_scan_has_the_gray_matter_of_a_t1_and_the_iron_of_a_t2star() -> None:
    fused, t1, t2star = (means_of(name) for name in ("fused", "t1", "t2star"))
    assert fused["gray"] == pytest.approx(t1["gray"], abs=0.06)
    assert fused["nigra"] == pytest.approx(t2star["nigra"], abs=0.06)


def test_a_map_of_susceptibility_shows_iron_bright_and_nothing_around_the_brain() -> None:
    means, deviations = physical_contrast(np.random.default_rng(0), "qsm")
    assert means[NUCLEI["substantia_nigra"][0]] > 1.3 * means[2]
    assert set(means[500:900]) == {100.0}
    assert (means[0], deviations[0]) == (100.0, 0.0)


def test_where_white_matter_is_nulled_what_lies_around_the_nuclei_is_often_as_dark_as_it() -> None:
    drawn = [physical_contrast(np.random.default_rng(seed), "nulled")[0] for seed in range(200)]
    towards_gray = np.array([(means[28] - means[2]) / (means[3] - means[2]) for means in drawn])
    assert np.mean(towards_gray < 0.2) > 0.3
    assert np.mean(towards_gray > 0.4) > 0.1


def test_a_random_contrast_is_positive_and_one_of_a_seed() -> None:
    first, again = (random_contrast(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] >= 0).all()


def test_another_atlas_has_the_nuclei_further_out_forward_and_up_on_both_sides() -> None:
    grid = Grid.canonical(np.zeros(3), np.full(3, 40.0), np.full(3, 0.8))
    nuclei = torch.zeros(grid.shape, dtype=torch.int16)
    nuclei[20:30, 20:30, 8:16], nuclei[20:30, 20:30, 34:42] = LEFT_RED, RIGHT_RED
    head = Head(torch.full(grid.shape, 2, dtype=torch.int16), grid.ijk_to_ras, nuclei)
    places = list(torch.meshgrid(*(torch.arange(float(n)) for n in grid.shape), indexing="ij"))[::-1]
    common = np.array([0.8, 1.6, 2.4]) - ATLASES_MEAN_MM["red_nucleus"]
    moved = as_another_atlas(head, places, common, 1.0)
    for label, outward in ((LEFT_RED, -0.8), (RIGHT_RED, 0.8)):
        away = grid.centroid((moved == label).numpy()) - grid.centroid((nuclei == label).numpy())
        np.testing.assert_allclose(away, (outward, 1.6, 2.4), atol=1e-6)


def test_every_small_nucleus_has_a_place_among_atlases() -> None:
    assert {label for name in ATLASES_MEAN_MM for label in NUCLEI[name]} == {903, 953, 904, 954, 905, 955, 906, 956}


def test_atlases_move_the_nuclei_of_drawn_heads_as_one() -> None:
    grid = Grid.canonical(np.zeros(3), np.full(3, 40.0), np.ones(3))
    nuclei = torch.zeros(grid.shape, dtype=torch.int16)
    nuclei[15:25, 15:25, 24:34] = RIGHT_RED
    head = Head(torch.full(grid.shape, 2, dtype=torch.int16), grid.ijk_to_ras, nuclei)

    def height(atlases: float, seed: int) -> float:
        drawn, _ = drawn_head(head, grid, np.random.default_rng(seed), linear=np.eye(3), field_mm=0.0, nuclei_mm=0.0, atlases=atlases)
        return float(torch.nonzero(drawn == RIGHT_RED)[:, 0].float().mean())

    heights = [height(1.0, seed) for seed in range(12)]
    assert height(0.0, 0) == pytest.approx(19.5)
    assert np.std(heights) > 0.3


def test_people_s_labels_become_freesurfer_s_with_left_and_right_apart(tmp_path: Path) -> None:
    labels = np.zeros((33, 4, 5), np.uint8)
    labels[:, 1, 2] = np.arange(33)
    np.savez(tmp_path / "atlas.npz", a=labels, a_ijk_to_ras=np.eye(4))
    ((number, person),) = people(tmp_path / "atlas.npz")
    assert number == 21
    assert person.voxels[2, 1].tolist() == list(FREESURFER)
    for name in ("thalamus", "caudate", "putamen", "hippocampus", "amygdala", "nucleus_accumbens"):
        assert set(DEEP_GRAY[name]) <= set(FREESURFER)


def test_another_file_is_refused_as_people(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="hoa2_subcortical"):
        list(people(tmp_path / "other.npz"))


def test_a_person_lies_amid_another_s_tissue_without_its_nuclei() -> None:
    person, other = np.zeros((4, 4, 40), np.uint16), np.zeros((4, 4, 40), np.uint16)
    person[1, 1, 25] = 51
    other[..., :20], other[..., 20:], other[0] = 3, 42, 50
    other[0, :, :20] = 11
    made = amid(person, other, 1.0)
    assert made[1, 1, 25] == 51
    assert made[1, 1, 24] == 42
    assert set(made[0, :, :20].ravel()) == {2}
    assert set(made[0, :, 20:].ravel()) == {41}


def test_people_lie_amid_heads_that_teach_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_nuclei, "CACHE", tmp_path)
    with pytest.raises(InputError, match="heads 1 to 18"):
        prepare_nuclei.other_head(21)
    for number in (3, 18, 19, 20, 30):
        (tmp_path / f"deep_{number:02d}.npz").touch()
    assert {prepare_nuclei.other_head(number).name for number in range(21, 46)} == {"deep_03.npz", "deep_18.npz"}
