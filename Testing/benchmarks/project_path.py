"""Puts this checkout's library, training programs and test helpers before any that is installed; import it first."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Resources"), str(ROOT / "Resources" / "Training"), str(ROOT / "Testing")]
