"""Whole trainings with tiny networks: reproducible, resumable, on several processes, and what they leave behind."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
import torch
from monai.bundle import ConfigParser

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import Bundle, installed_bundles, read_bundle
from neurospineseg.models.network import build_network, load_weights
from neurospineseg.models.weights import save_weights
from Testing.prepared_miniature import write_dataset
from Training import train
from Training.training.curves import read_log
from Training.training.session import Session
from Training.training.session import train as run_training

PROGRAM = Path(train.__file__)
TINY = (
    "model.spacing=[2,2,2]",
    "model.patch=[32,32,32]",
    "network.n_levels=3",
    "network.filters=8",
    "loop.patches_per_case=2",
    "loop.precision=32",
    "augmentation.chance=0.5",
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "gliomas", train=3, val=1, test=1)


def session(folder: Path, dataset: Path, epochs: int = 2, changes: tuple[str, ...] = (), **values: object) -> Session:
    given = {"recipe": "brats_unet3d", "models": folder / "models", "run": folder / "run", "data": [dataset], "device": "cpu", **values}
    return Session(changes=[*TINY, f"loop.epochs={epochs}", *changes], **given)


def command(folder: Path, dataset: Path, epochs: int, *more: str) -> list[str]:
    settings = [word for change in (*TINY, f"loop.epochs={epochs}") for word in ("--set", change)]
    places = ["--data", str(dataset), "--folder", str(folder / "run"), "--models", str(folder / "models"), "--device", "cpu"]
    return [str(PROGRAM), "brats_unet3d", *places, *settings, *more]


def environment(**values: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **values}


def weights(bundle: Path) -> dict[str, torch.Tensor]:
    return torch.load(bundle / "models" / "model.pt", weights_only=True)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder and the bundle of a training of three epochs in it."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, run_training(session(folder, dataset, epochs=3))


def test_a_training_leaves_a_bundle_that_is_listed_and_not_for_clinical_use(trained: tuple[Path, Path], monkeypatch) -> None:
    folder, bundle = trained
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(folder / "models"))
    found = {each.spec.name: each for each in installed_bundles("tumor")}["brats_unet3d"]
    assert found.folder == bundle
    assert "not for clinical use" in found.card.read_text(encoding="utf-8")
    assert found.spec.trained_on == "3 cases of gliomas"
    assert found.spec.measured.startswith("Dice 0.")


def test_a_training_leaves_curves_and_logs(trained: tuple[Path, Path]) -> None:
    run = trained[0] / "run"
    assert (run / "curves.png").stat().st_size > 10_000
    assert list((run / "tensorboard").rglob("events.out.*"))
    table = read_log(run / "logs")
    for part in ("train_", "val_"):
        for name in ("loss", "dice", "f1", "accuracy"):
            assert sorted(table[part + name]) == [0, 1, 2]
    assert set(table["examples_seen"].values()) == {6.0}
    assert table["train_loss"][2] < table["train_loss"][0]


def test_monai_reads_the_network_and_its_weights_fit(trained: tuple[Path, Path]) -> None:
    parser = ConfigParser()
    parser.read_config(trained[1] / "configs" / "inference.json")
    network = parser.get_parsed_content("network_def")
    load_weights(network, trained[1] / "models" / "model.pt")
    assert network(torch.zeros(1, 4, 32, 32, 32)).shape == (1, 4, 32, 32, 32)


def test_the_bundle_holds_the_weights_of_the_best_epoch(trained: tuple[Path, Path], tmp_path: Path) -> None:
    saved = torch.load(trained[0] / "run" / "best.ckpt", weights_only=True)
    values = read_log(trained[0] / "run" / "logs")["val_dice"]
    assert saved["epoch"] == max(values, key=values.get)
    best = build_network(read_bundle(trained[1]).network_def)
    best.load_state_dict({key: saved["state_dict"][f"network.{key}"] for key in best.state_dict()})
    save_weights(best, tmp_path / "best.pt")
    assert same(weights(trained[1]), torch.load(tmp_path / "best.pt", weights_only=True))


def test_the_same_seed_gives_the_same_weights_with_any_number_of_workers(trained: tuple[Path, Path], dataset: Path, tmp_path: Path) -> None:
    again = run_training(session(tmp_path / "again", dataset, epochs=3, workers=0))
    assert same(weights(trained[1]), weights(again))


def test_another_seed_gives_other_weights(trained: tuple[Path, Path], dataset: Path, tmp_path: Path) -> None:
    other = run_training(session(tmp_path / "other", dataset, epochs=3, changes=("loop.seed=2",)))
    assert not same(weights(trained[1]), weights(other))


def rows(run: Path) -> int:
    file = run / "logs" / "version_0" / "metrics.csv"
    if not file.is_file():
        return 0
    with open(file, newline="", encoding="utf-8") as stream:
        return sum(bool(row.get("val_dice")) for row in csv.DictReader(stream))


def started(arguments: list[str], finished_epochs: int, run: Path, **values: str) -> subprocess.Popen:
    """A training in a process of its own, once it has finished some epochs."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(**values)
    )
    end = monotonic() + 120
    while rows(run) < finished_epochs or not (run / "last.ckpt").is_file():
        if process.poll() is not None or monotonic() > end:
            process.kill()
            pytest.fail(process.communicate()[0])
        sleep(0.02)
    return process


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(dataset: Path, tmp_path: Path) -> None:
    averaged = ("--set", "loop.averaging=0.9")
    killed = started(command(tmp_path / "killed", dataset, 8, *averaged), 1, tmp_path / "killed" / "run")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = rows(tmp_path / "killed" / "run")
    assert 1 <= done < 8
    resumed = run_training(session(tmp_path / "killed", dataset, epochs=8, changes=averaged[1:], resume=True))
    whole = run_training(session(tmp_path / "whole", dataset, epochs=8, changes=averaged[1:]))
    first, second = (read_log(tmp_path / name / "run" / "logs") for name in ("killed", "whole"))
    assert {key: values for key, values in first.items() if key.startswith("val_")} == {
        key: values for key, values in second.items() if key.startswith("val_")
    }
    assert same(weights(resumed), weights(whole))
    last = [torch.load(tmp_path / name / "run" / "last.ckpt", weights_only=True)["state_dict"] for name in ("killed", "whole")]
    assert same(*last)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C cannot be sent to one process there")
def test_a_stopped_training_says_how_it_goes_on(dataset: Path, tmp_path: Path) -> None:
    process = started(command(tmp_path, dataset, 500), 1, tmp_path / "run")
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "--resume" in output
    assert "Traceback" not in output


def test_processes_share_each_epoch(dataset: Path, tmp_path: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    changes = ["--set", "loop.patches_per_case=3", "--set", "loop.batch=2"]  # 9 examples, 3 to validate with
    done = subprocess.run(
        [sys.executable, *launcher, *command(tmp_path, dataset, 2), *changes],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("The model 'brats_unet3d' is in") == 1
    assert set(read_log(tmp_path / "run" / "logs")["examples_seen"].values()) == {9.0}
    assert [folder.name for folder in (tmp_path / "models").iterdir()] == ["brats_unet3d"]
    read_bundle(tmp_path / "models" / "brats_unet3d")


def test_a_folder_that_holds_a_training_is_left_alone(trained: tuple[Path, Path], dataset: Path) -> None:
    before = (trained[0] / "run" / "last.ckpt").read_bytes()
    with pytest.raises(InputError, match="holds a training already.*--resume"):
        run_training(session(trained[0], dataset, epochs=3))
    assert (trained[0] / "run" / "last.ckpt").read_bytes() == before


def test_a_model_of_that_name_is_never_replaced_unasked(trained: tuple[Path, Path], dataset: Path, tmp_path: Path) -> None:
    again = replace(session(trained[0], dataset, epochs=1), run=tmp_path / "run")
    with pytest.raises(InputError, match="holds a model 'brats_unet3d' already.*--name"):
        run_training(again)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("change", ["network.filters=4", "loop.seed=7", "optimizer.learning_rate=0.1"])
def test_a_training_goes_on_with_its_own_recipe_alone(trained: tuple[Path, Path], dataset: Path, change: str) -> None:
    with pytest.raises(InputError, match=change.split("=")[0]):
        run_training(session(trained[0], dataset, epochs=3, changes=(change,), resume=True))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"recipe": "tumor_glioma"}, "leave out --data"),
        ({"data": []}, "needs a prepared data set"),
        ({"data": [Path("nowhere")]}, "not a prepared data set"),
        ({"recipe": "spine_unet3d"}, "is a data set for tumor"),
        ({"device": "cuda"}, "not available"),
        ({"start": "nothing"}, "no model 'nothing'"),
        ({"start": "tumor_glioma"}, "no effect with --from"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(dataset: Path, tmp_path: Path, values: dict, words: str) -> None:
    if values.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(InputError, match=words):
        run_training(session(tmp_path, dataset, **values))
    assert not (tmp_path / "models").exists()


def test_a_data_set_without_cases_to_validate_with_is_a_sentence(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", train=1, val=0, test=0)
    with pytest.raises(InputError, match="no cases in its part 'val'"):
        run_training(session(tmp_path, data))


def test_a_loss_that_is_no_number_ends_the_training(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no number any more in epoch 1"):
        run_training(session(tmp_path, dataset, changes=("optimizer.learning_rate=1.0e+30", "optimizer.name=sgd", "loop.batch=1")))
    assert not (tmp_path / "models").exists()


def test_the_program_prints_the_sentence_alone(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["brats_unet3d", "--data", str(tmp_path), "--folder", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip()
    assert said.endswith("prepare.py.")
    assert "Traceback" not in said


def tuned(tmp_path: Path, start: str, data: Path, *changes: str) -> Bundle:
    settings = ("loop.epochs=2", "loop.patches_per_case=2", "loop.precision=32", *changes)
    given = {"models": tmp_path / "models", "run": tmp_path / "run", "device": "cpu"}
    return read_bundle(run_training(Session("finetune", changes=settings, data=[data], start=start, **given)))


def test_a_model_is_tuned_on_other_cases(tiny_models: Path, tmp_path: Path) -> None:
    """Two of four channels, one of three classes: the model keeps its form, and what is not labeled stays open."""
    data = write_dataset(tmp_path / "data", train=2, val=1, test=0, channels=("flair", "t1c"), classes=("background", "edema"))
    made = tuned(tmp_path, str(tiny_models / "tiny_tumor"), data)
    first = read_bundle(tiny_models / "tiny_tumor")
    assert made.spec.name == "tiny_tumor_tuned"
    for key in ("channels", "classes", "spacing", "patch"):
        assert getattr(made.spec, key) == getattr(first.spec, key)
    assert made.network_def == first.network_def
    old, new = weights(first.folder), weights(made.folder)
    assert not same(old, new)
    assert all((new[key].float() - old[key].float()).abs().max() < 0.05 for key in old)


def test_a_model_of_another_spacing_begins_with_the_weights_of_one(trained: tuple[Path, Path], dataset: Path, tmp_path: Path) -> None:
    still = ("model.spacing=[3,3,3]", "optimizer.learning_rate=1e-9", "optimizer.weight_decay=0")
    made = run_training(session(tmp_path, dataset, epochs=1, changes=still, weights=str(trained[1])))
    assert read_bundle(made).spec.spacing == (3.0, 3.0, 3.0)
    old, new = weights(trained[1]), weights(made)
    assert all(torch.allclose(new[key].float(), old[key].float(), atol=1e-3) for key in old)


def test_a_place_that_cannot_be_written_is_a_sentence(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert train.main(["brats_unet3d", "--data", str(dataset), "--folder", str(tmp_path / "file" / "run")]) == 2
    assert "a file where a folder is needed" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("option", ["--devices=0", "--workers=-1", "--minutes=0", "--workers=two"])
def test_numbers_that_make_no_sense_are_refused_by_name(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(["brats_unet3d", option])
    assert ended.value.code == 2
    assert option.split("=")[0] in capsys.readouterr().err
