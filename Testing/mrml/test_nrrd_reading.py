"""NRRD files lie in space, left and right with them, where Slicer's own way of loading volumes puts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.images.volume import read_volume
from neurospineseg.mrml.volume_node import to_numpy

VECTORS = "(2,0.1,0) (0,3,0.2) (0,0,4)"
ORIGIN = "space origin: (10,20,30)\n"
DIRECTIONS = f"space directions: {VECTORS}\n"
PLACED = {
    "LPS": f"space: left-posterior-superior\n{DIRECTIONS}{ORIGIN}",
    "RAS": f"space: right-anterior-superior\n{DIRECTIONS}{ORIGIN}",
    "LAS": f"space: LAS\n{DIRECTIONS}{ORIGIN}",
    "scanner": f"space: scanner-xyz\n{DIRECTIONS}{ORIGIN}",
    "right-handed": f"space: 3D-right-handed\n{DIRECTIONS}{ORIGIN}",
    "left-handed": f"space: 3D-left-handed\n{DIRECTIONS}{ORIGIN}",
    "dimension of space alone": f"space dimension: 3\n{DIRECTIONS}{ORIGIN}",
    "LPS without origin": f"space: LPS\n{DIRECTIONS}",
    "RAS without origin": f"space: RAS\n{DIRECTIONS}",
}
BARE = {
    "nothing": "content: x\n",
    "spacings": "spacings: 2 3 4\n",
    "mins": "spacings: 2 3 4\naxis mins: 5 6 7\ncenterings: cell cell cell\n",
    "mirrored": f"space: LPS\n{DIRECTIONS.replace('(0,0,4)', '(0,0,-4)')}{ORIGIN}",
}


def raw_nrrd(path: Path, fields: str, count: int) -> Path:
    header = f"NRRD0005\ntype: short\nencoding: raw\nendian: little\n{fields}\n"
    path.write_bytes(header.encode() + np.arange(count, dtype="<i2").tobytes())
    return path


def loaded(path: Path) -> Any:
    """The volume node that Slicer makes of a file."""
    scene, application, logic = slicer.vtkMRMLScene(), slicer.vtkMRMLApplicationLogic(), slicer.vtkSlicerVolumesLogic()
    application.SetMRMLScene(scene)
    logic.SetMRMLScene(scene)
    logic.SetMRMLApplicationLogic(application)
    node = logic.AddArchetypeVolume(str(path), "Scan", 0)
    assert node is not None
    return node


def by_place(voxels: np.ndarray, ijk_to_ras: np.ndarray) -> dict[tuple[float, ...], int]:
    """Each voxel's value by its center, in tenths of a micrometer; Slicer turns left-handed files, so that indices say nothing."""
    k, j, i = np.indices(voxels.shape).reshape(3, -1)
    ras = np.stack([i, j, k, np.ones_like(i)], 1) @ ijk_to_ras.T
    return dict(zip(map(tuple, np.round(ras[:, :3], 4) + 0.0), voxels.ravel().tolist()))


def places_in_slicer(path: Path, component: int) -> dict[tuple[float, ...], int]:
    node, matrix = loaded(path), vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    image = node.GetImageData()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*image.GetDimensions()[::-1], -1)
    return by_place(voxels[..., component], to_numpy(matrix))


@pytest.mark.parametrize("fields", (PLACED | BARE).values(), ids=PLACED | BARE)
def test_one_number_per_voxel(fields: str, tmp_path: Path) -> None:
    path = raw_nrrd(tmp_path / "scan.nrrd", f"dimension: 3\nsizes: 4 3 2\n{fields}", 24)
    volume = read_volume(path)
    assert by_place(volume.voxels, volume.ijk_to_ras) == places_in_slicer(path, 0)


@pytest.mark.parametrize("kind", ["list", "vector", "point"])
@pytest.mark.parametrize("fields", PLACED.values(), ids=PLACED)
def test_a_frame_of_several_numbers_per_voxel(fields: str, kind: str, tmp_path: Path) -> None:
    fields = fields.replace("directions: ", "directions: none ")
    path = raw_nrrd(tmp_path / "scan.nrrd", f"dimension: 4\nsizes: 2 4 3 2\nkinds: {kind} domain domain domain\n{fields}", 48)
    volume = read_volume(path, frame=1)
    assert by_place(volume.voxels, volume.ijk_to_ras) == places_in_slicer(path, 1)


@pytest.mark.parametrize("fields", PLACED.values(), ids=PLACED)
def test_a_frame_where_the_list_is_the_last_axis(fields: str, tmp_path: Path) -> None:
    fields = fields.replace(VECTORS, f"{VECTORS} none")
    path = raw_nrrd(tmp_path / "scan.nrrd", f"dimension: 4\nsizes: 4 3 2 2\nkinds: domain domain domain list\n{fields}", 48)
    volume = read_volume(path, frame=1)
    assert by_place(volume.voxels, volume.ijk_to_ras) == places_in_slicer(path, 1)


@pytest.mark.parametrize("spacings", ["spacings: nan 2 3 4\n", ""])
def test_a_frame_without_any_space(spacings: str, tmp_path: Path) -> None:
    path = raw_nrrd(tmp_path / "scan.nrrd", f"dimension: 4\nsizes: 2 4 3 2\nkinds: list domain domain domain\n{spacings}", 48)
    volume = read_volume(path, frame=0)
    assert by_place(volume.voxels, volume.ijk_to_ras) == places_in_slicer(path, 0)
