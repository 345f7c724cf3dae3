"""The scales of gray values that a model may ask for; apart from ``intensity``, so that listing models takes no torch."""

from __future__ import annotations

from typing import Literal, get_args

from neurospineseg.errors import InputError

Normalization = Literal["foreground_zscore", "foreground_percentile", "ct_window"]
"""See ``neurospineseg.images.intensity.normalize_channel``."""


def check_normalization(kind: str) -> None:
    """Raises InputError where there is no such normalization."""
    if kind not in get_args(Normalization):
        raise InputError(f"There is no normalization '{kind}'; there are {', '.join(get_args(Normalization))}.")
