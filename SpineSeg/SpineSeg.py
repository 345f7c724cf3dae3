"""SpineSeg: segments vertebrae, discs and the spinal canal from MR or CT."""

import sys
from pathlib import Path

from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

_HERE = Path(__file__).resolve().parent
for _folder in (_HERE.parent / "Resources", _HERE / "Resources" / "NeuroSpineSeg"):
    if (_folder / "neurospineseg").is_dir() and str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from neurospineseg.anatomy import structures_of, terminology_entry  # noqa: E402

TASK = "spine"


class SpineSeg(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("SpineSeg")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.contributors = ["NeuroSpineSeg contributors"]
        parent.helpText = _("Segments vertebrae, discs and the spinal canal from MR or CT. Used from the Python console. Research only; not for clinical use.")


class SpineSegWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.layout.addStretch(1)


class SpineSegLogic(ScriptedLoadableModuleLogic):
    def segment(self, inputs, scene, name=TASK, device="auto"):
        """Segments volume nodes in this process and waits for the result.

        Args:
            inputs: scalar volume node of each of the model's channels, by the channel's name.
            scene: the ``vtkMRMLScene`` that the new segmentation node is added to.

        Returns:
            A ``vtkMRMLSegmentationNode`` on the reference scan.

        Raises:
            InputError: a scan cannot be used; the message says why.
        """
        from neurospineseg.mrml import segmentation_from_labels, volume_from_node
        from neurospineseg.pipeline import Segmenter, Settings

        volumes = {channel: volume_from_node(node) for channel, node in inputs.items()}
        result = Segmenter(TASK, Settings(device=device)).run(volumes)
        return segmentation_from_labels(result.labels, result.structures, scene, name, inputs[result.report["reference"]])


class SpineSegTest(ScriptedLoadableModuleTest):
    def runTest(self):
        """Every structure has a complete terminology entry and its own label."""
        structures = structures_of(TASK)
        self.assertEqual(len({found.label for found in structures}), len(structures))
        for found in structures:
            self.assertEqual(terminology_entry(found).count("~"), 6)
