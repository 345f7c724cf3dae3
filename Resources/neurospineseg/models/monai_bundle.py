"""A MONAI Bundle as the Model Zoo publishes them, read as a recipe: its network, transforms and windows, none of its expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from neurospineseg.models.literals import NOT_CODE, followed, literal
from neurospineseg.models.model_source import ModelSource
from neurospineseg.models.monai_steps import AFTER, BEFORE, CODE, IMAGE, PREDICTION, UNUSED, WITHOUT_EFFECT, Checks, checked_step
from neurospineseg.models.network_checks import NetworkError
from neurospineseg.models.recipe import MonaiRecipe, Step, Windows

CONFIGS = ("configs/inference.json",)
METADATA = "configs/metadata.json"
WEIGHTS, SCRIPT = "models/model.pt", "models/model.ts"
KEPT_BY_PROGRAM = ("device", "sw_device", "progress", "cache_roi_weight_map", "cpu_thresh", "buffer_steps", "buffer_dim")
DIMENSIONS = ("spatial_dims", "dimensions")


@dataclass(frozen=True)
class ForeignModel:
    """What was read of a model, before its names are matched with ours.

    Attributes:
        recipe: without ``paint``.
        network_def: of its network.
        channels, labels: the names that it gives its input channels and its classes or regions; of classes the background's first.
        regions: whether ``labels`` are regions that may overlap.
        first: the output channel of the first region.
        weights: the files of its weights.
        notes: sentences for the user.
        order: in which regions are painted, where the model says so.
        values: of nnU-Net: the label value of each of ``labels``, of a region the one it is painted with.
    """

    recipe: Any
    network_def: dict[str, Any]
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    regions: bool
    weights: tuple[str, ...]
    first: int = 0
    title: str = ""
    version: str = ""
    summary: str = ""
    notes: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    values: tuple[int, ...] = ()


def is_monai_bundle(source: ModelSource) -> bool:
    return METADATA in source.files()


def read_monai_bundle(source: ModelSource) -> ForeignModel:
    """A bundle's recipe.

    Raises:
        InputError: it is malformed, wants to be run, or asks for what this program does not have.
    """
    config, metadata = _config(source), _object(source.json(METADATA), METADATA)
    network_def = _network_def(config)
    steps = tuple(_steps(config, "preprocessing", BEFORE, IMAGE))
    finish, notes = _finish(config)
    regions = any(step.name == "Activationsd" and step.values.get("sigmoid") for step in finish)
    recipe = MonaiRecipe(steps=steps, windows=_windows(config), finish=finish, amp=_amp(config))
    outputs = _count(network_def, "out_channels")
    labels = _names(metadata, "outputs", PREDICTION, outputs)
    if regions and len(labels) > 1 and labels[0].lower() == "background":
        labels, first = labels[1:], 1
    else:
        first = 0
    return ForeignModel(
        recipe,
        network_def,
        _names(metadata, "inputs", IMAGE, _count(network_def, "in_channels")),
        labels,
        regions,
        (_weights(source),),
        first,
        str(metadata.get("name", ""))[:100],
        str(metadata.get("version", "0"))[:20],
        str(metadata.get("description", ""))[:400],
        tuple(notes),
    )


def _config(source: ModelSource) -> dict[str, Any]:
    found = next((name for name in CONFIGS if name in source.files()), None)
    if found is None:
        raise NetworkError(f"The bundle '{source.name}' has no {CONFIGS[0]}; only bundles that say how they are run can be added.")
    return _object(source.json(found), found)


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NetworkError(f"The file {name} of the bundle holds no JSON object; fetch the bundle again.")
    return value


def _network_def(config: dict[str, Any]) -> dict[str, Any]:
    definition = config.get("network_def")
    if not isinstance(definition, dict):
        raise NetworkError(
            "The bundle names no network (no 'network_def' in inference.json), so that it cannot be made without running it."
        )
    values = {key: literal(value, config) for key, value in definition.items() if key != "_target_"}
    made = {"_target_": str(definition.get("_target_", "")), **values}
    if any(made.get(key, 3) != 3 for key in DIMENSIONS):
        raise NetworkError("The bundle's network works on 2D images; only 3D networks of MONAI can be added.")
    return made


def _count(network_def: dict[str, Any], key: str) -> int:
    count = network_def.get(key)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 4096:
        raise NetworkError(f"The bundle's network does not say how many channels it has ('{key}'); fetch the bundle again.")
    return count


def _transforms(config: dict[str, Any], section: str) -> list[Any]:
    composed = followed(config.get(section), config)
    if composed is None:
        return []
    if isinstance(composed, dict) and _target(composed) == "Compose":
        composed = followed(composed.get("transforms"), config)
    if not isinstance(composed, list):
        raise NetworkError(f"The bundle's '{section}' is no list of transforms; {NOT_CODE}.")
    return composed


def _target(value: dict[str, Any]) -> str:
    """The class that is asked for, without MONAI's own modules before it; any other module stays, and so is no known class."""
    name = value.get("_target_")
    if not isinstance(name, str):
        raise NetworkError(f"The bundle asks to make '{str(name)[:60]}', which is no class; {NOT_CODE}.")
    module, _, last = name.rpartition(".")
    return last if module in ("", "monai.transforms", "monai.inferers") else name


def _steps(config: dict[str, Any], section: str, known: dict[str, Checks], key: str) -> Iterator[Step]:
    """The transforms of a section that have an effect, checked."""
    for entry in _transforms(config, section):
        entry = followed(entry, config)
        if not isinstance(entry, dict):
            raise NetworkError(f"The bundle's '{section}' holds '{str(entry)[:60]}', which is no transform; {NOT_CODE}.")
        name = _target(entry)
        if name in WITHOUT_EFFECT or literal(entry.get("_disabled_", False), config) is True:
            continue
        keys = literal(entry.get("keys", key), config)
        if key not in (keys if isinstance(keys, list) else [keys]) and name in known:
            continue
        values = {} if name in CODE else {each: literal(entry[each], config) for each in entry if each != "_target_" and each not in UNUSED}
        yield Step(name=name, values=values) if name in CODE and known is AFTER else checked_step(Step(name=name, values=values), known)


def _finish(config: dict[str, Any]) -> tuple[tuple[Step, ...], list[str]]:
    """What follows the network, with the way back to the scan's grid and the choice of labels where the bundle leaves them to others."""
    found = list(_steps(config, "postprocessing", AFTER, PREDICTION))
    notes = []
    if any(step.name in CODE for step in found):
        notes.append(
            "What the bundle's own code would do to its finished labels is left out; they are matched with structures by their names."
        )
        found = [step for step in found if step.name not in CODE]
    names = [step.name for step in found]
    if "AsDiscreted" not in names:
        sigmoid = any(step.name == "Activationsd" and step.values.get("sigmoid") for step in found)
        found.append(Step(name="AsDiscreted", values={"threshold": 0.5} if sigmoid else {"argmax": True}))
    if "Invertd" not in names:
        place = next(number for number, step in enumerate(found) if step.name == "AsDiscreted")
        found.insert(place, Step(name="Invertd", values={"nearest_interp": False}))
    return tuple(found), notes


def _windows(config: dict[str, Any]) -> Windows:
    inferer = followed(config.get("inferer"), config)
    if not isinstance(inferer, dict):
        raise NetworkError("The bundle does not say how its network is run over a scan ('inferer'); it cannot be added.")
    name = _target(inferer)
    if name == "SimpleInferer":
        return Windows()
    if name != "SlidingWindowInferer":
        raise NetworkError(
            f"The bundle's inferer '{name}' is not one this program runs; it runs SlidingWindowInferer and SimpleInferer of MONAI."
        )
    values = {key: literal(value, config) for key, value in inferer.items() if key != "_target_" and key not in KEPT_BY_PROGRAM}
    if isinstance(values.get("roi_size"), int):
        values["roi_size"] = [values["roi_size"]] * 3
    values["sw_batch_size"] = min(int(values.get("sw_batch_size", 1)), 64) if isinstance(values.get("sw_batch_size", 1), int) else 1
    try:
        windows = Windows.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise NetworkError(
            f"The bundle's sliding window cannot be used ({'.'.join(map(str, first['loc']))}: {first['msg']}); fetch the bundle again."
        ) from error
    if windows.roi_size is None or not all(1 <= side <= 2048 for side in windows.roi_size):
        raise NetworkError("The bundle's sliding window has no sides from 1 to 2048 voxels; fetch the bundle again.")
    return windows


def _amp(config: dict[str, Any]) -> bool:
    evaluator = followed(config.get("evaluator", {}), config)
    return isinstance(evaluator, dict) and followed(evaluator.get("amp", False), config) is True


def _names(metadata: dict[str, Any], side: str, key: str, count: int) -> tuple[str, ...]:
    """The names of a network's channels from ``network_data_format``; numbers where there are none."""
    found: Any = metadata
    for part in ("network_data_format", side, key, "channel_def"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    named = {str(number): str(name)[:100] for number, name in found.items()} if isinstance(found, dict) else {}
    return tuple(named.get(str(number)) or f"channel {number}" for number in range(count))


def _weights(source: ModelSource) -> str:
    files = source.files()
    if WEIGHTS in files:
        return WEIGHTS
    others = [name for name in files if name.startswith("models/") and name.endswith((".pt", ".pth"))]
    if len(others) == 1:
        return others[0]
    if SCRIPT in files:
        raise NetworkError(f"The bundle has its weights as TorchScript ({SCRIPT}), which is code; give one with {WEIGHTS}, a state dict.")
    raise NetworkError(
        f"The bundle '{source.name}' has no weights ({WEIGHTS}); some bundles name them in large_files.yml, from where they are fetched."
    )
