"""Segmenting: the scans go to the worker, its result into a segmentation node, step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.mrml import FoundStructure, Merge, MergeRule, RegionMerge, node_geometry
from neurospineseg.tasks.anatomy import structure
from neurospineseg.worker.client import WorkerClient
from neurospineseg_panel.correction_scans import remember_scans
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Run, Steps, slabs
from neurospineseg_panel.segmentation_result import PackedMask, Part, SegmentationResult


class SegmentationRun(Run):
    """Segments scans and merges the result into a segmentation node; ``finished`` gets a ``SegmentationResult``.

    Args:
        scene: the scene of the scans.
        target: the segmentation that receives the result; None for a new one.
        rule: what happens to its segments.
        name: of a new segmentation node.
        inside_only: whether, with a region, the structures that are there stay as they are outside it.
        save_undo: called once before an existing segmentation is changed.
        earlier: with ``inside_only``, what the segmentation holds of an earlier run, if that is known.
    """

    def __init__(
        self,
        client: WorkerClient,
        scans: Mapping[str, Any],
        fields: Mapping[str, Any],
        listener: Listener,
        times: RemainingTime,
        *,
        scene: Any,
        target: Any = None,
        rule: MergeRule = MergeRule.REPLACE,
        name: str = "Segmentation",
        inside_only: bool = False,
        save_undo: Callable[[Any], None] | None = None,
        earlier: SegmentationResult | None = None,
    ) -> None:
        super().__init__(client, scans, {**fields, "op": "segment", "doubts": True, "inside": inside_only}, listener, times)
        self.scene, self.target, self.rule, self.name = scene, target, rule, name
        self.inside_only, self.save_undo, self.earlier = inside_only, save_undo, earlier

    def step(self) -> bool:
        if not self.over and any(not self.scene.IsNodePresent(node) for node in self.scans.values()):
            self.abandon(_("A scan was removed from the scene while it was being segmented; nothing was changed."))
        return super().step()

    def _work(self) -> Steps:
        result = yield from self._ask()
        self._tell("Taking the result", 0.0)
        self._files += [result[name] for name in ("labels", "doubt") if result[name]]
        self._files += [result["inside"]["file"]] if result.get("inside") else []
        notes = list(result["warnings"])
        target = self.target
        if target is not None and not self.scene.IsNodePresent(target):
            target = None
            notes.append(_("The chosen segmentation was removed meanwhile; the result went into a new one."))
        yield
        labels = np.load(self.place(result["labels"]), mmap_mode="r")
        merge = self._merge(result, target, labels.shape)
        masks = []
        for number, found in enumerate(result["found"]):
            k0, k1, j0, j1, i0, i1 = found["box"]
            crop = labels[k0:k1, j0:j1, i0:i1]
            mask = np.empty(crop.shape, np.uint8)
            for first, last in slabs(crop):
                np.equal(crop[first:last], found["label"], out=mask[first:last], casting="unsafe")
                yield
            merge.prepare(FoundStructure(structure(found["key"]), mask, (k0, j0, i0)))
            masks.append(PackedMask(found["label"], tuple(found["box"]), np.packbits(mask)))
            self._tell("Taking the result", (number + 1) / (len(result["found"]) + 1))
            yield
        del labels
        report = result["report"]
        finished = SegmentationResult(
            None,
            report,
            self._token,
            result["doubtful"],
            masks,
            {name: scan.GetID() for name, scan in self.scans.items()},
            self._part(result),
            self.earlier,
        )
        attributes = {
            "Task": report["task"],
            "Model": report["model"]["name"],
            "ModelVersion": report["model"]["version"],
            "ModelSHA256": report["model"]["sha256"],
            "Settings": json.dumps(report["settings"]),
            "Doubtful": json.dumps(finished.uncertain_regions()),
        }
        save_undo = None if self.save_undo is None or target is None else lambda: self.save_undo(target)
        node = merge.apply(save_undo, attributes, self._token)
        remember_scans(node, self.scans)
        if isinstance(self.fields.get("region"), dict) and not self.inside_only and self.rule is MergeRule.REPLACE and merge.replaces:
            notes.append(
                _(
                    "Only the box was segmented, so the replaced segments hold nothing outside it; Undo brings them back. "
                    "To keep what lies outside, use 'Segment only inside the box again'."
                )
            )
        if node is not self.target:
            finished = replace(finished, part=None, earlier=None, predicted=finished.part is None)
        elif self.fields.get("structures") is not None or isinstance(self.fields.get("region"), dict):
            finished = replace(finished, predicted=False)
        self.times.end()
        self.listener.finished(replace(finished, node=node), [*notes, *merge.notes])

    def _part(self, result: Mapping[str, Any]) -> Part | None:
        """The region that a run was restricted to."""
        if not result.get("inside"):
            return None
        inside = np.load(self.place(result["inside"]["file"]))
        start = result["inside"]["start"]
        box = tuple(edge for at, size in zip(start, inside.shape) for edge in (at, at + size))
        labels = frozenset(structure(key).label for key in result["sought"])
        return Part(PackedMask(1, box, np.packbits(inside)), labels, node_geometry(self.scans[result["report"]["reference"]]))

    def _merge(self, result: Mapping[str, Any], target: Any, shape: tuple[int, int, int]) -> Merge:
        """Prepared for a result on a grid of ``shape`` (K, J, I)."""
        reference = self.scans[result["report"]["reference"]]
        if not result.get("inside"):
            return Merge(self.scene, reference, target, self.rule, self.name, shape)
        inside = np.load(self.place(result["inside"]["file"]), mmap_mode="r")
        sought = [structure(key) for key in result["sought"]]
        return RegionMerge(self.scene, reference, target, inside, tuple(result["inside"]["start"]), sought, self.name, shape)
