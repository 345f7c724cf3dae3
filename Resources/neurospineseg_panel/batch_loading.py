"""A case of a batch in the scene: its scans, and its mask as a segmentation with names, colors and codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from neurospineseg.atomic_files import beside
from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.images.scan_names import is_hidden
from neurospineseg.pipeline.case import Case
from neurospineseg_panel.correction_scans import remember_scans


def load_case(case: Case, mask: Path) -> tuple[dict[str, Any], Any]:
    """The volume nodes by channel and the segmentation node of a case (None where it has no mask yet); what is in the scene already is taken.

    Raises:
        InputError: a file cannot be loaded.
    """
    scans = {
        key: _in_scene("vtkMRMLScalarVolumeNode", _file(path)) or _load_scan(case, key, _file(path)) for key, path in case.scans.items()
    }
    if not mask.exists():
        return scans, None
    known = _in_scene("vtkMRMLSegmentationNode", mask)
    node = known or _load_mask(case, mask)
    if scans and known is None:  # on one that is there somebody may have set another geometry
        node.SetReferenceImageGeometryParameterFromVolumeNode(scans.get(_reference(mask)) or next(iter(scans.values())))
        remember_scans(node, scans)
    return scans, node


def _reference(mask: Path) -> str:
    """The channel on whose scan a mask lies, as its record says; empty where that is not known."""
    try:
        return str(json_of(beside(mask, ".json"))["reference"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _file(path: Path) -> Path:
    """A file of a DICOM series that is named by its folder."""
    if not path.is_dir():
        return path
    return next((file for file in sorted(path.rglob("*")) if file.is_file() and not is_hidden(file.name)), path)


def _in_scene(kind: str, path: Path) -> Any:
    """The node of a kind that was loaded from a file; None where there is none."""
    for node in slicer.util.getNodesByClass(kind):
        storage = node.GetStorageNode()
        if storage is not None and storage.GetFileName() and Path(storage.GetFileName()) == path:
            return node
    return None


def _load_scan(case: Case, key: str, path: Path) -> Any:
    return _loaded(lambda: slicer.util.loadVolume(str(path), {"name": f"{case.name} {key}", "show": False}), path)


def _load_mask(case: Case, mask: Path) -> Any:
    node = _loaded(lambda: slicer.util.loadSegmentation(str(mask), {"name": case.name}), mask)
    node.SetName(case.name)
    node.CreateDefaultDisplayNodes()
    return node


def _loaded(load: Any, path: Path) -> Any:
    try:
        node = load()
    except RuntimeError as error:
        raise InputError(_("'{name}' could not be loaded; Slicer's error log says why.").format(name=path.name)) from error
    if isinstance(node, list):  # of a file with several volumes
        node = node[0]
    return node
