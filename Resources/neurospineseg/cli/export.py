"""``neurospineseg export``: a mask that lies in a file, written for an archive or another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import say
from neurospineseg.cli.mask_export import export_dicom
from neurospineseg.errors import InputError
from neurospineseg.images.dicom_start import Reading
from neurospineseg.pipeline.dicom_exports import ENDINGS, RTSTRUCT, SEG, need_packages


def export(options: argparse.Namespace) -> None:
    """Runs the command: the kind of file follows from the output's name.

    Raises:
        InputError: the name is of no kind that can be written, or mask or scan cannot be used.
    """
    kind = _kind(options.output)
    need_packages([kind])
    if options.scan is None:
        raise InputError("A DICOM SEG or RTSTRUCT refers to the images; give the DICOM series that the mask was made of with --scan.")
    if _is_image(options.output):
        raise InputError(f"'{options.output.name}' is a DICOM image and is not replaced; choose another name.")
    with Outputs([options.output], inputs=[options.mask, options.scan], overwrite=options.overwrite) as outputs:
        reading = Reading(next(iter(options.volume), None), options.frame, options.orientation, options.spacing)
        for note in export_dicom(options.mask, options.task, options.scan, reading, {kind: outputs.temporary(options.output)}):
            say(f"Note: {note}")
    print(f"{options.output} written. Not for clinical use.")


def _is_image(path: Path) -> bool:
    """Whether a file that is there is a DICOM image, such as one of the scan's, and no mask."""
    try:
        return bool(dcmread(path, stop_before_pixels=True, specific_tags=["Modality"]).get("Modality", "") not in ("SEG", "RTSTRUCT"))
    except (OSError, ValueError, InvalidDicomError):
        return False


def _kind(output: Path) -> str:
    name = output.name.lower()
    if name.endswith(ENDINGS[RTSTRUCT]):
        return RTSTRUCT
    if name.endswith(".dcm"):
        return SEG
    raise InputError(
        f"'{output.name}' is of no kind that can be written; its name must end in .dcm (DICOM SEG) or {ENDINGS[RTSTRUCT]} (DICOM RTSTRUCT)."
    )
