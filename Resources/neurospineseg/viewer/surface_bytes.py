"""The surface of a segment as the page draws it in 3D."""

from __future__ import annotations

import struct

import numpy as np

from neurospineseg.exports.surface import need_surfaces, surface_of
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.images.volume import Volume
from neurospineseg.viewer.shown_case import coarser

MOST_VOXELS = 6_000_000
"""In the box of a segment; a larger one is drawn from every second, third, ... voxel."""


def surface_bytes(labels: Volume, label: int) -> bytes:
    """Two uint32 (numbers of points and triangles), then float32 points in RAS mm and normals, then uint32 triangles; little-endian.

    Raises:
        InputError: the mask holds no such label, or a package is missing.
    """
    need_surfaces()
    box = bounding_slices(labels.voxels == label)
    part = labels if box is None else _part(labels, box)
    part = coarser(part, MOST_VOXELS)
    mesh = surface_of(part.voxels == label, part.grid)
    points, normals = (np.ascontiguousarray(each, "<f4") for each in (mesh.vertices, mesh.vertex_normals))
    faces = np.ascontiguousarray(mesh.faces, "<u4")
    return struct.pack("<II", len(points), len(faces)) + points.tobytes() + normals.tobytes() + faces.tobytes()


def _part(labels: Volume, box: tuple[slice, slice, slice]) -> Volume:
    start = (box[0].start, box[1].start, box[2].start)
    return Volume(labels.voxels[box], labels.affine.from_voxel(start))
