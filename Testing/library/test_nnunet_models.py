"""Models of nnU-Net give the masks that its own predictor gives, to the voxel; where it is not installed, those that it gave."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.images.volume import read_volume
from neurospineseg.inference.nnunet_way import nnunet_classes
from neurospineseg.models.network import NetworkError
from neurospineseg.models.nnunet_folder import ReadStage, configuration_of, model_of
from neurospineseg.models.nnunet_network import build_folds
from Testing.peer_models import GLIOMA, dice_of, drawn_scans
from Testing.peer_nnunet import (
    CASES,
    EXPECTED,
    NUCLEI,
    STAND_INS,
    StandIn,
    case_of,
    dataset,
    last_stage,
    plans,
    predictor_finds,
    stand_in_plans,
)

needs_peer = pytest.mark.skipif(importlib.util.find_spec("nnunetv2") is None, reason="nnU-Net (the package nnunetv2) is not installed")


@needs_peer
@pytest.mark.parametrize("name", CASES)
def test_masks_are_those_of_the_predictor(name: str, tmp_path: Path) -> None:
    from Testing.benchmarks.peers import own_labels

    scans = drawn_scans(tmp_path / "scans", GLIOMA if "regions" in name else ["scan"], coarse="coarse" in name)
    added, first, values = case_of(name, tmp_path / "results")
    expected = predictor_finds(last_stage(added, first), list(scans.values()), tmp_path / "scratch", first)
    agreement = dice_of(own_labels(added, scans, tmp_path / "models"), expected, values)
    assert expected.any(), "the drawn model finds nothing"
    assert min(agreement.values()) >= 0.999, agreement


@pytest.mark.parametrize("name", STAND_INS)
def test_resampling_scaling_and_windows_give_what_the_predictor_gave(name: str, tmp_path: Path) -> None:
    configuration, plan, coarse = stand_in_plans(name)
    read = ReadStage(configuration, configuration_of(plan, configuration), (0, 1))
    recipe = model_of(plan, dataset(["MRI"], NUCLEI), [read]).recipe
    scan = read_volume(drawn_scans(tmp_path, ["scan"], coarse)["scan"])
    network = torch.nn.ModuleList([torch.nn.ModuleList([StandIn(len(recipe.stages[0].patch)).eval()])])
    found = nnunet_classes([scan.voxels], scan.grid, recipe, network, torch.device("cpu"))
    expected = np.load(EXPECTED)[name]
    assert 0.02 < (expected > 0).mean() < 0.98, "the stored mask holds too little to compare"
    assert min(dice_of(found.transpose(2, 1, 0), expected, {n: n for n in range(4)}).values()) >= 0.999


def test_the_missing_package_is_asked_for_in_a_sentence() -> None:
    if importlib.util.find_spec("dynamic_network_architectures") is not None:
        pytest.skip("the package dynamic-network-architectures is installed")
    read = ReadStage("2d", configuration_of(plans(1), "2d"), (), ({},))
    with pytest.raises(NetworkError, match="pip install"):
        build_folds(model_of(plans(1), dataset(["MRI"], NUCLEI), [read]).network_def)
