"""One vertebra is named, the others and the discs follow."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.tasks.spine.renumbering import Piece, Variant, renumbered


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
    assert [found[f"v{n}"] for n in range(3)] == vertebrae
    assert [found[f"d{n}"] for n in range(3)] == discs


def test_a_missed_vertebra_is_counted() -> None:
    pieces = spine(6, missing=(3,))
    found, notes = renumbered(pieces, "v5", "L5")
    assert [found[f"v{n}"].key for n in (0, 2, 4)] == ["vertebra_T12", "vertebra_L2", "vertebra_L4"]
    assert notes == ["Between L2 and L4, 1 vertebra seems to be missing and was counted."]
    assert [found[f"d{n}"].key for n in (2, 3)] == ["disc_L2_L3", "disc_L3_L4"]


def test_two_that_were_missed_apart_are_counted() -> None:
    pieces = spine(8, missing=(2, 4))
    found, notes = renumbered(pieces, "v7", "L5")
    assert [found[f"v{n}"].key for n in (0, 1, 3, 5, 6)] == [f"vertebra_{level}" for level in ("T10", "T11", "L1", "L3", "L4")]
    assert len(notes) == 2


def test_discs_share_a_gap_of_several_evenly() -> None:
    pieces = spine(9, missing=(3, 4))
    found, notes = renumbered(pieces, "v8", "L5")
    assert [found[f"d{n}"].key for n in (2, 3, 4)] == ["disc_T11_T12", "disc_T12_L1", "disc_L1_L2"]
    assert notes == ["Between T11 and L2, 2 vertebrae seem to be missing and were counted."]


def test_a_fragment_makes_no_gap() -> None:
    pieces = {f"v{n}": Piece(f"vertebra_{n + 1}", (0, 0, -z)) for n, z in enumerate((0.0, 35.0, 38.0, 73.0, 108.0))}
    found, notes = renumbered(pieces, "v0", "T12")
    assert found["v4"].key == "vertebra_L3"
    assert len(notes) == 1
    assert "Two segments lie at L1" in notes[0]


def test_discs_beyond_the_found_vertebrae() -> None:
    found = names(spine(6, missing=(0, 1, 5)), "v4", "L4")
    assert [found[f"d{n}"] for n in range(6)] == ["T12_L1", "L1_L2", "L2_L3", "L3_L4", "L4_L5", "L5_S1"]


def test_one_vertebra_and_its_discs() -> None:
    pieces = {"v": Piece("vertebra_1", (0, 0, 0)), "above": Piece("disc_2", (0, 15, 18)), "below": Piece("disc_1", (0, 15, -18))}
    assert names(pieces, "v", "L5") == {"v": "L5", "above": "L4_L5", "below": "L5_S1"}


def test_a_spine_folded_by_kyphosis() -> None:
    turns = np.deg2rad(np.linspace(-10, 200, 14))
    pieces = {f"v{n}": Piece(f"vertebra_{n + 1}", (0.0, -90 * float(np.sin(t)), 90 * float(np.cos(t)))) for n, t in enumerate(turns)}
    pieces["d"] = Piece("disc_1", (0.0, -75 * float(np.sin(turns[7:9].mean())), 75 * float(np.cos(turns[7:9].mean()))))
    found = names(dict(sorted(pieces.items(), key=lambda item: item[1].centroid)), "v13", "L3")
    assert [found[f"v{n}"] for n in range(14)] == [*(f"T{n}" for n in range(2, 13)), "L1", "L2", "L3"]
    assert found["d"] == "T9_T10"


def test_discs_lie_before_vertebrae_in_a_lordosis() -> None:
    """Arches draw a vertebra's centroid back, so that discs lie some 20 mm before the line through the vertebrae."""
    bend = np.deg2rad(np.linspace(-35, 35, 7))
    pieces = {f"v{n}": Piece(f"vertebra_{n + 1}", (0.0, 160 * float(np.cos(t)), -160 * float(np.sin(t)))) for n, t in enumerate(bend)}
    for n, t in enumerate((bend[1:] + bend[:-1]) / 2):
        pieces[f"d{n}"] = Piece("disc_1", (0.0, 182 * float(np.cos(t)), -182 * float(np.sin(t))))
    found = names(pieces, "v6", "L5")
    assert [found[f"d{n}"] for n in range(6)] == ["T11_T12", "T12_L1", "L1_L2", "L2_L3", "L3_L4", "L4_L5"]


@pytest.mark.parametrize("variant", list(Variant))
def test_a_whole_spine(variant: Variant) -> None:
    levels = variant.levels
    places = np.cumsum([0.0, *np.linspace(17, 36, len(levels) - 1)])
    pieces = {f"v{n}": Piece("vertebra_1", (0, 0, -float(z))) for n, z in enumerate(places)}
    for chosen in (0, 9, len(levels) - 1):
        found = names(pieces, f"v{chosen}", levels[chosen], variant)
        assert tuple(found[f"v{n}"] for n in range(len(levels))) == levels


def test_cervical_vertebrae_are_closer_than_lumbar_ones() -> None:
    heights = np.cumsum([0, 17, 17, 17, 18, 19, 20, 22, 24, 26, 28, 30, 32, 34, 35, 36])
    pieces = {f"v{n}": Piece(f"vertebra_{n + 1}", (0, 0, -float(height))) for n, height in enumerate(heights)}
    found, notes = renumbered(pieces, "v0", "C2")
    assert found["v15"].key == "vertebra_T10"
    assert not notes


@pytest.mark.parametrize("level, variant", [("L5", Variant.FOUR_LUMBAR), ("T13", Variant.STANDARD), ("L6", Variant.STANDARD)])
def test_a_level_that_the_variant_lacks(level: str, variant: Variant) -> None:
    with pytest.raises(InputError, match=f"no {level}"):
        renumbered(spine(3), "v0", level, variant)


@pytest.mark.parametrize("chosen, level, words", [("v6", "C3", "above C1"), ("v0", "L3", "below L5")])
def test_a_chain_that_does_not_fit(chosen: str, level: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        renumbered(spine(7), chosen, level)


@pytest.mark.parametrize("place, level, words", [(20.0, "C2", "above C2"), (-130.0, "L5", "below the L5-S1 disc")])
def test_a_disc_that_does_not_fit(place: float, level: str, words: str) -> None:
    pieces = {"v0": Piece("vertebra_2", (0, 0, 0)), "v1": Piece("vertebra_1", (0, 0, -36.0)), "d": Piece("disc_1", (0, 0, place))}
    with pytest.raises(InputError, match=words):
        renumbered(pieces, "v1" if level == "L5" else "v0", level)


def test_a_disc_is_no_vertebra() -> None:
    with pytest.raises(InputError, match="No vertebra"):
        renumbered(spine(3), "d1", "L3")


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_a_copy_of_a_vertebra_is_the_same_vertebra(shift: float) -> None:
    pieces = spine(6)
    x, y, z = pieces["v2"].centroid
    pieces["copy"] = Piece("vertebra_4", (x, y, z + shift))
    found = names(pieces, "v5", "L5")
    assert [found[f"v{n}"] for n in range(6)] == ["T12", "L1", "L2", "L3", "L4", "L5"]
    assert found["copy"] == "L2"
    assert [found[f"d{n}"] for n in range(6)] == ["T12_L1", "L1_L2", "L2_L3", "L3_L4", "L4_L5", "L5_S1"]
    _, notes = renumbered(pieces, "v5", "L5")
    assert len(notes) == 1
    assert "Two segments lie at L2" in notes[0]


@pytest.mark.parametrize("doubled", range(3))
@pytest.mark.parametrize("shift", [-5.0, 5.0])
def test_discs_around_a_vertebra_in_two_pieces(doubled: int, shift: float) -> None:
    pieces = {f"v{n}": Piece("vertebra_1", (0, 0, -35.0 * n)) for n in range(3)}
    pieces |= {f"d{n}": Piece("disc_1", (0, 0, 17.5 - 35.0 * n)) for n in range(4)}
    pieces["fragment"] = Piece("vertebra_2", (0, 0, shift - 35.0 * doubled))
    found = names(pieces, "v2", "L5")
    assert [found[f"v{n}"] for n in range(3)] == ["L3", "L4", "L5"]
    assert found["fragment"] == f"L{3 + doubled}"
    assert [found[f"d{n}"] for n in range(4)] == ["L2_L3", "L3_L4", "L4_L5", "L5_S1"]


def test_one_vertebra_in_two_pieces_and_its_discs() -> None:
    pieces = {"v": Piece("vertebra_1", (0, 0, 0)), "fragment": Piece("vertebra_1", (4, 0, 1))}
    pieces |= {"above": Piece("disc_2", (0, 15, 18)), "below": Piece("disc_1", (0, 15, -18))}
    assert names(pieces, "v", "L5") == {"v": "L5", "fragment": "L5", "above": "L4_L5", "below": "L5_S1"}


def infant(step: float, missing: tuple[int, ...] = ()) -> dict[str, Piece]:
    """C1 to L5; the steps double on the way down."""
    places = np.cumsum([0.0, *np.linspace(step, 2 * step, 23)])
    return {f"v{n}": Piece("vertebra_1", (0, 0, -float(z))) for n, z in enumerate(places) if n not in missing}


def test_cervical_vertebrae_of_an_infant() -> None:
    pieces = {f"v{n}": Piece("vertebra_1", (0, 0, -7.0 * n)) for n in range(7)}
    found, notes = renumbered(pieces, "v2", "C3")
    assert [found[f"v{n}"].key for n in range(7)] == [f"vertebra_C{n}" for n in range(1, 8)]
    assert not notes


@pytest.mark.parametrize("step", [5.0, 7.0])
def test_a_whole_spine_of_an_infant(step: float) -> None:
    levels = Variant.STANDARD.levels
    found = names(infant(step), "v23", "L5")
    assert tuple(found[f"v{n}"] for n in range(24)) == levels
    found, notes = renumbered(infant(step, missing=(3, 12)), "v23", "L5")
    assert found["v0"].key == "vertebra_C1"
    assert len(notes) == 2


def test_a_copy_of_a_vertebra_of_an_infant() -> None:
    pieces = {f"v{n}": Piece("vertebra_1", (0, 0, -7.0 * n)) for n in range(7)} | {"copy": Piece("vertebra_1", (0, 0, -16.0))}
    found, notes = renumbered(pieces, "v0", "C1")
    assert found["copy"] == found["v2"]
    assert found["v6"].key == "vertebra_C7"
    assert len(notes) == 1


def test_every_vertebra_in_two_pieces() -> None:
    pieces = {f"v{n}{part}": Piece("vertebra_1", (0, 0, -17.0 * n - part)) for n in range(3) for part in (0, 4)}
    found = names(pieces, "v00", "C3")
    assert [found[f"v{n}{part}"] for n in range(3) for part in (0, 4)] == ["C3", "C3", "C4", "C4", "C5", "C5"]


def test_copies_in_one_place() -> None:
    pieces = {f"v{n}": Piece("vertebra_1", (0, 0, 0)) for n in range(4)} | {"below": Piece("vertebra_1", (0, 0, -35))}
    found = names(pieces, "v0", "L1")
    assert found == {**dict.fromkeys(("v0", "v1", "v2", "v3"), "L1"), "below": "L2"}
