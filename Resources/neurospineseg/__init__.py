"""NeuroSpineSeg: subcortical nuclei, spine and glioma segmentation on a scan's own grid.

Arrays are indexed ``[k, j, i]`` (slowest axis first, as NumPy and Slicer do),
positions are RAS in mm, volumes are mL and CT intensities are HU.
"""

__version__ = "0.1.0"
