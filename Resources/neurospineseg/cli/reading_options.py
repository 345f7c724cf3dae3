"""The options that say of a scan what its files do not say, shared by ``segment``, ``batch`` and ``view``."""

from __future__ import annotations

import argparse


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Options whose names are those of ``read_volume``."""
    parser.add_argument("--frame", type=int, metavar="N", help="which volume of a 4D file, counted from 0")
    parser.add_argument(
        "--volume",
        action="append",
        default=[],
        metavar="NAME",
        help="which of several volumes among DICOM images: series=4 (its number or UID), echo=2, series=4,stack=1, ...; without it, the names are "
        "listed; KEY:NAME for the scan of one channel, given again for another",
    )
    parser.add_argument(
        "--orientation",
        metavar="CODES",
        help="such as LAS, for a file that does not record which side is left (plain Analyze, DICOM without positions)",
    )
    parser.add_argument("--spacing", type=_spacing, metavar="I,J,K", help="voxel size in mm, for DICOM images that do not record it")


def _spacing(text: str) -> tuple[float, float, float]:
    """Three lengths above 0 and below a meter.

    Raises:
        ArgumentTypeError: they are not.
    """
    try:
        i, j, k = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        i = j = k = 0.0
    if not all(0 < length < 1000 for length in (i, j, k)):
        raise argparse.ArgumentTypeError(f"'{text}' is no voxel size; give three lengths in mm, such as 0.5,0.5,3")
    return i, j, k
