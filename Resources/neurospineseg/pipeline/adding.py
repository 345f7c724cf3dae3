"""Adds a model that somebody else made to the user's own models: recognized, read as data, matched by names, written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from pydantic import ValidationError

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.models.added_bundle import write_added_bundle
from neurospineseg.models.bundle import Bundle, ModelSpec, read_bundle, surveyed_bundles
from neurospineseg.models.catalog import MODELS_FOLDER, SECTION, user_models_folder
from neurospineseg.models.foreign_weights import state_dict
from neurospineseg.models.model_source import ModelSource, model_source
from neurospineseg.models.monai_bundle import METADATA, ForeignModel, is_monai_bundle, read_monai_bundle
from neurospineseg.models.network import build_to_run, fill_network, load_weights
from neurospineseg.models.nnunet_folder import is_nnunet_folder, read_nnunet_folder
from neurospineseg.models.recipe import AddedStructure, NnunetRecipe
from neurospineseg.pipeline.matching import LabelMatch, matched_channels, paint_of, task_of
from neurospineseg.staging import staging_folder
from neurospineseg.tasks.task import Task

OWN_FILES = ("configs/metadata.json", "configs/inference.json", "models/model.pt", "docs/README.md")


@dataclass(frozen=True)
class Wishes:
    """What the user says of a model that is to be added.

    Attributes:
        name: what it is to be called; None for the folder's or zip file's own name.
        task: for what it is; None where its labels tell.
        channels: the model's names (or numbers) of its channels and the task's.
        labels: the model's names (or numbers) of its labels, and a structure's key or a name for the segment.
    """

    name: str | None = None
    task: str | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Added:
    """A model that was added, and sentences for the user."""

    bundle: Bundle
    notes: tuple[str, ...] = ()


def add_model(path: Path, wishes: Wishes = Wishes(), parent: Path | None = None) -> Added:
    """Adds the model in a folder or zip file: a MONAI Bundle, results of nnU-Net, or one of this program's own.

    Args:
        parent: the folder of models that receives it; the user's own by default.

    Raises:
        InputError: it cannot be used, is there already, or what it is cannot be told; the message says what to do.
    """
    parent = user_models_folder() if parent is None else parent
    with model_source(path) as source:
        name = _name(wishes.name or source.name)
        if (parent / name).exists():
            raise InputError(f"There is a model '{name}' already; remove it first, or give the new one another name.")
        try:
            with TemporaryDirectory() as scratch:
                return _added(source, name, wishes, parent, Path(scratch))
        except OSError as error:
            raise writing_failed(error, parent) from error


def _added(source: ModelSource, name: str, wishes: Wishes, parent: Path, scratch: Path) -> Added:
    if is_monai_bundle(source):
        metadata = source.json(METADATA)
        if isinstance(metadata, dict) and SECTION in metadata:
            return _own(source, name, wishes, parent, scratch)
        found = read_monai_bundle(source)
        return _foreign(found, name, wishes, parent, lambda: _filled(source, found, scratch))
    if is_nnunet_folder(source):
        found, weights = read_nnunet_folder(source, scratch)
        return _foreign(found, name, wishes, parent, lambda: _folds(found, weights))
    raise InputError(
        f"'{source.name}' is no model that can be added: neither a MONAI Bundle (configs/metadata.json) nor results of nnU-Net (plans.json, dataset.json, fold_*/checkpoint_final.pth) were found in it."
    )


def _name(text: str) -> str:
    """A bundle's name from a folder's or a file's."""
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "_", text).strip("_.-")[:80]
    if not name:
        raise InputError("The model has no name that can be used; give it one of letters and digits.")
    return name


def _own(source: ModelSource, name: str, wishes: Wishes, parent: Path, scratch: Path) -> Added:
    """A bundle of this program's own, checked and copied file by file."""
    folder = scratch / name
    for file in OWN_FILES:
        if file in source.files():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            source.copy(file, folder / file)
    bundle = read_bundle(folder)
    spec = bundle.spec
    renamed, elsewhere = wishes.name is not None and spec.name != name, wishes.task is not None and spec.task != wishes.task
    if renamed or elsewhere or wishes.channels or wishes.labels:
        raise InputError(f"The model is one of this program's own, '{spec.name}' for {spec.task}; add it as that and with no other names.")
    target = parent / bundle.spec.name
    if target.exists():
        raise InputError(f"There is a model '{bundle.spec.name}' already; remove it first, or give the new one another name.")
    load_weights(build_to_run(bundle.network_def), bundle.weights)
    _place(folder, target)
    return Added(read_bundle(target))


def _place(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(target.parent) as staging:
        shutil.copytree(folder, staging / target.name)
        (staging / target.name).rename(target)


def _foreign(found: ForeignModel, name: str, wishes: Wishes, parent: Path, network: Callable[[], torch.nn.Module]) -> Added:
    if (MODELS_FOLDER / name).exists():
        raise InputError(
            f"A model that came with the program is called '{name}', and this one would be taken for it; give it another name."
        )
    task = task_of(found.channels, found.labels if found.regions else found.labels[1:], wishes.task)
    spec = _spec(found, name, task, wishes)
    write_added_bundle(parent, spec, found.network_def, network(), _card(found, spec))
    return Added(read_bundle(parent / name), found.notes)


def _filled(source: ModelSource, found: ForeignModel, scratch: Path) -> torch.nn.Module:
    network = build_to_run(found.network_def)
    (file,) = found.weights
    source.copy(file, scratch / "weights.pt")
    fill_network(network, state_dict(scratch / "weights.pt"), file)
    return network


def _folds(found: ForeignModel, weights: Sequence[Sequence[Mapping[str, torch.Tensor]]]) -> torch.nn.Module:
    """The networks of nnU-Net's stages and folds with their weights."""
    networks = build_to_run(found.network_def)
    for stage, folds in enumerate(weights):
        for fold, state in enumerate(folds):
            fill_network(networks.get_submodule(f"{stage}.{fold}"), state, f"fold {fold}")
    return networks


def _spec(found: ForeignModel, name: str, task: Task, wishes: Wishes) -> ModelSpec:
    channels = matched_channels(found.channels, task, wishes.channels)
    labels = found.labels if found.regions else found.labels[1:]
    match = LabelMatch(labels, task, wishes.labels, taken_structures(), found.first if found.regions else 1)
    recipe = found.recipe
    if found.regions:
        keys, steps = match.painted(found.order or None)
        classes = ["background", *keys]
        recipe = recipe.model_copy(update={"paint": paint_of(steps, classes, found.first)})
    else:
        classes = ["background", *match.classes()]
    used = [match.added[key] for key in dict.fromkeys(classes) if key in match.added]
    try:
        return ModelSpec(
            name=name,
            version=found.version or "0",
            task=task.name,
            channels=channels,
            normalization="foreground_zscore",
            classes=tuple(classes),
            preference=-100,
            recipe=recipe,
            added_structures=tuple(used),
            title=found.title or name,
            summary=found.summary or "Added by the user.",
            modalities="",
            **_grid(recipe),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"The model cannot be used ({'.'.join(map(str, first['loc']))}: {first['msg']}).") from error


def _grid(recipe: Any) -> dict[str, Any]:
    """Spacing and patch as this program tells them: mm along i, j, k, and voxels (K, J, I)."""
    if isinstance(recipe, NnunetRecipe):
        stage = recipe.stages[-1]
        sides, patch = [stage.spacing[0]] * (3 - len(stage.spacing)) + [*stage.spacing], (1,) * (3 - len(stage.patch)) + stage.patch
        return {"spacing": tuple(sides[::-1]), "patch": patch}
    spacing = next((step.values.get("pixdim") for step in recipe.steps if step.name == "Spacingd"), None)
    sides = spacing if isinstance(spacing, list) else [spacing or 1.0] * 3
    sides = [side if side and side > 0 else 1.0 for side in [*sides, *[sides[-1]] * 3][:3]]
    return {"spacing": tuple(sides), "patch": (recipe.windows.roi_size or (1, 1, 1))[::-1]}


def taken_structures() -> dict[str, AddedStructure]:
    """The structures of the added models that are installed, by key."""
    return {each.key: each for bundle in surveyed_bundles()[0] for each in bundle.spec.added_structures}


def _card(found: ForeignModel, spec: ModelSpec) -> str:
    rows = "\n".join(f"- {structure.name}" for structure in spec.structures)
    pairs = "\n".join(f"- {name}: `{key}`" for name, key in zip(found.channels, spec.channels))
    return (
        f"# {spec.title}\n\n{spec.summary}\n\n**Added by a user of this program, who knows where it is from; nobody here has measured it.** "
        f"Research only; not for clinical use.\n\nIt takes\n\n{pairs}\n\nand finds\n\n{rows}\n"
    )
