"""Why levels are called as they are: what a mask shows that counts can begin from, the rival numberings and how likely each is.

A numbering's likelihood is that of Bayes: how often such a spine occurs, times how often what is seen would be seen in it, over the sum of
these for all numberings. Nothing here looks at a scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neurospineseg.tasks.spine.levels import place_of, variant_of
from neurospineseg.tasks.spine.renumbering import Variant

SPINES = {Variant.STANDARD: 372.0, Variant.L6: 20.4, Variant.T13: 1.6, Variant.FOUR_LUMBAR: 22.0}
"""How often each occurs. Tins and Balain 2016 (https://doi.org/10.1007/s13244-016-0468-7, MR of 418 whole spines): 25 free vertebrae in 18,
and in 4 with a free S1; 23 in 14, and in 8 with a sacralized L5; 2 could not be told. Of the 22 with one more, 1.6 are given to T13, so
that 0.4 % of all have a thirteenth pair of ribs as in ``RIBS``."""
RIBS = {11: 107, 12: 1228, 13: 5}
"""People by pairs of ribs: 1340 in Table 1 of https://synapse.koreamed.org/articles/1158507. A twelfth vertebra of the chest may bear none."""
SCANS_NAMED, SCANS_SHIFTED = 12, 0
"""Scans with known levels that a model had not learned from (fold 0), and in how many of them the names were shifted."""
BODIES_KNOWN, BODIES_MISSED = 71, 0
"""Bodies in these, and how many of them were not found."""
GAPS_KNOWN, GAPS_UNSEEN = 104, 0
"""Bodies taken out of label maps of patients one at a time, and how often the gap was not seen (``Testing.known_sizes.left_out_bodies``)."""
NEVER = 1e-4
"""What no numbering explains has this probability, so that one wrong sight does not leave none."""
CLEARLY = 2 / 3
"""A numbering other than the usual one is applied where it is likelier than this."""
C2_PLACES = range(20, 25)
"""How many vertebrae lie below C2 in a spine whose lowest vertebra is seen, or one more or less."""
TALLER_BY_DENS = 1.3
"""C2, whose dens stands up into C1, is so many times as tall as C3: 1.55 and 1.57 times in two CT label maps; C1 is as tall as C3."""


@dataclass(frozen=True)
class Evidence:
    """What is seen of a spine.

    Attributes:
        vertebrae: how many there are from the lowest to the highest in view, with those that were missed between.
        sacrum: whether it is seen below them.
        missed: how many of them left a gap.
        c2: how many vertebrae lie below the one that its dens tells to be C2; None where none is told.
        lowest_ribs: how many lie below the lowest one that bears ribs; None where ribs are not marked.
    """

    vertebrae: int
    sacrum: bool
    missed: int = 0
    c2: int | None = None
    lowest_ribs: int | None = None

    @property
    def lumbar_type(self) -> int | None:
        """How many vertebrae without ribs rest on the sacrum; None where it is not known."""
        return self.lowest_ribs if self.sacrum else None


@dataclass(frozen=True)
class Numbering:
    """One way to name the vertebrae in view, and how likely it is.

    Attributes:
        lowest: the level of the lowest vertebra in view.
    """

    lowest: str
    variant: Variant
    likelihood: float

    @property
    def below(self) -> int:
        """How many vertebrae of the spine lie below the lowest in view."""
        return len(self.variant.levels) - 1 - self.variant.levels.index(self.lowest)

    def level(self, place: int) -> str | None:
        """The level of the vertebra with ``place`` vertebrae in view below it; None above C1."""
        levels = self.variant.levels
        number = levels.index(self.lowest) - place
        return levels[number] if number >= 0 else None

    @property
    def words(self) -> str:
        """The lowest level, and what is unusual above it where the lowest does not tell."""
        return {Variant.T13: f"{self.lowest} with a T13", Variant.L6: "L6 or S1"}.get(self.variant, self.lowest)


def numberings(seen: Evidence) -> tuple[Numbering, ...]:
    """Rival numberings, the likeliest first; none without a sacrum. Those that give all vertebrae in view the same names are one.

    Each kind of spine is tried with its last vertebra lowest, with that one missed, and with S1 taken for one more.
    """
    if not seen.sacrum or seen.vertebrae < 1:
        return ()
    weights: dict[tuple[str, ...], float] = {}
    shown: dict[tuple[str, ...], tuple[float, str, Variant]] = {}
    for variant in Variant:
        for slip, chance in _slips():
            names = _names(variant, slip, seen.vertebrae)
            weight = SPINES[variant] * chance * _fits(seen, variant, slip)
            weights[names] = weights.get(names, 0.0) + weight
            lowest = variant.levels[-1 + min(slip, 0)]
            if slip <= 0 and weight > shown.get(names, (0.0,))[0]:
                shown[names] = weight, lowest, variant
    total = sum(weights[names] for names in shown)
    made = [Numbering(lowest, variant, weights[names] / total) for names, (_, lowest, variant) in shown.items()]
    return tuple(sorted(made, key=lambda each: -each.likelihood))


def chosen(rivals: Sequence[Numbering]) -> Numbering | None:
    """The numbering that is applied: the likeliest if it is clearly so, else the usual one; None without a sacrum."""
    if not rivals:
        return None
    usual = next((each for each in rivals if each.lowest == "L5" and each.variant is Variant.STANDARD), rivals[0])
    return rivals[0] if rivals[0].likelihood > CLEARLY else usual


def _slips() -> Iterator[tuple[int, float]]:
    """How many more vertebrae than there are were counted below, with the chance of it: the rule of succession of scans named."""
    wrong = (SCANS_SHIFTED + 1) / (SCANS_NAMED + 2)
    yield from ((0, 1 - wrong), (-1, wrong / 2), (1, wrong / 2))


def _names(variant: Variant, slip: int, count: int) -> tuple[str, ...]:
    """Upward from the lowest in view; S1 is named as one more lumbar vertebra."""
    upward = variant.levels[::-1]
    below = (f"L{int(upward[0][1:]) + 1}",) if slip > 0 else ()
    return (*below, *upward[max(0, -slip) :])[:count]


def _fits(seen: Evidence, variant: Variant, slip: int) -> float:
    """How often a spine of a kind, counted so, shows what is seen."""
    likely = 1.0
    levels = variant.levels
    if seen.c2 is not None:
        off = abs(seen.c2 - (len(levels) - 1 - levels.index("C2") + slip))
        miscounted = 1 - (1 - _miss()) ** seen.c2
        likely *= {0: 1 - miscounted, 1: miscounted / 2}.get(off, 0.0) + NEVER
    if seen.lowest_ribs is not None:
        likely *= _ribs(variant, seen.lowest_ribs - variant.value[1] - slip) + NEVER
    return likely


def _miss() -> float:
    """The chance that a body is missed and that its gap is not seen either."""
    return (BODIES_MISSED + 1) / (BODIES_KNOWN + 2) * (GAPS_UNSEEN + 1) / (GAPS_KNOWN + 2)


def _ribs(variant: Variant, above: int) -> float:
    """How often the lowest ribs are borne ``above`` vertebrae higher than by the last thoracic one."""
    if variant is Variant.T13:
        return float(above == 0)
    return RIBS[12 - above] / sum(RIBS.values()) if above in (0, 1) else 0.0


def c2_by_dens(places: Sequence[int], heights_mm: Sequence[float]) -> int | None:
    """The place of C2, told by its dens, where the whole spine above the sacrum is in view.

    Args:
        places: of the vertebrae, upward, counted from the lowest.
        heights_mm: how tall each is with its arch.
    """
    for number in range(len(places) - 1, max(0, len(places) - 3), -1):
        beside = places[number] - places[number - 1] == 1
        if beside and places[number] in C2_PLACES and heights_mm[number] > TALLER_BY_DENS * heights_mm[number - 1]:
            return places[number]
    return None


def reasons(seen: Evidence) -> list[str]:
    """Short phrases on what is seen and what is not."""
    told = ["the sacrum is in view" if seen.sacrum else "no sacrum is in view"]
    if seen.c2 is not None:
        told.append(f"C2 is told by its dens, with {seen.c2} vertebrae below it")
    if seen.lowest_ribs is not None:
        told.append(f"{seen.lowest_ribs} vertebrae below the lowest ribs")
    lacking = [words for words, known in (("C2", seen.c2), ("ribs", seen.lowest_ribs)) if known is None]
    return [*told, f"{' and '.join(lacking)} not known"] if lacking else told


def rivals_in_words(rivals: Sequence[Numbering]) -> str:
    """``L5 (83 % likely; as L4 8 %, as L6 or S1 8 %)``; those under half a percent are left out."""
    best = chosen(rivals)
    if best is None:
        return ""
    others = ", ".join(f"as {each.words} {_percent(each)}" for each in rivals if each is not best and each.likelihood >= 0.005)
    return f"{best.lowest} ({_percent(best)} likely{f'; {others}' if others else ''})"


def _percent(rival: Numbering) -> str:
    return "over 99 %" if rival.likelihood >= 0.995 else f"{100 * rival.likelihood:.0f} %"


def as_json(seen: Evidence) -> dict[str, Any]:
    """What a record says of a numbering."""
    rivals = numberings(seen)
    return {
        "sacrum": seen.sacrum,
        "vertebrae": seen.vertebrae,
        "missed": seen.missed,
        "vertebrae_below_c2": seen.c2,
        "lumbar_type": seen.lumbar_type,
        "why": reasons(seen),
        "rivals": [{"lowest": each.lowest, "variant": each.variant.name, "likelihood": round(each.likelihood, 4)} for each in rivals],
    }


def evidence_of_names(heights_mm: Mapping[str, float], sacrum: bool, lowest_ribs: str | None = None) -> Evidence:
    """What a mask whose vertebrae have names shows.

    Args:
        heights_mm: of the vertebrae with their arches, by key, such as ``vertebra_L3`` or ``vertebra_2``.
        lowest_ribs: key of the lowest vertebra that bears ribs.
    """
    variant = variant_of(heights_mm)
    known = {key: place for key in heights_mm if (place := place_of(key, variant)) is not None}
    order = sorted(known, key=lambda key: known[key])
    places = [known[key] - known[order[0]] for key in order]
    count = places[-1] + 1 if places else 0
    ribs = known[lowest_ribs] - known[order[0]] if lowest_ribs in known else None
    return Evidence(count, sacrum, count - len(places), c2_by_dens(places, [heights_mm[key] for key in order]), ribs)


def with_record(seen: Evidence, record: Mapping[str, Any]) -> Evidence:
    """With the sight of C2 and ribs that a run's record (``as_json``) tells, where it is of as many vertebrae; else as it is."""
    if record.get("vertebrae") != seen.vertebrae or record.get("sacrum") != seen.sacrum:
        return seen
    c2, ribs = record.get("vertebrae_below_c2"), record.get("lumbar_type")
    return replace(seen, c2=c2 if isinstance(c2, int) else None, lowest_ribs=ribs if isinstance(ribs, int) else None)
