"""Where the real scans and label maps lie that may train or evaluate a model (never part of the project)."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("NEUROSPINESEG_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
UNPACKED = Path(os.environ.get("NEUROSPINESEG_UNPACKED", DATA / "unpacked"))
"""What ``unpack.py`` of ``DATA`` wrote."""
