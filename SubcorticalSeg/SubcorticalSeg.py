"""SubcorticalSeg: segments the subthalamic nucleus and the nuclei around it from brain MR."""

import sys
from pathlib import Path

from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

_HERE = Path(__file__).resolve().parent
sys.path += [str(f) for f in (_HERE.parent / "Resources", _HERE / "Resources/NeuroSpineSeg") if f.is_dir() and str(f) not in sys.path]

from neurospineseg_panel.declare import declare
from neurospineseg_panel.logic import SegmentLogic
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.self_test import run_self_test
from neurospineseg_panel.widget import SegmentWidget

DECLARATION = ModuleDeclaration(
    name="SubcorticalSeg",
    task="subcortical",
    result_name=_("{scan} deep nuclei"),
    sample_name=_("Drawn head"),
)


class SubcorticalSeg(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.helpText = _(
            """Segments the left and right subthalamic nucleus, red nucleus, substantia nigra, zona incerta, pallidum and thalamus in brain MR. Research only; not for clinical use and not for planning stimulation."""
        )
        declare(parent, DECLARATION, _HERE)


class SubcorticalSegWidget(SegmentWidget):
    def __init__(self, parent=None):
        self.declaration, self.logicClass = DECLARATION, SubcorticalSegLogic
        SegmentWidget.__init__(self, parent)


class SubcorticalSegLogic(SegmentLogic):
    """Segments without a window; see ``SegmentLogic.segment`` and ``SegmentLogic.segmentFolder``."""

    def __init__(self, scene=None):
        SegmentLogic.__init__(self, DECLARATION, scene)


class SubcorticalSegTest(ScriptedLoadableModuleTest):
    def runTest(self, msec=None):
        run_self_test(self, SubcorticalSegLogic())
