"""What every module tells Slicer when it starts: quick, and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate

from neurospineseg.tasks.anatomy import OWN_CONTEXT
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.sample_data import register_sample_data

CONTRIBUTORS = ["NeuroSpineSeg contributors"]
TERMINOLOGY = (
    Path(__file__).resolve().parent.parent
    / "neurospineseg"
    / "tasks"
    / "Terminologies"
    / "SegmentationCategoryTypeModifier-NeuroSpineSeg.json"
)


def declare(parent: Any, declaration: ModuleDeclaration, folder: Path) -> None:
    """Says what Slicer lists of a module; sample data and terminology are registered when Slicer has started, each on its own.

    Args:
        parent: the ``qSlicerScriptedLoadableModule``.
        folder: the module's own.
    """
    parent.title = declaration.name
    parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
    parent.contributors = CONTRIBUTORS
    parent.acknowledgementText = _(
        """Built on 3D Slicer, PyTorch, MONAI and SimpleITK. Each model's card names the data that it was trained on and their licenses. Codes are those of SNOMED CT, UBERON and the NCI Thesaurus."""
    )
    slicer.app.connect("startupCompleted()", load_terminology)
    slicer.app.connect("startupCompleted()", lambda: register_sample_data(declaration, folder))


def load_terminology() -> None:
    """Makes Slicer's terminology logic know the codes that its own lists lack."""
    logic = slicer.modules.terminologies.logic()
    if not logic.IsTerminologyContextLoaded(OWN_CONTEXT):
        logic.LoadTerminologyFromFile(str(TERMINOLOGY))
