"""A bundle that MONAI alone loads and runs."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from neurospineseg.cli.main import main
from neurospineseg.models.bundle import find_bundle, read_bundle
from neurospineseg.models.network import build_network, load_weights


@pytest.mark.parametrize("name", ["tumor_glioma", "subcortical_locator"])
def test_the_exported_weights_are_the_installed_ones(name: str, tmp_path: Path) -> None:
    assert main(["models", "export", name, str(tmp_path)]) == 0
    exported, installed = read_bundle(tmp_path / name), find_bundle(name)
    assert exported.spec == installed.spec
    theirs = build_network(installed.network_def)
    theirs.load_state_dict(torch.load(exported.weights, weights_only=True))
    ours = load_weights(build_network(installed.network_def), installed.weights).state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in theirs.state_dict().items())
    assert (exported.folder / "docs" / "README.md").read_text() == (installed.folder / "docs" / "README.md").read_text()


def test_monai_runs_the_bundle_by_itself(tmp_path: Path) -> None:
    from monai.bundle import ConfigWorkflow

    assert main(["models", "export", "spine_3d", str(tmp_path)]) == 0
    scans, bundle = tmp_path / "scans", tmp_path / "spine_3d"
    scans.mkdir()
    voxels = np.random.default_rng(0).random((40, 44, 36), np.float32) * 100
    nib.save(nib.Nifti1Image(voxels, np.diag([*read_bundle(bundle).spec.spacing, 1.0])), scans / "scan.nii.gz")
    workflow = ConfigWorkflow(
        str(bundle / "configs" / "inference.json"),
        meta_file=str(bundle / "configs" / "metadata.json"),
        logging_file=False,
        workflow_type="inference",
        bundle_root=str(bundle),
        dataset_dir=str(scans),
        output_dir=str(tmp_path / "out"),
    )
    graded = torch.is_grad_enabled()
    try:
        workflow.initialize()
        workflow.run()
    finally:
        torch.set_grad_enabled(graded)
    (written,) = (tmp_path / "out").rglob("*.nii.gz")
    labels = np.asarray(nib.load(written).dataobj)
    assert labels.size == voxels.size
    assert set(np.unique(labels).tolist()) <= set(range(6))


def test_what_is_there_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spine_3d").mkdir()
    assert main(["models", "export", "spine_3d", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not list((tmp_path / "spine_3d").iterdir())


def test_models_without_an_action_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "spine_3d" in capsys.readouterr().out
