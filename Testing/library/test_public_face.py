"""What other programs may build on: the names, their signatures, and that importing them is light."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

import neurospineseg

FACE: dict[str, dict[str, str]] = {
    "ImplausibleInput": {},
    "InputError": {},
    "Region": {
        "Region": "(center: 'tuple[float, float, float]', size: 'tuple[float, float, float]', axes: 'tuple[tuple[float, float, float], ...]' = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))) -> None",
        "around": "staticmethod(grid: 'Grid') -> 'Region'",
        "as_lists": "(self) -> 'dict[str, list]'",
        "axes": "attribute",
        "contains": "(self, grid: 'Grid') -> 'np.ndarray'",
        "from_bounds": "staticmethod(bounds: 'tuple[float, ...]') -> 'Region'",
        "from_lists": "staticmethod(lists: 'dict[str, list]') -> 'Region'",
        "part_of": "(self, grid: 'Grid', margin_mm: 'float') -> 'Grid'",
    },
    "SegmentationResult": {
        "SegmentationResult": "(labels: 'Volume', structures: 'list[Structure]', report: 'dict[str, Any]', warnings: 'list[str]' = <factory>, uncertainty: 'np.ndarray | None' = None, uncertain_regions: 'list[UncertainRegion]' = <factory>, measurements: 'Measurements | None' = None) -> None",
        "confidence": "(self, structure: 'Structure', box: 'tuple[slice, ...]') -> 'float | None'",
        "measurements": "attribute",
        "uncertainty": "attribute",
    },
    "Segmenter": {
        "Segmenter": "(task: 'str', settings: 'Settings' = Settings(model=None, device='auto', structures=None, region=None, register=False, force=False, uncertainty=False, measure=False), networks: 'dict[str, torch.nn.Module] | None' = None) -> 'None'",
        "check": "(self, scans: 'Mapping[str, Volume]') -> 'list[str]'",
        "class_map": "(self, scans: 'Mapping[str, Volume]') -> 'Volume'",
        "find_region": "(self, scans: 'Mapping[str, Volume]', progress: 'Progress' = <function no_progress>) -> 'Region'",
        "load": "(self) -> 'None'",
        "network": "(self, bundle: 'Bundle') -> 'torch.nn.Module'",
        "predict": "(self, bundle: 'Bundle', image: 'torch.Tensor', progress: 'Callable[[float], None]' = <function Segmenter.<lambda>>) -> 'tuple[torch.Tensor, list[str]]'",
        "probabilities": "(self, scans: 'Mapping[str, Volume]', progress: 'Progress' = <function no_progress>) -> 'ClassProbabilities'",
        "run": "(self, scans: 'Mapping[str, Volume]', progress: 'Progress' = <function no_progress>, levels: 'Mapping[str, Place] | None' = None) -> 'SegmentationResult'",
        "sought": "attribute",
    },
    "Settings": {
        "Settings": "(model: 'str | None' = None, device: 'str' = 'auto', structures: 'tuple[str, ...] | None' = None, region: \"Region | Literal['auto'] | None\" = None, register: 'bool' = False, force: 'bool' = False, uncertainty: 'bool' = False, measure: 'bool' = False) -> None",
        "device": "attribute",
        "force": "attribute",
        "model": "attribute",
        "of": "classmethod(cls, options: 'Mapping[str, Any]') -> 'Settings'",
        "region": "attribute",
        "register": "attribute",
        "structures": "attribute",
        "to_json": "(self) -> 'dict[str, Any]'",
        "measure": "attribute",
        "uncertainty": "attribute",
    },
    "Volume": {
        "Volume": "(voxels: 'np.ndarray', ijk_to_ras: 'np.ndarray | Affine', notes: 'Sequence[str]' = ()) -> 'None'",
        "affine": "attribute",
        "background": "attribute",
        "extent_mm": "attribute",
        "ijk_to_ras": "attribute",
        "shape": "attribute",
        "spacing": "attribute",
        "tensor": "attribute",
    },
    "read_volume": {
        "read_volume": "(path: 'str | Path', *, frame: 'int | None' = None, orientation: 'str | None' = None, spacing: 'Sequence[float] | None' = None, volume: 'str | None' = None, compact: 'bool' = False) -> 'Volume'",
    },
    "write_volume": {
        "write_volume": "(volume: 'Volume', path: 'str | Path') -> 'None'",
    },
}
"""By public name: the signature of itself and of each of its public methods; properties and fields by their kind."""


def face_of(name: str) -> dict[str, str]:
    """Signatures of a public name and of all that a class of it offers."""
    public = getattr(neurospineseg, name)
    if not isinstance(public, type):
        return {name: signature(public)}
    found = {} if issubclass(public, Exception) else {name: signature(public)}
    for member, value in sorted(vars(public).items()):
        if not member.startswith("_"):
            found[member] = kind_of(value)
    return found


def kind_of(value: Any) -> str:
    if isinstance(value, staticmethod | classmethod):
        return f"{type(value).__name__}{signature(value.__func__)}"
    return signature(value) if inspect.isfunction(value) else "attribute"


def signature(function: Any) -> str:
    """Without addresses of functions that are defaults."""
    return re.sub(" at 0x[0-9a-fA-F]+", "", str(inspect.signature(function)))


def test_the_face_is_what_is_promised() -> None:
    assert sorted(neurospineseg.__all__) == sorted(FACE)


@pytest.mark.parametrize("name", sorted(FACE))
def test_signatures_are_kept(name: str) -> None:
    assert face_of(name) == FACE[name]


@pytest.mark.parametrize("name", sorted(FACE))
def test_each_public_name_is_looked_up_and_shown(name: str) -> None:
    assert getattr(neurospineseg, name).__name__ == name
    assert name in dir(neurospineseg)


def test_a_name_that_is_not_lent_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Segmentor'; it lends ImplausibleInput"):
        _ = neurospineseg.Segmentor


def test_importing_the_face_is_light() -> None:
    heavy = "{'torch', 'monai', 'pydantic', 'nibabel', 'SimpleITK', 'scipy', 'numpy'}"
    code = f"import sys, neurospineseg; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)
