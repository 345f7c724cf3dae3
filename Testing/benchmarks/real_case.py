"""Real scans, where ``NEUROSPINESEG_DATA`` names the folder that holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from neurospineseg.tasks.anatomy import structure
from Testing.benchmarks.case import Case, write_image
from Training.datasets.real_data import DATA
from Training.evaluation.spine_cases import S1
from Training.evaluation.spine_cases import cases as spine_cases
from Training.synthetic.nuclei.template import STN

DEEPMEDIC_LABELS = np.array([0, 1, 2, 1, 3])
"""Label value of BraTS 2013's 0 background, 1 necrosis, 2 edema, 3 non-enhancing and 4 enhancing tumor."""


def real_cases(tasks: list[str], room: Path) -> list[Case]:
    """A glioma in four modalities, three in two with expert labels, a lumbar spine of a patient, a T1 template.

    Args:
        room: folder for the label maps, rewritten with our label values.

    Raises:
        InputError: the scans are not here.
    """
    if not DATA.is_dir():
        raise InputError("There are no real scans here; set NEUROSPINESEG_DATA to the folder that holds them, or leave --real out.")
    tumor, cases = DATA / "tumor", []
    if "tumor" in tasks:
        files = {"t1c": "t1c", "t1": "t1n", "t2": "t2w", "flair": "t2f"}
        cases.append(
            Case("glioma of a patient", "tumor", {key: tumor / "BraTS-GLI-00001-000" / f"{name}.nii.gz" for key, name in files.items()})
        )
        for number in (1, 2, 3):
            folder = tumor / f"deepmedic_brats2013_pat{number:04d}"
            truth = _truth(folder / "OTMultiClass.nii.gz", DEEPMEDIC_LABELS, room, f"{folder.name}.nii.gz")
            scans = {key: folder / f"{name}_subtrMeanDivStd.nii.gz" for key, name in (("t1c", "T1c"), ("flair", "Flair"))}
            cases.append(Case(f"glioma {number} in two modalities", "tumor", scans, truth, whole=False))
    if "spine" in tasks:
        cases.append(Case("lumbar spine of a patient", "spine", {"image": DATA / "spine" / "evaluate" / "VB1_02_img.nii.gz"}))
    if "subcortical" in tasks:
        template = DATA / "subcortical" / "templates" / "icbm152_2009a_sym_t1.nii.gz"
        cases.append(Case("T1 template", "subcortical", {"image": template}))
    return cases


def labeled_cases(tasks: list[str], room: Path) -> list[Case]:
    """Lumbar spines with expert labels of bodies or of discs, and T1 templates with atlas labels of the subthalamic nucleus.

    Args:
        room: as in ``real_cases``, which has found that the scans are here.
    """
    cases = []
    for found in spine_cases("VB", "IVD") if "spine" in tasks else ():
        labels = np.where(found.instances == S1, 0, found.instances).astype(np.uint16)
        truth = write_image(room / f"{found.name}.nii.gz", labels, found.scan.ijk_to_ras)
        (scan,) = (DATA / "spine").glob(f"*/{found.name}_img.nii.gz")
        cases.append(Case(f"{found.group} {found.name}", "spine", {"image": scan}, truth, bodies=found.kind == "bodies"))
    for name in ("ICBM2009", "MNI6") if "subcortical" in tasks else ():
        (path,) = (DATA / "subcortical" / "templates").glob(f"{name}_*_seg.nii.gz")
        truth = _truth(path, np.array([0, *(structure(key).label for key in STN)]), room, path.name)
        scan = path.with_name(path.name.replace("_seg", "_img"))
        cases.append(Case(f"T1 template {name}", "subcortical", {"image": scan}, truth))
    return cases


def _truth(path: Path, lookup: np.ndarray, room: Path, name: str) -> Path:
    volume = read_volume(path)
    labels = lookup[volume.voxels.round().astype(int)]
    return write_image(room / name, labels.astype(np.uint16), volume.ijk_to_ras)
