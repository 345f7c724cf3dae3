"""Our terminology file: in step with the structures, and understood by Slicer."""

import numpy as np
import pytest
import slicer

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import node_from_volume, segmentation_from_labels, write_segmentation
from neurospineseg.tasks import added_structures
from neurospineseg.tasks.anatomy import OWN_CONTEXT, structure, structures_of, terminology_entry
from neurospineseg.tasks.terminology import FILE, as_text


def in_order(points: np.ndarray) -> np.ndarray:
    """Points (N, 3) sorted to a thousandth."""
    return points[np.lexsort(np.round(points, 3).T)]


def test_the_file_is_what_the_structures_say():
    assert FILE.read_text(encoding="utf-8") == as_text(), "run: python -m neurospineseg.tasks.terminology"


def test_structures_of_added_models_are_not_written_to_it(monkeypatch):
    before = as_text()
    monkeypatch.setattr(added_structures, "_known", {})
    added_structures.remember([added_structures.added_structure("left_kidney", "Left kidney", 10_001)])
    assert as_text() == before


def test_slicer_finds_every_structure_of_ours_in_it():
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    assert logic.LoadTerminologyFromFile(str(FILE)) == OWN_CONTEXT
    for task in ("tumor", "spine", "subcortical"):
        for found in structures_of(task):
            if found.in_dicom_master:
                continue
            entry = slicer.vtkSlicerTerminologyEntry()
            assert logic.DeserializeTerminologyEntry(terminology_entry(found), entry)
            assert entry.GetTerminologyContextName() == OWN_CONTEXT
            category, kind = entry.GetCategoryObject(), entry.GetTypeObject()
            types = listed(
                logic.GetNumberOfTypesInTerminologyCategory(OWN_CONTEXT, category), logic.GetNthTypeInTerminologyCategory, category
            )
            assert types[found.type.value].GetCodeMeaning() == found.type.meaning
            if found.side is not None:
                count = logic.GetNumberOfTypeModifiersInTerminologyType(OWN_CONTEXT, category, kind)
                sides = listed(count, logic.GetNthTypeModifierInTerminologyType, category, kind)
                assert tuple(sides[found.side.value].GetRecommendedDisplayRGBValue()) == found.color


def listed(count, nth, *codes):
    """The types that one of the logic's ``GetNth...`` functions gives, by code value."""
    types = {}
    for number in range(count):
        found = slicer.vtkSlicerTerminologyType()
        assert nth(OWN_CONTEXT, *codes, number, found)
        types[found.GetCodeValue()] = found
    return types


def test_slicerio_reads_names_codes_and_voxels_back(tmp_path):
    slicerio = pytest.importorskip("slicerio", reason="slicerio is not installed")
    affine = np.array([[0.0, -1.1, 0, 30], [0.9, 0, 0, -20], [0, 0, 2.5, 7], [0, 0, 0, 1]])
    voxels = np.zeros((8, 10, 12), np.uint16)
    voxels[2:5, 2:6, 3:9], voxels[5:7, 2:6, 3:9] = structure("vertebra_L4").label, structure("disc_L3_L4").label
    scene = slicer.vtkMRMLScene()
    node = node_from_volume(Volume(voxels.astype(np.float32), affine), scene, "Scan")
    write_segmentation(
        segmentation_from_labels(Volume(voxels, affine), structures_of("spine"), scene, "Mask", node), tmp_path / "mask.seg.nrrd"
    )
    read = slicerio.read_segmentation(str(tmp_path / "mask.seg.nrrd"))
    assert [segment["name"] for segment in read["segments"]] == ["L4 vertebra", "L3-L4 disc"]
    ijk_to_lps = np.asarray(read["ijkToLPS"])
    for segment, key in zip(read["segments"], ("vertebra_L4", "disc_L3_L4")):
        assert segment["terminology"]["type"][1] == structure(key).type.value
        mine = np.argwhere(voxels == structure(key).label)[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
        theirs = np.argwhere(read["voxels"] == segment["labelValue"]) @ ijk_to_lps[:3, :3].T + ijk_to_lps[:3, 3]
        np.testing.assert_allclose(in_order(theirs * [-1, -1, 1]), in_order(mine), atol=1e-4)
