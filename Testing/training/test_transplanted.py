"""A patient's tumor in another head: where it lies, what it looks like, and that heads at hand are left as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from Testing.training.test_tumor_patients import PATCH, head, spec
from Training.datasets.glioma_cases import GliomaCase, read_case, write_case
from Training.synthetic.examples import tumor_patients
from Training.synthetic.tumor.altered_pose import Pose, cut
from Training.synthetic.tumor.transplanted import transplanted

PLACE = np.array((26, 28, 24))


def kept(folder: Path, name: str, kind: str, image: np.ndarray, labels: np.ndarray) -> GliomaCase:
    write_case(folder / name, kind, image, labels)
    return read_case(folder / name)


@pytest.fixture
def host(tmp_path: Path) -> GliomaCase:
    return kept(tmp_path, "healthy_0", "healthy", *head(9, tumor=False))


@pytest.fixture
def donor(tmp_path: Path) -> GliomaCase:
    image, labels = head(1)
    return kept(tmp_path, "patient_1", "patient", image, labels)


def test_the_tumor_lies_where_it_lay_and_the_rest_is_the_host(host: GliomaCase, donor: GliomaCase) -> None:
    _, raw, labels = transplanted(host, donor, PLACE, Pose.straight(), PATCH)
    _, wanted = cut(donor, PLACE, Pose.straight(), PATCH)
    plain, _ = cut(host, PLACE, Pose.straight(), PATCH)
    far = torch.nn.functional.max_pool3d((wanted > 0)[None].float(), 7, 1, 3)[0] == 0
    assert torch.equal(labels, wanted)
    assert torch.equal(raw[:, far], plain[:, far])
    assert float((raw - plain)[:, wanted > 0].abs().mean()) > 10


def test_gray_values_come_in_the_hosts_range(tmp_path: Path, host: GliomaCase) -> None:
    image, labels = head(1)
    dim = kept(tmp_path, "patient_dim", "patient", np.where(image > 0, np.maximum(image // 3, 1), 0).astype(np.uint8), labels)
    bright = kept(tmp_path, "patient_bright", "patient", image, labels)
    first, second = (transplanted(host, donor, PLACE, Pose.straight(), PATCH)[1] for donor in (dim, bright))
    assert float((first - second).abs().mean()) < 1


def test_a_tumor_of_the_host_stays_beside_the_other(tmp_path: Path, donor: GliomaCase) -> None:
    image, labels = head(2)
    mirrored = kept(tmp_path, "patient_2", "patient", image[..., ::-1].copy(), labels[..., ::-1].copy())
    _, _, both = transplanted(mirrored, donor, np.array(donor.labels.shape) // 2, Pose.straight(), donor.labels.shape)
    own, theirs = (torch.from_numpy(np.array(each.labels)) for each in (mirrored, donor))
    assert torch.equal(both > 0, (own > 0) | (theirs > 0))
    assert torch.equal(both[theirs > 0], theirs[theirs > 0].long())


def test_contrasts_that_one_of_them_lacks_are_not_given(tmp_path: Path, host: GliomaCase) -> None:
    image, labels = head(1)
    image[2] = 0
    without_t2 = kept(tmp_path, "patient_1", "patient", image, labels)
    case, raw, _ = transplanted(host, without_t2, PLACE, Pose.straight(), PATCH)
    plain, _ = cut(host, PLACE, Pose.straight(), PATCH)
    assert case.given.tolist() == [True, True, False, True]
    assert torch.equal(raw[2], plain[2])


def test_examples_of_healthy_heads_hold_tumors_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        write_case(tmp_path / f"patient_{number}", "patient", *head(number))
    write_case(tmp_path / "healthy_0", "healthy", *head(9, tumor=False))
    monkeypatch.setattr(tumor_patients, "cases_folder", lambda spacing: tmp_path)
    plain, mixed = (tumor_patients.Examples(spec(), healthy_share=1.0, real_share=0.0, transplanted_share=share) for share in (0, 1))
    seeds = range(6)
    assert not any(bool((plain.example(np.random.default_rng(seed))[1] > 1).any()) for seed in seeds)
    assert any(bool((mixed.example(np.random.default_rng(seed))[1] > 1).any()) for seed in seeds)


def test_the_tumor_of_a_patient_kept_aside_is_never_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_case(tmp_path / f"patient_{number}", "patient", *head(number))
    monkeypatch.setattr(tumor_patients, "cases_folder", lambda spacing: tmp_path)
    seen: list[str] = []

    def told(host: GliomaCase, donor: GliomaCase, *rest: object) -> object:
        seen.append(donor.name)
        return transplanted(host, donor, *rest)

    monkeypatch.setattr(tumor_patients, "transplanted", told)
    examples = tumor_patients.Examples(spec(), fold=1, real_share=1.0, healthy_share=0.0, transplanted_share=1.0)
    for seed in range(8):
        examples.example(np.random.default_rng(seed))
    assert set(seen) == {"patient_0", "patient_2"}
