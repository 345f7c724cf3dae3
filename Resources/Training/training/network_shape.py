"""Completes a recipe's network with what follows from its model, and writes the ``ModelSpec``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import ModelSpec
from Training.training.recipe import Recipe


def network_def(recipe: Recipe, spec: ModelSpec) -> dict[str, Any]:
    """The bundle's ``network_def``: ``n_levels`` and ``filters`` become the lists that a MONAI network wants.

    ``n_levels`` counts the resolutions of a U-Net; its first has ``filters`` filters and each further one twice as many, 320 at
    most (as nnU-Net's 3D networks). Networks of other shapes than U-Nets name their own parameters.

    Raises:
        InputError: ``filters`` is a list of another length than ``n_levels``.
    """
    given = dict(recipe.network)
    levels, filters = given.pop("n_levels", 4), given.pop("filters", 32)
    given |= {
        "spatial_dims": 3 if spec.slice_axis is None else 2,
        "in_channels": spec.inputs,
        "out_channels": len(spec.outputs),
    }
    widths = list(filters) if isinstance(filters, Sequence) else [min(320, filters * 2**level) for level in range(levels)]
    if len(widths) != levels:
        raise InputError(f"network.filters lists {len(widths)} numbers for network.n_levels={levels}; give one for each level.")
    if given.get("_target_") == "DynUNet":
        lists = {
            "kernel_size": [3] * levels,
            "strides": [1] + [2] * (levels - 1),
            "upsample_kernel_size": [2] * (levels - 1),
            "filters": widths,
            "norm_name": ["INSTANCE", {"affine": True}],
        }
    elif given.get("_target_") not in ("UNet", "AttentionUnet"):
        return given
    else:
        lists = {"channels": widths, "strides": [2] * (levels - 1)}
    return lists | given


def model_spec(recipe: Recipe, channels: Sequence[str], classes: Sequence[str], spacing: Sequence[float]) -> ModelSpec:
    """What the bundle will say of the model; arguments are used where the recipe leaves them open.

    Raises:
        InputError: the recipe's keys do not fit each other; the message says which.
    """
    model = recipe.model
    sides = [n for axis, n in enumerate(model.patch) if axis != model.slice_axis]
    left_open = ("channels", "classes", "spacing", "divisor")
    try:
        return ModelSpec(
            name=recipe.name,
            task=recipe.task,
            title=recipe.title,
            summary=recipe.summary,
            **{key: getattr(model, key) for key in type(model).model_fields if key not in left_open},
            channels=model.channels or tuple(channels),
            classes=model.classes or tuple(classes),
            divisor=model.divisor or (32 if model.slice_axis is None else math.gcd(32, *sides)),
            spacing=model.spacing or tuple(float(mm) for mm in spacing),
        )
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"The recipe '{recipe.name}' is wrong at model: {message}.") from error
