"""A bench for the panel: Slicer's own MRML from ``slicer-core``, PySide6 seen the way PythonQt shows Qt, and thin stand-ins for the rest.

Nothing of the product knows of it. README.md says which source of Slicer 5.12.3 or ctk each stand-in follows.
With ``NEUROSPINESEG_SLICERS_OWN`` set to a folder of Slicer's sources, Slicer's own ``ScriptedLoadableModule``,
``parameterNodeWrapper``, ``i18n`` and ``SampleData`` take the place of their stand-ins.
"""

from Testing.panel.bench.application import Application
from Testing.panel.bench.install import install

__all__ = ["Application", "install"]
