"""The transforms of ``monai.transforms`` that an added bundle may name, and the values that each may be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurospineseg.models.network_checks import NetworkError
from neurospineseg.models.recipe import Step

IMAGE, PREDICTION = "image", "pred"
SIDES, FINEST_MM = 2048, 0.1


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    """Also the texts that some published bundles have for it, which MONAI takes for true."""
    return isinstance(value, bool) or value in ("True", "true") or (isinstance(value, int) and value in (0, 1))


def _word(*words: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in words


def _each(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """One value or a list of a few."""
    return lambda value: check(value) or (isinstance(value, list) and 0 < len(value) <= 4096 and all(map(check, value)))


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _axes(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 3 and {frozenset(pair) & set(value) != set() for pair in ("LR", "AP", "SI")} == {True}


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


PAD = _word("constant", "edge", "reflect", "symmetric", "replicate")
MODE = _each(_word("bilinear", "nearest", "trilinear", "area"))
PIXDIM = _each(lambda value: _number(value) and (FINEST_MM <= value <= 100 or value in (0, -1)))
SIDE, PERCENT = _each(_whole(-1, SIDES)), lambda value: _number(value) and 0 <= value <= 100
Checks = dict[str, Callable[[Any], bool]]
BEFORE: dict[str, Checks] = {
    "Orientationd": {"axcodes": _axes, "as_closest_canonical": _flag},
    "Spacingd": {
        "pixdim": PIXDIM,
        "diagonal": _flag,
        "mode": MODE,
        "padding_mode": _each(_word("zeros", "border", "reflection")),
        "align_corners": _each(_flag),
        "scale_extent": _flag,
        "recompute_affine": _flag,
        "min_pixdim": _optional(PIXDIM),
        "max_pixdim": _optional(PIXDIM),
    },
    "NormalizeIntensityd": {
        "nonzero": _flag,
        "channel_wise": _flag,
        "subtrahend": _optional(_each(_number)),
        "divisor": _optional(_each(_number)),
    },
    "ScaleIntensityRanged": {"a_min": _number, "a_max": _number, "b_min": _optional(_number), "b_max": _optional(_number), "clip": _flag},
    "ScaleIntensityd": {
        "minv": _optional(_number),
        "maxv": _optional(_number),
        "factor": _optional(_number),
        "channel_wise": _flag,
    },
    "ScaleIntensityRangePercentilesd": {
        "lower": PERCENT,
        "upper": PERCENT,
        "b_min": _optional(_number),
        "b_max": _optional(_number),
        "clip": _flag,
        "relative": _flag,
        "channel_wise": _flag,
    },
    "ThresholdIntensityd": {"threshold": _number, "above": _flag, "cval": _number},
    "CropForegroundd": {"margin": SIDE, "k_divisible": SIDE, "allow_smaller": _flag, "mode": PAD},
    "SpatialPadd": {"spatial_size": SIDE, "method": _word("symmetric", "end"), "mode": PAD},
    "DivisiblePadd": {"k": SIDE, "method": _word("symmetric", "end"), "mode": PAD},
    "Resized": {"spatial_size": SIDE, "size_mode": _word("all", "longest"), "mode": MODE, "anti_aliasing": _flag},
}
AFTER: dict[str, Checks] = {
    "Activationsd": {"sigmoid": _flag, "softmax": _flag},
    "Invertd": {"nearest_interp": _flag},
    "AsDiscreted": {"argmax": _flag, "threshold": _number},
    "KeepLargestConnectedComponentd": {
        "applied_labels": _optional(_each(_whole(0, 4096))),
        "is_onehot": _optional(_flag),
        "independent": _flag,
        "connectivity": _optional(_whole(1, 3)),
        "num_components": _whole(1, 100),
    },
    "FillHolesd": {"applied_labels": _optional(_each(_whole(0, 4096))), "connectivity": _optional(_whole(1, 3))},
    "RemoveSmallObjectsd": {"min_size": _whole(0, 10**9), "connectivity": _whole(1, 3), "independent_channels": _flag},
}
UNUSED = {
    "keys",
    "allow_missing_keys",
    "meta_keys",
    "orig_meta_keys",
    "meta_key_postfix",
    "dtype",
    "lazy",
    "source_key",
    "to_tensor",
    "device",
    "transform",
    "orig_keys",
    "to_onehot",
    "labels",
    "name",
    "start_coord_key",
    "end_coord_key",
}
"""Values of which this program has its own: it names the image, reads and writes it itself."""
WITHOUT_EFFECT = {
    "LoadImaged",
    "EnsureChannelFirstd",
    "AddChanneld",
    "AsChannelFirstd",
    "EnsureTyped",
    "ToTensord",
    "ToDeviced",
    "CastToTyped",
    "SelectItemsd",
    "DeleteItemsd",
    "Identityd",
    "SaveImaged",
    "FromMetaTensord",
}
CODE = {"Lambdad"}
"""Transforms that are made of code. What one does to the finished labels is left out and said; before the network it is refused."""


def checked_step(step: Step, known: dict[str, Checks]) -> Step:
    """The step itself.

    Raises:
        NetworkError: its transform is not one of the known, or a value is none that it takes.
    """
    if step.name not in known:
        raise NetworkError(
            f"The model asks for the transform '{step.name}', which this program does not run; it runs {', '.join(sorted(known))}."
        )
    for name, value in step.values.items():
        if name not in known[step.name] or not known[step.name][name](value):
            shown = str(value)[:60]
            raise NetworkError(f"The model gives the transform {step.name} '{name}' the value {shown}, which this program does not take.")
    return step
