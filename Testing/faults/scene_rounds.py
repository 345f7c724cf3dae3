"""Segment, correct, segment again and again in one scene, on the tests' bench with Slicer's own MRML and the real worker.

python -m Testing.faults.scene_rounds --rounds 200

The scene holds what users have: a scan, a segmentation of theirs with a hand-made and a locked segment, points, a transform. After every round
the nodes are as many as after the first ones and the user's segments the same bit for bit; memory (RSS) may grow by ``MOST_MB`` after the first
``WARM_UP`` rounds; at the end each of nine undos brings back what was there before a step. Linux only.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

MOST_MB = 12.0
WARM_UP = 20
UNDOS = 9
"""As many as the editor's history of ten states holds: one of them is the present one."""


class SceneRounds:
    """One scene.

    Args:
        bench: see ``Testing.panel.conftest.Bench``.
        panel: the tumor panel with the tiny model; its slot t1c holds ``scan``.
        corrections: a new folder.

    Attributes:
        memory: RSS of this process in MB after each round.
        nodes: of the scene after each round, by class.
    """

    def __init__(self, bench: Any, panel: Any, scan: Any, corrections: Path) -> None:
        import slicer

        self.bench, self.panel, self.scan, self.slicer = bench, panel, scan, slicer
        self.memory: list[float] = []
        self.nodes: list[Counter[str]] = []
        self.wrong: list[str] = []
        panel.parameters.corrections = str(corrections)
        self.corrections = corrections
        self.mine = self._users_own()
        bench.segment(panel)
        self.node = panel.parameters.result = panel.parameters.shown
        self.own = self._add_users_segments()
        panel.ui.correctSection.collapsed = panel.ui.editorSection.collapsed = False
        self.box = self._box()
        self.locked = self._bits(self.node, self.own)
        self.before = self._bits(self.mine)

    def round(self, number: int) -> None:
        """Segments, corrects by the editor, segments again: all, or in every third round only the box; accepts in every tenth."""
        bench, panel = self.bench, self.panel
        bench.segment(panel)
        self._correct(number)
        if number % 10 == 9:
            bench.click(panel.ui.acceptButton)
            bench.spin(lambda: not panel.runs.busy and panel.ui.acceptButton.enabled)
        if number % 3 == 2:
            panel.parameters.region = self.box
            bench.click(panel.ui.againButton)
            bench.spin(lambda: panel.ui.segmentButton.text == "Segment")
        else:
            bench.segment(panel)
        self._look(number)

    def _correct(self, number: int) -> None:
        editor, segmentation = self.panel.correct.editor, self.node.GetSegmentation()
        found = [identifier for identifier in segmentation.GetSegmentIDs() if identifier not in self.own]
        before = self._bits(self.node)
        editor.setCurrentSegmentID(found[number % len(found)])
        editor.saveStateForUndo()
        self._shift(found[number % len(found)])
        if self._bits(self.node) == before:
            self.wrong.append(f"round {number}: the correction changed nothing")

    def _shift(self, identifier: str) -> None:
        """Moves a segment by a voxel, as the editor's effects write: through the logic of segmentations."""
        logic, image = self.slicer.vtkSlicerSegmentationsModuleLogic, self.slicer.vtkOrientedImageData()
        self.node.GetBinaryLabelmapRepresentation(identifier, image)
        i0, i1, *rest = image.GetExtent()
        image.SetExtent(i0 + 1, i1 + 1, *rest)
        logic.SetBinaryLabelmapToSegment(image, self.node, identifier, logic.MODE_REPLACE, image.GetExtent())

    def _look(self, number: int) -> None:
        if self._bits(self.node, self.own) != self.locked:
            self.wrong.append(f"round {number}: a hand-made or a locked segment was changed")
        if self._bits(self.mine) != self.before:
            self.wrong.append(f"round {number}: the user's own segmentation was changed")
        if self.panel.parameters.shown is not self.node:
            self.wrong.append(f"round {number}: {self.panel.ui.statusLabel.text}")
        scene = self.slicer.mrmlScene
        self.nodes.append(Counter(scene.GetNthNode(n).GetClassName() for n in range(scene.GetNumberOfNodes())))
        gc.collect()
        self.memory.append(resident_mb())

    def undo(self, steps: int = UNDOS) -> None:
        """Takes some steps back, each of them a segmentation or a correction, and looks whether each brought back what was."""
        states = [self._bits(self.node)]
        for number in range(steps):
            if number % 2:
                self._correct(number)
            else:
                self.bench.segment(self.panel)
            states.append(self._bits(self.node))
        for number in reversed(range(steps)):
            self.panel.correct.editor.undo()
            if self._bits(self.node) != states[number]:
                self.wrong.append(f"the undo of step {number} did not bring back what was there before it")

    def problems(self) -> list[str]:
        """What did not hold, in sentences."""
        first = self.nodes[min(WARM_UP, len(self.nodes)) // 4]
        wrong = [f"the scene holds more nodes: {self.nodes[-1] - first}"] if self.nodes[-1] - first else []
        if self.growth > MOST_MB:
            wrong.append(f"memory grew by {self.growth:.1f} MB")
        return [*self.wrong, *wrong]

    @property
    def growth(self) -> float:
        """MB that the last rounds have more than those after the warm-up: means of five."""
        warm = self.memory[WARM_UP : WARM_UP + 5]
        return float(np.mean(self.memory[-5:]) - np.mean(warm)) if len(self.memory) >= WARM_UP + 10 else 0.0

    def _users_own(self) -> Any:
        from neurospineseg.images.volume import Volume
        from neurospineseg.mrml import segmentation_from_labels
        from neurospineseg.tasks.anatomy import structures_of
        from Testing.small_scans import oblique_affine

        scene, labels = self.slicer.mrmlScene, np.zeros(self.slicer.util.arrayFromVolume(self.scan).shape, np.uint16)
        labels[5:10, 5:10, 5:10], labels[8:12, 8:14, 12:16] = 1, 2
        for kind in ("vtkMRMLMarkupsFiducialNode", "vtkMRMLLinearTransformNode", "vtkMRMLModelNode"):
            scene.AddNewNodeByClass(kind, f"My {kind}")
        return segmentation_from_labels(Volume(labels, oblique_affine()), structures_of("tumor"), scene, "Mine", self.scan)

    def _add_users_segments(self) -> tuple[str, str]:
        """The identifiers of a hand-made segment without a structure, and of one that the model finds but the user has drawn anew and completed."""
        segmentation, util = self.node.GetSegmentation(), self.slicer.util
        own = segmentation.AddEmptySegment("", "Hand-made"), segmentation.GetNthSegmentID(0)
        for number, identifier in enumerate(own):
            mask = np.zeros(util.arrayFromVolume(self.scan).shape, np.uint8)
            mask[4 + 6 * number : 9 + 6 * number, 10:16, 10:20] = 1
            util.updateSegmentBinaryLabelmapFromArray(mask, self.node, identifier, self.scan)
        logic = self.slicer.vtkSlicerSegmentationsModuleLogic
        logic.SetSegmentStatus(segmentation.GetSegment(own[1]), logic.Completed)
        return own

    def _box(self) -> Any:
        roi = self.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "My box")
        from Testing.small_scans import oblique_affine

        roi.SetCenter(*(oblique_affine() @ [14, 13, 12, 1])[:3])
        roi.SetSize(40.0, 40.0, 40.0)
        return roi

    def _bits(self, node: Any, only: tuple[str, ...] = ()) -> dict[str, bytes]:
        """Each segment's voxels and where they lie; of these identifiers, or of all."""
        from neurospineseg.mrml.segment_masks import tight_mask

        segmentation, bits = node.GetSegmentation(), {}
        for identifier in only or segmentation.GetSegmentIDs():
            mask, start, matrix = tight_mask(segmentation.GetSegment(identifier)) or (np.zeros((0, 0, 0), bool), (), np.zeros(0))
            bits[identifier] = repr((mask.shape, start, matrix.tolist())).encode() + np.packbits(mask).tobytes()
        return bits


def resident_mb() -> float:
    """Memory of this process, MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    from Testing.faults.ground import Ground
    from Testing.panel import bench as benches
    from Testing.panel.conftest import Bench

    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        ground = Ground(Path(folder) / "ground")
        os.environ["NEUROSPINESEG_MODELS"] = str(ground.model.parent)
        bench = Bench(benches.install())
        rounds = SceneRounds(bench, *opened(bench), ground.corrections)
        for number in range(options.rounds):
            begun = time.monotonic()
            rounds.round(number)
            total = sum(rounds.nodes[-1].values())
            print(f"round {number}: {rounds.memory[-1]:.1f} MB, {total} nodes, {time.monotonic() - begun:.1f} s", flush=True)
        rounds.undo()
        problems = rounds.problems()
        for widget in list(bench.widgets):
            bench.close(widget)
        print(
            f"{options.rounds} rounds: {rounds.memory[0]:.1f} MB at first, {rounds.memory[-1]:.1f} MB at last, growth {rounds.growth:.1f} MB"
        )
    print(*problems, sep="\n")
    return 1 if problems else 0


def opened(bench: Any) -> tuple[Any, Any]:
    """The tumor panel with the tiny model, and a scan in its slot."""
    import slicer

    from neurospineseg.mrml import node_from_array
    from Testing.small_scans import ball, oblique_affine

    scan = node_from_array(ball(), oblique_affine(), slicer.mrmlScene, "x-t1c")
    scan.CreateDefaultDisplayNodes()
    panel = bench.open("TumorSeg")
    panel.parameters.model = "tiny_tumor"
    return panel, scan


if __name__ == "__main__":
    sys.exit(main())
