"""Bringing a result into a segmentation inside a region only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurospineseg.anatomy import Structure, family, structures_of
from neurospineseg.errors import InputError
from neurospineseg.mrml.found_structure import FoundStructure, union
from neurospineseg.mrml.merge import Change, Merge
from neurospineseg.mrml.segment_masks import is_locked, mask_in_box, tight_mask
from neurospineseg.spine_place import NUMBERED, is_neutral, place_of, structure_at, variant_of
from neurospineseg.vertebra_chain import Variant

LEAST_SHARE = 0.5
"""Of the smaller of a found structure and a segment, what both must share to tell that one is the other."""


class RegionMerge(Merge):
    """A ``Merge`` that changes no voxel outside a region; inside it, the structures that were looked for are written anew.

    Vertebrae and discs go into the segments of their names. Where the user renumbered the spine, the names differ by the same
    number of levels everywhere; that number is told from where the segments lie, for vertebrae and for discs.

    Args:
        inside: bool or uint8 (K, J, I), cropped; ``start`` is its first voxel (k, j, i).
        structures: what the run could have found; those that are there and are not found inside now are cleared inside.

    Raises:
        InputError: one of these segments lies on another grid than the scan.
    """

    def __init__(
        self,
        scene: Any,
        volume_node: Any,
        target: Any,
        inside: np.ndarray,
        start: tuple[int, int, int],
        structures: Sequence[Structure],
        name: str = "Segmentation",
        shape: tuple[int, int, int] | None = None,
    ) -> None:
        self._inside, self._structures_sought = FoundStructure(structures[0], np.asarray(inside, bool), start), structures
        super().__init__(scene, volume_node, target, name=name, shape=shape)

    def _begin(self) -> None:
        super()._begin()
        self._waiting: list[tuple[FoundStructure, dict[int, int]]] = []
        for segment, shown in zip(self._segments, self._structures):
            if shown in self._structures_sought and not is_locked(segment) and not self._on_grid(segment):
                raise InputError(
                    f"The segment '{segment.GetName()}' lies on another grid than the scan; segment the whole scan into a new segmentation."
                )

    def _plan(self, found: FoundStructure) -> None:
        self._waiting.append((found, self._shared(found)))

    def _shared(self, found: FoundStructure) -> dict[int, int]:
        """How many voxels a vertebra or a disc shares with each segment of its kind, by the segment's number."""
        kind, mask, shared = family(found.structure.key), np.asarray(found.mask, bool), {}
        for number, shown in enumerate(self._structures):
            if kind in NUMBERED and shown is not None and family(shown.key) == kind:
                count = np.count_nonzero(mask & mask_in_box(self._segments[number], found.box, self.matrix))
                if count:
                    shared[number] = count
        return shared

    def _settle(self) -> None:
        variant = variant_of([shown.key for shown in self._structures if shown is not None])
        shifts = {kind: self._shift(kind, variant) for kind in NUMBERED}
        unclear = {kind for kind, shift in shifts.items() if shift and not self._all_sought(kind)}
        found: dict[Structure, FoundStructure] = {}
        for entry, _ in self._waiting:
            kind = family(entry.structure.key)
            if kind in unclear:
                self.notes.append(
                    f"'{entry.structure.name}' was left out: the spine was renumbered, so its name there is another; look for all structures."
                )
            else:
                found[self._users_name(entry.structure, shifts.get(kind), variant)] = entry
        for shown in dict.fromkeys(shown for shown in self._structures if shown is not None):
            kind = family(shown.key)
            cleared = shown in self._structures_sought or (shifts.get(kind) is not None and self._all_sought(kind))
            if shown in found:
                self._rewrite(self._segment_of(shown), found.pop(shown))
            elif cleared and kind not in unclear:
                self._rewrite(self._segment_of(shown), None)
        for wanted, entry in found.items():
            self._add(entry, wanted)

    def _shift(self, kind: str, variant: Variant) -> int | None:
        """By how many levels the user's names of a kind lie above the model's; None where nothing tells.

        It is that by which most voxels are shared, if one pair shares ``LEAST_SHARE``; none is preferred to a shift.
        """
        shared: Counter[int] = Counter()
        certain: set[int] = set()
        for found, overlaps in self._waiting:
            here = place_of(found.structure.key, Variant.STANDARD)
            for number, count in overlaps.items() if family(found.structure.key) == kind else ():
                there = place_of(self._structures[number].key, variant)
                if here is not None and there is not None:
                    shared[there - here] += count
                    if count > LEAST_SHARE * min(np.count_nonzero(found.mask), self._size_of(number)):
                        certain.add(there - here)
        if not certain:
            return None
        best = max(certain, key=lambda shift: shared[shift])
        return best if shared[best] > 2 * shared[0] else 0

    def _size_of(self, number: int) -> int:
        tight = tight_mask(self._segments[number])
        return 0 if tight is None else np.count_nonzero(tight[0])

    def _users_name(self, structure: Structure, shift: int | None, variant: Variant) -> Structure:
        """What the user's names make of one of the model's structures; its own name where they have none for it."""
        place = place_of(structure.key, Variant.STANDARD)
        if shift is None or place is None:
            return structure
        kind = family(structure.key)
        own = [shown for shown in self._structures if shown is not None and family(shown.key) == kind]
        named = structure_at(kind, place + shift, variant, all(is_neutral(shown.key) for shown in own))
        if named is None:
            self.notes.append(f"'{structure.name}' keeps that name: the renumbered spine has no level for it.")
        return named or structure

    def _all_sought(self, kind: str) -> bool:
        return {found for found in structures_of("spine") if family(found.key) == kind} <= set(self._structures_sought)

    def _segment_of(self, wanted: Structure) -> int | None:
        """The segment of a structure: an unlocked one first, then the one with most voxels; others are left, with a note."""
        alike = [number for number, shown in enumerate(self._structures) if shown == wanted]
        chosen = min(alike, key=lambda number: (is_locked(self._segments[number]), -self._size_of(number)), default=None)
        for number in alike:
            if number != chosen:
                self.notes.append(
                    f"'{self._segments[number].GetName()}' shows the same structure as '{self._segments[chosen].GetName()}' and was left as it is."
                )
        return chosen

    def _rewrite(self, number: int, found: FoundStructure | None) -> None:
        """Plans a segment's voxels: the former ones outside the region, those of ``found`` inside."""
        segment, shown = self._segments[number], self._structures[number]
        new = None if found is None else self._part_inside(found)
        if is_locked(segment):
            if new is not None:
                self._note_lock(segment)
            return
        former = self._former(segment, shown)
        outside = None if former is None else former.mask & ~self._inside.within(former.box)
        lost = former is not None and not np.array_equal(outside, former.mask)
        if lost and new is None:
            self.notes.append(f"'{segment.GetName()}' was not found again inside the box and was removed there.")
        kept = None if former is None else FoundStructure(shown, outside, former.start)
        parts = [part for part in (new, kept) if part is not None]
        if lost or new is not None:
            self._changes.append(Change(union(*parts) if len(parts) == 2 else parts[0], segment))

    def _add(self, found: FoundStructure, wanted: Structure) -> None:
        """Plans a new segment, named as the user's spine would name it."""
        new = self._part_inside(found)
        if new is None:
            return
        if wanted != found.structure:
            self.notes.append(f"'{wanted.name}' was added; the model takes it for '{found.structure.name}'.")
        self._changes.append(Change(replace(new, structure=wanted), None))

    def _part_inside(self, found: FoundStructure) -> FoundStructure | None:
        """What of a structure lies inside the region; None where nothing does."""
        mask = np.asarray(found.mask, bool) & self._inside.within(found.box)
        return FoundStructure(found.structure, mask, found.start) if mask.any() else None
