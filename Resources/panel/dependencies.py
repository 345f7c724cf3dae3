"""The Python packages that segmenting needs, installed into Slicer when they are first needed and only after asking.

What Slicer ships is pinned while installing, so that nothing is downgraded; pip then fails and a sentence says so.
Checked against ``Base/Python/slicer/packaging.py`` of Slicer 5.12.3 and ``PyTorchUtils.py`` of the PyTorch extension.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import CalledProcessError

from slicer.i18n import tr as _

from neurospineseg.errors import InputError

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
SHIPPED = ("numpy", "scipy", "SimpleITK", "vtk", "pydicom", "requests", "packaging", "Pillow")
"""Packages of Slicer's own that may be there and must stay as they are."""


class DependencyError(InputError):
    """The packages are not there; the message says why and what to do."""


def required() -> dict[str, str]:
    """Name and requirement of every package of ``requirements.txt``."""
    lines = [line.strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    return {line.split(">=")[0]: line for line in lines if line and not line.startswith("#")}


def missing_packages() -> list[str]:
    """Names of the packages that cannot be found or are only half installed; nothing is imported."""
    return [name for name in required() if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        version(name)
        return importlib.util.find_spec(name) is not None
    except (PackageNotFoundError, ValueError):
        return False


def ensure_dependencies(requester: str) -> None:
    """Installs what is missing, after asking.

    Args:
        requester: the module's name, for the question.

    Raises:
        DependencyError: the user refused, or something could not be installed.
    """
    missing = missing_packages()
    if not missing:
        return
    if "torch" in missing:
        _install_torch()
    rest = [requirement for name, requirement in required().items() if not _is_there(name) and name != "torch"]
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "shipped.txt"
        constraints.write_text("".join(f"{name}=={found}\n" for name, found in _shipped().items()), encoding="utf-8")
        _install(["torch>=2.8"] if "torch" in missing_packages() else [], constraints, requester)
        _install(rest, constraints, requester)
    importlib.invalidate_caches()
    still = missing_packages()
    if still:
        raise DependencyError(
            _("Some packages are still missing or only half installed ({names}); restart Slicer and click again.").format(names=", ".join(still))
        )


def _shipped() -> dict[str, str]:
    found = {}
    for name in SHIPPED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _install_torch() -> None:
    """PyTorch through the PyTorch extension, which finds the build for this computer; nothing where that is not installed."""
    try:
        import PyTorchUtils
    except ImportError:
        return
    try:
        installed = PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=">=2.8")
    except Exception as error:
        raise DependencyError(
            _("PyTorch could not be installed ({kind}); check the network, or install it in the module PyTorch Utils, then click again.").format(
                kind=type(error).__name__
            )
        ) from error
    if installed is None:
        raise DependencyError(_refused())
    importlib.invalidate_caches()


def _install(requirements: list[str], constraints: Path, requester: str) -> None:
    if not requirements:
        return
    import slicer.packaging

    try:
        slicer.packaging.pip_ensure(requirements, constraints=constraints, requester=requester)
    except RuntimeError as error:
        raise DependencyError(_refused()) from error
    except CalledProcessError as error:
        raise DependencyError(
            _("The packages could not be installed; check the network and the free disk space, or whether another extension needs other versions, then click again.")
        ) from error


def _refused() -> str:
    return _("Segmenting needs Python packages that were not installed; click again and agree to the installation.")
