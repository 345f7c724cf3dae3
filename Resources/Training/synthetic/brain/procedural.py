"""A wholly procedural head: no scan and no atlas image, only ellipsoids, tubes and folded noise.

The deep nuclei are ellipsoids of the centroids, volumes and axes measured once on the ZonaBB
atlas in MNI space (MIT license); everything else is a rough anatomy of plain shapes.
Labels follow FreeSurfer and SynthSeg (left 2, 4, 10 ..., right 41, 43, 49 ...), with numbers
of our own (9xx) for nuclei that FreeSurfer does not name, and 5xx outside the brain.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from Training.synthetic.brain.shapes import HEAD_HIGH, HEAD_LOW, Box, ellipsoid, tube

SCALP, FAT, SKULL, MARROW, MUSCLE, DURA, EYE = 507, 508, 515, 516, 511, 530, 506

DEEP_NUCLEI = {
    # name: (left, right label, centroid, volume mm3, semi-axes, long axis, middle axis), right side
    "thalamus": (10, 49, (11.8, -18.6, 6.5), 8308, (19.3, 11.9, 9.0), (-0.38, 0.91, 0.16), (-0.46, -0.04, -0.89)),
    "caudate": (11, 50, (13.7, 11.2, 8.5), 4764, (26.8, 11.0, 6.3), (-0.10, 0.69, -0.72), (-0.43, -0.68, -0.59)),
    "putamen": (12, 51, (25.6, 2.4, 0.3), 6704, (22.8, 13.0, 6.8), (-0.30, 0.89, -0.35), (0.01, -0.37, -0.93)),
    "globus_pallidus_externus": (901, 951, (20.4, -1.9, -0.7), 1276, (14.3, 7.5, 3.8), (-0.58, 0.81, 0.00), (-0.18, -0.13, 0.97)),
    "globus_pallidus_internus": (902, 952, (18.4, -5.4, -3.9), 576, (10.1, 4.9, 3.0), (-0.70, 0.72, -0.01), (0.06, 0.07, 1.00)),
    "hippocampus": (17, 53, (25.3, -23.5, -14.1), 4251, (29.3, 12.5, 4.9), (0.07, 0.76, -0.65), (-0.99, 0.14, 0.05)),
    "amygdala": (18, 54, (24.2, -4.2, -19.9), 1982, (10.8, 9.5, 5.0), (0.53, 0.33, -0.78), (-0.85, 0.19, -0.50)),
    "nucleus_accumbens": (26, 58, (9.3, 9.0, -9.5), 584, (7.4, 5.2, 3.8), (0.71, 0.02, -0.70), (0.24, 0.93, 0.27)),
    "zona_incerta": (906, 956, (9.5, -13.2, -6.1), 316, (16.6, 5.4, 2.4), (-0.46, 0.88, 0.10), (0.62, 0.24, 0.75)),
    "substantia_nigra": (905, 955, (9.6, -16.9, -14.1), 494, (8.0, 7.8, 2.2), (0.00, 0.97, 0.23), (-0.70, 0.17, -0.69)),
    "red_nucleus": (904, 954, (4.9, -19.1, -9.3), 317, (5.3, 4.3, 3.4), (0.00, 0.63, 0.77), (-0.25, 0.75, -0.61)),
    "subthalamic_nucleus": (903, 953, (11.3, -12.9, -7.7), 157, (6.4, 3.9, 1.6), (-0.72, 0.59, -0.37), (0.25, 0.71, 0.66)),
}
_MIRROR = np.array([-1.0, 1.0, 1.0])


def _fissures(x, y, z, callosum) -> np.ndarray:
    """Distance in mm to the great fissures: between the hemispheres (outside the callosum) and the Sylvian."""
    between = np.where(callosum > 3, np.float32(99), np.abs(x))
    outward = np.maximum(np.maximum(36 - np.abs(x), -42 - y), y - 24)
    sylvian = np.maximum(np.abs(z - (2 - 0.35 * y)), outward)
    return np.minimum(between, sylvian)


def _cerebrum(points, rng, box: Box, labels: np.ndarray) -> np.ndarray:
    """Folded cortex, white matter and sulcal CSF into ``labels``; returns the unfolded depth in mm."""
    x, y, z = points
    side = np.abs(x)
    depth = ellipsoid(points, (0, -17, 12), rng.normal(1, 0.02, 3) * (67, 87, 63))
    floor = -18 - 14 * np.exp(-(((y + 35) / 30) ** 2))
    depth = np.minimum(depth, np.where(y < -52, z + 12 - 0.25 * (y + 52), z - floor).astype(np.float32))
    temporal = ellipsoid(
        (side, y, z), (43, -15, -18), rng.normal(1, 0.03, 3) * (22, 48, 24), np.array([[1, 0, 0], [0, 0.95, -0.3], [0, 0.3, 0.95]])
    )
    depth = np.maximum(depth, temporal)
    callosum = ellipsoid((x * 0.2, y, z), (0, -6, 4), (8, 41, 25))
    scale = rng.uniform(10, 14)
    folds = box.noise(rng, scale)
    steepness = np.float32(1.5 / scale)
    sulcus = np.abs(folds) / steepness
    reach = rng.uniform(11, 17) + 3 * box.noise(rng, 40)
    pial = np.minimum(depth, np.maximum(sulcus, depth - reach))
    pial = np.minimum(pial, _fissures(x, y, z, callosum))
    width = rng.uniform(0.4, 1.5)
    thick = rng.uniform(2.6, 3.8)
    inside = depth > 0
    right = x > 0
    labels[inside] = 24
    cortex = inside & (pial > width)
    labels[cortex] = np.where(right[cortex], 42, 3)
    white = inside & (pial > width + thick)
    labels[white] = np.where(right[white], 41, 2)
    return depth


def _ventricles(points, rng, labels: np.ndarray) -> None:
    x, y, z = points
    size = rng.uniform(0.6, 1.7)
    for side, value in ((-1, 4), (1, 43)):
        path = np.array([(9, 30, 3, 3), (9.5, 18, 12, 4.5), (11, -2, 19, 4.5), (15, -22, 20, 5), (25, -38, 11, 6), (26, -60, 6, 3)], float)
        horn = np.array([(25, -38, 11, 4), (34, -24, -12, 2.0), (30, -8, -18, 1.6)], float)
        for way in (path, horn):
            way = way * (side, 1, 1, size * rng.uniform(0.85, 1.15))
            labels[tube(points, way) > 0] = value
            if way.shape[0] == 3:
                continue
            plexus = way[3:5] * (1, 1, 1, 0.35)
            labels[tube(points, plexus) > 0] = value + 27 if side < 0 else 63
    labels[ellipsoid(points, (0, -14, 0), (1.6 * size + 0.6, 13, 10)) > 0] = 14
    labels[(np.abs(x) < 0.8) & (ellipsoid(points, (0, 5, 8), (4, 24, 11)) > 0) & (labels == 24)] = 2


def _hind_brain(points, rng, box: Box, labels: np.ndarray) -> np.ndarray:
    """Cerebellum, brainstem and fourth ventricle; returns their depth in mm."""
    x, y, z = points
    side = np.abs(x)
    cerebellum = np.maximum(
        ellipsoid((side, y, z), (23, -62, -37), rng.normal(1, 0.03, 3) * (30, 29, 21)), ellipsoid(points, (0, -62, -32), (14, 24, 20))
    )
    folia = np.abs(box.noise(rng, (14, 14, 5))) / 0.25
    pial = np.minimum(cerebellum, np.maximum(folia, cerebellum - 10))
    inside = (cerebellum > 0) & (labels == 0)
    right = x > 0
    labels[inside] = np.where(right[inside], 47, 8)
    white = inside & (pial > 4) & (cerebellum > 8)
    labels[white] = np.where(right[white], 46, 7)
    path = np.array(
        [(0, -20, -8, 14), (0, -24, -18, 13.5), (0, -24, -30, 15), (0, -33, -46, 9), (0, -42, -62, 7), (0, -48, -110, 6)], float
    )
    stem = tube(points, path * (1, 1, 1, rng.uniform(0.92, 1.08)))
    labels[(stem > 0) & (z < -7)] = 16
    labels[ellipsoid(points, (0, -41, -31), rng.normal(1, 0.1, 3) * (6, 5, 9)) > 0] = 15
    return np.maximum(cerebellum, np.minimum(stem, -z - 7))


def _deep_nuclei(points, rng, labels: np.ndarray) -> None:
    for value, side in ((28, -1), (60, 1)):
        labels[ellipsoid(points, (side * 11, -13, -8), (8.5, 11, 7)) > 0] = value
    for left, right, center, volume, semi_axes, long, middle in DEEP_NUCLEI.values():
        semi_axes = np.array(semi_axes) * (volume / (4.18879 * np.prod(semi_axes))) ** (1 / 3)
        size = rng.normal(1, 0.07, 3)
        directions = np.array([long, middle, np.cross(long, middle)])
        for value, mirror in ((left, _MIRROR), (right, np.ones(3))):
            place = np.array(center) + rng.normal(0, 0.4, 3)
            depth = ellipsoid(points, place * mirror, semi_axes * size * rng.normal(1, 0.03, 3), directions * mirror)
            labels[depth > 0] = value


def _outside(depth: np.ndarray, points, rng, box: Box, labels: np.ndarray) -> None:
    """CSF, dura, skull with marrow, scalp with fat, face and neck around the brain of ``depth`` (mm)."""
    x, y, z = points
    away = np.where(depth > 0, 0, -depth)
    if (depth > 0).any():
        away = ndimage.distance_transform_edt(depth <= 0).astype(np.float32) * box.spacing_mm
    away = away + 0.7 * box.noise(rng, 25)
    empty = labels == 0
    face = ellipsoid(points, (0, 42, -66), (52, 56, 52))
    neck = tube(points, np.array([(0, -40, -45, 56), (0, -38, -115, 54)], float))
    csf, bone, soft = rng.uniform(1.5, 6), rng.uniform(5, 9), rng.uniform(5, 10)
    far = csf + 1.2 + bone + soft
    tissue = box.noise(rng, 13)
    lower = (np.maximum(face, neck) > 0) & (z < 0)
    labels[empty & lower] = MUSCLE
    labels[empty & lower & (tissue > 0.8)] = FAT
    labels[empty & lower & (tissue < -1.2)] = SKULL
    labels[empty & lower & (ellipsoid(points, (0, 52, -52), (15, 34, 26)) > 0) & (tissue > -0.4)] = 0
    shell = empty & (away < far) & ((away < csf + 1.2 + bone) | (z > -75))
    labels[shell] = FAT
    labels[shell & (away > far - 2.2)] = SCALP
    labels[shell & (away < csf + 1.2 + bone)] = SKULL
    diploe = shell & (np.abs(away - csf - 1.2 - bone / 2) < bone * 0.22) & (box.noise(rng, 30) > -1)
    labels[diploe] = MARROW
    labels[shell & (away < csf + 1.2)] = DURA
    labels[empty & (away < csf)] = 24
    for side in (-1, 1):
        labels[(ellipsoid(points, (side * 32, 62, -34), (12, 12, 12)) > 0) & (away > csf + 3)] = EYE


def procedural_head(
    rng: np.random.Generator,
    spacing_mm: float = 2.0,
    low: tuple[float, float, float] | None = None,
    high: tuple[float, float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws a head, or a box of it.

    Args:
        rng: decides size, shape, folding, ventricles, skull and nuclei.
        spacing_mm: voxel size, isotropic.
        low, high: RAS mm of the box to draw, the anterior commissure at 0; the whole head by default.
            A box that holds no brain surface (the deep nuclei, say) still shows what belongs there.

    Returns:
        labels int16 (K, J, I) with i, j, k along R, A, S, 0 for air; and the 4x4 ``ijk_to_ras`` in mm.
    """
    box = Box(HEAD_LOW if low is None else np.array(low, float), HEAD_HIGH if high is None else np.array(high, float), float(spacing_mm))
    size = rng.normal(1, 0.03) * rng.normal(1, 0.03, 3)
    x, y, z = box.warped(rng, ((2.2, 45.0), (0.7, 18.0)))
    points = (x / np.float32(size[0]), y / np.float32(size[1]), z / np.float32(size[2]))
    labels = np.zeros(box.shape, np.int16)
    depth = _cerebrum(points, rng, box, labels)
    hind = _hind_brain(points, rng, box, labels)
    _deep_nuclei(points, rng, labels)
    _ventricles(points, rng, labels)
    _outside(np.maximum(depth, hind), points, rng, box, labels)
    return labels, box.ijk_to_ras
