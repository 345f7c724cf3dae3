"""TumorSeg: segments glioma sub-regions from T1c, T1, T2 and FLAIR MR."""

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
    name="TumorSeg",
    task="tumor",
    result_name=_("{scan} tumor"),
    sample_name=_("Drawn glioma"),
)


class TumorSeg(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.helpText = _(
            """Segments the necrotic core, the edema and the enhancing part of a glioma from any of T1 with contrast, T1, T2 and FLAIR. The scans may lie on different grids. Research only; not for clinical use."""
        )
        declare(parent, DECLARATION, _HERE)


class TumorSegWidget(SegmentWidget):
    def __init__(self, parent=None):
        self.declaration, self.logicClass = DECLARATION, TumorSegLogic
        SegmentWidget.__init__(self, parent)


class TumorSegLogic(SegmentLogic):
    """Segments without a window; see ``SegmentLogic.segment`` and ``SegmentLogic.segmentFolder``."""

    def __init__(self, scene=None):
        SegmentLogic.__init__(self, DECLARATION, scene)


class TumorSegTest(ScriptedLoadableModuleTest):
    def runTest(self, msec=None):
        run_self_test(self, TumorSegLogic())
