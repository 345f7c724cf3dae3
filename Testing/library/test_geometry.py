"""A label map sent in and out comes back where it was, whatever the scan's geometry."""

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neurospineseg.grid import covering_grid, resample
from neurospineseg.measure import dice
from neurospineseg.passage import take_out
from neurospineseg.postprocess import OutputChannel
from neurospineseg.volume import Volume


@st.composite
def geometries(draw):
    """A 4x4 ijk to RAS: random orientation, obliquity, anisotropic spacing, shear and handedness."""
    spacing = np.array([draw(st.floats(0.8, 2.0)) for _ in range(3)])
    angles = [draw(st.floats(-180, 180)) for _ in range(3)]
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    if draw(st.booleans()):
        axes[:, draw(st.integers(0, 2))] *= -1
    axes = axes[:, draw(st.permutations([0, 1, 2]))]
    shear = np.eye(3)
    shear[0, 1], shear[1, 2] = draw(st.floats(-0.15, 0.15)), draw(st.floats(-0.15, 0.15))
    affine = np.eye(4)
    affine[:3, :3] = shear @ axes @ np.diag(spacing)
    affine[:3, 3] = [draw(st.floats(-200, 200)) for _ in range(3)]
    return affine


def two_bodies(shape=(14, 15, 24)):
    """Label map with a ball (1) and a box (2), both over 5 voxels wide."""
    k, j, i = np.indices(shape)
    labels = np.zeros(shape, np.uint8)
    labels[(k - 7) ** 2 + (j - 7) ** 2 + (i - 7) ** 2 <= 25] = 1
    labels[3:10, 3:12, 15:22] = 2
    return labels


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(geometries())
def test_identity_network_returns_the_label_map(affine):
    labels = two_bodies()
    scan = Volume(labels, affine)
    working = covering_grid(scan.grid, np.full(3, float(scan.spacing.min()) / 2.5), margin_mm=1.0)
    one_hot = torch.stack([torch.from_numpy((labels == value).astype(np.float32)) for value in (1, 2)])
    inside = resample(one_hot, scan.grid, working)
    probabilities = torch.cat([1 - inside.sum(0, keepdim=True), inside])
    found = take_out(probabilities, [OutputChannel(0), OutputChannel(1), OutputChannel(2)], working, scan.grid)
    assert found.shape == labels.shape
    for value in (1, 2):
        assert dice(found == value, labels == value) >= 0.99
