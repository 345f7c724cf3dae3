"""The ways from files to a mask that are compared, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from neurospineseg.images.volume import read_volume
from neurospineseg.inference.device import choose_device
from neurospineseg.inference.head_pose import find_head, locate_region
from neurospineseg.inference.predict import predict
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Testing.benchmarks.case import Case
from Testing.benchmarks.nnunet_path import NnunetPath, nnunet_is_installed
from Testing.benchmarks.own_path import OwnPath

OWN = "neurospineseg"
WAYS = (OWN, "monai float32", "monai autocast", "monai tuned", "nnunet", "nnunet mirrored")
Way = Callable[[Mapping[str, Path], Path], Any]


def usual_ways(task: str, model: str | None, among: tuple[str, ...] = WAYS) -> tuple[str, ...]:
    """Those of some ways that are measured unless others are asked for.

    nnU-Net would search a whole head for what a model with a locator finds in a small part of it, for many minutes.
    """
    spec = Segmenter(task, Settings(model=model)).bundle.spec
    return among if spec.locator is None else tuple(name for name in among if not name.startswith("nnunet"))


def available(asked: Sequence[str]) -> tuple[str, ...]:
    """Ours, and those of the ways asked for that this environment has the packages for."""
    here = [name for name in asked if not name.startswith("nnunet") or nnunet_is_installed()]
    return tuple(dict.fromkeys((OWN, *here)))


def make_way(name: str, case: Case, model: str | None, device_name: str) -> Way:
    """A way with its network loaded.

    Args:
        name: one of ``WAYS``.
        case: with its region, see ``with_region``.
        model: bundle name or folder; None for the task's default.

    Raises:
        ValueError: MONAI's path lacks the region that the model looks at.
    """
    if name == OWN:
        return OwnPath(case.task, model, device_name)
    segmenter, device = Segmenter(case.task, Settings(model=model, device=device_name, force=True)), choose_device(device_name)
    if name.startswith("nnunet"):
        return NnunetPath(segmenter.bundle, device, name.endswith("mirrored"))
    if segmenter.bundle.spec.locator is not None and case.region is None:
        raise ValueError(f"'{case.name}' has no region")
    from Testing.benchmarks.monai_path import MonaiPath

    return MonaiPath(segmenter.bundle, device, name.removeprefix("monai "), case.region)


def with_region(case: Case, model: str | None) -> Case:
    """The case with the region that our model looks at, found before anything is measured; as it is where the model has no locator."""
    segmenter = Segmenter(case.task, Settings(model=model, device="cpu"))
    spec = segmenter.bundle.spec
    if spec.locator is None:
        return case
    locator = find_bundle(spec.locator)
    network = segmenter.network(locator)
    volumes = {name: read_volume(path) for name, path in case.scans.items()}
    cpu = torch.device("cpu")
    pose = find_head(
        volumes,
        next(iter(volumes.values())).grid,
        locator.spec,
        lambda image: predict(network, image, locator.spec, cpu, torch.float32)[0],
    )
    return replace(case, region=locate_region(pose, spec.region_mm, spec.spacing[0]))
