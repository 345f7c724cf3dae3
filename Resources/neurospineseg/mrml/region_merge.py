"""Bringing a result into a segmentation inside a region only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.mrml.found_structure import FoundStructure, union
from neurospineseg.mrml.merge import Change, Merge
from neurospineseg.mrml.pieces import Pieces, moved_box, slabs_of
from neurospineseg.mrml.segment_masks import is_locked, mask_in_box
from neurospineseg.tasks.anatomy import Structure, all_structures, family
from neurospineseg.tasks.spine.levels import NUMBERED, is_neutral, place_of, structure_at, variant_of
from neurospineseg.tasks.spine.renumbering import Variant

LEAST_SHARE = 0.5
"""Of the smaller of a found structure and a segment, what both must share to tell that one is the other."""


class RegionMerge(Merge):
    """A ``Merge`` that changes no voxel outside a region; inside it, the structures that were looked for are written anew.

    Vertebrae and discs go into the segments of their names. Where the user renumbered the spine, the names differ by the same
    number of levels everywhere; that number is told from where the segments lie, for vertebrae and for discs.

    Args:
        inside: bool or uint8 (K, J, I), cropped; ``start`` is its first voxel (k, j, i).
        structures: what the run could have found; those that are there and are not found inside now are cleared inside.

    ``apply`` raises InputError also where a segment that would be written to lies on another grid than the scan.
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
        self._sizes: dict[int, int] = {}
        self._notes_before: int | None = None

    def _plan(self, found: FoundStructure) -> Pieces[None]:
        self._waiting.append((found, (yield from self._shared(found))))

    def _shared(self, found: FoundStructure) -> Pieces[dict[int, int]]:
        """How many voxels a vertebra or a disc shares with each segment of its kind, by the segment's number."""
        kind, shared = family(found.structure.key), Counter[int]()
        for number, shown in enumerate(self._structures):
            if kind in NUMBERED and shown is not None and family(shown.key) == kind:
                for slab in slabs_of(found.box):
                    mask = found.mask[moved_box(slab, np.negative(found.start))] != 0
                    shared[number] += int(np.count_nonzero(mask & mask_in_box(self._segments[number], slab, self.matrix)))
                    yield
        return dict(+shared)

    def _settle(self) -> Pieces[None]:
        self._changes.clear()
        self._notes_before = len(self.notes) if self._notes_before is None else self._notes_before
        del self.notes[self._notes_before :]
        for number, segment in enumerate(self._segments):
            yield from self._know(segment)
            tight = self._tights[number]
            self._sizes[number] = 0 if tight is None else int(np.count_nonzero(tight[0]))
        variant = variant_of([shown.key for shown in self._structures if shown is not None])
        shifts = {kind: self._shift(kind, variant) for kind in NUMBERED}
        unclear = {kind: reason for kind in NUMBERED if (reason := self._unclear(kind, shifts[kind]))}
        found: dict[Structure, FoundStructure] = {}
        for entry, _ in self._waiting:
            kind, name = family(entry.structure.key), entry.structure.name
            wanted = None if kind in unclear else self._users_name(entry.structure, shifts, variant)
            if kind in unclear:
                self.notes.append(f"'{name}' was left out: {unclear[kind]}")
            elif wanted is None:
                self.notes.append(f"'{name}' was left out: the renumbered spine has no level for it.")
            elif wanted in found:
                self.notes.append(f"'{name}' was left out: it and '{found[wanted].structure.name}' would both be '{wanted.name}'.")
            else:
                found[wanted] = entry
        for shown in dict.fromkeys(shown for shown in self._structures if shown is not None):
            kind = family(shown.key)
            cleared = shown in self._structures_sought or (shifts.get(kind) is not None and self._all_sought(kind))
            if shown in found:
                self._replace(shown, found.pop(shown))
            elif cleared and kind not in unclear:
                self._rewrite(self._segment_of(shown), shown, None)
            yield
        for wanted, entry in found.items():
            self._add(entry, wanted)
            yield

    def _unclear(self, kind: str, shift: int | None) -> str:
        """Why the user's names of a kind cannot be told from the model's; empty where they can."""
        own = {is_neutral(shown.key) for shown in self._structures if shown is not None and family(shown.key) == kind}
        if len(own) > 1:
            return "some of its kind have numbers and others levels; renumber the spine first."
        if shift and not self._all_sought(kind):
            return "the spine was renumbered, so its name there is another; look for all structures."
        return ""

    def _replace(self, shown: Structure, entry: FoundStructure) -> None:
        number = self._segment_of(shown)
        if self._is_another(number, entry):
            name = self._segments[number].GetName()
            self.notes.append(f"'{entry.structure.name}' was left out: '{name}' reaches beyond the box and shows another one there.")
        else:
            self._rewrite(number, shown, entry)

    def _is_another(self, number: int, entry: FoundStructure) -> bool:
        """Whether a segment that reaches beyond the region shows another vertebra or disc than the one that was found."""
        if family(entry.structure.key) not in NUMBERED or is_locked(self._segments[number]) or not self._on_grid(self._segments[number]):
            return False
        former = self._former(self._segments[number], entry.structure)
        if former is None or not (former.mask & ~self._inside.within(former.box)).any():
            return False
        shares = {id(waiting): shared.get(number, 0) for waiting, shared in self._waiting}
        own = shares.pop(id(entry))
        return own == 0 or max(shares.values(), default=0) > own

    def _shift(self, kind: str, variant: Variant) -> int | None:
        """By how many levels the user's names of a kind lie above the model's; None where nothing tells.

        It is that by which most voxels are shared, if one pair shares ``LEAST_SHARE``; none is preferred to a shift.
        """
        shared: Counter[int] = Counter()
        certain: set[int] = set()
        for found, overlaps in self._waiting:
            here = place_of(found.structure.key, Variant.STANDARD)
            for number, count in overlaps.items() if family(found.structure.key) == kind else ():
                there = self._place(number, variant)
                if here is not None and there is not None:
                    shared[there - here] += count
                    if count > LEAST_SHARE * min(int(np.count_nonzero(found.mask)), self._sizes[number]):
                        certain.add(there - here)
        if not certain:
            return None
        best = max(certain, key=shared.__getitem__)
        return best if shared[best] > 2 * shared[0] else 0

    def _place(self, number: int, variant: Variant) -> int | None:
        shown = self._structures[number]
        return None if shown is None else place_of(shown.key, variant)

    def _users_name(self, structure: Structure, shifts: Mapping[str, int | None], variant: Variant) -> Structure | None:
        """What the user's names make of one of the model's structures; None where they have none for it.

        Vertebrae and discs that nothing is known of follow each other.
        """
        kind, place = family(structure.key), place_of(structure.key, Variant.STANDARD)
        if place is None:
            return structure
        other = NUMBERED[1 - NUMBERED.index(kind)]
        shift = shifts[kind] if shifts[kind] is not None or is_neutral(structure.key) else shifts[other]
        if shift is None:
            return structure
        shown = [shown.key for shown in self._structures if shown is not None]
        own = [key for key in shown if family(key) == kind] or [key for key in shown if family(key) == other]
        return structure_at(kind, place + shift, variant, all(is_neutral(key) for key in own))

    def _all_sought(self, kind: str) -> bool:
        return {found for found in all_structures() if found.family == kind} <= set(self._structures_sought)

    def _segment_of(self, wanted: Structure) -> int:
        """The segment of a structure that is there: that of its very name first, then an unlocked one, then the one with most voxels.

        Others are left as they are, with a note.
        """

        def order(number: int) -> tuple[bool, bool, int]:
            segment = self._segments[number]
            return segment.GetName().strip().lower() != wanted.name.lower(), is_locked(segment), -self._sizes[number]

        alike = sorted((number for number, shown in enumerate(self._structures) if shown == wanted), key=order)
        for number in alike[1:]:
            names = [self._segments[n].GetName() for n in (number, alike[0])]
            self.notes.append(f"'{names[0]}' shows the same structure as '{names[1]}' and was left as it is.")
        return alike[0]

    def _rewrite(self, number: int, shown: Structure, found: FoundStructure | None) -> None:
        """Plans a segment's voxels: the former ones outside the region, those of ``found`` inside."""
        segment = self._segments[number]
        new = None if found is None else self._part_inside(found)
        if is_locked(segment):
            if new is not None:
                self._note_lock(segment)
            return
        if not self._on_grid(segment):
            raise InputError(
                f"The segment '{segment.GetName()}' lies on another grid than the scan; segment the whole scan into a new segmentation."
            )
        former = self._former(segment, shown)
        kept = None if former is None else replace(former, mask=former.mask & ~self._inside.within(former.box))
        lost = former is not None and kept is not None and not np.array_equal(kept.mask, former.mask)
        if lost and new is None:
            self.notes.append(f"'{segment.GetName()}' was not found again inside the box and was removed there.")
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
