"""What is fuzzed: each target writes some bytes as a file and lets the program read it; anything but an answer or an ``InputError`` is a fault."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from neurospineseg.errors import InputError


def _scan(name: str) -> Callable[[bytes], None]:
    """A file that ``read_volume`` gets; a first byte that is odd gives the orientation that the file may lack."""

    def read(content: bytes) -> None:
        from neurospineseg.images.volume import read_volume

        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(content[1:])
            read_volume(path, frame=0, orientation="LPS" if content[:1] > b"\x7f" else None, spacing=(1.0, 1.0, 1.0))

    return read


def _segmentation(content: bytes) -> None:
    from neurospineseg.images.segmentation_file import read_segmentation

    with TemporaryDirectory() as folder:
        path = Path(folder, "mask.seg.nrrd")
        path.write_bytes(content[1:])
        read_segmentation(path)


def _bundle(content: bytes) -> None:
    """Two JSON texts with a zero byte between: ``metadata.json`` and ``inference.json`` of a bundle whose weights are empty."""
    from neurospineseg.models.bundle import read_bundle
    from neurospineseg.models.catalog import damaged_models
    from neurospineseg.models.network import refuse_expressions

    metadata, _, inference = content[1:].partition(b"\0")
    with TemporaryDirectory() as folder:
        for name, text in (("configs/metadata.json", metadata), ("configs/inference.json", inference), ("models/model.pt", b"")):
            path = Path(folder, "bundle", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        damaged_models()
        refuse_expressions(read_bundle(Path(folder, "bundle")).network_def)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "nifti": _scan("scan.nii"),
    "nrrd": _scan("scan.nrrd"),
    "segmentation": _segmentation,
    "meta_image": _scan("scan.mha"),
    "dicom": _scan("scan.dcm"),
    "bundle": _bundle,
}


def tried(target: str, content: bytes) -> str:
    """Runs a target on some bytes; returns the sentence that came of it, empty where the bytes were read."""
    try:
        TARGETS[target](content)
    except InputError as error:
        return str(error)
    return ""


def write_seeds(target: str, folder: Path) -> None:
    """Well-formed files from which a fuzz begins."""
    from Testing.hostile import dicom_inputs, meta_image_inputs, nifti_inputs, nrrd_inputs

    seeds = {
        "nifti": lambda: [
            nifti_inputs.single(),
            nifti_inputs.single(nifti_inputs.nib.Nifti2Header),
            nifti_inputs.single(sform_code=0, qform_code=1),
        ],
        "nrrd": lambda: [
            nrrd_inputs.text() + nrrd_inputs.VOXELS,
            nrrd_inputs.text({"space": None, "space directions": None, "space origin": None, "spacings": "1 2 3"}) + nrrd_inputs.VOXELS,
            nrrd_inputs.text({"encoding": "ascii", "sizes": "2 2 2"}) + b"1 2 3 4 5 6 7 8",
            nrrd_inputs.text({"data file": "LIST"}) + b"scan.nrrd\n",
        ],
        "segmentation": lambda: [nrrd_inputs.text({"type": "unsigned short"}, nrrd_inputs.SEGMENT) + nrrd_inputs.VOXELS],
        "meta_image": lambda: [
            meta_image_inputs.text("LOCAL") + meta_image_inputs.VOXELS,
            meta_image_inputs.text("scan.mha"),
            meta_image_inputs.text("LIST") + b"scan.mha\n",
        ],
        "dicom": lambda: [dicom_inputs.content(dicom_inputs.enhanced(dicom_inputs.SCAN)), dicom_inputs.content(dicom_inputs.placed(0))],
        "bundle": lambda: [
            json.dumps(part).encode() + b"\0" + b'{"network_def": {"_target_": "DynUNet", "a": ["$x"]}}' for part in _metadata()
        ],
    }
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, content in enumerate(seeds[target]()):
        for first in (b"\0", b"\xff"):
            (folder / f"seed{number}{first.hex()}").write_bytes(first + content)


def _metadata() -> list[dict]:
    from Testing.hostile.bundle_inputs import SPEC

    return [{"neurospineseg": SPEC}, {"neurospineseg": {**SPEC, "bilateral": True, "region_mm": 9.5}, "weights_sha256": "0"}]
