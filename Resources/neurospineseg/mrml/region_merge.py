"""Bringing a result into a segmentation inside a region only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from neurospineseg.anatomy import Structure, family
from neurospineseg.errors import InputError
from neurospineseg.mrml.found_structure import FoundStructure, union
from neurospineseg.mrml.merge import Change, Merge
from neurospineseg.mrml.segment_masks import is_locked, mask_in_box

NUMBERED = ("vertebra", "disc")
"""Families whose members the user may have renumbered: there the place tells which segment a structure is, not the name."""


class RegionMerge(Merge):
    """A ``Merge`` that changes no voxel outside a region; inside it, the structures that were looked for are written anew.

    A vertebra or a disc goes into the segment of its kind that it shares most voxels with, whatever that is called. One that
    shares too few goes into the segment of its own name only if that can be the same one, and into a new segment otherwise.

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
        formers = dict(self._of_sought_kinds())
        pairs = dict(self._pairs(formers))
        renamed = any(self._structures[number] != self._waiting[n][0].structure for n, number in pairs.items())
        for n, (found, shared) in enumerate(self._waiting):
            number = self._by_name(found.structure, shared, formers, renamed) if n not in pairs else None
            if number is not None and number not in pairs.values():
                pairs[n] = number
        for number, former in formers.items():
            n = next((n for n, paired in pairs.items() if paired == number), None)
            if n is None and not self._is_cleared(number, renamed):
                continue
            self._rewrite(number, former, None if n is None else self._waiting[n][0])
        for n, (found, _) in enumerate(self._waiting):
            new = self._part_inside(found)
            if n not in pairs and new is not None:
                if renamed and family(found.structure.key) in NUMBERED:
                    self.notes.append(
                        f"'{found.structure.name}' was added as a new segment: which of the renumbered segments it is cannot be told."
                    )
                self._changes.append(Change(new, None))

    def _of_sought_kinds(self) -> Iterator[tuple[int, FoundStructure | None]]:
        """Number and voxels of every segment that may be written to, and of the locked ones of these kinds."""
        kinds = {family(structure.key) for structure in self._structures_sought}
        for number, (segment, shown) in enumerate(zip(self._segments, self._structures)):
            if shown is not None and family(shown.key) in kinds:
                if self._on_grid(segment):
                    yield number, self._former(segment, shown)
                elif is_locked(segment):
                    yield number, None

    def _pairs(self, formers: dict[int, FoundStructure | None]) -> Iterator[tuple[int, int]]:
        """Which found structure is which segment: those that share most, if that is over half of the smaller of the two."""
        sizes = {number: 0 if former is None else np.count_nonzero(former.mask) for number, former in formers.items()}
        shares = [
            (count, n, number)
            for n, (found, shared) in enumerate(self._waiting)
            for number, count in shared.items()
            if number in formers and count > 0.5 * min(np.count_nonzero(found.mask), sizes[number])
        ]
        seen: tuple[set[int], set[int]] = (set(), set())
        for _, n, number in sorted(shares, key=lambda share: -share[0]):
            if n not in seen[0] and number not in seen[1]:
                seen[0].add(n)
                seen[1].add(number)
                yield n, number

    def _by_name(self, wanted: Structure, shared: dict[int, int], formers: dict[int, Any], renamed: bool) -> int | None:
        """The segment of a structure's own name, where it can be the same one."""
        alike = [number for number in formers if self._structures[number] == wanted]
        if family(wanted.key) in NUMBERED:
            alike = [] if renamed else [number for number in alike if formers[number] is None or number in shared]
        return min(alike, key=lambda number: is_locked(self._segments[number]), default=None)

    def _is_cleared(self, number: int, renamed: bool) -> bool:
        """Whether a segment that nothing was found for is emptied inside the region."""
        shown = self._structures[number]
        if renamed and family(shown.key) in NUMBERED:
            return self._all_sought(family(shown.key))
        return shown in self._structures_sought

    def _all_sought(self, kind: str) -> bool:
        shown = {structure for structure in self._structures if structure is not None and family(structure.key) == kind}
        return shown <= set(self._structures_sought)

    def _rewrite(self, number: int, former: FoundStructure | None, found: FoundStructure | None) -> None:
        """Plans a segment's voxels: the former ones outside the region, those of ``found`` inside."""
        segment, shown = self._segments[number], self._structures[number]
        new = None if found is None else self._part_inside(found)
        if is_locked(segment):
            if new is not None:
                self._note_lock(segment)
            return
        outside = None if former is None else former.mask & ~self._inside.within(former.box)
        if former is not None and found is None and not np.array_equal(outside, former.mask):
            self.notes.append(f"'{segment.GetName()}' was not found again inside the box and was removed there.")
        kept = None if former is None else FoundStructure(shown, outside, former.start)
        parts = [part for part in (new, kept) if part is not None]
        if parts and (new is not None or not np.array_equal(outside, former.mask)):
            self._changes.append(Change(union(*parts) if len(parts) == 2 else parts[0], segment))

    def _part_inside(self, found: FoundStructure) -> FoundStructure | None:
        """What of a structure lies inside the region; None where nothing does."""
        mask = np.asarray(found.mask, bool) & self._inside.within(found.box)
        return FoundStructure(found.structure, mask, found.start) if mask.any() else None
