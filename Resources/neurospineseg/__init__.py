"""NeuroSpineSeg: subcortical nuclei, spine and glioma segmentation on a scan's own grid.

Arrays are indexed ``[k, j, i]`` (slowest axis first, as NumPy and Slicer do),
positions are RAS in mm, volumes are mL and CT intensities are HU.

This is the face for other programs: its names are looked up when they are first used, so that importing it loads neither torch nor the readers
of files.

>>> import numpy as np
>>> from neurospineseg import Segmenter, Settings, Volume
>>> noise = np.random.default_rng(0).random((10, 10, 10), np.float32)
>>> scan = Volume(noise, np.diag([8.0, 8.0, 8.0, 1.0]))  # in earnest: read_volume("flair.nii.gz")
>>> segmenter = Segmenter("tumor", Settings(model="tumor_glioma", device="cpu", force=True))
>>> result = segmenter.run({"flair": scan})
>>> result.labels.shape == scan.shape, result.report["model"]["name"]
(True, 'tumor_glioma')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurospineseg.errors import ImplausibleInput, InputError
    from neurospineseg.geometry.region import Region
    from neurospineseg.images.volume import Volume, read_volume, write_volume
    from neurospineseg.pipeline.segmentation_result import SegmentationResult
    from neurospineseg.pipeline.segmenter import Segmenter
    from neurospineseg.pipeline.settings import Settings

__version__ = "0.1.0"
__all__ = [
    "ImplausibleInput",
    "InputError",
    "Region",
    "SegmentationResult",
    "Segmenter",
    "Settings",
    "Volume",
    "read_volume",
    "write_volume",
]
_HOMES = {
    "ImplausibleInput": "errors",
    "InputError": "errors",
    "Region": "geometry.region",
    "SegmentationResult": "pipeline.segmentation_result",
    "Segmenter": "pipeline.segmenter",
    "Settings": "pipeline.settings",
    "Volume": "images.volume",
    "read_volume": "images.volume",
    "write_volume": "images.volume",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neurospineseg' has no attribute '{name}'; it lends {', '.join(__all__)}")
    globals()[name] = value = getattr(import_module(f"neurospineseg.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
