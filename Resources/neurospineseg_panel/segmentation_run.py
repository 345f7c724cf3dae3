"""Segmenting: the scans go to the worker, its result into a segmentation node, step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from neurospineseg.geometry.region import Region
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml import FoundStructure, Merge, MergeRule, RegionMerge, node_geometry
from neurospineseg.pipeline.stages import Stage
from neurospineseg.tasks.anatomy import structure
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import Segment
from neurospineseg.worker.results import Segmented
from neurospineseg_panel.correction_scans import remember_scans
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Pause, Run, Steps, slabs
from neurospineseg_panel.segmentation_result import PackedMask, Part, SegmentationResult


class SegmentationRun(Run):
    """Segments scans and merges the result into a segmentation node; ``finished`` gets a ``SegmentationResult``.

    Args:
        scene: the scene of the scans.
        target: the segmentation that receives the result; None for a new one.
        rule: what happens to its segments.
        name: of a new segmentation node.
        save_undo: called once before an existing segmentation is changed.
        earlier: with ``request.inside``, what the segmentation holds of an earlier run, if that is known.
    """

    def __init__(
        self,
        client: WorkerClient,
        scans: Mapping[str, Any],
        request: Segment,
        listener: Listener,
        times: RemainingTime,
        *,
        scene: Any,
        target: Any = None,
        rule: MergeRule = MergeRule.REPLACE,
        name: str = "Segmentation",
        save_undo: Callable[[Any], None] | None = None,
        earlier: SegmentationResult | None = None,
    ) -> None:
        super().__init__(client, scans, request, listener, times)
        self.asked = request
        self.scene, self.target, self.rule, self.name = scene, target, rule, name
        self.save_undo, self.earlier = save_undo, earlier

    def step(self) -> bool:
        if not self.over and any(not self.scene.IsNodePresent(node) for node in self.scans.values()):
            self.abandon(_("A scan was removed from the scene while it was being segmented; nothing was changed."))
        return super().step()

    def _work(self) -> Steps:
        answer: Segmented = yield from self._ask()
        self._tell(Stage.TAKING_RESULT, 0.0)
        self._files += answer.files
        notes = list(answer.warnings)
        target = self.target
        if target is not None and not self.scene.IsNodePresent(target):
            target = None
            notes.append(_("The chosen segmentation was removed meanwhile; the result went into a new one."))
        yield Pause.TURN
        labels = np.load(self.place(answer.labels), mmap_mode="r")
        merge = self._merge(answer, target, labels.shape)
        yield None
        masks = yield from self._masks(answer, labels, merge)
        earlier = None if self.earlier is None else (yield from self.earlier.shortened(labels.shape))
        del labels
        finished = SegmentationResult(
            None,
            answer.report,
            self._token,
            [{**asdict(place), "ras": list(place.ras)} for place in answer.uncertain],
            masks,
            {name: scan.GetID() for name, scan in self.scans.items()},
            self._part(answer),
            earlier,
            core=answer.core,
        )
        yield from merge.settling()
        yield Pause.TURN
        with slicer.util.RenderBlocker():  # views draw at once what changes again a sixtieth of a second later
            self._finish(merge, finished, notes)
            self._told = True
            yield Pause.TURN

    def _finish(self, merge: Merge, finished: SegmentationResult, notes: list[str]) -> None:
        """Changes the scene, and tells so, in one turn: until now nothing of it was to be seen."""
        save, target = self.save_undo, merge.target
        node = merge.apply(
            None if save is None or target is None else lambda: save(target),
            attributes_of(finished),
            self._token,
            lambda node: remember_scans(node, self.scans),
        )
        if self._is_box and not self.asked.inside and self.rule is MergeRule.REPLACE and merge.replaces:
            notes.append(
                _(
                    "Only the box was segmented, so the replaced segments hold nothing outside it; Undo brings them back. "
                    "To keep what lies outside, use 'Segment only inside the box again'."
                )
            )
        self.times.end()
        self.listener.finished(replace(self._as_known(finished, node), node=node), [*notes, *merge.notes])

    @property
    def _is_box(self) -> bool:
        return isinstance(self.asked.settings.region, Region)

    def _masks(self, answer: Segmented, labels: np.ndarray, merge: Merge) -> Generator[None, None, list[PackedMask]]:
        """Hands each structure's mask to the merge, and keeps it packed."""
        masks = []
        for number, there in enumerate(answer.structures):
            k0, k1, j0, j1, i0, i1 = there.box
            crop = labels[k0:k1, j0:j1, i0:i1]
            mask = np.empty(crop.shape, np.uint8)
            for first, last in slabs(crop):
                np.equal(crop[first:last], there.label, out=mask[first:last], casting="unsafe")
                yield None
            yield from merge.preparing(FoundStructure(structure(there.key), mask, (k0, j0, i0), there.confidence))
            masks.append(PackedMask(there.label, there.box, np.packbits(mask)))
            self._tell(Stage.TAKING_RESULT, (number + 1) / (len(answer.structures) + 1))
            yield None
        return masks

    def _as_known(self, finished: SegmentationResult, node: Any) -> SegmentationResult:
        """The result, with what is known of the whole segmentation node."""
        if node is not self.target:
            return replace(finished, part=None, earlier=None, predicted=finished.part is None)
        if self.asked.settings.structures is not None or self._is_box:
            return replace(finished, predicted=False)
        return finished

    def _part(self, answer: Segmented) -> Part | None:
        """The region that a run was restricted to."""
        if answer.inside is None:
            return None
        inside = np.load(self.place(answer.inside.file))
        box = tuple(edge for at, size in zip(answer.inside.start, inside.shape) for edge in (at, at + size))
        labels = frozenset(structure(key).label for key in answer.sought)
        return Part(PackedMask(1, box, np.packbits(inside)), labels, node_geometry(self.scans[answer.report["reference"]]))

    def _merge(self, answer: Segmented, target: Any, shape: tuple[int, int, int]) -> Merge:
        """Prepared for a result on a grid of ``shape`` (K, J, I)."""
        reference = self.scans[answer.report["reference"]]
        if answer.inside is None:
            return Merge(self.scene, reference, target, self.rule, self.name, shape)
        inside = np.load(self.place(answer.inside.file), mmap_mode="r")
        sought = [structure(key) for key in answer.sought]
        return RegionMerge(self.scene, reference, target, inside, triple(answer.inside.start), sought, self.name, shape)


def attributes_of(finished: SegmentationResult) -> dict[str, str]:
    """What a segmentation node keeps of the run in saved scenes; names are not to be changed."""
    report = finished.report
    return {
        "Task": report["task"],
        "Model": report["model"]["name"],
        "ModelVersion": report["model"]["version"],
        "ModelSHA256": report["model"]["sha256"],
        "Settings": json.dumps(report["settings"]),
        "Doubtful": json.dumps(finished.uncertain_regions()),
    }
