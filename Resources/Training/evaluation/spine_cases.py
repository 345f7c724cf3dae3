"""The spines a model is evaluated on: real scans that taught none, and drawn ones, some harder than any drawn in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.spine.level_names import disc_key
from Training.datasets.real_data import DATA
from Training.synthetic.acquisition import lower_resolution, metal_void, motion_ghosts, rician_noise
from Training.synthetic.spine.chu2015 import HELD_OUT
from Training.synthetic.spine.patients import SETS, held_out
from Training.synthetic.spine.phantom import spine_phantom

FOLDER = DATA / "spine"
S1 = structure("sacrum").label
L5 = structure("vertebra_L5").label
CANAL = structure("spinal_canal").label
S1_SEEN_MM, DIMMED = 16, 0.35
"""How much is left below L5 of a scan that is cut through S1, and what is left of the signal of a dim sacrum."""
CROPS = {"crop MR": ("sub-mri", "label-6", "T2w"), "crop CT": ("sub-ct", "label-22", "ct")}
EASY_SEEDS, HARD_SEEDS = range(101, 107), range(201, 207)
CONTRASTS = ("t2", "t1", "ct", "t2_fat_saturated", "ffe", "t2")


@dataclass(frozen=True)
class Case:
    """A scan and what is known of it.

    Attributes:
        group: cases whose figures are averaged.
        instances: (K, J, I) in our label values, of the structures that ``kind`` names: ``bodies`` (without arches), ``discs`` or
            ``vertebrae``; what is 0 is another structure or unlabeled.
        masks: bool (K, J, I) by structure (vertebra, disc, canal, sacrum), where they are known besides.
        numbered: whether a sacrum is in view, from which names can be counted.
        everything: (K, J, I), every structure in our label values; None where only a part of them is known, as in real scans.
    """

    name: str
    group: str
    scan: Volume
    instances: np.ndarray
    kind: str
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    numbered: bool = True
    everything: np.ndarray | None = None


def _labeled(folder: str, name: str, group: str) -> Case:
    scan, seg = (read_volume(FOLDER / folder / f"{name}_{part}.nii.gz") for part in ("img", "seg"))
    truth = seg.voxels.round().astype(int)
    if name.startswith("IVD"):
        truth = np.select([truth == 201 + n for n in range(23)], [structure(disc_key(n, True)).label for n in range(23)], 0)
        return Case(name, group, scan, truth, "discs")
    return Case(name, group, scan, truth, "bodies")


def _crop(name: str) -> Case:
    subject, label, kind = CROPS[name]
    scan, whole, parts = (
        read_volume(FOLDER / "crops" / f"{subject}_{middle}{label}_{end}.nii.gz")
        for middle, end in (("", kind), ("seg-vert_", "msk"), ("seg-subreg_", "msk"))
    )
    whole, parts = (volume.voxels.round().astype(int) for volume in (whole, parts))
    vertebrae = np.where(whole < S1, whole, 0)
    masks = {"vertebra": vertebrae > 0, "body": np.isin(parts, (49, 50)), "arch": (parts >= 41) & (parts <= 48)}
    if name == "crop MR":
        masks |= {"disc": parts == 100, "canal": (parts == 60) | (parts == 61)}
    return Case(name, name, scan, vertebrae, "vertebrae", masks, numbered=False)


def _drawn_name(seed: int, contrast: str, hard: bool) -> str:
    return f"{'drawn, harder' if hard else 'drawn'} {seed} {contrast}"


def _drawn(seed: int, contrast: str, hard: bool) -> Case:
    if hard:
        image, ijk_to_ras, labels = spine_phantom(seed, (5.5, 0.9, 0.9), (99.0, 180.0, 234.0), contrast, scoliosis_degrees=28.0)
        rng = np.random.default_rng(seed)
        voxels = torch.from_numpy(image)
        if contrast != "ct":
            voxels = motion_ghosts(voxels, rng, 1, 2.0)
            voxels = metal_void(voxels, rng, 14.0)
            voxels = rician_noise(lower_resolution(voxels, (1.6, 1.6, 1.0)), rng, 14.0)
        else:
            noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
            voxels = voxels + 130 * noise
        image = voxels.numpy()
    else:
        image, ijk_to_ras, labels = spine_phantom(seed, contrast=contrast)
    labels = labels.astype(int)
    masks = {
        "vertebra": (labels > 0) & (labels < S1),
        "disc": labels > 100,
        "canal": labels == CANAL,
        "sacrum": labels == S1,
    }
    scan, vertebrae = Volume(image, ijk_to_ras), np.where(labels < S1, labels, 0)
    group = "drawn, harder" if hard else "drawn"
    return Case(_drawn_name(seed, contrast, hard), group, scan, vertebrae, "vertebrae", masks, everything=labels)


def sacra(case: Case) -> Iterator[Case]:
    """A lumbar scan of 1 mm with its bodies labeled, cut through S1, and with all below L5 dimmed: does it keep its names?"""
    lowest = np.argwhere(np.where(case.instances == S1, 0, case.instances) == L5)[:, 0].min()
    first = max(0, int(lowest) - S1_SEEN_MM)
    matrix = case.scan.ijk_to_ras.copy()
    matrix[:3, 3] += first * matrix[:3, 2]
    seen = Volume(np.ascontiguousarray(case.scan.voxels[first:]), matrix)
    yield replace(case, name=f"{case.name} cut", group=f"{case.group}, sacrum cut", scan=seen, instances=case.instances[first:])
    below = (lowest + 5 - np.arange(case.scan.shape[0])) / 25
    gain = 1 - (1 - DIMMED) * np.clip(below, 0, 1)
    dim = Volume((case.scan.voxels * gain[:, None, None]).astype(np.float32), case.scan.ijk_to_ras)
    yield replace(case, name=f"{case.name} dim", group=f"{case.group}, sacrum dim", scan=dim)


def cases(*only: str, fold: int | None = None, sacrum: bool = False) -> Iterator[Case]:
    """All cases, or those whose name holds one of the given texts.

    Args:
        sacrum: whether each lumbar scan comes as ``sacra`` makes it, and nothing else.
        fold: of the scans that teach ``spine_patients`` take only those that a training of this fold did not see.
    """
    aside = None if fold is None else held_out(fold)

    def wanted(name: str) -> bool:
        return (not only or any(text in name for text in only)) and (aside is None or name in aside or name.split("_")[0] not in SETS)

    def lumbar(case: Case) -> Iterator[Case]:
        yield from sacra(case) if sacrum else (case,)

    for name in HELD_OUT if aside is None else [name for name in aside if name.startswith("VB2")]:
        if wanted(name):
            yield from lumbar(_labeled("chu2015", name, "Chu"))
    groups = {"VB1": "Zukic", "VB3": "MyoSegmenTUM", "IVD": "IVD"}
    for path in sorted((FOLDER / "evaluate").glob("*_img.nii.gz")):
        name = path.name.removesuffix("_img.nii.gz")
        if wanted(name) and not (sacrum and name.startswith("IVD")):
            yield from lumbar(_labeled("evaluate", name, groups[name[:3]]))
    if sacrum:
        return
    for name in CROPS:
        if wanted(name):
            yield _crop(name)
    for hard, seeds in ((False, EASY_SEEDS), (True, HARD_SEEDS)):
        for seed, contrast in zip(seeds, CONTRASTS):
            if wanted(_drawn_name(seed, contrast, hard)):
                yield _drawn(seed, contrast, hard)
