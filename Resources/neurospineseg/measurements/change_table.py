"""The columns of a table of studies side by side, and the label values of what has changed. Light: Slicer may load it at start."""

from __future__ import annotations

GROWN, SHRUNK = 1, 2
"""Label values of what a later study has more and less than the first."""
HEADER = ("study", "group", "place", "measure", "unit", "value", "low", "high", "from_first", "from_first_percent", "from_lowest",
          "from_lowest_percent", "flags", "place_key", "key")  # fmt: skip
LINES = "Lines"
"""Group of the rows that tell thresholds and no study's number."""
