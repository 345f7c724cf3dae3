"""A MONAI Bundle on disk: read as data, verified and listed.

A bundle folder holds ``configs/metadata.json`` (what the model is, and under
``neurospineseg`` how a scan is brought to it), ``configs/inference.json``
(``network_def``, and what ``python -m monai.bundle run`` needs),
``models/model.pt`` (a plain state dict) and ``docs/README.md`` (the model card).
Nothing in it is evaluated: no ``$`` expression, no class outside the allow-list,
no pickled object.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.images.normalization import Normalization
from neurospineseg.models.catalog import model_folders
from neurospineseg.models.recipe import AddedStructure, Recipe
from neurospineseg.tasks.structure import Structure
from neurospineseg.tasks.task import task_named

LARGEST_WEIGHTS = 2**33
"""Bytes."""


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=100)]
"""Also of a folder, so that it is no path."""
Count = Annotated[int, Field(ge=1, le=4096)]
Millimeters = Annotated[float, Field(gt=1e-3, le=1e4, allow_inf_nan=False)]


class BundleError(InputError):
    """A bundle cannot be used; the message says why and what to do."""


class ModelSpec(BaseModel):
    """How a scan is brought to a network and what the network's channels mean.

    Working tensors are (C, K, J, I) with i, j, k along R, A, S.

    Attributes:
        name: bundle name, also its folder's.
        version: of the model.
        task: name of a registered task.
        role: ``segment``, or ``locate`` for a model that only finds the region for another, or ``recognize`` for one that only tells
            what a scan shows.
        channels: modalities in the order of the network's input channels.
        optional_channels: whether missing modalities may be given as zeros.
        advised_channels: modalities without which the model was measured to find much less; the user is warned.
        spacing: mm along R, A, S of the working grid.
        patch: size (K, J, I) of the sliding window in voxels; for a 2D network the slice's axis is 1.
        slice_axis: for a 2D network, which of k, j, i (0, 1, 2) is sliced; None for 3D.
        slices: for a 2D network, how many neighboring slices are its input channels (odd).
        divisor: for a 2D network, its input's sides are filled up to multiples of this.
        normalization: see ``neurospineseg.images.intensity``.
        classes: names of the network's output channels, background first. Of a model that segments, a name is one of the task's ``classes``.
        locator: name of the bundle that finds the region first, if any.
        recognizer: name of the bundle that tells whether a scan shows a head: scans that do not are doubted by the brain's models, those
            that do by the spine's. None: nothing is doubted.
        coarse: name of the bundle, of the same task and channels, that looks at the whole scan first, if any: this one looks closer where that
            finds anything.
        region_mm: side of the cube around the located region in mm, or its sides along R, A, S, if any.
        bilateral: whether the network sees one half of the region at a time, as if it were the right one: the outermost ``patch`` along
            i, the left half mirrored. Its output channels are then ``network_classes``, and ``classes`` name each on the left, then on the right.
        coordinates: of a bilateral model, whether three more input channels say where in the half a voxel lies, see ``predict.with_coordinates``.
        follow: whether a 3D network looks above and below the middle of a scan only where what it found reaches, as along one spine.
        nested: the classes but the background from the outermost to the innermost, where the network's output channels are not classes
            but regions: each channel is the sigmoid score of that class or any further in. Empty: the channels are ``network_classes``.
        narrow: whether a 3D network's window is half as wide along i where a scan is no wider than that, as sagittal slabs are.
        overlap: share of itself by which a 3D network's window overlaps the next at least.
        flips: axes k, j, i (0, 1, 2) along which a 3D network also sees the image mirrored, each by itself; its probabilities are averaged.
        preference: of a task's installed models, that with the highest is used where none is named.
        modalities: contrasts the model was trained on, in words for people.
        recipe: of a model of another program, what that does with a scan; ``spacing``, ``patch`` and ``normalization`` then only tell of it,
            the task's rules are not applied, and ``classes`` are keys of structures, which may be the model's own.
        added_structures: the structures that are the model's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    version: str = "0.1.0"
    task: str
    role: Literal["segment", "locate", "recognize"] = "segment"
    channels: tuple[str, ...] = Field(min_length=1)
    optional_channels: bool = False
    advised_channels: tuple[str, ...] = ()
    spacing: tuple[Millimeters, Millimeters, Millimeters]
    patch: tuple[Count, Count, Count]
    slice_axis: Literal[0, 1, 2] | None = None
    slices: Count = 1
    divisor: Count = 32
    normalization: Normalization
    classes: tuple[str, ...]
    locator: Name | None = None
    recognizer: Name | None = None
    coarse: Name | None = None
    region_mm: Millimeters | tuple[Millimeters, Millimeters, Millimeters] | None = None
    bilateral: bool = False
    coordinates: bool = False
    follow: bool = False
    nested: tuple[str, ...] = ()
    narrow: bool = False
    overlap: float = Field(0.5, ge=0, lt=1)
    flips: tuple[Literal[0, 1, 2], ...] = ()
    preference: int = 0
    modalities: str = ""
    recipe: Recipe | None = None
    added_structures: tuple[AddedStructure, ...] = Field(default=(), max_length=4096)
    title: str = ""
    summary: str = Field(default="", description="one line for the models list")
    trained_on: str = Field(default="", description="what it learned from, in a few words after 'Trained on'")
    measured: str = Field(default="", description="what it reaches on what, in a few words after 'Measured:'")

    @field_validator("task")
    @classmethod
    def _task_is_known(cls, name: str) -> str:
        return task_named(name).name

    @model_validator(mode="after")
    def _advised(self) -> ModelSpec:
        unknown = [name for name in self.advised_channels if name not in self.channels]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is advised but no channel of the model")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("a channel is named twice")
        return self

    @model_validator(mode="after")
    def _sides(self) -> ModelSpec:
        names = self.classes[1:]
        paired = all(a.startswith("left_") and b == a.replace("left_", "right_", 1) for a, b in zip(names[::2], names[1::2]))
        if self.bilateral and (len(names) % 2 or not paired):
            raise ValueError("classes of a bilateral model must name each structure on the left, then on the right")
        if self.bilateral and self.slice_axis is not None:
            raise ValueError("a bilateral model must be 3D")
        if self.coordinates and not self.bilateral:
            raise ValueError("only a bilateral model takes coordinates")
        if self.nested and (sorted(self.nested) != sorted(names) or self.bilateral or self.slice_axis is not None):
            raise ValueError("nested must name each class but the background once, of a 3D model that is not bilateral")
        if 2 in self.flips and any(name.startswith(("left_", "right_")) for name in names):
            raise ValueError("a model that tells left from right must not be mirrored along i")
        return self

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Every structure that the model can find.

        Raises:
            InputError: a class of a model of another program is no structure.
        """
        task = task_named(self.task)
        if self.recipe is None:
            return task.structures_of_classes(self.classes)
        own = {each.key: each.structure for each in self.added_structures}
        return tuple(own[key] if key in own else task.structure(key) for key in dict.fromkeys(self.classes[1:]))

    @property
    def inputs(self) -> int:
        """How many input channels the network has."""
        return len(self.channels) * self.slices + (3 if self.coordinates else 0)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the network's output channels: ``network_classes``, or the regions that ``nested`` classes bound."""
        return tuple(f"{name} or further in" for name in self.nested) or self.network_classes

    @property
    def network_classes(self) -> tuple[str, ...]:
        """What the network's output channels mean: ``classes``, or of a bilateral model those without their sides."""
        return ("background", *(name.removeprefix("left_") for name in self.classes[1::2])) if self.bilateral else self.classes


@dataclass(frozen=True)
class Bundle:
    """A bundle read from ``folder``."""

    folder: Path
    spec: ModelSpec
    network_def: dict[str, Any]

    @property
    def added(self) -> bool:
        """Whether it is a model of another program."""
        return self.spec.recipe is not None

    @property
    def weights(self) -> Path:
        return self.folder / "models" / "model.pt"

    @property
    def card(self) -> Path:
        return self.folder / "docs" / "README.md"

    def _digest(self) -> str:
        if not self.weights.is_file() or self.weights.stat().st_size > LARGEST_WEIGHTS:
            raise BundleError(f"The weights of '{self.folder.name}' are no file or larger than any network's; install the model again.")
        digest = hashlib.sha256()
        with open(self.weights, "rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
        return digest.hexdigest()

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the weights file, hexadecimal."""
        try:
            return self._digest()
        except OSError as error:
            raise reading_failed(error, self.weights) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json_of(path)
    except FileNotFoundError as error:
        raise BundleError(f"'{path.parent.parent.name}' is not a model bundle: configs/{path.name} is missing.") from error
    except OSError as error:
        raise reading_failed(error, path) from error
    except ValueError as error:
        raise BundleError(
            f"The file configs/{path.name} of the model '{path.parent.parent.name}' is not valid JSON; install the model again."
        ) from error
    if not isinstance(value, dict):
        raise BundleError(
            f"The file configs/{path.name} of the model '{path.parent.parent.name}' holds no JSON object; install the model again."
        )
    return value


def read_bundle(folder: Path) -> Bundle:
    """Reads a bundle folder as data and verifies its weights' checksum.

    Raises:
        BundleError: a file is missing, malformed or altered, or the bundle lacks what this program needs.
    """
    folder = Path(folder)
    metadata = _read_json(folder / "configs" / "metadata.json")
    inference = _read_json(folder / "configs" / "inference.json")
    if "neurospineseg" not in metadata:
        raise BundleError(f"The bundle '{folder.name}' does not say how scans are brought to it (no 'neurospineseg' in metadata.json).")
    try:
        spec = ModelSpec.model_validate(metadata["neurospineseg"])
    except ValidationError as error:
        raise BundleError(f"The bundle '{folder.name}' is malformed: {_first_fault(error)}.") from error
    try:
        if spec.recipe is not None:
            _ = spec.structures
        elif spec.role == "segment":
            task_named(spec.task).check_classes(spec.classes)
    except InputError as error:
        raise BundleError(f"The bundle '{folder.name}' cannot be used: {error}") from error
    definition = inference.get("network_def")
    if not isinstance(definition, dict):
        raise BundleError(f"The bundle '{folder.name}' names no network (no 'network_def' in inference.json).")
    bundle = Bundle(folder, spec, definition)
    if not bundle.weights.is_file():
        raise BundleError(f"The bundle '{folder.name}' has no weights (models/model.pt); install the model again.")
    expected = metadata.get("weights_sha256")
    if expected and expected != bundle.checksum:
        raise BundleError(
            f"The weights of '{folder.name}' are not the ones its metadata names (checksum differs); install the model again."
        )
    return bundle


def _first_fault(error: ValidationError) -> str:
    """Where a value is wrong, which one it is if it is a word, and what is wrong with it."""
    first = error.errors()[0]
    place, words = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ").rstrip(".")
    value = first["input"]
    said = f" is '{value}'" if isinstance(value, str) and value not in words else ""
    return f"{place}{said}: {words}" if place else words


def installed_bundles(task: str | None = None, role: str = "segment") -> list[Bundle]:
    """The bundles of a task (None: of all), in the order of ``model_folders`` and of their names.

    Raises:
        BundleError: one of them is damaged. Of another task's that is not noticed, nor where it says of no task that it is its own.
    """
    bundles: dict[str, Bundle] = {}
    for parent in model_folders():
        for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
            if not (folder / "configs" / "metadata.json").is_file() or (task is not None and _task_of(folder) != task):
                continue
            bundle = read_bundle(folder)
            if (task is None or bundle.spec.task == task) and bundle.spec.role == role:
                bundles.setdefault(bundle.spec.name, bundle)
    return list(bundles.values())


def surveyed_bundles() -> tuple[list[Bundle], list[str]]:
    """The installed bundles that can be used, of all tasks and roles, and for each that cannot a sentence with its folder."""
    bundles: dict[tuple[str, str], Bundle] = {}
    sentences = []
    for parent in model_folders():
        for metadata in sorted(parent.glob("*/configs/metadata.json")):
            folder = metadata.parent.parent
            try:
                bundle = read_bundle(folder)
                bundles.setdefault((bundle.spec.role, bundle.spec.name), bundle)
            except InputError as error:
                sentences.append(f"{folder}: {error}")
            except OSError as error:
                sentences.append(f"{folder}: {reading_failed(error)}")
    return list(bundles.values()), sentences


def _task_of(folder: Path) -> str | None:
    """The task that a bundle's metadata name; None where they are damaged."""
    try:
        return _read_json(folder / "configs" / "metadata.json")["neurospineseg"]["task"]
    except (InputError, KeyError, TypeError):
        return None


def find_bundle(name: str) -> Bundle:
    """The installed bundle of that name, or the one in the folder that ``name`` is a path of.

    Raises:
        BundleError: there is none; the message lists those there are.
    """
    for parent in model_folders():
        if os.path.isfile(parent / name / "configs" / "metadata.json"):
            return read_bundle(parent / name)
    if os.path.isfile(Path(name) / "configs" / "metadata.json"):
        return read_bundle(Path(name))
    known = ", ".join(bundle.spec.name for bundle in surveyed_bundles()[0] if bundle.spec.role == "segment") or "none"
    raise BundleError(f"There is no model '{name}'; installed: {known}.")
