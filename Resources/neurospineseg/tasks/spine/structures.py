"""Vertebrae, discs, sacrum and canal: names, label values, codes and colors.

Vertebrae have VerSe's label values (1-7 cervical, 8-19 thoracic, 20-25 lumbar, 26 sacrum, 28 T13). Codes of vertebrae are DICOM CID
7603's (PS3.16) and TotalSegmentator's (``totalsegmentator_snomed_mapping.csv``), those of discs CID 7604's.
"""

from __future__ import annotations

from neurospineseg.tasks.structure import Code, Structure, oklch

LEVELS = [f"C{n}" for n in range(1, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 7)]
VERTEBRA_CODES = (
    "14806007 39976000 113205007 5329002 36978003 36054005 87391001 "
    "64864005 53733008 1626008 73071006 56401006 45296009 62487009 11068009 82687006 7610001 12989004 23215003 "
    "66794005 14293000 36470004 11994002 49668003"
).split()
DISC_CODES = (
    "1078209008 58820006 49400002 73959003 75095006 37414007 "
    "40908007 6004007 2620004 82965004 72692000 74401007 28693002 9188009 113209001 34959001 1537001 76206002 "
    "80064006 67459009 62551000 84020006 715056000"
).split()
VERTEBRA, DISC = Code("SCT", "51282000", "Vertebra"), Code("SCT", "360499006", "Intervertebral disc")
NEUTRAL_COUNT = 30


def _ramp(place: float, step: int = 0) -> tuple[int, int, int]:
    """A hue for a place along the spine, 0 at C1 (violet) to 1 at the sacrum (red); neighbors, told by ``step``, differ in lightness."""
    return oklch(0.78 if step % 2 == 0 else 0.68, 0.13, 305 - 280 * place)


def _vertebra(name: str, words: str, label: int, code: Code, place: float, step: int = 0) -> Structure:
    color = _ramp(place, step)
    return Structure(f"vertebra_{name}", words, label, code, color, family="vertebra", in_dicom_master=code == VERTEBRA)


def _disc(name: str, words: str, label: int, code: Code, place: float) -> Structure:
    """Its color has its neighbors' hue, pale."""
    return Structure(f"disc_{name}", words, label, code, oklch(0.88, 0.06, 305 - 280 * place), family="disc")


def _named_vertebrae() -> list[Structure]:
    found = []
    for number, level in enumerate(LEVELS):
        code = Code("SCT", VERTEBRA_CODES[number], f"{level} vertebra") if number < len(VERTEBRA_CODES) else VERTEBRA
        found.append(_vertebra(level, f"{level} vertebra", number + 1, code, number / 26, number))
    found.append(Structure("sacrum", "Sacrum", 26, Code("SCT", "54735007", "Sacrum"), _ramp(1.0), in_dicom_master=True))
    return [*found, _vertebra("T13", "T13 vertebra", 28, VERTEBRA, 18.5 / 26)]


def _named_discs() -> list[Structure]:
    found = []
    chain = [*LEVELS[1:24], "S1"]
    for number, (upper, lower) in enumerate(zip(chain, chain[1:])):
        code = Code("SCT", DISC_CODES[number], f"{upper}-{lower} intervertebral disc")
        found.append(_disc(f"{upper}_{lower}", f"{upper}-{lower} disc", 101 + number, code, (number + 1.5) / 26))
    rare = (("L5", "L6", 24.3), ("L6", "S1", 24.8), ("T12", "T13", 18.3), ("T13", "L1", 18.8), ("L4", "S1", 23.8))
    for number, (upper, lower, place) in enumerate(rare):
        found.append(_disc(f"{upper}_{lower}", f"{upper}-{lower} disc", 124 + number, DISC, place / 26))
    return found


def structures() -> tuple[Structure, ...]:
    """Every structure of a spine; those without a level's name come last."""
    canal = Structure("spinal_canal", "Spinal canal", 60, Code("SCT", "61853006", "Spinal canal"), (90, 170, 230), family="canal")
    found = [*_named_vertebrae(), *_named_discs(), canal]
    for number in range(1, NEUTRAL_COUNT + 1):
        place = 1 - (number - 1) / NEUTRAL_COUNT
        found.append(_vertebra(str(number), f"Vertebra {number} (from below)", 200 + number, VERTEBRA, place, number))
        found.append(_disc(str(number), f"Disc {number} (from below)", 250 + number, DISC, place))
    return tuple(found)
