"""What the application's Segmentations module does when Slicer starts."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def converter_rules():
    """The segmentations logic registers how label maps become surfaces; undo needs that too."""
    import slicer

    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(slicer.vtkMRMLScene())
    return logic
