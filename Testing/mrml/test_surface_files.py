"""Surfaces in files, read by Slicer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer")
pytest.importorskip("trimesh")
pytest.importorskip("skimage")

from neurospineseg.exports.coded_segment import CodedSegment
from neurospineseg.exports.surface_files import surfaces_of, write_stl
from neurospineseg.images.volume import Volume


def test_slicer_puts_an_stl_where_the_mask_is(tmp_path: Path) -> None:
    labels = np.zeros((20, 22, 24), np.uint16)
    labels[4:14, 5:18, 6:20] = 1
    affine = np.diag([1.0, 1.5, 2.0, 1.0])
    affine[:3, 3] = (30.0, -70.0, 12.0)
    (surface,) = surfaces_of(Volume(labels, affine), [CodedSegment(1, "Box", (1, 2, 3))])
    write_stl(surface, tmp_path / "box.stl")
    node, storage = slicer.vtkMRMLModelNode(), slicer.vtkMRMLModelStorageNode()
    scene = slicer.vtkMRMLScene()
    scene.AddNode(node)
    scene.AddNode(storage)
    storage.SetFileName(str(tmp_path / "box.stl"))
    assert storage.ReadData(node) == 1
    np.testing.assert_allclose(node.GetPolyData().GetBounds(), surface.mesh.bounds.T.ravel(), atol=1e-3)
