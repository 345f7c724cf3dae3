"""The command that fills a folder of wheels: real pip on a stand-in index of tiny wheels, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import neurospineseg.cli.wheels as command
from neurospineseg.cli.main import BAD_INPUT, CANCELED, DONE, main
from neurospineseg.errors import InputError
from neurospineseg.packages.gathering import needed_wheels
from neurospineseg.packages.target import Target
from neurospineseg.packages.wheel import Wheel, reason_of, wheels_of
from neurospineseg.packages.wheel_folder import check_folder
from Testing.small_wheels import make_wheel

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the package index, with ``nss_torch``, which needs other packages by system, and ``setuptools``."""
    folder = tmp_path / "index"
    folder.mkdir()
    needs = ["nss_plain>=1", 'nss_windows; sys_platform == "win32"', 'nss_cuda; platform_system == "Linux"']
    make_wheel(folder, "nss_torch", "2.0+cpu", needs)
    for name in ("nss_plain", "nss_windows", "setuptools"):
        make_wheel(folder, name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(command, "NEEDED", ("nss_torch",))
    monkeypatch.setattr(command, "CONSTRAINTS", tmp_path / "none.txt")
    return folder


def names(folder: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in folder.iterdir()}


def test_a_folder_for_another_system_holds_what_is_needed_there(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "wheels"
    assert main(["wheels", str(folder), "--python", "3.12", "--platform", "win_amd64"]) == DONE
    assert names(folder) == {"nss_torch", "nss_plain", "nss_windows", "setuptools"}
    printed = capsys.readouterr().out
    assert "4 got, 0 kept" in printed
    assert "Python 3.12 on win_amd64" in printed


def test_a_wheel_for_its_system_is_chosen_and_an_older_linux_counts_too(index: Path) -> None:
    make_wheel(index, "nss_built", tag="cp312-cp312-win_amd64")
    make_wheel(index, "nss_built", tag="cp312-cp312-manylinux_2_17_x86_64")
    for platform in ("win_amd64", "manylinux_2_17_x86_64"):
        asked = platform.replace("2_17", "2_28")
        (wheel,) = needed_wheels(["nss_built"], [], Target("3.12", asked))
        assert platform in wheel.file


def test_a_file_that_is_there_is_kept_and_a_broken_one_is_got_anew(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, arguments = tmp_path / "wheels", ["wheels", str(tmp_path / "wheels"), "--python", "3.12", "--platform", "win_amd64"]
    assert main(arguments) == DONE
    kept, broken = folder / "nss_plain-1.0-py3-none-any.whl", folder / "nss_windows-1.0-py3-none-any.whl"
    written = kept.stat().st_mtime_ns
    broken.write_bytes(b"half")
    capsys.readouterr()
    assert main(arguments) == DONE
    assert "1 got, 3 kept" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == written
    assert broken.read_bytes() == (index / broken.name).read_bytes()


def test_what_was_got_stays_when_one_fails(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    folder, arguments = tmp_path / "wheels", ["wheels", str(tmp_path / "wheels"), "--python", "3.12", "--platform", "win_amd64"]
    found = needed_wheels(["nss_torch"], [], Target("3.12", "win_amd64"))
    gone = Wheel("nss_gone", "1", "http://127.0.0.1:9/nss_gone-1-py3-none-any.whl", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setattr(command, "needed_wheels", lambda *_: [*found, gone])
    assert main(arguments) == BAD_INPUT
    assert capsys.readouterr().err.splitlines()[-1].startswith("The package index could not be reached or broke off; check the network")
    assert names(folder) == {"nss_torch", "nss_plain", "nss_windows"}


def test_a_canceled_run_says_what_is_kept(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def cancel(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "get_wheel", cancel)
    assert main(["wheels", str(tmp_path / "wheels"), "--python", "3.12", "--platform", "win_amd64"]) == CANCELED
    assert capsys.readouterr().err.splitlines()[-1] == "Canceled; what was got is kept: run the command again to go on."


def test_pip_installs_from_the_folder_without_an_index(index: Path, tmp_path: Path) -> None:
    make_wheel(index, "nss_cuda")
    folder, site = tmp_path / "wheels", tmp_path / "site"
    assert main(["wheels", str(folder)]) == DONE
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--find-links", str(folder), "--target", str(site), "nss_torch"]
    subprocess.run(pip, check=True)
    assert (site / "nss_torch" / "__init__.py").is_file()
    assert (site / "nss_plain" / "__init__.py").is_file()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--python", "3"], "'3' is no version of Python; give one such as 3.12"),
        (["--platform", "windows"], "The system 'windows' is not known; give win_amd64"),
        (["--python", "3.12", "--platform", "macosx_14_0_arm64"], "has no wheel of nss_built for Python 3.12 on macosx_14_0_arm64"),
    ],
)
def test_each_refusal_is_one_sentence(index: Path, tmp_path: Path, monkeypatch, capsys, arguments: list[str], words: str) -> None:
    make_wheel(index, "nss_built", tag="cp312-cp312-win_amd64")
    monkeypatch.setattr(command, "NEEDED", ("nss_built",))
    assert main(["wheels", str(tmp_path / "wheels"), *arguments]) == BAD_INPUT
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_that_cannot_be_made_is_said(index: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert main(["wheels", str(tmp_path / "file" / "wheels")]) == BAD_INPUT
    assert "a file where a folder is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "platform, cpu, source", [("manylinux_2_28_x86_64", True, 1), ("win_amd64", False, 1), ("macosx_14_0_arm64", False, 0)]
)
def test_torch_is_the_build_for_the_cpu(platform: str, cpu: bool, source: int) -> None:
    requirements, options = command._wanted(Target("3.12", platform))
    (torch,) = (each for each in requirements if each.startswith("torch"))
    assert torch.endswith("+cpu") == cpu
    assert options.count("https://download.pytorch.org/whl/cpu") == source
    assert str(Path(options[-1])).endswith("constraints.txt")


def test_markers_are_the_targets() -> None:
    assert Target("3.12", "win_arm64").markers()["platform_machine"] == "ARM64"
    assert Target("3.12", "macosx_14_0_arm64").markers()["sys_platform"] == "darwin"
    assert Target().markers() == {}
    assert Target().pip_options() == ["--only-binary=:all:"]


def test_the_default_is_this_python() -> None:
    assert Target().version == THIS


def test_reports_are_read() -> None:
    item = {"metadata": {"name": "b", "version": "2+cpu"}, "download_info": {"url": "https://x.org/b-2%2Bcpu-py3-none-any.whl"}}
    (wheel,) = wheels_of({"install": [item]})
    assert wheel.file == "b-2+cpu-py3-none-any.whl"
    assert wheel.checked_url == wheel.url


@pytest.mark.parametrize(
    "log, reason",
    [
        ("WARNING: Retrying ... NewConnectionError(...)\nERROR: No matching distribution found for torch", ("network", "")),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", ("disk", "")),
        ("ERROR: No matching distribution found for sympy>=1.13.3 (from torch)", ("missing", "sympy")),
        ("ERROR: Cannot install a and b\nERROR: ResolutionImpossible: see", ("other", "ResolutionImpossible: see")),
    ],
)
def test_why_pip_failed(log: str, reason: tuple[str, str]) -> None:
    assert reason_of(log) == reason


@pytest.mark.parametrize(
    "name, tag, words",
    [
        ("nss_built", "cp27-cp27m-win_amd64", "The wheels of nss_built in the folder .* are for another Python or system than this one"),
        ("nss_other", "py3-none-any", "lacks nss_built>=1; fill it on a computer with a network: neurospineseg wheels DIR --python 3"),
    ],
)
def test_what_a_folder_lacks_is_said(tmp_path: Path, name: str, tag: str, words: str) -> None:
    make_wheel(tmp_path, name, tag=tag)
    with pytest.raises(InputError, match=words):
        check_folder(tmp_path, ["nss_built>=1"])


def test_a_folder_without_wheels_and_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes.whl").write_text("")
    with pytest.raises(InputError, match="holds no wheels"):
        check_folder(tmp_path, ["nss_built>=1"])
    with pytest.raises(InputError, match="does not exist"):
        check_folder(tmp_path / "gone", ["nss_built>=1"])


def test_a_folder_with_all_is_fine(tmp_path: Path) -> None:
    make_wheel(tmp_path, "nss_built", "2.0+cpu")
    check_folder(tmp_path, ["nss-built>=1"])


def test_an_old_pip_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 2, "", "no such option: --report")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(InputError, match="pip is too old"):
        needed_wheels(["x"], [], Target())
