"""Models of MONAI's Model Zoo, added as data, give what MONAI's own inferer gives; what would have to be run is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.models.bundle import find_bundle, read_bundle
from neurospineseg.models.catalog import models_of
from neurospineseg.models.model_source import model_source
from neurospineseg.pipeline.adding import Wishes, add_model
from neurospineseg.pipeline.matching import meaning_of
from neurospineseg.tasks.task import task_named
from Testing.peer_models import GLIOMA, KINDS, MONAI_LABELS, dice_of, drawn_scans, monai_bundle, monai_finds

TASKS = {"sigmoid": "tumor", "softmax": "spine", "argmax": "subcortical"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without models."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return tmp_path / "home" / ".neurospineseg" / "models"


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_those_of_monai(kind: str, tmp_path: Path, home: Path) -> None:
    task, bundle = TASKS[kind], monai_bundle(tmp_path / f"drawn_{kind}", kind)
    scans = drawn_scans(tmp_path / "scans", GLIOMA if task == "tumor" else ["scan"])
    assert main(["models", "add", str(bundle)]) == 0
    given = [part for name in GLIOMA for part in (f"--{name}", str(scans[name]))] if task == "tumor" else [str(scans["scan"])]
    mask = tmp_path / "mask.nii.gz"
    assert main(["segment", task, *given, "--model", bundle.name, "-o", str(mask), "--device", "cpu"]) == 0
    expected = monai_finds(bundle, list(scans.values()))
    agreement = dice_of(np.asarray(nib.load(mask).dataobj), expected, MONAI_LABELS[kind])
    assert len(set(np.unique(expected)) - {0}) >= 2, "the drawn model finds too little to compare"
    assert min(agreement.values()) >= 0.999, agreement


def test_a_model_is_listed_and_removed(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_model(monai_bundle(tmp_path / "kidneys", "softmax"), Wishes())
    entry = models_of("spine")[-1]
    assert entry.name == "kidneys"
    assert models_of("spine")[0].name != "kidneys", "an added model is no task's default"
    bundle = find_bundle("kidneys")
    assert [structure.name for structure in bundle.spec.structures] == ["L3 vertebra", "Sacrum", "Left kidney"]
    assert main(["models", "export", "kidneys", str(tmp_path / "out")]) == 2
    assert main(["models", "remove", "kidneys"]) == 0
    assert not home.joinpath("kidneys").exists()
    assert main(["models", "remove", "kidneys"]) == 2
    assert main(["models", "remove", "spine_3d"]) == 2
    assert "came with the program" in capsys.readouterr().err


def test_a_zip_file_with_one_folder_is_read(tmp_path: Path) -> None:
    bundle = monai_bundle(tmp_path / "inner", "softmax")
    with zipfile.ZipFile(tmp_path / "kidneys.zip", "w") as archive:
        for path in bundle.rglob("*"):
            archive.write(path, Path("kidneys_v0.1.0") / path.relative_to(bundle))
    added = add_model(tmp_path / "kidneys.zip", parent=tmp_path / "models").bundle
    assert added.folder == tmp_path / "models" / "kidneys"
    assert added.spec.classes == ("background", "vertebra_L3", "sacrum", "left_kidney")


def test_a_zip_file_is_not_blamed_for_where_it_is_copied_to(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("model.pt", b"weights")
    with model_source(tmp_path / "model.zip") as source, pytest.raises(FileNotFoundError):
        source.copy("model.pt", tmp_path / "nowhere" / "model.pt")


def test_what_cannot_be_matched_is_asked_for_and_can_be_said(tmp_path: Path) -> None:
    bundle = monai_bundle(tmp_path / "glioma", "sigmoid")
    _renamed(bundle, "inputs", "image", {"0": "post", "1": "T1", "2": "T2", "3": "FLAIR"})
    with pytest.raises(InputError, match="channel 'post'"):
        add_model(bundle, Wishes(task="tumor"), tmp_path / "models")
    added = add_model(bundle, Wishes(task="tumor", channels={"post": "t1c"}), tmp_path / "models").bundle
    assert added.spec.channels == GLIOMA
    with pytest.raises(InputError, match="already"):
        add_model(bundle, Wishes(task="tumor", channels={"post": "t1c"}), tmp_path / "models")


def test_for_what_a_model_is_is_asked_where_no_label_tells(tmp_path: Path) -> None:
    bundle = monai_bundle(tmp_path / "organs", "argmax")
    _renamed(bundle, "outputs", "pred", {"0": "background", "1": "spleen", "2": "liver"})
    with pytest.raises(InputError, match="for which task"):
        add_model(bundle, Wishes(), tmp_path / "models")
    added = add_model(bundle, Wishes(task="spine", labels={"2": "Leber"}), tmp_path / "models").bundle
    assert [structure.name for structure in added.spec.structures] == ["spleen", "Leber"]
    assert len({structure.color for structure in added.spec.structures}) == 2


@pytest.mark.parametrize("name", ["spine_3d", "brain_contrast"])
def test_no_model_stands_in_for_one_that_came_with_the_program(name: str, tmp_path: Path) -> None:
    bundle = monai_bundle(tmp_path / name, "softmax")
    with pytest.raises(InputError, match="give it another name"):
        add_model(bundle, Wishes(), tmp_path / "models")
    assert add_model(bundle, Wishes(name="another"), tmp_path / "models").bundle.spec.name == "another"


def test_a_model_of_this_program_is_copied(tmp_path: Path) -> None:
    given = find_bundle("brain_contrast").folder
    added = add_model(given, parent=tmp_path / "models").bundle
    assert added.spec == read_bundle(given).spec
    assert added.checksum == read_bundle(given).checksum


def _renamed(bundle: Path, side: str, key: str, names: dict[str, str]) -> None:
    path = bundle / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata["network_data_format"][side][key]["channel_def"] = names
    path.write_text(json.dumps(metadata))


def test_british_names_are_understood() -> None:
    task = task_named("tumor")
    assert meaning_of("Whole tumor".replace("or", "our"), task) == meaning_of("Whole tumor", task) == "whole_tumor"
    assert meaning_of("Peritumoral " + "o" + "edema", task) == meaning_of("Edema", task) == "edema"
