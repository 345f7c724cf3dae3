"""A recipe: everything that decides what is trained, read from a short YAML file and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import text_of
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.images.normalization import Normalization
from neurospineseg.tasks.task import task_named

MOST_VALUES = 10_000
LONGEST = 2**17
"""Letters."""
RECIPES = Path(__file__).resolve().parent.parent / "recipes"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Part):
    """What the network gets and gives; see ``neurospineseg.models.bundle.ModelSpec``. What is left out comes from the data set."""

    channels: tuple[str, ...] | None = None
    optional_channels: bool = False
    advised_channels: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    spacing: tuple[float, float, float] | None = Field(None, description="mm along R, A, S; None: the median of the data set")
    patch: tuple[int, int, int]
    slice_axis: Literal[0, 1, 2] | None = None
    slices: int = Field(1, ge=1)
    divisor: int | None = Field(None, ge=1, description="see ModelSpec; None: the highest power of 2 up to 32 in a 2D patch's sides")
    normalization: Normalization = "foreground_zscore"
    role: Literal["segment", "locate", "recognize"] = "segment"
    locator: str | None = None
    recognizer: str | None = None
    coarse: str | None = None
    region_mm: float | tuple[float, float, float] | None = None
    bilateral: bool = False
    coordinates: bool = False
    follow: bool = False
    nested: tuple[str, ...] = ()
    narrow: bool = False
    overlap: float = Field(0.5, ge=0, lt=1)
    flips: tuple[Literal[0, 1, 2], ...] = ()
    preference: int = 0
    modalities: str = ""
    trained_on: str = ""


class Loss(_Part):
    """The loss and its parameters.

    ``bce``: binary cross-entropy of each class; ``dice``, ``dice_ce``, ``generalized_dice``, ``cross_entropy``: MONAI's and torch's;
    ``dice_focal``: MONAI's Dice and categorical (softmax) focal loss; ``marginal_dice_ce``: for partly labeled images;
    ``nested_dice_bce``: of ``model.nested`` regions, Dice over the batch and binary cross-entropy.
    """

    name: Literal["bce", "dice", "dice_ce", "dice_focal", "generalized_dice", "cross_entropy", "marginal_dice_ce", "nested_dice_bce"] = (
        "dice_ce"
    )
    class_weights: tuple[float, ...] | None = None
    focal_gamma: float = 2.0
    logit_adjustment: float = Field(
        0.0,
        ge=0,
        le=1,
        validation_alias=AliasChoices("logit_adjustment", "unweight"),
        description="share of the class weights' effect taken out of a DynUNet's last layer at the end; ``unweight`` before",
    )


class Optimizer(_Part):
    name: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    schedule: Literal["poly", "cosine", "constant"] = "poly"
    warmup_steps: int = Field(50, ge=0)
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")


class Augmentation(_Part):
    """What is done to patches of a data set at random; chances are those of MONAI's transforms."""

    flip: tuple[Literal[0, 1, 2], ...] = Field((), description="axes k, j, i that may be mirrored; never i where left and right have names")
    rotate_degrees: float = Field(15.0, ge=0)
    scale: float = Field(0.1, ge=0, lt=1)
    chance: float = Field(0.3, ge=0, le=1)
    noise: float = Field(0.1, ge=0)
    blur: float = Field(0.8, ge=0)
    contrast: float = Field(0.3, ge=0, lt=1)


class Loop(_Part):
    epochs: int = Field(100, ge=1)
    batch: int = Field(2, ge=1)
    patches_per_case: int = Field(4, ge=1)
    patch: tuple[int, int, int] | None = Field(None, description="size of the patches that teach; None: the model's; never larger")
    steps_per_epoch: int = Field(100, ge=1, description="for drawn examples, which have no end")
    validation_examples: int = Field(16, ge=1, description="for drawn examples")
    foreground_share: float = Field(0.67, ge=0, le=1, description="of the patches, how many are centered on a labeled voxel")
    patience: int | None = Field(None, ge=1, description="epochs without a better validation Dice before it stops")
    precision: Annotated[Literal["auto", "32", "bf16"], BeforeValidator(str)] = "auto"
    keep: Literal["best", "last"] = Field("best", description="the epoch whose weights the bundle gets; best: by validation Dice")
    averaging: float | None = Field(None, gt=0, lt=1, description="decay of the moving average of the weights")
    seed: int = 1


class Recipe(_Part):
    """Attributes: see the parts; ``drawn`` names a file of ``synthetic.examples`` that draws the examples, None for a prepared data set.

    ``drawing`` holds parameters for it, which its ``Examples`` name: shares and the like.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_\-]+$")
    task: Annotated[str, AfterValidator(lambda name: task_named(name).name)]
    title: str = ""
    summary: str = ""
    drawn: str | None = None
    drawing: dict[str, float] = {}
    model: Model
    network: dict[str, Any]
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    augmentation: Augmentation = Augmentation()
    loop: Loop = Loop()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.model.slice_axis is not None and self.model.patch[self.model.slice_axis] != 1:
            raise ValueError(f"model.patch must be 1 along the sliced axis {self.model.slice_axis}")
        if self.model.slices % 2 == 0 or (self.model.slices > 1 and self.model.slice_axis is None):
            raise ValueError("model.slices must be odd, and 1 for a 3D network")
        if self.model.classes is not None and self.model.classes[:1] != ("background",):
            raise ValueError("model.classes must begin with background")
        if self.loss.logit_adjustment and self.network.get("_target_") != "DynUNet":
            raise ValueError("loss.logit_adjustment works on a DynUNet only; set loss.logit_adjustment=0")
        if self.network.get("deep_supervision"):
            raise ValueError("network.deep_supervision is not trained; leave it out")
        if bool(self.model.nested) != (self.loss.name == "nested_dice_bce"):
            raise ValueError("model.nested and loss.name=nested_dice_bce need each other")
        if self.drawing and self.drawn is None:
            raise ValueError("drawing has no effect without drawn; leave it out")
        if self.drawn is not None and (self.model.spacing is None or self.model.classes is None or self.model.channels is None):
            raise ValueError("drawn examples need model.channels, model.classes and model.spacing")
        return self


def read_recipe(name: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a name (a file of ``recipes``) or path, with ``key=value`` changes, e.g. ``loop.epochs=5``.

    Raises:
        InputError: there is none, or a key or value is wrong; the message names the key.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    try:
        text = text_of(path)
        if len(text) > LONGEST or text.count("[") + text.count("{") > LONGEST // 100:
            raise ValueError("longer than any recipe, or nested deeper")
        content = yaml.safe_load(text)
        if _grown(content) > MOST_VALUES:
            raise ValueError("anchors repeat more values than any recipe has")
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.yaml")))
        raise InputError(f"There is no recipe '{name}'; choose among {known}, or give a path that ends in .yaml.") from error
    except OSError as error:
        raise reading_failed(error, path) from error
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"The recipe '{path.name}' is not valid YAML; correct it.") from error
    if not isinstance(content, dict):
        raise InputError(f"The recipe '{path.name}' holds no keys; see the recipes that come with the program.")
    content.setdefault("name", path.stem)
    for change in changes:
        _set(content, change)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"The recipe '{path.stem}' is wrong at {key or 'its top'}: {message}.") from error


def _grown(value: Any, left: int = MOST_VALUES) -> int:
    """How many values there are, each as often as YAML's anchors repeat it; no more than a few above ``left`` are counted."""
    count = 1
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if count > left:
            break
        count += _grown(item, left - count) if left > count else 1
    return count


def _set(content: dict[str, Any], change: str) -> None:
    key, found, value = change.partition("=")
    if not found:
        raise InputError(f"'{change}' changes nothing; write key=value, for example loop.epochs=5.")
    *parents, last = key.strip().split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise InputError(f"'{key}' is no key of a recipe: {parent} holds a value; see the recipe.")
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"The value of '{key}' is not valid YAML; put it in quotes.") from error
