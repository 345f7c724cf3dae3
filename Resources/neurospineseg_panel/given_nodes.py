"""What is given from the Python console: whether it is a node of the kind that is asked for, before anything begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError


def is_node(given: Any, kind: str) -> bool:
    """Whether something is a MRML node of a class, such as ``vtkMRMLSegmentationNode``, or of one derived from it."""
    return hasattr(given, "IsA") and bool(given.IsA(kind))


def check_scans(scans: Mapping[str, Any]) -> None:
    """Nothing where all are volume nodes.

    Raises:
        InputError: one is something else, such as its name.
    """
    for node in scans.values():
        if not is_node(node, "vtkMRMLScalarVolumeNode"):
            raise InputError(_("'{name}' is no scalar volume; give the volume's node, not its name or file.").format(name=_name_of(node)))


def check_segmentation(node: Any) -> None:
    """Nothing where it is a segmentation node.

    Raises:
        InputError: it is something else, such as its name.
    """
    if not is_node(node, "vtkMRMLSegmentationNode"):
        raise InputError(_("'{name}' is no segmentation; give the segmentation's node, not its name or file.").format(name=_name_of(node)))


def _name_of(given: Any) -> str:
    """In one line."""
    return " ".join(str(given.GetName() if hasattr(given, "GetName") else given).split())
