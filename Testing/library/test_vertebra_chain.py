"""One vertebra is named, the others and the discs follow."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.vertebra_chain import Piece, Variant, renumbered


def spine(count: int, step: float = 35.0, missing: tuple[int, ...] = ()) -> dict[str, Piece]:
    """Vertebrae v0 (uppermost), v1 ... along a lordotic, scoliotic curve, and the disc below each."""
    pieces = {}
    for number in range(count):
        for offset, kind in ((0.0, "vertebra"), (0.5, "disc")):
            t = number + offset
            if kind == "vertebra" and number in missing:
                continue
            pieces[f"{kind[0]}{number}"] = Piece(f"{kind}_{count - number}", (8 * np.sin(t), 20 * np.sin(t / 3), -step * t))
    return dict(sorted(pieces.items(), key=lambda item: hash(item[0])))


def names(pieces: dict[str, Piece], chosen: str, level: str, variant: Variant = Variant.STANDARD) -> dict[str, str]:
    return {identifier: found.key.split("_", 1)[1] for identifier, found in renumbered(pieces, chosen, level, variant)[0].items()}


@pytest.mark.parametrize("chosen, level", [("v6", "L5"), ("v0", "T11"), ("v3", "L2")])
def test_the_chain_follows_from_any_vertebra(chosen: str, level: str) -> None:
    found = names(spine(7), chosen, level)
    assert [found[f"v{n}"] for n in range(7)] == ["T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    assert [found[f"d{n}"] for n in range(7)] == ["T11_T12", "T12_L1", "L1_L2", "L2_L3", "L3_L4", "L4_L5", "L5_S1"]


@pytest.mark.parametrize(
    "variant, vertebrae, discs",
    [
        (Variant.T13, ["T12", "T13", "L1"], ["T12_T13", "T13_L1", "L1_L2"]),
        (Variant.L6, ["L4", "L5", "L6"], ["L4_L5", "L5_L6", "L6_S1"]),
        (Variant.FOUR_LUMBAR, ["L2", "L3", "L4"], ["L2_L3", "L3_L4", "L4_S1"]),
    ],
)
def test_variants(variant: Variant, vertebrae: list[str], discs: list[str]) -> None:
    found = names(spine(3), "v0", vertebrae[0], variant)
    assert [found[f"v{n}"] for n in range(3)] == vertebrae and [found[f"d{n}"] for n in range(3)] == discs


def test_a_missed_vertebra_is_counted() -> None:
    pieces = spine(6, missing=(3,))
    found, notes = renumbered(pieces, "v5", "L5")
    assert [found[f"v{n}"].key for n in (0, 2, 4)] == ["vertebra_T12", "vertebra_L2", "vertebra_L4"] and len(notes) == 1
    assert [found[f"d{n}"].key for n in (2, 3)] == ["disc_L2_L3", "disc_L3_L4"]


def test_cervical_vertebrae_are_closer_than_lumbar_ones() -> None:
    heights = np.cumsum([0, 17, 17, 17, 18, 19, 20, 22, 24, 26, 28, 30, 32, 34, 35, 36])
    pieces = {f"v{n}": Piece(f"vertebra_{n + 1}", (0, 0, -float(height))) for n, height in enumerate(heights)}
    found, notes = renumbered(pieces, "v0", "C2")
    assert found["v15"].key == "vertebra_T10" and not notes


@pytest.mark.parametrize("level, variant", [("L5", Variant.FOUR_LUMBAR), ("T13", Variant.STANDARD), ("L6", Variant.STANDARD)])
def test_a_level_that_the_variant_lacks(level: str, variant: Variant) -> None:
    with pytest.raises(InputError, match=f"no {level}"):
        renumbered(spine(3), "v0", level, variant)


@pytest.mark.parametrize("chosen, level, words", [("v6", "C3", "above C1"), ("v0", "L3", "below L5")])
def test_a_chain_that_does_not_fit(chosen: str, level: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        renumbered(spine(7), chosen, level)


def test_a_disc_is_no_vertebra() -> None:
    with pytest.raises(InputError, match="No vertebra"):
        renumbered(spine(3), "d1", "L3")
