"""Packages are found without importing them, and installed after asking; every way to fail has its sentence."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from neurospineseg.errors import MODULES, InputError, missing_package

ROOT = Path(__file__).resolve().parents[2]


class Packaging(ModuleType):
    """Records what ``slicer.packaging.pip_ensure`` is asked; ``answer`` is what it then does."""

    def __init__(self) -> None:
        super().__init__("slicer.packaging")
        self.asked: list[tuple[list[str], str | None, list[str]]] = []
        self.answer: Callable[[], Any] = lambda: None

    def pip_ensure(self, requirements: list[str], constraints: Path | None = None, requester: str | None = None) -> None:
        self.asked.append((list(requirements), requester, Path(constraints).read_text(encoding="utf-8").splitlines()))
        self.answer()


@pytest.fixture
def packaging(monkeypatch: pytest.MonkeyPatch) -> Packaging:
    if importlib.util.find_spec("slicer") is None:
        monkeypatch.setitem(sys.modules, "slicer", ModuleType("slicer"))
    import slicer

    found, i18n = Packaging(), ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    for name, module in (("packaging", found), ("i18n", i18n)):
        monkeypatch.setitem(sys.modules, f"slicer.{name}", module)
        monkeypatch.setattr(slicer, name, module, raising=False)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    return found


@pytest.fixture
def dependencies(packaging: Packaging) -> Any:
    spec = importlib.util.spec_from_file_location("dependencies_under_test", ROOT / "Resources/neurospineseg_panel/dependencies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dependencies: Any) -> Site:
    monkeypatch.syspath_prepend(tmp_path)
    return Site(tmp_path, dependencies, monkeypatch)


class Site:
    """A folder of packages that must not be imported, and the list of what is required."""

    def __init__(self, folder: Path, dependencies: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.dependencies, self.monkeypatch = folder, dependencies, monkeypatch

    def require(self, *lines: str) -> None:
        path = self.folder / "requirements.txt"
        path.write_text("# what is needed\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
        self.monkeypatch.setattr(self.dependencies, "REQUIREMENTS", path)

    def install(self, name: str, version: str, code: bool = True, metadata: bool = True) -> None:
        if code:
            (self.folder / name).mkdir()
            (self.folder / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
        if metadata:
            info = self.folder / f"{name}-{version}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        importlib.invalidate_caches()


def test_the_list_agrees_with_the_project(dependencies: Any) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {"torch", "monai", "pydantic"} <= set(dependencies.required())
    assert all(f'"{requirement}"' in project for requirement in dependencies.required().values())


def test_what_is_missing_is_told_without_importing(site: Site) -> None:
    site.install("nss_good", "1.4")
    site.install("nss_preview", "1.5rc1")
    site.install("nss_local", "2.0+cu130")
    site.install("nss_old", "1.1")
    site.install("nss_no_code", "1.4", code=False)
    site.install("nss_no_metadata", "1.4", metadata=False)
    names = ["nss_good", "nss_preview", "nss_local", "nss_old", "nss_no_code", "nss_no_metadata", "nss_absent"]
    site.require(*(f"{name}>=1.2" for name in names))
    assert site.dependencies.missing_packages() == names[3:]
    assert not any(name in sys.modules for name in names)


def test_a_package_whose_module_has_another_name_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "nssdistribution", "nss_module")
    (site.folder / "nss_module.py").write_text("")
    site.install("nssdistribution", "1.4", code=False)
    site.require("nssdistribution>=1.2")
    assert site.dependencies.missing_packages() == []


def test_a_module_that_is_gone_is_told_by_the_name_of_its_package() -> None:
    assert "--force-reinstall pynrrd`" in missing_package(ModuleNotFoundError("No module named 'nrrd'", name="nrrd.errors"))


def test_nothing_missing_asks_nothing(site: Site, packaging: Packaging) -> None:
    site.install("nss_good", "1.4")
    site.require("nss_good>=1.2")
    site.dependencies.ensure_dependencies("TumorSeg")
    assert packaging.asked == []


def test_one_question_and_what_slicer_ships_is_pinned(site: Site, packaging: Packaging) -> None:
    site.install("nss_there", "1.4")
    site.require("nss_there>=1.2", "nss_one>=1.2", "nss_two>=3")
    packaging.answer = lambda: [site.install(name, "3.0") for name in ("nss_one", "nss_two")]
    site.dependencies.ensure_dependencies("TumorSeg")
    ((requirements, requester, pins),) = packaging.asked
    assert requirements == ["nss_one>=1.2", "nss_two>=3"]
    assert requester == "TumorSeg"
    assert f"numpy=={np.__version__}" in pins
    assert all(re.fullmatch(r"[\w-]+==\S+", pin) for pin in pins)


def test_an_installed_torch_is_pinned_with_its_build(site: Site, packaging: Packaging) -> None:
    site.install("torch", "2.9.1+cu130")
    site.require("torch>=2.8", "nss_one>=1.2")
    packaging.answer = lambda: site.install("nss_one", "1.2")
    site.dependencies.ensure_dependencies("SpineSeg")
    assert packaging.asked[0][0] == ["nss_one>=1.2"]
    assert "torch==2.9.1+cu130" in packaging.asked[0][2]


def test_an_old_torch_is_replaced(site: Site, packaging: Packaging) -> None:
    site.install("torch", "2.1")
    site.require("torch>=2.8")
    with pytest.raises(InputError, match=r"half installed \(torch\)"):
        site.dependencies.ensure_dependencies("SpineSeg")
    assert packaging.asked[0][0] == ["torch>=2.8"]
    assert not any(pin.startswith("torch") for pin in packaging.asked[0][2])


CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def computer(monkeypatch: pytest.MonkeyPatch, platform: str, card: bool) -> None:
    from neurospineseg_panel import torch_build

    monkeypatch.setattr(torch_build, "has_nvidia_card", lambda: card)
    monkeypatch.setattr(torch_build, "sys", SimpleNamespace(platform=platform))


@pytest.mark.parametrize(
    "platform, card, sources",
    [
        ("linux", False, [[f"--index-url {CPU_INDEX}"], []]),
        ("win32", False, [[f"--extra-index-url {CPU_INDEX}"]]),
        ("linux", True, [[]]),
        ("darwin", False, [[]]),
    ],
)
def test_no_build_for_cuda_where_no_card_is(
    site: Site, packaging: Packaging, monkeypatch: pytest.MonkeyPatch, platform: str, card: bool, sources: list[list[str]]
) -> None:
    site.require("torch>=99", "nss_one>=1")
    computer(monkeypatch, platform, card)
    with pytest.raises(InputError):
        site.dependencies.ensure_dependencies("TumorSeg")
    assert [[line for line in lines if line.startswith("--")] for _, _, lines in packaging.asked] == sources


def test_the_other_build_is_not_taken_where_pytorchs_index_is_out_of_reach(
    site: Site, packaging: Packaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.require("torch>=99", "nss_one>=1")
    computer(monkeypatch, "linux", card=False)
    packaging.answer = fail
    with pytest.raises(InputError, match="let it reach download.pytorch.org, or install from a folder of wheels"):
        site.dependencies.ensure_dependencies("TumorSeg")
    assert [requirements for requirements, _, _ in packaging.asked] == [["torch>=99"]]


def test_other_packages_come_from_their_usual_index(site: Site, packaging: Packaging, monkeypatch: pytest.MonkeyPatch) -> None:
    site.require("nss_one>=1")
    computer(monkeypatch, "linux", card=False)
    packaging.answer = lambda: site.install("nss_one", "1.0")
    site.dependencies.ensure_dependencies("TumorSeg")
    assert not any(line.startswith("--") for line in packaging.asked[0][2])


def decline() -> None:
    raise RuntimeError("User declined package installation")


def no_python() -> None:
    raise RuntimeError("PythonSlicer executable not found")


def fail() -> None:
    raise CalledProcessError(1, "pip install")


@pytest.mark.parametrize(
    "required, answer, words",
    [
        ("nss_one>=1", decline, "agree to the installation"),
        ("nss_one>=1", no_python, "PythonSlicer executable not found"),
        ("nss_one>=1", fail, "check the network.*another extension needs other versions"),
        ("torch>=99", fail, "check the network.*install the extension PyTorch"),
        ("nss_one>=1", lambda: None, r"half installed \(nss_one\); restart Slicer"),
    ],
)
def test_each_way_to_fail_has_its_sentence(
    site: Site, packaging: Packaging, monkeypatch: pytest.MonkeyPatch, required: str, answer: Callable[[], None], words: str
) -> None:
    site.require(required)
    computer(monkeypatch, "linux", card=True)
    packaging.answer = answer
    with pytest.raises(site.dependencies.DependencyError, match=words) as caught:
        site.dependencies.ensure_dependencies("TumorSeg")
    assert isinstance(caught.value, InputError)
    assert str(caught.value).endswith(".")


def test_what_is_still_half_installed_is_named(site: Site, packaging: Packaging) -> None:
    site.require("nss_one>=1", "nss_two>=1")
    packaging.answer = lambda: (site.install("nss_one", "1.0"), site.install("nss_two", "1.0", code=False))
    with pytest.raises(InputError, match=r"half installed \(nss_two\).*--force-reinstall --no-deps nss_two'"):
        site.dependencies.ensure_dependencies("TumorSeg")


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch, packaging: Packaging) -> SimpleNamespace:
    """The PyTorch extension's module with the signature of its ``installTorch``."""
    found = SimpleNamespace(asked=[], answer=lambda: None)

    class PyTorchUtilsLogic:
        def installTorch(
            self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None, torchvisionVersionRequirement=None
        ):
            found.asked.append((askConfirmation, torchVersionRequirement))
            return found.answer()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    return found


def test_torch_comes_through_its_extension(site: Site, packaging: Packaging, extension: SimpleNamespace) -> None:
    site.require("torch>=99", "nss_one>=1")
    extension.answer = lambda: (site.install("torch", "99.1+cpu"), "the module")[1]
    packaging.answer = lambda: site.install("nss_one", "1.0")
    site.dependencies.ensure_dependencies("TumorSeg")
    assert extension.asked == [(True, ">=99")]
    assert packaging.asked[0][0] == ["nss_one>=1"]
    assert "torch==99.1+cpu" in packaging.asked[0][2]


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda: None, "agree to the installation"),
        (fail, r"\(CalledProcessError\); check the network"),
        (lambda: "the module", "still missing, too old or only half installed.*torch>=99"),
    ],
)
def test_the_extension_fails(site: Site, packaging: Packaging, extension: SimpleNamespace, answer: Callable[[], Any], words: str) -> None:
    site.require("torch>=99", "nss_one>=1")
    extension.answer = answer
    with pytest.raises(site.dependencies.DependencyError, match=words):
        site.dependencies.ensure_dependencies("TumorSeg")
    assert packaging.asked == []
