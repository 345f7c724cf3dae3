"""The Python packages that segmenting needs, installed into Slicer when they are first needed and only after asking.

What Slicer ships, and a PyTorch that is there already, is pinned while installing, so that pip fails rather than changing it.
Checked against ``Base/Python/slicer/packaging.py`` of Slicer 5.12.3 and ``PyTorchUtils.py`` of the PyTorch extension.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import MODULES, InputError
from neurospineseg.packages.wheel_folder import check_folder
from neurospineseg_panel.chosen_folder import chosen_folder
from neurospineseg_panel.torch_build import CPU_WHEELS, no_cpu_build, only_from_pytorch, suits_cpu_build

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
SHIPPED = (
    "numpy scipy SimpleITK vtk pydicom dicomweb-client highdicom dcmqi requests packaging Pillow typing_extensions setuptools pip"
).split()
"""Packages of Slicer's own (its SuperBuild/External_python-*) that may be there and must stay as they are."""
TORCH = ("torch", "torchvision")
"""Pinned too where they are there and new enough: another build would be one for another device."""


class DependencyError(InputError):
    """The packages are not there; the message says why and what to do."""


def required() -> dict[str, str]:
    """Name and requirement of every package of ``requirements.txt``."""
    lines = [line.strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    return {line.split(">=")[0]: line for line in lines if line and not line.startswith("#")}


def missing_packages() -> list[str]:
    """Names of the packages that cannot be found, are too old or only half installed; none of them is imported."""
    return [name for name in required() if not _is_there(name)]


def _is_there(name: str) -> bool:
    from packaging.requirements import Requirement

    try:
        if importlib.util.find_spec(MODULES.get(name, name)) is None:
            return False
        return Requirement(required().get(name, name)).specifier.contains(version(name), prereleases=True)
    except (ImportError, KeyError, TypeError, ValueError):
        return False


def missing_requirements() -> list[str]:
    """As ``missing_packages``, in the form that pip takes."""
    return [requirement for name, requirement in required().items() if not _is_there(name)]


def ensure_dependencies(requester: str) -> None:
    """Installs what is missing, after asking; waits. The panel has a window for it, which does not wait: ``InstallationWindow``.

    Args:
        requester: the module's name, for the question.

    Raises:
        InputError: the chosen folder of wheels lacks something. ``DependencyError``: the user refused, or something could not be installed.
    """
    folder = chosen_folder()
    if folder is None and "torch" in missing_packages():
        install_torch()
    requirements = missing_requirements()
    if not requirements:
        return
    if folder is not None:
        check_folder(folder, requirements)
    for together, sources in _in_turn(requirements, folder):
        with tempfile.TemporaryDirectory() as made:
            constraints = Path(made) / "shipped.txt"
            constraints.write_text(constraint_lines(sources), encoding="utf-8")
            _install(together, constraints, requester)
    problem = what_is_still_missing()
    if problem:
        raise DependencyError(problem)


def what_is_still_missing() -> str:
    """One sentence after an installation; empty where all is there."""
    importlib.invalidate_caches()
    still = missing_packages()
    if not still:
        return ""
    return _(
        "Some packages are still missing or only half installed ({names}); restart Slicer and click again, and if that does not help, enter {command} in the Python console."
    ).format(names=", ".join(still), command=f"slicer.util.pip_install('--force-reinstall --no-deps {' '.join(still)}')")


def constraint_lines(sources: list[str]) -> str:
    """A constraints file: where packages come from (see ``sources_of``), and what must stay as it is."""
    return "\n".join([*sources, *_pins()]) + "\n"


def sources_of(requirements: list[str], folder: Path | None = None) -> list[str]:
    """Lines of a constraints file that say where packages come from: PyTorch's own index too where its build for the CPU is the right one.

    Args:
        folder: of wheels, as a file's address since pip takes backslashes away; None for the package indexes.
    """
    if folder is not None:
        return ["--no-index", f"--find-links {folder.absolute().as_uri()}"]
    return [f"--extra-index-url {CPU_WHEELS}"] if _torch_among(requirements) and suits_cpu_build() else []


def _torch_among(requirements: list[str]) -> list[str]:
    return [requirement for requirement in requirements if requirement.split(">=")[0] in TORCH]


def _in_turn(requirements: list[str], folder: Path | None) -> list[tuple[list[str], list[str]]]:
    """What is installed one after the other, and its sources; PyTorch by itself where no other index has the right build."""
    torch = _torch_among(requirements)
    if folder is not None or not torch or not only_from_pytorch():
        return [(requirements, sources_of(requirements, folder))]
    rest = [requirement for requirement in requirements if requirement not in torch]
    return [(torch, [f"--index-url {CPU_WHEELS}"]), *([(rest, [])] if rest else [])]


def _pins() -> list[str]:
    """Lines of a constraints file for what must stay as it is."""
    found = []
    for name in (*SHIPPED, *(TORCH if _is_there("torch") else ())):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


def pytorch_extension() -> Any:
    """The module ``PyTorchUtils`` of the PyTorch extension; None where that is not installed."""
    try:
        import PyTorchUtils
    except ImportError:
        return None
    return PyTorchUtils


def comes_through_extension() -> bool:
    """Whether PyTorch is missing and its extension will install it, which makes Slicer wait."""
    return chosen_folder() is None and "torch" in missing_packages() and pytorch_extension() is not None


def install_torch(ask: bool = True) -> None:
    """PyTorch through the PyTorch extension, which finds the build for this computer and waits; nothing where that is not installed.

    Args:
        ask: whether the extension asks first.

    Raises:
        DependencyError: the user refused, or it could not be installed.
    """
    extension = pytorch_extension()
    if extension is None:
        return
    try:
        installed = extension.PyTorchUtilsLogic().installTorch(
            askConfirmation=ask, torchVersionRequirement=required()["torch"].removeprefix("torch")
        )
    except Exception as error:
        raise DependencyError(
            _(
                "PyTorch could not be installed ({kind}); check the network, or install it in the module PyTorch Utils, then click again."
            ).format(kind=type(error).__name__)
        ) from error
    if installed is None:
        raise DependencyError(refusal())
    importlib.invalidate_caches()
    if not _is_there("torch"):
        raise DependencyError(
            _(
                "PyTorch is still missing, too old or only half installed; restart Slicer, install {version} in the module PyTorch Utils, then click again."
            ).format(version=required()["torch"])
        )


def _install(requirements: list[str], constraints: Path, requester: str) -> None:
    import slicer.packaging

    try:
        slicer.packaging.pip_ensure(requirements, constraints=constraints, requester=requester)
    except RuntimeError as error:
        if "declined" in str(error):
            raise DependencyError(refusal()) from error
        raise DependencyError(
            _("The packages could not be installed ({problem}); restart Slicer and click again.").format(problem=error)
        ) from error
    except CalledProcessError as error:
        if _torch_among(requirements) and only_from_pytorch():
            raise DependencyError(no_cpu_build()) from error
        if _torch_among(requirements):
            raise DependencyError(
                _(
                    "PyTorch and the other packages could not be installed; check the network and the free disk space (some GB), or install the extension PyTorch in the Extensions Manager, then click again."
                )
            ) from error
        raise DependencyError(
            _(
                "The packages could not be installed; check the network and the free disk space, or whether another extension needs other versions, then click again."
            )
        ) from error


def refusal() -> str:
    """What is said to who refused."""
    return _("Segmenting needs Python packages that were not installed; click again and agree to the installation.")
