"""Pictures of the section *Measure* for the documents, one of each module, on drawn patients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 480


def spine() -> tuple[Any, str, str]:
    """A drawn lumbar spine; the key and place of the row that is selected."""
    from neurospineseg.geometry.grid import Grid
    from neurospineseg.tasks.anatomy import structure
    from Testing.known_sizes.drawn_spines import draw_spine
    from Testing.known_sizes.spine_voxels import drawn_labels

    drawn = draw_spine(np.random.default_rng(3), "lumbar")
    centers = np.array([body.ras(np.zeros((1, 3)))[0] for body in drawn.bodies])
    middle, size = (centers.min(0) + centers.max(0)) / 2, np.ptp(centers, 0) + [100, 140, 80]
    grid = Grid.canonical(middle, size, np.full(3, 1.5))
    labels, names = drawn_labels(drawn, grid)
    values = np.zeros(max(names) + 1, np.uint16)
    for value, key in names.items():
        values[value] = structure(key).label
    return _node("Drawn spine", "spine", values[labels.voxels], labels.ijk_to_ras), "body_depth", "vertebra_L3"


def head() -> tuple[Any, str, str]:
    """The nuclei of a drawn head."""
    from Testing.known_sizes.heads import draw_head

    labels = draw_head(0).labels
    return _node("Drawn head", "subcortical", labels.voxels, labels.ijk_to_ras), "lateral", "right_subthalamic_nucleus"


def tumor() -> tuple[Any, str, str]:
    """A drawn tumor, and what became of it."""
    from neurospineseg.tasks.anatomy import structure
    from Testing.known_sizes.tumors import draw_tumor

    for seed, name in ((1, "2024-01-10"), (2, "2024-06-20")):
        labels = draw_tumor(seed).labels
        values = np.array([0, *(structure(key).label for key in ("necrotic_core", "edema", "enhancing_tumor"))], np.uint16)
        node = _node(name, "tumor", values[labels.voxels], labels.ijk_to_ras)
    return node, "longest_diameter", "focus_1"


def _node(name: str, task: str, voxels: np.ndarray, affine: np.ndarray) -> Any:
    import slicer

    from neurospineseg.images.volume import Volume
    from neurospineseg.mrml import segmentation_from_labels
    from neurospineseg.tasks.anatomy import structures_of

    return segmentation_from_labels(Volume(voxels.astype(np.uint16), affine), structures_of(task), slicer.mrmlScene, name)


def make_measure_pictures(application: Any, folder: Path) -> None:
    """Writes ``<MODULE>-measure.png``: one of the numbers is selected and was dragged."""
    from Testing.panel.conftest import Bench
    from Testing.panel.measured_spine import MeasuringWorker, measure, number_of

    for module, patient in (("SpineSeg", spine), ("SubcorticalSeg", head), ("TumorSeg", tumor)):
        bench = Bench(application)
        worker, panel = MeasuringWorker(np.zeros((2, 2, 2), np.uint16), ()), bench.open(module)
        panel.logic.stop()
        panel.logic.client = worker
        panel.parameters.shown, key, place = patient()
        panel.ui.measureSection.collapsed = False
        measure(bench, panel)
        number = number_of(panel, key, place)
        panel.measure.tree.select(number)
        ends = np.array(panel.measure.measured.items[number].points)
        panel.measure.onMoved(number, [*ends[:-1].tolist(), (ends[-1] + [0.0, 1.2, 0.6]).tolist()])
        panel.parent.show()
        for _ in range(2):
            panel.parent.resize(WIDTH, panel.parent.sizeHint().height())
            bench.spin(0.3)
        panel.ui.measureSection.grab().save(str(folder / f"{module}-measure.png"))
        worker.remove()
        bench.close(panel)
