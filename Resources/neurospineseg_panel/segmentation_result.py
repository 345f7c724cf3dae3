"""What a finished segmentation gave, kept to be compared with its correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.mrml import run_tokens
from neurospineseg.mrml.pieces import Pieces, common_box, moved_box, slabs_of
from neurospineseg.worker.results import Core

LONGEST_CHAIN = 8
"""So many runs inside boxes, each upon what the one before it left, are kept apart; then they are drawn together."""
REACHABLE = 12
"""So many last results are kept whole: the editor's *Undo* goes back ten steps."""


@dataclass(frozen=True)
class PackedMask:
    """A mask in a bit a voxel: its label value, box [k0, k1, j0, j1, i0, i1) and packed voxels."""

    label: int
    box: tuple[int, ...]
    bits: np.ndarray

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        k0, k1, j0, j1, i0, i1 = self.box
        return slice(k0, k1), slice(j0, j1), slice(i0, i1)

    def at(self, place: Sequence[int]) -> bool:
        """Whether the voxel (k, j, i) of the scan is marked."""
        inside = [n - part.start for n, part in zip(place, self.slices)]
        shape = [part.stop - part.start for part in self.slices]
        if any(not 0 <= n < size for n, size in zip(inside, shape)):
            return False
        bit = int(np.ravel_multi_index(inside, shape))
        return bool(self.bits[bit // 8] >> (7 - bit % 8) & 1)

    def unpacked(self) -> np.ndarray:
        """Bool (K, J, I) of the box."""
        shape = tuple(part.stop - part.start for part in self.slices)
        return np.unpackbits(self.bits, count=int(np.prod(shape))).reshape(shape).view(bool)

    def within(self, box: tuple[slice, ...]) -> np.ndarray:
        """Bool of another box's shape: where that is marked."""
        result, common = np.zeros([part.stop - part.start for part in box], bool), common_box(self.slices, box)
        if common is not None:
            here, there = ([-part.start for part in one] for one in (box, self.slices))
            result[moved_box(common, here)] = self.unpacked()[moved_box(common, there)]
        return result


@dataclass(frozen=True)
class Part:
    """Where a run was allowed to change anything.

    Attributes:
        inside: the region on the scan's grid.
        labels: values of the structures that were looked for.
        ijk_to_ras: of the scan, 4x4, world RAS mm.
    """

    inside: PackedMask
    labels: frozenset[int]
    ijk_to_ras: np.ndarray

    def holds(self, ras: Sequence[float]) -> bool:
        """Whether a place (world RAS mm) lies in the region."""
        return self.inside.at(Affine(self.ijk_to_ras).voxel_at(ras))


@dataclass(frozen=True)
class SegmentationResult:
    """A finished segmentation.

    Attributes:
        node: the segmentation node.
        report: the worker's report: model, device, versions, seconds per stage.
        token: of the run; the segments it wrote are tagged with it.
        uncertain: regions worth a look, the most uncertain first: ras (mm), key, marked, ml, score.
        masks: what the model found, before anybody corrected it.
        scans: volume node ID by channel.
        part: where anything was changed; None for everywhere.
        earlier: with ``part``, what was there before, if that is known.
        predicted: whether ``masks`` is known; it is not for a segmentation of another session.
        core: where most of what was found lies, on the grid of the reference scan; None where nothing was.
    """

    node: Any
    report: dict[str, Any]
    token: str = ""
    uncertain: list[dict[str, Any]] = field(default_factory=list)
    masks: list[PackedMask] = field(default_factory=list)
    scans: Mapping[str, str] = field(default_factory=dict)
    part: Part | None = None
    earlier: SegmentationResult | None = None
    predicted: bool = True
    core: Core | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the prediction is known everywhere."""
        if self.part is None:
            return self.predicted
        return self.earlier is not None and self.earlier.is_whole and dict(self.earlier.scans) == dict(self.scans)

    @property
    def chain(self) -> list[SegmentationResult]:
        """This result, the one that it is a part upon, and so on."""
        return [self, *(self.earlier.chain if self.earlier is not None else ())]

    def outline(self) -> SegmentationResult:
        """What is left to know of a result that neither is shown nor can come back: its run and its scans."""
        report = {name: value for name, value in self.report.items() if name == "reference"}
        return SegmentationResult(self.node, report, self.token, scans=self.scans, predicted=False)

    def shortened(self, shape: tuple[int, ...]) -> Pieces[SegmentationResult]:
        """The same without its chain where that is long, so that neither memory nor the time to paint it grows; on a grid of ``shape`` (K, J, I)."""
        chain, labels = self.chain, np.zeros(shape if len(self.chain) > LONGEST_CHAIN else (0, 0, 0), np.uint16)
        if not labels.size:
            return self
        yield from self.paint(labels)
        masks = []
        for label in sorted({mask.label for result in chain for mask in result.masks}):
            sides = np.array([mask.box for result in chain for mask in result.masks if mask.label == label]).reshape(-1, 3, 2)
            start, stop = sides[:, :, 0].min(0), sides[:, :, 1].max(0)
            marked = np.zeros(stop - start, bool)
            for slab in slabs_of(tuple(map(slice, start.tolist(), stop.tolist()))):
                np.equal(labels[slab], label, out=marked[moved_box(slab, [-n for n in start.tolist()])])
                yield
            box = tuple(int(edge) for side in zip(start, stop) for edge in side)
            masks.append(PackedMask(label, box, np.packbits(marked)))
        return replace(self, uncertain=self.uncertain_regions(), masks=masks, part=None, earlier=None, predicted=self.is_whole)

    def uncertain_regions(self) -> list[dict[str, Any]]:
        """The uncertain regions of the whole segmentation: outside a part those of before, inside it the new ones."""
        if self.part is None:
            return self.uncertain
        before = self.earlier.uncertain_regions() if self.earlier is not None else []
        new = [place for place in self.uncertain if self.part.holds(place["ras"])]
        return sorted(new + [place for place in before if not self.part.holds(place["ras"])], key=lambda place: -place["score"])

    def paint(self, labels: np.ndarray) -> Pieces[None]:
        """Writes the prediction into a label map (K, J, I) of zeros, in pieces."""
        region = None
        if self.part is not None:
            if self.earlier is not None:
                yield from self.earlier.paint(labels)
            region = self.part.inside
            inside, sought = region.unpacked(), list(self.part.labels)
            for slab in slabs_of(region.slices):
                there = labels[slab]
                there[inside[moved_box(slab, [-part.start for part in region.slices])] & np.isin(there, sought)] = 0
                yield
        for mask in self.masks:
            marked = mask.unpacked() if region is None else mask.unpacked() & region.within(mask.slices)
            for slab in slabs_of(mask.slices):
                np.copyto(labels[slab], np.uint16(mask.label), where=marked[moved_box(slab, [-part.start for part in mask.slices])])
                yield


class SegmentationResults:
    """The results of a session, by segmentation; undo brings an earlier one back. Of those that nothing can bring back an outline is kept."""

    def __init__(self) -> None:
        self._known: dict[str, list[SegmentationResult]] = {}

    def add(self, result: SegmentationResult) -> None:
        known, shown = [*self._known.get(result.node.GetID(), []), result], run_tokens(result.node)
        old = [each if each.token in shown else each.outline() for each in known[:-REACHABLE]]
        self._known[result.node.GetID()] = [*old, *known[-REACHABLE:]]

    def of(self, node: Any) -> SegmentationResult | None:
        """The last result that a segment of ``node`` still shows; None where none of this session does."""
        shown = run_tokens(node)
        return next((result for result in reversed(self._known.get(node.GetID(), [])) if result.token in shown), None)

    def is_mixed(self, node: Any) -> bool:
        """Whether the segments of ``node`` come from runs on different scans."""
        shown = run_tokens(node)
        scans = [dict(result.scans) for result in self._known.get(node.GetID(), []) if result.token in shown]
        return any(other != scans[0] for other in scans[1:])

    def clear(self) -> None:
        self._known.clear()
