"""Bringing a result into a segmentation node: prepared off the scene, applied at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import slicer

from neurospineseg.anatomy import Structure
from neurospineseg.errors import InputError
from neurospineseg.mrml.segment_masks import (
    BINARY,
    SURFACE,
    Box,
    describe,
    image_of,
    is_locked,
    lattice_of,
    mask_in_box,
    own_mask,
    same_lattice,
    structure_of_segment,
)
from neurospineseg.mrml.volume_node import local_geometry, to_world

ATTRIBUTE_PREFIX = "NeuroSpineSeg."


class MergeRule(Enum):
    """What happens where the segmentation has segments already."""

    REPLACE = "replace"
    ONLY_EMPTY = "only_empty"
    ADD = "add"


@dataclass(frozen=True)
class FoundStructure:
    """A structure's mask: bool or uint8 (K, J, I), cropped; ``start`` is its first voxel (k, j, i) on the scan's grid."""

    structure: Structure
    mask: np.ndarray
    start: tuple[int, int, int]

    @property
    def box(self) -> Box:
        return tuple(slice(at, at + size) for at, size in zip(self.start, self.mask.shape))


@dataclass(frozen=True)
class _Change:
    """A segment's new mask; ``segment_id`` is None for a new segment."""

    found: FoundStructure
    segment_id: str | None


class Merge:
    """A result on its way into the scene.

    Segments of other structures and locked ones (marked as completed) are never touched.

    Args:
        scene: where a new segmentation node is added.
        volume_node: the scan whose grid the masks have.
        target: the segmentation that receives them; None for a new one.
        rule: what happens to segments of the same structure that are there.
        name: of a new segmentation node.

    Raises:
        InputError: target and scan lie under different transforms that are not linear.

    Attributes:
        notes: sentences for the user.
    """

    def __init__(
        self, scene: Any, volume_node: Any, target: Any = None, rule: MergeRule = MergeRule.REPLACE, name: str = "Segmentation"
    ) -> None:
        self.scene, self.volume_node, self.target, self.rule, self.name = scene, volume_node, target, rule, name
        self.notes: list[str] = []
        self.matrix = local_geometry(volume_node)
        if target is not None and target.GetTransformNodeID() != volume_node.GetTransformNodeID() and not _is_blank(target):
            self.matrix = np.linalg.inv(to_world(target)) @ to_world(volume_node) @ self.matrix
        self._changes: list[_Change] = []
        self._segments = [] if target is None else [target.GetSegmentation().GetNthSegment(n) for n in range(_count(target))]
        self._structures = [structure_of_segment(segment) for segment in self._segments]
        self._inside: FoundStructure | None = None

    def keep_outside(self, inside: np.ndarray, start: tuple[int, int, int], structures: Sequence[Structure]) -> None:
        """Restricts all changes to a region: outside it every voxel stays, inside it the given structures are written anew.

        Args:
            inside: bool or uint8 (K, J, I), cropped; ``start`` is its first voxel (k, j, i).
            structures: what the model can find; those that are there and are not found inside now are cleared inside.

        Raises:
            InputError: one of these segments lies on another grid than the scan.
        """
        self._inside = FoundStructure(structures[0], np.asarray(inside, bool), start)
        for segment, found in zip(self._segments, self._structures):
            if found not in structures or is_locked(segment) or lattice_of(segment) is None:
                continue
            if not same_lattice(lattice_of(segment)[0], self.matrix):
                raise InputError(
                    f"The segment '{segment.GetName()}' lies on another grid than the scan; segment the whole scan into a new segmentation."
                )
            mask, at, _ = own_mask(segment)
            outside = mask & ~self._inside_in(FoundStructure(found, mask, at).box)
            if not np.array_equal(outside, mask):
                self._changes.append(_Change(FoundStructure(found, outside, at), self._id_of(segment)))

    def prepare(self, found: FoundStructure) -> None:
        """Plans one structure; changes nothing yet."""
        if self._inside is not None:
            self._prepare_inside(found)
            return
        existing = None if self.rule is MergeRule.ADD else self._same(found.structure)
        if existing is not None and is_locked(existing):
            self.notes.append(f"'{existing.GetName()}' is marked as completed and was left as it is.")
            if self.rule is MergeRule.REPLACE:
                return
            existing = None
        if self.rule is MergeRule.ONLY_EMPTY:
            mask = np.asarray(found.mask, bool).copy()
            for segment in self._segments:
                mask &= ~mask_in_box(segment, found.box, self.matrix)
            if not mask.any():
                return
            found = FoundStructure(found.structure, mask, found.start)
            if existing is not None and lattice_of(existing) is not None:
                if same_lattice(lattice_of(existing)[0], self.matrix):
                    found = _union(found, FoundStructure(found.structure, *own_mask(existing)[:2]))
                else:
                    existing = None
        self._changes.append(_Change(found, self._id_of(existing)))

    def _prepare_inside(self, found: FoundStructure) -> None:
        mask = np.asarray(found.mask, bool) & self._inside_in(found.box)
        if not mask.any():
            return
        existing = self._overlapping(found) or self._same(found.structure)
        if existing is not None and is_locked(existing):
            self.notes.append(f"'{existing.GetName()}' is marked as completed and was left as it is.")
            return
        identifier = self._id_of(existing)
        new = FoundStructure(found.structure, mask, found.start)
        if existing is not None and lattice_of(existing) is not None:
            planned = next((change for change in self._changes if change.segment_id == identifier), None)
            rest = planned.found if planned else FoundStructure(found.structure, *own_mask(existing)[:2])
            self._changes = [change for change in self._changes if change is not planned]
            new = _union(new, rest)
        self._changes.append(_Change(new, identifier))

    def _inside_in(self, box: Box) -> np.ndarray:
        """The region of interest in a box of the scan's grid."""
        result = np.zeros(tuple(part.stop - part.start for part in box), bool)
        region = self._inside
        low = [max(part.start, other.start) for part, other in zip(box, region.box)]
        high = [min(part.stop, other.stop) for part, other in zip(box, region.box)]
        if all(a < b for a, b in zip(low, high)):
            here = tuple(slice(a - part.start, b - part.start) for a, b, part in zip(low, high, box))
            there = tuple(slice(a - part.start, b - part.start) for a, b, part in zip(low, high, region.box))
            result[here] = region.mask[there]
        return result

    def _overlapping(self, found: FoundStructure) -> Any:
        """The segment of the same kind (a vertebra, a disc) that covers most of a structure, since it may have been renumbered."""
        kind = found.structure.key.split("_")[0]
        if kind not in ("vertebra", "disc"):
            return None
        mask, best, most = np.asarray(found.mask, bool), None, 0.5 * np.count_nonzero(found.mask)
        for segment, there in zip(self._segments, self._structures):
            if there is not None and there.key.split("_")[0] == kind:
                shared = np.count_nonzero(mask & mask_in_box(segment, found.box, self.matrix))
                if shared > most:
                    best, most = segment, shared
        return best

    def _same(self, wanted: Structure) -> Any:
        """The segment that shows a structure, an unlocked one first."""
        alike = [segment for segment, found in zip(self._segments, self._structures) if found == wanted]
        return next((segment for segment in alike if not is_locked(segment)), alike[0] if alike else None)

    def _id_of(self, segment: Any) -> str | None:
        return None if segment is None else self.target.GetSegmentation().GetSegmentIdBySegment(segment)

    def apply(self, save_undo: Callable[[], None] | None = None, attributes: Mapping[str, str] | None = None) -> Any:
        """Makes all planned changes.

        Args:
            save_undo: called once before an existing node is changed.
            attributes: kept on the node, each name with ``NeuroSpineSeg.`` before it.

        Returns:
            The ``vtkMRMLSegmentationNode``.

        Raises:
            InputError: the scan's size has changed meanwhile; nothing was changed.
        """
        size = tuple(self.volume_node.GetImageData().GetDimensions())[::-1]
        if any(part.stop > n for change in self._changes for part, n in zip(change.found.box, size)):
            raise InputError("The scan was changed while it was being segmented; nothing was changed: segment it again.")
        images = [image_of(change.found.mask, change.found.start, self.matrix) for change in self._changes]
        node = self.target
        if node is None:
            node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", self.name)
        elif save_undo is not None:
            save_undo()
        was_modified = node.StartModify()
        try:
            if _is_blank(node):
                place_beside(node, self.volume_node)
            segmentation = node.GetSegmentation()
            if any(change.segment_id is not None for change in self._changes) and segmentation.ContainsRepresentation(SURFACE):
                segmentation.RemoveRepresentation(SURFACE)
                self.notes.append("The 3D surfaces showed the former segments and were removed; click Show 3D to make them anew.")
            for change, image in zip(self._changes, images):
                if change.segment_id is None:
                    _add(segmentation, change.found.structure, image)
                else:
                    _replace(segmentation, change.segment_id, image)
            for key, value in (attributes or {}).items():
                node.SetAttribute(ATTRIBUTE_PREFIX + key, value)
        finally:
            node.EndModify(was_modified)
        return node


def place_beside(node: Any, volume_node: Any) -> None:
    """A segmentation on a scan's grid, under its transform, and next to it in the subject hierarchy."""
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    if hierarchy is not None:
        own, scan = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(volume_node)
        if own and scan:
            hierarchy.SetItemParent(own, hierarchy.GetItemParent(scan))
        elif scan:
            hierarchy.CreateItem(hierarchy.GetItemParent(scan), node)


def _is_blank(node: Any) -> bool:
    """Whether a segmentation has neither segments nor a grid of its own."""
    return _count(node) == 0 and not node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole())


def _count(node: Any) -> int:
    return node.GetSegmentation().GetNumberOfSegments()


def _union(one: FoundStructure, other: FoundStructure) -> FoundStructure:
    start = tuple(min(a, b) for a, b in zip(one.start, other.start))
    stop = tuple(max(a.stop, b.stop) for a, b in zip(one.box, other.box))
    mask = np.zeros(tuple(b - a for a, b in zip(start, stop)), bool)
    for part in (one, other):
        mask[tuple(slice(at - low, at - low + size) for at, low, size in zip(part.start, start, part.mask.shape))] |= np.asarray(part.mask, bool)
    return FoundStructure(one.structure, mask, start)


def _add(segmentation: Any, found: Structure, image: Any) -> None:
    segment = slicer.vtkSegment()
    describe(segment, found)
    segment.SetName(_free_name(segmentation, found.name))
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY, image)
    wanted = found.key if segmentation.GetSegment(found.key) is None else segmentation.GenerateUniqueSegmentID(found.key)
    segmentation.AddSegment(segment, wanted)


def _free_name(segmentation: Any, name: str) -> str:
    taken = {segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())}
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _replace(segmentation: Any, segment_id: str, image: Any) -> None:
    """New voxels for a segment, in a layer of its own; segments that shared its layer stay as they are.

    The image's time is set anew, since the undo history takes an image that is older than its last state for unchanged.
    """
    image.Modified()
    segmentation.SeparateSegmentLabelmap(segment_id)
    segment = segmentation.GetSegment(segment_id)
    segment.SetLabelValue(1)
    segment.AddRepresentation(BINARY, image)
    segmentation.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified, segment_id)
