"""Spines drawn from shapes whose sizes are known, to judge what is measured on masks.

Osteophytes, wedges, slips, scoliosis, missing discs and narrow canals are drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from Testing.known_sizes.drawn_body import Body, Plate, tilt
from Testing.known_sizes.drawn_canal import Tube, draw_tube

CHAIN = [f"C{n}" for n in range(3, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)] + ["S1"]
SIZES = {"C": (8.5, 7.8, 13.0, 5.0), "T": (15.0, 13.5, 20.0, 5.5), "L": (22.5, 16.5, 26.5, 9.0), "S": (24.0, 16.0, 28.0, 9.0)}
"""Half width, half depth, height of a body and middle height of the disc below it, mm."""


@dataclass(frozen=True, eq=False)
class DrawnSpine:
    """Bodies from the uppermost downward, their canal, and which discs are drawn."""

    bodies: list[Body]
    tube: Tube
    discs: list[bool]

    def disc_key(self, number: int) -> str:
        return f"disc_{self.bodies[number].name}_{self.bodies[number + 1].name}"


def draw_spine(rng: np.random.Generator, region: str | None = None) -> DrawnSpine:
    """A spine around the origin, upright, of four to seven bodies."""
    region = region or str(rng.choice(["lumbar", "thoracic", "cervical"], p=[0.7, 0.2, 0.1]))
    if region == "lumbar":
        last = len(CHAIN) - (1 if rng.random() < 0.85 else 2)
    else:
        last = int(rng.integers(9, 17)) if region == "thoracic" else int(rng.integers(5, 8))
    names = CHAIN[max(0, last - int(rng.integers(3, 7))) : last + 1]
    size, ill, bend = rng.uniform(0.85, 1.15), rng.random() < 0.5, rng.normal(0, 6) if rng.random() < 0.6 else 0.0
    bodies = [_body(rng, names[0], np.zeros(3), turn_of(rng.uniform(-10, 25), 0, 0), size, ill)]
    slips = []
    for number, name in enumerate(names[1:]):
        above = bodies[-1]
        gap = size * SIZES[above.name[0]][3] * (rng.uniform(0.35, 1.15) if ill else rng.uniform(0.8, 1.2))
        lordosis = rng.uniform(2, 14) if above.name[0] in "LS" else rng.uniform(-5, 2)
        lordosis = min(lordosis, 0.75 * np.degrees(np.arctan2(gap, above.half[1])))
        aside = bend * np.sin(2.0 * np.pi * number / 7.0) + rng.uniform(-1, 1)
        aside = float(np.clip(aside, -1.0, 1.0)) if gap < 4 else aside
        turn = turn_of(-lordosis, aside, rng.uniform(-3, 3) * (abs(bend) > 0))
        slip = rng.uniform(-0.6, 0.6) + (rng.uniform(-5, 9) if ill and rng.random() < 0.25 and above.name[0] in "LS" else 0.0)
        slips.append(slip)
        axes = above.axes @ tilt(above.lower) @ turn
        new = _body(rng, name, np.zeros(3), axes, size, ill)
        axes = axes @ tilt(new.upper).T
        rim = above.ras(np.array([0.0, 0.0, above.lower.offset])) - above.axes @ tilt(above.lower) @ np.array([0.0, slip, gap])
        center = rim - axes @ np.array([0.0, 0.0, new.upper.offset])
        bodies.append(Body(name, center, axes, new.half, new.height, new.waist, new.power, new.upper, new.lower, new.lips))
    middle = np.mean([body.center for body in bodies], axis=0)
    bodies = [Body(b.name, b.center - middle, b.axes, b.half, b.height, b.waist, b.power, b.upper, b.lower, b.lips) for b in bodies]
    bodies = _turned(bodies, turn_of(*rng.uniform(-20, 20, 3)))
    tube = draw_tube(rng, bodies, slips, ill)
    return DrawnSpine(bodies, tube, [not (ill and rng.random() < 0.1) for _ in bodies[1:]])


def _body(rng: np.random.Generator, name: str, center: np.ndarray, axes: np.ndarray, size: float, ill: bool) -> Body:
    half_x, half_y, height, _ = (size * n * rng.uniform(0.95, 1.05) for n in SIZES[name[0]])
    wedge = rng.uniform(-0.04, 0.06) + (rng.uniform(0.05, 0.22) if ill and rng.random() < 0.3 else 0.0)
    sideways = rng.uniform(-0.03, 0.03)
    hollow = rng.uniform(0.0, 0.1, 2) * height + (rng.uniform(0.05, 0.12, 2) * height if ill and rng.random() < 0.2 else 0.0)
    split = rng.uniform(0.2, 0.8)
    upper = Plate(height / 2, sideways * split, -wedge * split, hollow[0], rng.uniform(-0.2, 0.1), 1.0)
    lower = Plate(-height / 2, -sideways * (1 - split), wedge * (1 - split), hollow[1], rng.uniform(-0.2, 0.1), -1.0)
    lips = []
    if ill and rng.random() < 0.4 and name[0] == "L":
        for plate in (upper, lower):
            y = half_y + rng.uniform(-0.5, 1.5)
            z = plate.height(np.zeros(1), np.array([half_y]), (half_x, half_y))[0] - plate.sign * rng.uniform(0.0, 1.0)
            lips += [np.array([x, y, z]) for x in np.arange(-0.4, 0.41, 0.1) * half_x]
    return Body(name, center, axes, (half_x, half_y), height, rng.uniform(0.0, 0.09), rng.uniform(2.2, 3.2), upper, lower, tuple(lips))


def _turned(bodies: list[Body], turn: np.ndarray) -> list[Body]:
    return [Body(b.name, turn @ b.center, turn @ b.axes, b.half, b.height, b.waist, b.power, b.upper, b.lower, b.lips) for b in bodies]


def turn_of(right: float, front: float, up: float) -> np.ndarray:
    """A rotation by degrees about the three axes of a frame."""
    result = np.eye(3)
    for axis, angle in enumerate(np.radians([right, front, up])):
        c, s = np.cos(angle), np.sin(angle)
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = c
        turn[a, b], turn[b, a] = (-s, s) if axis != 1 else (s, -s)
        result = result @ turn
    return result
