"""A results folder of nnU-Net v2, read as a recipe: ``plans.json``, ``dataset.json`` and the checkpoints of its folds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from neurospineseg.models.foreign_weights import checkpoint, state_of
from neurospineseg.models.literals import literal
from neurospineseg.models.model_source import ModelSource
from neurospineseg.models.monai_bundle import ForeignModel
from neurospineseg.models.network_checks import NetworkError
from neurospineseg.models.nnunet_network import OF_CLASSES, TARGET, checked_architecture, layer_name
from neurospineseg.models.recipe import Intensity, NnunetRecipe, Resampling, Stage

PLANS, DATASET = "plans.json", "dataset.json"
CHECKPOINT = re.compile(r"fold_(\d|all)/checkpoint_final\.pth")
READERS = {"SimpleITKIO": False, "NibabelIO": False, "SimpleITKIOWithReorient": True, "NibabelIOWithReorient": True}
"""Whether one turns a scan to R, A, S."""
RESAMPLER = "resample_data_or_seg_to_shape"
LONGEST_NAME = 100


@dataclass(frozen=True)
class ReadStage:
    """A configuration of the plans with what it inherits (``values``), the axes that are mirrored, and the weights of its folds."""

    configuration: str
    values: dict[str, Any]
    mirrored: Any = ()
    weights: tuple[dict[str, torch.Tensor], ...] = ()

    @property
    def previous(self) -> str | None:
        """The configuration of the stage before, of a cascade's second."""
        name = self.values.get("previous_stage")
        return name if isinstance(name, str) else None


def is_nnunet_folder(source: ModelSource) -> bool:
    return stage_folder(source) is not None


def stage_folder(source: ModelSource) -> str | None:
    """The folder with plans, data set and folds in a source: itself (empty) or one within; of a cascade's two the full resolution's."""
    tops = [name.removesuffix(PLANS) for name in source.files() if name == PLANS or name.endswith(f"/{PLANS}")]
    found = [top for top in tops if f"{top}{DATASET}" in source.files() and folds_in(source, top)]
    return max(found, key=lambda top: "cascade" in top, default=None)


def folds_in(source: ModelSource, top: str) -> list[str]:
    """The checkpoints that nnU-Net averages: of the numbered folds, or that of all cases where there are no others."""
    files = sorted(name for name in source.files() if name.startswith(top) and CHECKPOINT.fullmatch(name.removeprefix(top)))
    numbered = [name for name in files if "fold_all" not in name]
    return numbered or files


def read_nnunet_folder(source: ModelSource, scratch: Path) -> tuple[ForeignModel, list[list[dict[str, torch.Tensor]]]]:
    """A model's recipe, and the weights of each stage's folds.

    Raises:
        InputError: it is malformed, or asks for what this program does not have.
    """
    top = stage_folder(source)
    if top is None:
        raise NetworkError("The folder holds no results of nnU-Net: plans.json, dataset.json and fold_*/checkpoint_final.pth belong there.")
    plans, dataset = (_object(source.json(f"{top}{name}"), name) for name in (PLANS, DATASET))
    read = [_read_stage(source, top, plans, scratch)]
    previous = read[0].previous
    if previous is not None:
        read.insert(0, _read_stage(source, _previous_folder(source, top, previous), plans, scratch))
        if read[0].configuration != previous or read[0].previous is not None:
            raise NetworkError(
                f"The first stage of the cascade is not '{previous}', which its plans name; give the folder of the data set."
            )
    return model_of(plans, dataset, read), [list(stage.weights) for stage in read]


def _previous_folder(source: ModelSource, top: str, previous: str) -> str:
    """The folder of a cascade's first stage, which lies beside the second's."""
    if not top:
        raise NetworkError(
            f"The model is the second stage of a cascade; give the folder above it, which holds the first ('{previous}') too."
        )
    own = top.rstrip("/").rpartition("/")[2]
    trained = own.rpartition("__")[0]
    for name in source.files():
        folder = name.removesuffix(PLANS)
        if name.endswith(f"/{PLANS}") and folder.rstrip("/").rpartition("/")[2] == f"{trained}__{previous}" and folds_in(source, folder):
            return folder
    raise NetworkError(
        f"The first stage of the cascade, a folder '{trained}__{previous}', was not found beside the second; give the folder of both."
    )


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NetworkError(f"The file {name} of the model holds no JSON object; fetch the model again.")
    return value


def _read_stage(source: ModelSource, top: str, plans: dict[str, Any], scratch: Path) -> ReadStage:
    """A configuration with the weights of its folds, and which axes are mirrored."""
    weights, configuration, mirrored = [], None, ()
    for number, file in enumerate(folds_in(source, top)):
        source.copy(file, scratch / "fold.pth")
        found = checkpoint(scratch / "fold.pth")
        (scratch / "fold.pth").unlink()
        if not isinstance(found, Mapping):
            raise NetworkError(f"The file '{file}' is no checkpoint of nnU-Net; fetch the model again.")
        weights.append(state_of({"network_weights": found.get("network_weights")}, file))
        if number == 0:
            arguments = found.get("init_args")
            configuration = arguments.get("configuration") if isinstance(arguments, Mapping) else None
            mirrored = found.get("inference_allowed_mirroring_axes") or ()
    if not isinstance(configuration, str):
        raise NetworkError("The checkpoint does not say which configuration of the plans it is; fetch the model again.")
    return ReadStage(configuration, configuration_of(plans, configuration), mirrored, tuple(weights))


def configuration_of(plans: dict[str, Any], name: str) -> dict[str, Any]:
    """A configuration with what it inherits."""
    known = plans.get("configurations")
    configurations = known if isinstance(known, dict) else {}
    chain: list[str] = []
    while True:
        found = configurations.get(name)
        if not isinstance(found, dict) or name in chain or len(chain) > 20:
            raise NetworkError(f"The plans hold no configuration '{str(name)[:LONGEST_NAME]}'; fetch the model again.")
        chain.append(name)
        if not isinstance(found.get("inherits_from"), str):
            break
        name = found["inherits_from"]
    merged: dict[str, Any] = {}
    for each in reversed(chain):
        merged |= configurations[each]
    return literal(merged, {})


def model_of(plans: dict[str, Any], dataset: dict[str, Any], read: Sequence[ReadStage]) -> ForeignModel:
    """The recipe of plans and of the stages that were read.

    Raises:
        NetworkError: it asks for what this program does not have.
    """
    channels = _channels(dataset)
    labels, values, regions, order = _labels(dataset)
    outputs = len(labels) if regions else len(labels) + 1
    last = read[-1].values
    try:
        recipe = NnunetRecipe(
            stages=tuple(_stage(stage) for stage in read),
            transpose=tuple(plans.get("transpose_forward", (0, 1, 2))),
            reorient=_reorients(plans),
            intensities=_intensities(plans, last, len(channels)),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise NetworkError(
            f"The plans cannot be used ({'.'.join(map(str, first['loc']))}: {first['msg']}); fetch the model again."
        ) from error
    if regions and len(read) > 1:
        raise NetworkError(
            "The model is a cascade of regions that overlap, which this program does not run; add its full resolution alone."
        )
    if sorted(recipe.transpose) != [0, 1, 2]:
        raise NetworkError("The plans name no order of the three axes; fetch the model again.")
    foreground = len({value for value in values if value})
    stages = [
        {
            "architecture": _architecture(stage.values),
            "folds": len(stage.weights),
            "inputs": len(channels) + (foreground if stage.previous is not None else 0),
            "outputs": outputs,
        }
        for stage in read
    ]
    name = str(plans.get("dataset_name", "nnU-Net"))[:LONGEST_NAME]
    note = f"nnU-Net v2, {read[-1].configuration}, {len(read[-1].weights)} fold(s)."
    return ForeignModel(
        recipe,
        {"_target_": TARGET, "stages": stages},
        channels,
        labels if regions else ("background", *labels),
        regions,
        (),
        title=name,
        version="2",
        summary=note,
        order=order,
        values=values,
    )


def _channels(dataset: dict[str, Any]) -> tuple[str, ...]:
    found = dataset.get("channel_names", dataset.get("modality"))
    if not isinstance(found, dict) or not 1 <= len(found) <= 64:
        raise NetworkError("The file dataset.json names no channels; fetch the model again.")
    return tuple(
        str(found[key])[:LONGEST_NAME]
        for key in sorted(found, key=lambda key: int(key) if str(key).isdecimal() and len(str(key)) < 9 else 0)
    )


def _labels(dataset: dict[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...], bool, tuple[int, ...]]:
    """The names of the classes but the background or of the regions, their values (a region's: the one that it is painted with), whether they are
    regions, and in which order those are painted."""
    found = dataset.get("labels")
    if not isinstance(found, dict) or len(found) > 4096 or found.get("background") != 0:
        raise NetworkError("The file dataset.json names no labels, or its background is not 0; fetch the model again.")
    named = {str(name)[:LONGEST_NAME]: value for name, value in found.items() if name not in ("background", "ignore")}
    if not any(isinstance(value, list) and len(value) > 1 for value in named.values()):
        values = {name: value[0] if isinstance(value, list) and value else value for name, value in named.items()}
        if sorted(map(str, values.values())) != sorted(str(n + 1) for n in range(len(values))):
            raise NetworkError("The labels in dataset.json are not numbered 1, 2, 3, ...; fetch the model again.")
        names = sorted(values, key=lambda name: int(values[name]))
        return tuple(names), tuple(range(1, len(names) + 1)), False, ()
    painted = dataset.get("regions_class_order")
    if (
        not isinstance(painted, list)
        or len(painted) != len(named)
        or not all(isinstance(value, int) and 0 < value < 4096 for value in painted)
    ):
        raise NetworkError("The file dataset.json has regions without the order in which they are painted; fetch the model again.")
    return tuple(named), tuple(painted), True, tuple(range(len(named)))


def _reorients(plans: dict[str, Any]) -> bool:
    reader = plans.get("image_reader_writer")
    if not isinstance(reader, str) or reader not in READERS:
        raise NetworkError(
            f"The plans name the reader '{str(reader)[:LONGEST_NAME]}'; only models of 3D scans ({', '.join(READERS)}) can be added."
        )
    return READERS[reader]


def _intensities(plans: dict[str, Any], configuration: dict[str, Any], count: int) -> tuple[Intensity, ...]:
    schemes, masked = configuration.get("normalization_schemes"), configuration.get("use_mask_for_norm")
    if not isinstance(schemes, list) or not isinstance(masked, list) or len(schemes) != count or len(masked) != count:
        raise NetworkError("The plans do not say how each channel is scaled; fetch the model again.")
    known = plans.get("foreground_intensity_properties_per_channel", {})
    wanted = ("mean", "std", "percentile_00_5", "percentile_99_5")
    made = []
    for number, (scheme, mask) in enumerate(zip(schemes, masked)):
        numbers = known.get(str(number), {}) if isinstance(known, dict) else {}
        given = {name: numbers[name] for name in wanted if isinstance(numbers, dict) and name in numbers}
        made.append(Intensity.model_validate({"scheme": scheme, "masked": mask, **given}))
    return tuple(made)


def _stage(read: ReadStage) -> Stage:
    values, mirrored = read.values, read.mirrored
    if values.get("preprocessor_name", "DefaultPreprocessor") != "DefaultPreprocessor":
        raise NetworkError(
            f"The plans name the preprocessor '{str(values['preprocessor_name'])[:LONGEST_NAME]}'; this program has nnU-Net's default one."
        )
    if not isinstance(mirrored, (list, tuple)):
        raise NetworkError("The checkpoint does not say along which axes scans are mirrored; fetch the model again.")
    return Stage(
        configuration=read.configuration,
        spacing=tuple(values.get("spacing", ())),
        patch=tuple(values.get("patch_size", ())),
        data=_resampling(values, "data", 3),
        labels=_resampling(values, "seg", 1),
        probabilities=_resampling(values, "probabilities", 1),
        mirror_axes=tuple(mirrored),
        cascaded=read.previous is not None,
    )


def _resampling(values: dict[str, Any], of: str, order: int) -> Resampling:
    name = values.get(f"resampling_fn_{of}", RESAMPLER)
    if name != RESAMPLER:
        raise NetworkError(f"The plans resample by '{str(name)[:LONGEST_NAME]}'; this program has nnU-Net's {RESAMPLER}.")
    given = values.get(f"resampling_fn_{of}_kwargs", {"order": order})
    return Resampling.model_validate({key: value for key, value in given.items() if key != "is_seg"} if isinstance(given, dict) else {})


def _architecture(values: dict[str, Any]) -> dict[str, Any]:
    """What ``checked_architecture`` takes, of plans of this year or of nnU-Net's first ones."""
    given = values.get("architecture")
    if not isinstance(given, dict):
        given = _of_old_plans(values)
    arguments = given.get("arch_kwargs")
    name = str(given.get("network_class_name", ""))
    if not isinstance(arguments, dict):
        raise NetworkError("The plans do not say what the network is built of; fetch the model again.")
    if not name.startswith("dynamic_network_architectures.architectures."):
        raise NetworkError(f"The network '{name[:LONGEST_NAME]}' of the plans is not one of dynamic-network-architectures; it is not run.")
    plain = {key: layer_name(value) if key in OF_CLASSES else value for key, value in arguments.items()}
    plain.pop("deep_supervision", None)
    return checked_architecture({"network": name.rpartition(".")[2], "values": plain})


def _of_old_plans(values: dict[str, Any]) -> dict[str, Any]:
    """Plans of nnU-Net before 2.4 say the same in other words."""
    name, convolutions = values.get("UNet_class_name"), values.get("n_conv_per_stage_encoder")
    try:
        stages = len(convolutions)  # type: ignore[arg-type]
        features = [min(values["UNet_base_num_features"] * 2**stage, values["unet_max_num_features"]) for stage in range(stages)]
        dimensions = len(values["patch_size"])
        arguments = {
            "n_stages": stages,
            "features_per_stage": features,
            "conv_op": f"torch.nn.modules.conv.Conv{dimensions}d",
            "kernel_sizes": values["conv_kernel_sizes"],
            "strides": values["pool_op_kernel_sizes"],
            "n_conv_per_stage" if name == "PlainConvUNet" else "n_blocks_per_stage": convolutions,
            "n_conv_per_stage_decoder": values["n_conv_per_stage_decoder"],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimensions}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        }
    except (KeyError, TypeError, OverflowError) as error:
        raise NetworkError("The plans do not say what the network is built of; fetch the model again.") from error
    return {"network_class_name": f"dynamic_network_architectures.architectures.unet.{name}", "arch_kwargs": arguments}
