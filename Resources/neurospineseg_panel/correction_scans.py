"""Which scans belong to a segmentation, so that a correction is never stored with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import is_on_grid
from neurospineseg_panel.segmentation_result import SegmentationResult

PREFIX = "NeuroSpineSeg."


def remember_scans(node: Any, scans: Mapping[str, Any]) -> None:
    """Makes node references from a segmentation to the scans of its last run; those of former ones go, and what is there already stays."""
    wanted = {PREFIX + channel: scan.GetID() for channel, scan in scans.items()}
    roles = [node.GetNthNodeReferenceRole(number) for number in range(node.GetNumberOfNodeReferenceRoles())]
    former = {role: None for role in roles if role is not None and role.startswith(PREFIX)}
    for role, identifier in {**former, **wanted}.items():
        if node.GetNodeReferenceID(role) != identifier:
            node.SetNodeReferenceID(role, identifier)


def remembered_scans(node: Any, result: SegmentationResult | None) -> dict[str, str]:
    """Volume node ID by channel: of the run that the segmentation shows, else of the last one; empty where none is known."""
    if result is not None and result.scans:
        return dict(result.scans)
    roles = [node.GetNthNodeReferenceRole(number) for number in range(node.GetNumberOfNodeReferenceRoles())]
    own = [role for role in roles if role is not None and role.startswith(PREFIX)]
    return {role.removeprefix(PREFIX): found for role in own if (found := node.GetNodeReferenceID(role))}


def reference_channel(node: Any, scans: Mapping[str, Any], result: SegmentationResult | None) -> str:
    """The channel whose scan a segmentation was made on.

    Raises:
        InputError: it is not among the scans, or a channel holds another scan than the one that was segmented.
    """
    used = remembered_scans(node, result)
    for channel, scan in scans.items() if used else ():
        if channel not in used:
            raise InputError(
                _("'{scan}' in the slot {channel} was not segmented; empty that slot, or segment again with it.").format(
                    scan=scan.GetName(), channel=channel
                )
            )
        if used[channel] != scan.GetID():
            raise InputError(
                _("'{name}' was not segmented from '{scan}'; choose the scan that it was segmented from in the slot {channel}.").format(
                    name=node.GetName(), scan=scan.GetName(), channel=channel
                )
            )
    missing = [channel for channel in used if channel not in scans]
    if missing:
        raise InputError(
            _("'{name}' was also segmented from a scan in the slot {channel}; choose it there.").format(
                name=node.GetName(), channel=missing[0]
            )
        )
    if result is not None and result.report.get("reference") in scans:
        return result.report["reference"]
    made_on = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    for channel, scan in scans.items():
        if scan is made_on:
            return channel
    if made_on is None:
        for channel, scan in scans.items():
            if is_on_grid(node, scan):
                return channel
        raise InputError(
            _("'{name}' lies on the grid of none of the chosen scans; choose the scan that it was made on.").format(name=node.GetName())
        )
    raise InputError(
        _("'{name}' was made on '{scan}', which is in no slot; choose it.").format(name=node.GetName(), scan=made_on.GetName())
    )
