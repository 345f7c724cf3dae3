"""The scales of gray values that a model may ask for; apart from ``intensity``, so that listing models takes no torch."""

from __future__ import annotations

from typing import Literal

Normalization = Literal["foreground_zscore", "foreground_percentile", "ct_window"]
"""See ``neurospineseg.images.intensity.normalize_channel``."""
