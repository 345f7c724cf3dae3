"""Rigid alignment of one scan to another of the same patient, by mutual information (SimpleITK).

Only the moving scan's matrix changes; its voxels are never resampled here.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume

NOTHING_COMMON = "The scans could not be registered: no common image content was found; check that they show the same region."
SEED = 2
"""Of the places at which the metric is sampled; without one it would be the clock, and no registration could be repeated."""
LEAST_PART = 0.1
"""A voxel of 2 mm of which this share is labeled does not count."""


def _plain_image(volume: Volume, spacing: float) -> sitk.Image:
    """The volume on an R, A, S upright; its RAS mm are handed to SimpleITK as plain coordinates."""
    upright = covering_grid(volume.grid, np.full(3, spacing))
    low = float(volume.voxels.min())
    voxels = resample(volume.tensor[None], volume.grid, upright, fill=low)[0].numpy()
    image = sitk.GetImageFromArray(np.clip(voxels, low, np.percentile(voxels, 99.8)))
    image.SetSpacing(upright.spacing.tolist())
    image.SetOrigin(upright.affine.offset.tolist())
    return image


def _counted(volume: Volume, image: sitk.Image) -> sitk.Image:
    """1 where a label map is 0, on the voxels of a plain image."""
    size = np.array(image.GetSize())
    upright = Grid(triple(int(n) for n in size[::-1]), Affine.of(np.diag(image.GetSpacing()), image.GetOrigin()))
    labeled = resample(volume.tensor[None].float().clamp(0, 1), volume.grid, upright, fill=0.0)[0].numpy() > LEAST_PART
    mask = sitk.GetImageFromArray((~labeled).astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def register_rigid(fixed: Volume, moving: Volume, not_fixed: Volume | None = None, not_moving: Volume | None = None) -> Volume:
    """The moving scan with the matrix that lays it on the fixed one.

    Mattes mutual information (32 bins), first at the given position and at
    matching centers, the better start is refined from 4 mm to 2 mm.

    Args:
        not_fixed, not_moving: label maps on any grid in the space of either scan; where they are not 0, as in a tumor that has grown between two
            dates, is not looked at.

    Raises:
        InputError: the registration found no common image content.
    """
    fixed_image, moving_image = _plain_image(fixed, 2.0), _plain_image(moving, 2.0)
    centered = _centered(fixed_image, moving_image)
    in_place = sitk.Euler3DTransform(centered)
    in_place.SetTranslation((0.0, 0.0, 0.0))
    best: tuple[float, sitk.Euler3DTransform] | None = None
    for start in (in_place, sitk.Euler3DTransform(centered)):
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(32)
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(0.15, SEED)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.005, 150, relaxationFactor=0.6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([3, 2, 1])
        method.SetSmoothingSigmasPerLevel([4.0, 2.0, 0.0])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        if not_fixed is not None:
            method.SetMetricFixedMask(_counted(not_fixed, fixed_image))
        if not_moving is not None:
            method.SetMetricMovingMask(_counted(not_moving, moving_image))
        method.SetInitialTransform(start, inPlace=True)
        try:
            method.Execute(fixed_image, moving_image)
        except RuntimeError:
            continue
        value = method.GetMetricValue()
        if best is None or value < best[0]:
            best = (value, start)
    if best is None:
        raise InputError(NOTHING_COMMON)
    rotation = np.array(best[1].GetMatrix()).reshape(3, 3)
    center, translation = np.array(best[1].GetCenter()), np.array(best[1].GetTranslation())
    fixed_to_moving = Affine.of(rotation, translation + center - rotation @ center)
    return Volume(moving.voxels, fixed_to_moving.inverse @ moving.affine)


def _centered(fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    """The shift from one image's center of mass to the other's; an image that is 0 everywhere has none."""
    try:
        return sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS)
    except RuntimeError as error:
        raise InputError(NOTHING_COMMON) from error
