"""Models with more classes than the tumor model's four: its own, and copies of them that never win."""

from __future__ import annotations

from pathlib import Path

import torch

from neurospineseg.models.bundle import Bundle, ModelSpec, find_bundle
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.models.weights import save_weights
from neurospineseg.tasks.anatomy import structures_of
from Testing.benchmarks.plain_network import built_plainly, plain_network

LAST_LAYER = "output_block.conv.conv"
LESS = 2.0
"""By how much a copy's score is below that of the class it copies."""


def as_classes(last: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Weights or biases of a last layer with an output channel for each class; those of a layer of nested regions are subtracted from the next one further in.

    So the class of the innermost likely region has the highest score.
    """
    if not spec.nested:
        return last
    steps = [-last[0], *(last[n] - last[n + 1] for n in range(len(last) - 1)), last[-1]]
    return torch.stack([steps[0 if name == "background" else 1 + spec.nested.index(name)] for name in spec.classes])


def with_classes(folder: Path, count: int, model: str = "tumor_glioma") -> Bundle:
    """Writes a bundle of ``count`` classes (4 to 25), whose first four are the tumor's.

    It goes by the rules of the deep nuclei, which take any number of structures; only those of one side are ever found. What its
    scans show is checked as for the first model.
    """
    first = find_bundle(model)
    network = plain_network(first)
    state = network.state_dict()
    definition = {**first.network_def, "out_channels": count}
    source = torch.tensor([n if n < 4 else 1 + (n - 1) % 3 for n in range(count)])
    for name, value in state.items():
        if name.endswith((f"{LAST_LAYER}.weight", f"{LAST_LAYER}.bias")):
            value = as_classes(value, first.spec)[source]
            if name.endswith("bias"):
                value[4:] -= LESS
            state[name] = value
    wider = built_plainly(definition)
    wider.load_state_dict(state)
    keys = sorted((found.key for found in structures_of("subcortical")), key=lambda key: key.startswith("right"))
    spec = ModelSpec(
        name=f"classes_{count}",
        task="subcortical",
        channels=first.spec.channels,
        optional_channels=True,
        spacing=first.spec.spacing,
        patch=first.spec.patch,
        normalization=first.spec.normalization,
        classes=("background", *keys[: count - 1]),
        recognizer=first.spec.recognizer,
    )
    weights = folder / f"classes_{count}.pt"
    save_weights(wider, weights, "half")
    return Bundle(write_bundle(folder, spec, definition, weights), spec, definition)
