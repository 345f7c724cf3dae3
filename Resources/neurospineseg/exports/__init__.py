"""Masks for other programs: DICOM SEG and RTSTRUCT for the archive, surfaces for viewers and printers."""
