"""Bringing a result into a segmentation node: prepared off the scene, applied at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.beside_scan import count_segments, is_blank, place_beside
from neurospineseg.mrml.found_structure import FoundStructure, union
from neurospineseg.mrml.layers import add_segment, drawing, erasing, replace_voxels, stamp, surface_of
from neurospineseg.mrml.pieces import Pieces, at_once, moved_box, slabs_of
from neurospineseg.mrml.segment_masks import (
    BINARY,
    SURFACE,
    TightMask,
    identify,
    is_locked,
    layer_of,
    mark_run,
    mask_in_box,
    shift_between,
    structure_of_segment,
    tight_masking,
)
from neurospineseg.mrml.volume_node import geometry_in, local_geometry
from neurospineseg.tasks.anatomy import Structure

ATTRIBUTE_PREFIX = "NeuroSpineSeg."


class MergeRule(Enum):
    """What happens where the segmentation has segments already.

    ``REPLACE`` gives the segment of the same structure the new voxels, ``ONLY_EMPTY`` writes where no segment has a voxel,
    ``ADD`` always makes new segments.
    """

    REPLACE = "replace"
    ONLY_EMPTY = "only_empty"
    ADD = "add"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InputError(f"There is no merge rule '{value}'; there are {', '.join(rule.value for rule in cls)}.")


@dataclass(frozen=True)
class Change:
    """A segment's new mask; ``segment`` is None for a new one."""

    found: FoundStructure
    segment: Any


class Merge:
    """A result on its way into the scene.

    Segments of other structures and locked ones (marked as completed) are never touched. What is done to the target between
    ``prepare`` and ``apply`` is kept: the plan is then made anew.

    Args:
        scene: where a new segmentation node is added.
        volume_node: the scan whose grid the masks have.
        target: the segmentation that receives them; None for a new one.
        rule: what happens to segments of the same structure that are there.
        name: of a new segmentation node.
        shape: (K, J, I) that the scan had when it was segmented; None for what it has now.

    Raises:
        InputError: target and scan lie under different transforms that are not linear, or the target's segments are no label maps.

    Attributes:
        notes: sentences for the user.
    """

    def __init__(
        self,
        scene: Any,
        volume_node: Any,
        target: Any = None,
        rule: MergeRule = MergeRule.REPLACE,
        name: str = "Segmentation",
        shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.scene, self.volume_node, self.target, self.rule, self.name = scene, volume_node, target, MergeRule(rule), name
        self.shape = shape or self._size()
        self.notes: list[str] = []
        self._given: list[FoundStructure] = []
        self._begin()

    def prepare(self, found: FoundStructure) -> None:
        """Plans one structure; changes nothing yet."""
        at_once(self.preparing(found))

    def preparing(self, found: FoundStructure) -> Pieces[None]:
        """``prepare`` in pieces."""
        self._given.append(found)
        self._ready = False
        yield from self._plan(found)

    def settling(self) -> Pieces[None]:
        """Draws all that was prepared, beside the scene and in pieces, so that ``apply`` has little left to do.

        Raises:
            InputError: see ``apply``.
        """
        yield from self._following()
        if self._ready:
            return
        yield from self._settle()
        masks = []
        for change in self._changes:
            masks.append(change.found.tight())
            yield
        self._drawn = yield from drawing(masks, self.matrix)
        self._erased, self._surfaces = [], {}
        if self.target is not None:
            segmentation = self.target.GetSegmentation()
            replaced = {segmentation.GetSegmentIdBySegment(change.segment) for change in self._changes if change.segment is not None}
            self._erased = yield from erasing(segmentation, replaced)
            if segmentation.ContainsRepresentation(SURFACE) and not replaced:
                for number, mask in enumerate(masks):
                    self._surfaces[number] = yield from surface_of(segmentation, mask, self.matrix)
        self._ready = True

    def apply(
        self,
        save_undo: Callable[[], None] | None = None,
        attributes: Mapping[str, str] | None = None,
        token: str = "",
        remember: Callable[[Any], None] | None = None,
    ) -> Any:
        """Makes all planned changes, those of a node inside one block of modifications.

        Args:
            save_undo: called once before segments of an existing node are changed.
            attributes: kept on the node, each name with ``NeuroSpineSeg.`` before it.
            token: of the run; a tag of every segment it writes.
            remember: called with the node inside the block, for what else it is to keep.

        Returns:
            The ``vtkMRMLSegmentationNode``.

        Raises:
            InputError: the scan's size has changed meanwhile; nothing was changed.
        """
        at_once(self.settling())
        if self._size() != self.shape:
            raise InputError("The scan was changed while it was being segmented; nothing was changed: segment it again.")
        node = self.target
        if node is None:
            node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", self.name)
        elif save_undo is not None and self._changes:
            save_undo()
        was_modified = node.StartModify()
        try:
            if is_blank(node):
                place_beside(node, self.volume_node)
            self._write(node.GetSegmentation(), token)
            for key, value in (attributes or {}).items():
                node.SetAttribute(ATTRIBUTE_PREFIX + key, value)
            if remember is not None:
                remember(node)
        finally:
            node.EndModify(was_modified)
        return node

    @property
    def replaces(self) -> bool:
        """Whether a segment that was there gets other voxels."""
        return any(change.segment is not None for change in self._changes)

    def _write(self, segmentation: Any, token: str) -> None:
        stamp(self._drawn)
        replaced = {}
        for change, drawn in zip(self._changes, self._drawn):
            if change.segment is not None:
                replaced[segmentation.GetSegmentIdBySegment(change.segment)] = drawn
                mark_run(change.segment, token, change.found.confidence)
                if structure_of_segment(change.segment) == change.found.structure:
                    identify(change.segment, change.found.structure)
        if replaced:
            if segmentation.ContainsRepresentation(SURFACE):
                self.notes.append("The 3D surfaces showed the former segments and were removed; click Show 3D to make them anew.")
            replace_voxels(segmentation, replaced, self._erased)
        for number, (change, drawn) in enumerate(zip(self._changes, self._drawn)):
            if change.segment is None:
                added = add_segment(segmentation, change.found.structure, drawn, self._surfaces.get(number))
                mark_run(segmentation.GetSegment(added), token, change.found.confidence)

    def _size(self) -> tuple[int, int, int]:
        image = self.volume_node.GetImageData()
        return (0, 0, 0) if image is None else tuple(image.GetDimensions()[::-1])

    def _settle(self) -> Pieces[None]:
        """Plans what can be decided only when all structures are known."""
        yield

    def _begin(self) -> None:
        """Reads what the scene holds now; the plan is empty."""
        target = self.target
        self.notes.clear()
        self._changes: list[Change] = []
        self._ready, self._drawn, self._erased, self._surfaces = False, [], [], {}
        self._tights: dict[int, TightMask | None] = {}
        self._segments = [] if target is None else [target.GetSegmentation().GetNthSegment(n) for n in range(count_segments(target))]
        if self._segments and target.GetSegmentation().GetSourceRepresentationName() != BINARY:
            raise InputError(
                f"'{target.GetName()}' holds surfaces or fractions, not label maps; in the module Segmentations make the binary labelmap "
                "its source, or choose a new segmentation."
            )
        self._structures = [structure_of_segment(segment) for segment in self._segments]
        self.matrix: np.ndarray = self._matrix()
        self._state = self._state_now()

    def _matrix(self) -> np.ndarray:
        """4x4 ijk of the scan to the target's own RAS mm."""
        if self.target is None or is_blank(self.target):
            return local_geometry(self.volume_node)
        return geometry_in(self.target, self.volume_node)

    def _state_now(self) -> tuple:
        """Equal as long as nothing that the plan rests on has changed."""
        parts: list[Any] = [self._matrix().tobytes()]
        for number in range(0 if self.target is None else count_segments(self.target)):
            segment = self.target.GetSegmentation().GetNthSegment(number)
            image = segment.GetRepresentation(BINARY)
            parts.append((segment.GetMTime(), 0 if image is None else image.GetMTime(), is_locked(segment), structure_of_segment(segment)))
        return tuple(parts)

    def _following(self) -> Pieces[None]:
        """Makes the plan anew where the scene has changed since, also while it is made anew."""
        removed = self.target is not None and not self.scene.IsNodePresent(self.target)
        if removed:
            self.target = None
        while removed or self._state_now() != self._state:
            self._begin()
            if removed:
                self.notes.append("The chosen segmentation was removed meanwhile; the result went into a new one.")
                removed = False
            for found in self._given:
                yield from self._plan(found)

    def _plan(self, found: FoundStructure) -> Pieces[None]:
        existing = None if self.rule is MergeRule.ADD else self._same(found.structure)
        if existing is not None and is_locked(existing):
            self._note_lock(existing)
            if self.rule is MergeRule.REPLACE:
                return
            existing = None
        if self.rule is MergeRule.ONLY_EMPTY:
            mask = yield from self._where_empty(found)
            if not mask.any():
                return
            found = FoundStructure(found.structure, mask, found.start)
            if existing is not None and self._on_grid(existing):
                yield from self._know(existing)
                found = self._with(found, existing)
            elif existing is not None:
                existing = None
        self._changes.append(Change(found, existing))

    def _where_empty(self, found: FoundStructure) -> Pieces[np.ndarray]:
        """A structure's mask without the voxels that any segment has."""
        mask = np.asarray(found.mask, bool).copy()
        for segment in self._segments:
            for slab in slabs_of(found.box):
                mask[moved_box(slab, np.negative(found.start))] &= ~mask_in_box(segment, slab, self.matrix)
                yield
        return mask

    def _know(self, segment: Any) -> Pieces[None]:
        """Reads the voxels that a segment has now, for ``_former``."""
        number = self._segments.index(segment)
        if number not in self._tights:
            self._tights[number] = yield from tight_masking(segment)

    def _on_grid(self, segment: Any) -> bool:
        """Whether a segment's voxels are voxels of the scan; an empty segment's are."""
        layer = layer_of(segment)
        return layer is None or shift_between(layer[0], self.matrix) is not None

    def _former(self, segment: Any, structure: Structure) -> FoundStructure | None:
        """The voxels a segment on the scan's grid has now, once they are known; None where it has none."""
        tight = self._tights[self._segments.index(segment)]
        if tight is None:
            return None
        mask, start, own = tight
        shift = shift_between(own, self.matrix)
        if shift is None:
            raise ValueError("the segment lies on another grid than the scan")
        return FoundStructure(structure, mask, triple(at + by for at, by in zip(start, shift)))

    def _with(self, found: FoundStructure, segment: Any) -> FoundStructure:
        former = self._former(segment, found.structure)
        return found if former is None else union(found, former)

    def _same(self, wanted: Structure) -> Any:
        """The segment that shows a structure, an unlocked one first."""
        alike = [segment for segment, found in zip(self._segments, self._structures) if found == wanted]
        if not alike:
            return None
        chosen = next((segment for segment in alike if not is_locked(segment)), alike[0])
        for segment in alike:
            if segment is not chosen:
                self.notes.append(f"'{segment.GetName()}' shows the same structure as '{chosen.GetName()}' and was left as it is.")
        return chosen

    def _note_lock(self, segment: Any) -> None:
        self.notes.append(f"'{segment.GetName()}' is marked as completed and was left as it is.")
