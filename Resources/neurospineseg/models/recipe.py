"""What an added model's own program does with a scan, as data: nothing here is code, and whatever is not listed here is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from neurospineseg.tasks.added_structures import added_structure
from neurospineseg.tasks.structure import Structure

Side = Annotated[int, Field(ge=1, le=2048)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
Share = Annotated[float, Field(ge=0, lt=1)]
Axes = tuple[int, int, int]


class Part(BaseModel):
    """A part of a recipe; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AddedStructure(Part):
    """A structure that no task declares; see ``neurospineseg.tasks.added_structures``."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=120)
    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\^~\\\x00-\x1f\x7f]+$")
    label: int = Field(ge=10_001, le=65_535)

    @property
    def structure(self) -> Structure:
        return added_structure(self.key, self.name, self.label)


class Step(Part):
    """A transform of ``monai.transforms`` with the values that it is made with; which there are is in ``models.monai_steps``."""

    name: str = Field(max_length=60)
    values: dict[str, Any] = Field(default_factory=dict)


class Windows(Part):
    """MONAI's sliding window; None for ``roi_size`` where the whole image is given at once."""

    roi_size: tuple[int, int, int] | None = None
    overlap: Share | tuple[Share, Share, Share] = 0.25
    mode: Literal["constant", "gaussian"] = "constant"
    sigma_scale: Annotated[float, Field(gt=0, le=10)] = 0.125
    padding_mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    cval: Number = 0.0
    sw_batch_size: Annotated[int, Field(ge=1, le=64)] = 1


class Paint(Part):
    """A channel of regions that overlap, and the class that it paints over those before it."""

    channel: Annotated[int, Field(ge=0, le=4096)]
    number: Annotated[int, Field(ge=1, le=4096)]


class MonaiRecipe(Part):
    """What ``python -m monai.bundle run`` would do.

    Attributes:
        steps: before the network, of an image (C, I, J, K).
        windows: how the network is run.
        finish: after it, in their order; the inverse of ``steps`` among them.
        paint: of outputs that are regions which may overlap, in the order of painting; empty where the likeliest channel wins.
        amp: whether a GPU computes in half precision.
    """

    kind: Literal["monai"] = "monai"
    steps: tuple[Step, ...]
    windows: Windows
    finish: tuple[Step, ...]
    paint: tuple[Paint, ...] = ()
    amp: bool = False


class Resampling(Part):
    """nnU-Net's resampling: splines in the plane and along the coarse axis."""

    order: Annotated[int, Field(ge=0, le=5)] = 3
    order_z: Annotated[int, Field(ge=0, le=5)] = 0
    force_separate_z: bool | None = None


class Intensity(Part):
    """How nnU-Net scales a channel; the numbers are those of the foreground of the training scans, for CT."""

    scheme: Literal["ZScoreNormalization", "CTNormalization", "NoNormalization", "RescaleTo01Normalization"]
    masked: bool = False
    mean: Number = 0.0
    std: Number = 1.0
    percentile_00_5: Number = 0.0
    percentile_99_5: Number = 0.0


class Stage(Part):
    """One configuration of nnU-Net: array axes are those of the transposed scan.

    Attributes:
        spacing: mm along the axes; two numbers for a network of slices, which are taken along the first axis.
        patch: voxels along the axes, two for slices.
        mirror_axes: of ``patch``; the mean over all combinations is taken.
        cascaded: whether what the stage before found is given too, a channel for each class.
    """

    configuration: str = Field(max_length=100)
    spacing: tuple[Annotated[float, Field(ge=0.01, le=1000)], ...] = Field(min_length=2, max_length=3)
    patch: tuple[Side, ...] = Field(min_length=2, max_length=3)
    data: Resampling = Resampling()
    labels: Resampling = Resampling(order=1)
    probabilities: Resampling = Resampling(order=1)
    mirror_axes: tuple[Literal[0, 1, 2], ...] = ()
    cascaded: bool = False

    @model_validator(mode="after")
    def _of_one_kind(self) -> Stage:
        if len(self.spacing) != len(self.patch) or max(self.mirror_axes, default=0) >= len(self.patch):
            raise ValueError("spacing, patch and mirror axes are of different numbers of dimensions")
        return self


class NnunetRecipe(Part):
    """What ``nnUNetv2_predict`` would do.

    Attributes:
        stages: the last one gives the result; of a cascade one before it.
        transpose: the scan's axes (k, j, i) in the order of the plans.
        reorient: whether the scan is turned to R, A, S first.
        intensities: by channel.
        values: of outputs that are classes, their numbers are 0, 1, ...; ``paint`` as for ``MonaiRecipe``.
    """

    kind: Literal["nnunet"] = "nnunet"
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=2)
    transpose: tuple[Literal[0, 1, 2], Literal[0, 1, 2], Literal[0, 1, 2]] = (0, 1, 2)
    reorient: bool = False
    intensities: tuple[Intensity, ...] = Field(min_length=1)
    paint: tuple[Paint, ...] = ()


Recipe = Annotated[MonaiRecipe | NnunetRecipe, Field(discriminator="kind")]
