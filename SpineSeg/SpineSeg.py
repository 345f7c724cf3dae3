"""SpineSeg: segments vertebrae, discs and the spinal canal from MR or CT."""

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
    name="SpineSeg",
    task="spine",
    result_name=_("{scan} spine"),
    sample_name=_("Drawn lumbar spine"),
)


class SpineSeg(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.helpText = _(
            """Segments and names vertebrae, discs, the sacrum and the spinal canal in MR or CT. Where no sacrum is in view the names are neutral; name one vertebra and the others follow. Research only; not for clinical use."""
        )
        declare(parent, DECLARATION, _HERE)


class SpineSegWidget(SegmentWidget):
    def __init__(self, parent=None):
        self.declaration, self.logicClass = DECLARATION, SpineSegLogic
        SegmentWidget.__init__(self, parent)


class SpineSegLogic(SegmentLogic):
    """Segments without a window; see ``SegmentLogic.segment`` and ``SegmentLogic.segmentFolder``."""

    def __init__(self, scene=None):
        SegmentLogic.__init__(self, DECLARATION, scene)


class SpineSegTest(ScriptedLoadableModuleTest):
    def runTest(self, msec=None):
        run_self_test(self, SpineSegLogic())
