"""Slicer's nodes and this library's arrays, in the Slicer application and in PyPI's ``slicer-core`` alike.

Every function takes the scene or a node; none reaches for ``slicer.mrmlScene``. Importing this loads neither torch nor
anything else that Slicer does not ship.
"""

from neurospineseg.mrml.label_map import PaintedSegment, is_on_grid, label_map_of, painting, painting_in
from neurospineseg.mrml.merge import FoundStructure, Merge, MergeRule
from neurospineseg.mrml.own_grid import own_grid
from neurospineseg.mrml.region_merge import RegionMerge
from neurospineseg.mrml.renumber import has_levels, renumber, renumbering, renumbering_as, rival_numberings, vertebrae_of
from neurospineseg.mrml.roi_node import region_of_roi, roi_from_region
from neurospineseg.mrml.segment_masks import confidence_of, run_tokens, segment_at
from neurospineseg.mrml.segment_place import place_of_segment, placing_segment
from neurospineseg.mrml.segmentation_node import segmentation_from_labels, write_segmentation
from neurospineseg.mrml.volume_node import (
    hardened_copy,
    node_from_array,
    node_from_volume,
    node_geometry,
    node_voxels,
    volume_from_node,
)
from neurospineseg.mrml.volumes import segment_ml, volumes_table, volumes_table_node

__all__ = [
    "FoundStructure",
    "Merge",
    "MergeRule",
    "PaintedSegment",
    "RegionMerge",
    "confidence_of",
    "hardened_copy",
    "has_levels",
    "is_on_grid",
    "label_map_of",
    "node_from_array",
    "node_from_volume",
    "node_geometry",
    "node_voxels",
    "own_grid",
    "painting",
    "painting_in",
    "place_of_segment",
    "placing_segment",
    "region_of_roi",
    "renumber",
    "renumbering",
    "renumbering_as",
    "rival_numberings",
    "roi_from_region",
    "run_tokens",
    "segment_at",
    "segment_ml",
    "segmentation_from_labels",
    "vertebrae_of",
    "volume_from_node",
    "volumes_table",
    "volumes_table_node",
    "write_segmentation",
]
