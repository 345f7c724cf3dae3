"""The model card that a training leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurospineseg.models.bundle import ModelSpec
from Training.training.recipe import Recipe

BEGIN, END = "<!-- evaluation -->", "<!-- end of evaluation -->"
"""Between these lines ``evaluate.py`` writes its table."""


def card_text(
    spec: ModelSpec, recipe: Recipe, sources: Sequence[str], cases: tuple[int, int], table: Mapping[str, Mapping[int, float]]
) -> str:
    """The card as Markdown.

    Args:
        sources: what it was trained on, in words.
        cases: how many trained it and how many validated it; zeros for drawn examples.
        table: the log, by measure and epoch.
    """
    last = {name: values[max(values)] for name, values in table.items() if values}
    measured = "\n".join(
        f"| {part} | "
        + " | ".join(f"{last[prefix + name]:.3f}" if prefix + name in last else "-" for name in ("loss", "dice", "f1", "accuracy"))
        + " |"
        for part, prefix in (("training", "train_"), ("validation", "val_"))
    )
    return f"""# {spec.title or spec.name}

**Research only; not for clinical use.**

{spec.summary or "A model trained with NeuroSpineSeg."}

- Task: {spec.task}; input channels: {", ".join(spec.channels)}; classes: {", ".join(spec.classes[1:])}
- Working grid: {" x ".join(f"{mm:g}" for mm in spec.spacing)} mm, {"3D" if spec.slice_axis is None else "2D slices"}
- Trained on: {"; ".join(sources)}{f" ({cases[0]} cases to train on, {cases[1]} to validate with)" if cases[0] else ""}
- Recipe: `{recipe.name}`, loss `{recipe.loss.name}`, {recipe.loop.epochs} epochs at most, seed {recipe.loop.seed}

## Measured while training

On patches, not on whole cases; Dice without the background, F1 over all classes.

| part | loss | Dice | F1 | accuracy |
| --- | --- | --- | --- | --- |
{measured}

## Measured on whole cases

{BEGIN}
Not measured yet; `evaluate.py` writes its table here.
{END}

How it fares on scans of other scanners, protocols or diseases has not been measured unless a table above says so.
"""


def with_evaluation(card: str, text: str) -> str:
    """The card with another evaluation between its marks, or at its end where it has none."""
    if BEGIN in card and END in card:
        return card[: card.index(BEGIN)] + f"{BEGIN}\n{text}\n{END}" + card[card.index(END) + len(END) :]
    return f"{card.rstrip()}\n\n## Measured on whole cases\n\n{BEGIN}\n{text}\n{END}\n"
