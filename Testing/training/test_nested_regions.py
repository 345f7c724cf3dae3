"""Training on nested regions: targets, loss, and a start from a network of classes."""

from __future__ import annotations

import torch

from neurospineseg.models.network import build_network
from Training.training.losses import make_loss
from Training.training.nested_regions import region_classes, region_targets, take_over
from Training.training.partial_labels import only
from Training.training.recipe import Loss

ORDER = (2, 1, 3)
NETWORK = {
    "_target_": "DynUNet",
    "spatial_dims": 3,
    "in_channels": 2,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [4, 8, 8],
}


def test_targets_hold_each_other_and_classes_are_read_back() -> None:
    labels = torch.tensor([[0, 1, 2, 3]])
    targets = region_targets(labels, ORDER)
    assert targets[0].tolist() == [[0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1]]
    assert torch.equal(region_classes(targets - 0.5, ORDER), labels)


def test_a_region_counts_only_inside_the_one_around_it() -> None:
    assert region_classes(torch.tensor([[[-1.0], [2.0], [3.0]]]), ORDER).tolist() == [[0]]


def test_better_scores_cost_less_and_false_regions_cost_something() -> None:
    loss = make_loss(Loss(name="nested_dice_bce"), 4, ORDER)
    labels = torch.zeros(1, 16, 16, 16, dtype=torch.long)
    labels[:, 4:12, 4:12, 4:12], labels[:, 6:9, 6:9, 6:9] = 2, 3
    scores = 16 * (region_targets(labels, ORDER) - 0.5)
    nothing = torch.zeros_like(labels)
    assert float(loss(scores, only(labels))) < 0.05 < float(loss(scores.roll(2, 2), only(labels)))
    assert float(loss(-8 * torch.ones_like(scores), only(nothing))) < 0.05 < float(loss(scores, only(nothing)))


def test_regions_begin_where_classes_ended() -> None:
    torch.manual_seed(0)
    classes, regions = build_network({**NETWORK, "out_channels": 4}), build_network({**NETWORK, "out_channels": 3})
    take_over(regions, classes, ORDER)
    image = torch.randn(1, 2, 16, 16, 16)
    with torch.no_grad():
        former, now = classes.eval()(image), regions.eval()(image)
    expected = former[:, 1:].mean(1) - former[:, 0]
    assert torch.allclose(now[:, 0], expected, atol=1e-4)


def test_partly_labeled_regions_cost_what_whole_labels_do_where_all_is_known() -> None:
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    labels[:, 2:6, 2:6, 2:6], labels[:, 3:5, 3:5, 3:5] = 2, 3
    scores = torch.randn(1, 3, 8, 8, 8, generator=torch.Generator().manual_seed(1))
    whole, partly = (make_loss(Loss(name=name), 4, ORDER)(scores, only(labels)) for name in ("nested_dice_bce", "marginal_dice_ce"))
    torch.testing.assert_close(partly, whole)


def test_what_a_voxel_may_be_is_not_held_against_it() -> None:
    """Background that may also be edema says nothing of the outermost region, and much of the inner ones."""
    bits, loss = torch.full((1, 4, 4, 4), (1 << 0) | (1 << 2)), make_loss(Loss(name="marginal_dice_ce"), 4, ORDER)
    empty = torch.full((1, 3, 4, 4, 4), -9.0)
    edema, core = empty.clone(), empty.clone()
    edema[:, 0], core[:, 1] = 9.0, 9.0
    torch.testing.assert_close(loss(edema, bits), loss(empty, bits))
    assert loss(core, bits) > loss(empty, bits) + 1
