"""Surfaces in files: STL, one for each structure, and glTF (.glb), all in one with names and colors.

STL holds RAS mm, and its header says so in the words that Slicer reads. In glTF the vertices are RAS mm too, under a node *RAS mm* that takes
them to meters with Y up, as the format wants it: superior is +Y, anterior +Z, the patient's right -X.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurospineseg.errors.of_files import writing_failed
from neurospineseg.exports.coded_segment import CodedSegment
from neurospineseg.exports.surface import surface_of
from neurospineseg.images.volume import Volume

if TYPE_CHECKING:
    import trimesh

NOTICE = "Research only; not for clinical use."
STL_HEADER = b"NeuroSpineSeg SPACE=RAS UNIT=mm research only; not for clinical use"
TO_GLTF = np.array([[-1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1000]]) / 1000
"""From RAS mm to glTF's meters, homogeneous."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A structure's surface, RAS mm, with its name and color."""

    segment: CodedSegment
    mesh: trimesh.Trimesh


def surfaces_of(labels: Volume, segments: Sequence[CodedSegment]) -> list[Surface]:
    """The surfaces of those segments that a mask holds.

    Raises:
        InputError: a package is missing.
    """
    present = set(np.unique(labels.voxels).tolist())
    return [Surface(each, surface_of(labels.voxels == each.label, labels.grid)) for each in segments if each.label in present]


def stl_names(segments: Sequence[CodedSegment]) -> dict[int, str]:
    """File names by label, of letters that any system takes: ``L3_vertebra.stl``."""
    plain = {each.label: re.sub(r"[^A-Za-z0-9-]+", "_", each.name).strip("_") or f"label_{each.label}" for each in segments}
    names = [name.lower() for name in plain.values()]
    return {label: f"{name}{f'_{label}' if names.count(name.lower()) > 1 else ''}.stl" for label, name in plain.items()}


def write_stl(surface: Surface, path: Path) -> None:
    """Writes a binary STL.

    Raises:
        InputError: the file cannot be written.
    """
    from trimesh.exchange.stl import export_stl

    content = export_stl(surface.mesh)
    _write(path, STL_HEADER.ljust(80) + content[80:])


def write_glb(surfaces: Sequence[Surface], path: Path) -> None:
    """Writes one binary glTF.

    Raises:
        InputError: the file cannot be written.
    """
    import trimesh

    scene = trimesh.Scene(metadata={"notice": NOTICE})
    scene.graph.update(frame_to="RAS mm", matrix=TO_GLTF)
    names = _unique([each.segment for each in surfaces])
    for each in surfaces:
        mesh, name = each.mesh.copy(), names[each.segment.label]
        color = [*each.segment.color, 255]
        material = trimesh.visual.material.PBRMaterial(name=name, baseColorFactor=color, metallicFactor=0.0, roughnessFactor=0.7)
        mesh.visual = trimesh.visual.TextureVisuals(material=material)
        scene.add_geometry(mesh, node_name=name, geom_name=name, parent_node_name="RAS mm")
    _write(path, trimesh.exchange.gltf.export_glb(scene, include_normals=True))


def _unique(segments: Sequence[CodedSegment]) -> Mapping[int, str]:
    names = [each.name for each in segments]
    return {each.label: each.name if names.count(each.name) == 1 else f"{each.name} ({each.label})" for each in segments}


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise writing_failed(error, path.name) from error
