"""Spines drawn from shapes whose sizes are known, on grids of any pose, spacing, shear and handedness, to judge what is measured on masks.

A body is a superellipse with a waist between two tilted, hollow endplates; osteophytes, wedges, slips, scoliosis, missing discs, narrow
canals and edges of the scan that cut are drawn too. The true sizes come from the functions that the voxels are drawn with, not from voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure

CHAIN = [f"C{n}" for n in range(3, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)] + ["S1"]
SIZES = {"C": (8.5, 7.8, 13.0, 5.0), "T": (15.0, 13.5, 20.0, 5.5), "L": (22.5, 16.5, 26.5, 9.0), "S": (24.0, 16.0, 28.0, 9.0)}
"""Half width, half depth, height of a body and middle height of the disc below it, mm."""
MOST_VOXELS = 4_000_000


@dataclass(frozen=True)
class Plate:
    """An endplate in its body's frame: ``offset`` + tilts and a bowl, mm; ``sign`` is 1 for the upper one."""

    offset: float
    to_right: float
    to_front: float
    hollow: float
    deepest: float
    sign: float

    def height(self, x: np.ndarray, y: np.ndarray, half: tuple[float, float]) -> np.ndarray:
        """Local z over places x (right), y (front) in mm; the bowl has a flat rim."""
        radius = (x / half[0]) ** 2 + ((y - self.deepest * half[1]) / half[1]) ** 2
        bowl = np.clip(1.0 - radius / 0.85, 0.0, None) ** 1.5
        return self.offset + self.to_right * x + self.to_front * y - self.sign * self.hollow * bowl

    @property
    def normal(self) -> np.ndarray:
        """In the body's frame, of the plane through the rim."""
        vector = np.array([-self.to_right, -self.to_front, 1.0])
        return vector / np.linalg.norm(vector)


@dataclass(frozen=True, eq=False)
class Body:
    """A vertebral body; ``axes`` are right, front, up as columns."""

    name: str
    center: np.ndarray
    axes: np.ndarray
    half: tuple[float, float]
    height: float
    waist: float
    power: float
    upper: Plate
    lower: Plate
    lips: tuple[np.ndarray, ...] = ()

    @property
    def key(self) -> str:
        return "sacrum" if self.name == "S1" else f"vertebra_{self.name}"

    def ras(self, local: np.ndarray) -> np.ndarray:
        return self.center + local @ self.axes.T

    def local(self, ras: np.ndarray) -> np.ndarray:
        return (ras - self.center) @ self.axes

    def scale(self, z: np.ndarray) -> np.ndarray:
        """Of the cross-section at a height: 1 at the endplates, less between."""
        return 1.0 - self.waist * (1.0 - np.clip(np.abs(z) / (self.height / 2), 0.0, 1.0) ** 2)

    def radial(self, local: np.ndarray) -> np.ndarray:
        """At most 1 inside the walls."""
        scale = self.scale(local[..., 2])
        x, y = np.abs(local[..., 0]) / (self.half[0] * scale), np.abs(local[..., 1]) / (self.half[1] * scale)
        return (x**self.power + y**self.power) ** (1 / self.power)

    def holds(self, ras: np.ndarray) -> np.ndarray:
        local = self.local(ras)
        x, y, z = np.moveaxis(local, -1, 0)
        inside = (self.radial(local) <= 1.0) & (z <= self.upper.height(x, y, self.half)) & (z >= self.lower.height(x, y, self.half))
        for lip in self.lips:
            inside |= np.linalg.norm(local - lip, axis=-1) < 2.5
        return inside

    def edge(self, plate: Plate, sign: float) -> np.ndarray:
        """RAS of an endplate's front (1) or back (-1) edge in the mid-sagittal plane."""
        y = sign * self.half[1]
        for _ in range(20):
            z = plate.height(np.zeros(1), np.array([y]), self.half)[0]
            y = sign * self.half[1] * float(self.scale(np.array(z)))
        return self.ras(np.array([0.0, y, z]))

    def middle(self, plate: Plate) -> np.ndarray:
        """RAS of an endplate's surface halfway between its edges."""
        y = sum(self.local(self.edge(plate, sign))[1] for sign in (1.0, -1.0)) / 2
        return self.ras(np.array([0.0, y, plate.height(np.zeros(1), np.array([y]), self.half)[0]]))


@dataclass(frozen=True, eq=False)
class Tube:
    """The canal: an axis (N, 3) downward with half depths and half widths, mm (N,), and its fronts (N, 3)."""

    axis: np.ndarray
    depths: np.ndarray
    widths: np.ndarray
    fronts: np.ndarray
    tangents: np.ndarray

    def radius(self, ras: np.ndarray, thicker: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Elliptic radius (1 at the wall, ``thicker`` mm farther out), offset to the front and number on the axis of RAS points (N, 3)."""
        _, near = cKDTree(self.axis[::8]).query(ras)
        near *= 8
        for _ in range(2):
            offset = ras - self.axis[near]
            along = np.einsum("ni,ni->n", offset, self.tangents[near])
            near = np.clip(near + np.rint(along / 0.25).astype(int), 0, len(self.axis) - 1)
        offset = ras - self.axis[near]
        along = np.einsum("ni,ni->n", offset, self.tangents[near])
        y = np.einsum("ni,ni->n", offset, self.fronts[near])
        x = np.einsum("ni,ni->n", offset, np.cross(self.fronts[near], -self.tangents[near]))
        radius = np.sqrt((x / (self.widths[near] + thicker)) ** 2 + (y / (self.depths[near] + thicker)) ** 2)
        return np.where(np.abs(along) < 0.3, radius, np.inf), y, near

    def at_plane(self, point: np.ndarray, normal: np.ndarray) -> int:
        heights = np.abs((self.axis - point) @ normal) + 0.02 * np.linalg.norm(self.axis - point, axis=1)
        return int(heights.argmin())


@dataclass(frozen=True, eq=False)
class DrawnSpine:
    """Bodies from the uppermost downward, their canal, and which discs are drawn."""

    bodies: list[Body]
    tube: Tube
    discs: list[bool]
    truth: dict[tuple[str, str], float] = field(default_factory=dict)

    def disc_key(self, number: int) -> str:
        return f"disc_{self.bodies[number].name}_{self.bodies[number + 1].name}"


def _turn(right: float, front: float, up: float) -> np.ndarray:
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


def draw_spine(rng: np.random.Generator, region: str | None = None) -> DrawnSpine:
    """A spine around the origin, upright, of four to seven bodies."""
    region = region or str(rng.choice(["lumbar", "thoracic", "cervical"], p=[0.7, 0.2, 0.1]))
    if region == "lumbar":
        last = len(CHAIN) - (1 if rng.random() < 0.85 else 2)
    else:
        last = int(rng.integers(9, 17)) if region == "thoracic" else int(rng.integers(5, 8))
    names = CHAIN[max(0, last - int(rng.integers(3, 7))) : last + 1]
    size, ill, bend = rng.uniform(0.85, 1.15), rng.random() < 0.5, rng.normal(0, 6) if rng.random() < 0.6 else 0.0
    bodies = [_body(rng, names[0], np.zeros(3), _turn(rng.uniform(-10, 25), 0, 0), size, ill)]
    slips = []
    for number, name in enumerate(names[1:]):
        above = bodies[-1]
        gap = size * SIZES[above.name[0]][3] * (rng.uniform(0.35, 1.15) if ill else rng.uniform(0.8, 1.2))
        lordosis = rng.uniform(2, 14) if above.name[0] in "LS" else rng.uniform(-5, 2)
        lordosis = min(lordosis, 0.75 * np.degrees(np.arctan2(gap, above.half[1])))
        aside = bend * np.sin(2.0 * np.pi * number / 7.0) + rng.uniform(-1, 1)
        aside = float(np.clip(aside, -1.0, 1.0)) if gap < 4 else aside
        turn = _turn(-lordosis, aside, rng.uniform(-3, 3) * (abs(bend) > 0))
        slip = rng.uniform(-0.6, 0.6) + (rng.uniform(-5, 9) if ill and rng.random() < 0.25 and above.name[0] in "LS" else 0.0)
        slips.append(slip)
        axes = above.axes @ _tilt(above.lower) @ turn
        new = _body(rng, name, np.zeros(3), axes, size, ill)
        axes = axes @ _tilt(new.upper).T
        rim = above.ras(np.array([0.0, 0.0, above.lower.offset])) - above.axes @ _tilt(above.lower) @ np.array([0.0, slip, gap])
        center = rim - axes @ np.array([0.0, 0.0, new.upper.offset])
        bodies.append(Body(name, center, axes, new.half, new.height, new.waist, new.power, new.upper, new.lower, new.lips))
    middle = np.mean([body.center for body in bodies], axis=0)
    bodies = [Body(b.name, b.center - middle, b.axes, b.half, b.height, b.waist, b.power, b.upper, b.lower, b.lips) for b in bodies]
    bodies = _turned(bodies, _turn(*rng.uniform(-20, 20, 3)))
    tube = _tube(rng, bodies, slips, ill)
    spine = DrawnSpine(bodies, tube, [not (ill and rng.random() < 0.1) for _ in bodies[1:]])
    spine.truth.update(_truth(spine))
    return spine


def _tilt(plate: Plate) -> np.ndarray:
    """Takes the body's frame to one whose up is across the plate's rim."""
    up = plate.normal
    front = np.array([0.0, 1.0, plate.to_front])
    front = front - front @ up * up
    front /= np.linalg.norm(front)
    return np.stack([np.cross(front, up), front, up], -1)


def _turned(bodies: list[Body], turn: np.ndarray) -> list[Body]:
    return [Body(b.name, turn @ b.center, turn @ b.axes, b.half, b.height, b.waist, b.power, b.upper, b.lower, b.lips) for b in bodies]


def _tube(rng: np.random.Generator, bodies: list[Body], slips: list[float], ill: bool) -> Tube:
    wide = {"C": (6.0, 9.5), "T": (6.5, 8.0), "L": (7.5, 10.5), "S": (6.5, 10.0)}
    points, depths, widths = [], [], []
    reach = [max(abs(slips[n]) if 0 <= n < len(slips) else 0.0 for n in (number - 1, number)) for number in range(len(bodies))]
    for number, body in enumerate(bodies):
        half = [n * rng.uniform(0.9, 1.1) for n in wide[body.name[0]]]
        lordotic = 1.5 + reach[number] + 0.02 * body.height
        for z, here in ((0.75, number == 0), (0.0, True), (-0.75, number == len(bodies) - 1)):
            if here:
                points.append(body.ras(np.array([0.0, -body.half[1] - half[0] - lordotic, z * body.height])))
                depths.append(half[0])
                widths.append(half[1])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    places = np.arange(0.0, lengths[-1], 0.25)
    axis = CubicSpline(lengths, np.array(points))(places)
    depth, width = np.interp(places, lengths, depths), np.interp(places, lengths, widths)
    kernel = np.exp(-0.5 * (np.arange(-60, 61) / 24.0) ** 2)
    kernel /= kernel.sum()
    depth, width = (np.convolve(np.pad(each, 60, mode="edge"), kernel, mode="valid") for each in (depth, width))
    if ill and rng.random() < 0.6:
        at = lengths[int(rng.integers(1, len(lengths) - 1))] + rng.uniform(-8, 8)
        depth = depth * (1.0 - rng.uniform(0.15, 0.45) * np.exp(-0.5 * ((places - at) / 7.0) ** 2))
    tangents = np.gradient(axis, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    forward = np.mean([body.axes[:, 1] for body in bodies], axis=0)
    fronts = forward - (tangents @ forward)[:, None] * tangents
    return Tube(axis, depth, width, fronts / np.linalg.norm(fronts, axis=1, keepdims=True), tangents)


def _truth(spine: DrawnSpine) -> dict[tuple[str, str], float]:
    """Every size by key and place."""
    truth: dict[tuple[str, str], float] = {}
    for body in spine.bodies:
        truth[("upper_endplate_depth", body.key)] = float(np.linalg.norm(body.edge(body.upper, 1) - body.edge(body.upper, -1)))
        if body.name != "S1":
            truth |= _body_truth(body)
    for number in range(len(spine.bodies) - 1):
        truth |= _disc_truth(spine, number)
    for number, body in enumerate(spine.bodies):
        if body.name != "S1":
            truth |= _canal_truth(spine.tube, body.key, body.center, body.axes @ _mean_normal(body))
        if number + 1 < len(spine.bodies):
            below = spine.bodies[number + 1]
            up = body.axes @ body.lower.normal + below.axes @ below.upper.normal
            middle = (body.middle(body.lower) + below.middle(below.upper)) / 2
            truth |= _canal_truth(spine.tube, spine.disc_key(number), middle, up / np.linalg.norm(up))
    return truth | _column_truth(spine) | _narrowest_truth(spine)


def _narrowest_truth(spine: DrawnSpine) -> dict[tuple[str, str], float]:
    """The least diameter between the first and the last level that has one."""
    tube, numbers = spine.tube, []
    for number, body in enumerate(spine.bodies):
        if body.name != "S1":
            numbers.append(tube.at_plane(body.center, body.axes @ _mean_normal(body)))
        if number + 1 < len(spine.bodies):
            below = spine.bodies[number + 1]
            numbers.append(tube.at_plane((body.center + below.center) / 2, body.axes[:, 2]))
    return {("canal_narrowest_depth", "spinal_canal"): 2 * float(tube.depths[min(numbers) : max(numbers) + 1].min())}


def _mean_normal(body: Body) -> np.ndarray:
    total = body.upper.normal + body.lower.normal
    return total / np.linalg.norm(total)


def _body_truth(body: Body) -> dict[tuple[str, str], float]:
    def apart(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.linalg.norm(first - second))

    heights = {
        "front": apart(body.edge(body.upper, 1), body.edge(body.lower, 1)),
        "middle": apart(body.middle(body.upper), body.middle(body.lower)),
        "back": apart(body.edge(body.upper, -1), body.edge(body.lower, -1)),
    }
    waist = 1.0 - body.waist
    found = {f"body_height_{where}": value for where, value in heights.items()}
    found |= {"body_depth": 2 * body.half[1] * waist, "body_width": 2 * body.half[0] * waist}
    found |= {"body_front_to_back": heights["front"] / heights["back"], "body_middle_to_back": heights["middle"] / heights["back"]}
    found["lower_endplate_depth"] = apart(body.edge(body.lower, 1), body.edge(body.lower, -1))
    return {(key, body.key): value for key, value in found.items()}


def _on_surface(body: Body, plate: Plate, point: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Where a line meets an endplate, by bisection."""

    def above(t: float) -> float:
        x, y, z = body.local(point + t * up)
        return float(z - plate.height(np.array([x]), np.array([y]), body.half)[0])

    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) > 0 else (middle, high)
    return point + low * up


def _disc_truth(spine: DrawnSpine, number: int) -> dict[tuple[str, str], float]:
    above, below = spine.bodies[number : number + 2]
    key = spine.disc_key(number)
    normals = above.axes @ above.lower.normal, below.axes @ below.upper.normal
    edges = {side: (above.edge(above.lower, sign), below.edge(below.upper, sign)) for side, sign in (("front", 1), ("back", -1))}
    up = sum(normals) / np.linalg.norm(sum(normals))
    along = [(edges["front"][n] - edges["back"][n]) / np.linalg.norm(edges["front"][n] - edges["back"][n]) for n in (0, 1)]
    front = along[0] + along[1]
    front = front - front @ up * up
    front /= np.linalg.norm(front)
    middle = (above.middle(above.lower) + below.middle(below.upper)) / 2
    ends = min((p - middle) @ front for p in edges["front"]), max((p - middle) @ front for p in edges["back"])
    truth = {}
    for where, place in (("front", ends[0]), ("middle", sum(ends) / 2), ("back", ends[1])):
        point = middle + place * front
        line = _on_surface(above, above.lower, point, up) - _on_surface(below, below.upper, point, up)
        truth[(f"disc_height_{where}", key)] = max(0.0, float(line @ up))
    depth = 2 * above.half[1] * (1 - above.waist)
    truth[("disc_height_index", key)] = sum(truth.values()) / 3 / depth
    slip = float((edges["back"][0] - edges["back"][1]) @ along[1])
    truth[("slip", key)] = slip
    truth[("slip_percent", key)] = 100 * slip / float(np.linalg.norm(edges["front"][1] - edges["back"][1]))
    right = np.cross(front, up)
    truth[("disc_angle", key)] = _angle(normals[0], normals[1], right)
    if below.name != "S1":
        truth[("segment_angle", key)] = _angle(above.axes @ above.upper.normal, below.axes @ below.lower.normal, _right_of(above, below))
    return truth


def _right_of(above: Body, below: Body) -> np.ndarray:
    ups = [above.axes @ above.upper.normal, below.axes @ below.lower.normal if below.name != "S1" else below.axes @ below.upper.normal]
    up = sum(ups) / np.linalg.norm(sum(ups))
    front = above.axes[:, 1] + below.axes[:, 1]
    front = front - front @ up * up
    return np.cross(front / np.linalg.norm(front), up)


def _angle(above: np.ndarray, below: np.ndarray, right: np.ndarray) -> float:
    flat = [each - each @ right * right for each in (below, above)]
    return float(np.degrees(np.arctan2(np.cross(*flat) @ right, flat[0] @ flat[1])))


def _canal_truth(tube: Tube, key: str, point: np.ndarray, normal: np.ndarray) -> dict[tuple[str, str], float]:
    heights = (tube.axis - point) @ normal
    if heights.min() > 0 or heights.max() < 0:
        return {}
    number = tube.at_plane(point, normal)
    return {
        ("canal_depth", key): 2 * float(tube.depths[number]),
        ("canal_area", key): float(np.pi * tube.depths[number] * tube.widths[number]),
    }


def _column_truth(spine: DrawnSpine) -> dict[tuple[str, str], float]:
    truth = {}
    named = {body.name: body for body in spine.bodies}
    if "L1" in named and "S1" in named:
        above, below = named["L1"], named["S1"]
        normals = above.axes @ above.upper.normal, below.axes @ below.upper.normal
        truth[("lumbar_lordosis", "")] = _angle(*normals, _right_of(above, below))
    ahead = np.mean([body.axes[:, 1] for body in spine.bodies], axis=0)
    upward = np.mean([body.axes[:, 2] for body in spine.bodies], axis=0)
    ahead = ahead - ahead @ upward / (upward @ upward) * upward
    ahead, upward = ahead / np.linalg.norm(ahead), upward / np.linalg.norm(upward)
    right = np.cross(ahead, upward)

    def lean(body: Body, plate: Plate) -> float:
        normal = body.axes @ plate.normal
        return float(np.degrees(np.arctan2(normal @ right, normal @ upward)))

    own = [body for body in spine.bodies if body.name != "S1"]
    pairs = [abs(lean(a, a.upper) - lean(b, b.lower)) for n, a in enumerate(own) for b in own[n + 1 :]]
    truth[("largest_coronal_angle", "")] = max(pairs)
    return truth


def random_grid(rng: np.random.Generator, spine: DrawnSpine) -> tuple[Grid, bool]:
    """A grid that holds the spine, turned, sheared, left-handed and coarse as chance has it, and whether it cuts the spine."""
    points = np.concatenate([body.ras(np.array([[x, y, z] for x in (-1.6, 1.6) for y in (-3.4, 1.3) for z in (-0.7, 0.7)])
                                      * [body.half[0], body.half[1], body.height]) for body in spine.bodies])  # fmt: skip
    turn = _turn(*rng.uniform(-40, 40, 3)) if rng.random() < 0.5 else _turn(*rng.uniform(-4, 4, 3)) if rng.random() < 0.6 else np.eye(3)
    axes = turn[:, rng.permutation(3)] * rng.choice([-1.0, 1.0], 3)
    if rng.random() < 0.25:
        axes = axes @ (np.eye(3) + np.triu(rng.uniform(-0.2, 0.2, (3, 3)), 1))
        axes /= np.linalg.norm(axes, axis=0)
    spacing = (
        np.exp(rng.uniform(np.log(0.5), np.log(4.0), 3))
        if rng.random() < 0.6
        else np.full(3, np.exp(rng.uniform(np.log(0.5), np.log(4.0))))
    )
    along = np.linalg.solve(axes, points.T).T
    low, high = along.min(0) - 6, along.max(0) + 6
    cuts = rng.random() < 0.25
    if cuts:
        axis, share = int(rng.integers(3)), rng.uniform(0.1, 0.3)
        if rng.random() < 0.5:
            low[axis] += share * (high - low)[axis]
        else:
            high[axis] -= share * (high - low)[axis]
    while np.prod((high - low) / spacing) > MOST_VOXELS:
        spacing[spacing.argmin()] *= 1.15
    counts = np.ceil((high - low) / spacing).astype(int)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * spacing, axes @ (low + spacing / 2)
    return Grid(triple(int(n) for n in counts[::-1]), affine), cuts


def _part_of(grid: Grid, around: np.ndarray) -> tuple[tuple[slice, slice, slice], np.ndarray] | None:
    """The box of a grid around RAS points, and RAS of its voxels (N, 3)."""
    start, stop = grid.index_box(around)
    if any(a >= b for a, b in zip(start, stop)):
        return None
    box = triple(slice(a, b) for a, b in zip(start, stop))
    kji = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(start, stop)), indexing="ij"), -1)
    return box, grid.affine.apply_kji(kji).reshape(-1, 3)


def _parts(spine: DrawnSpine) -> Iterator[tuple[str, np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """Key, RAS points around, and what tells whether RAS points (N, 3) lie inside, in the order of drawing; later ones yield."""
    tube = spine.tube
    for body in spine.bodies:
        yield body.key, _box(body, 1.15, 1.3, 0.75), body.holds
    canal = np.concatenate([tube.axis + 13.0 * sign * axis for sign in (-1, 1) for axis in np.eye(3)])
    yield "spinal_canal", canal, lambda ras: tube.radius(ras)[0] <= 1.0
    for body in spine.bodies:
        yield body.key, _box(body, 2.2, 4.2, 1.0), lambda ras, body=body: _arch(body, tube, ras)
    for number, drawn in enumerate(spine.discs):
        if drawn:
            above, below = spine.bodies[number : number + 2]
            yield spine.disc_key(number), np.concatenate([_box(b, 1.1, 1.1, 0.8) for b in (above, below)]), _between(above, below)


def _box(body: Body, x: float, y: float, z: float) -> np.ndarray:
    corners = np.array([[a, b, c] for a in (-x, x) for b in (-y, 1.3) for c in (-z, z)])
    return body.ras(corners * [body.half[0], body.half[1], body.height])


def _between(above: Body, below: Body) -> Callable[[np.ndarray], np.ndarray]:
    def inside(ras: np.ndarray) -> np.ndarray:
        high, low = above.local(ras), below.local(ras)
        under = high[:, 2] < above.lower.height(high[:, 0], high[:, 1], above.half)
        over = low[:, 2] > below.upper.height(low[:, 0], low[:, 1], below.half)
        near = (high[:, 2] > -above.height * 1.3) & (low[:, 2] < below.height * 1.3)
        return under & over & near & (above.radial(high) + below.radial(low) <= 2.0)

    return inside


def _arch(body: Body, tube: Tube, ras: np.ndarray) -> np.ndarray:
    """Pedicles, lamina, spinous and transverse processes; of the sacrum its wings and the roof of its canal."""
    x, y, z = np.moveaxis(body.local(ras), -1, 0)
    half_x, half_y = body.half
    thick = 0.16 * half_x + 1.5
    if body.name == "S1":
        wings = (
            (np.abs(x) > 0.85 * half_x)
            & (np.abs(x) < 2.0 * half_x)
            & (z < 0.22 * body.height - 0.15 * np.abs(x))
            & (np.abs(y + 4) < half_y)
        )
        below = (np.abs(x) < 1.5 * half_x) & (z < -0.4 * body.height) & (z > -body.height) & (np.abs(y) < 0.8 * half_y)
        return (wings & (z > -body.height)) | below
    near = np.zeros(len(ras), bool)
    level = np.abs(z + 0.05 * body.height) < 0.40 * body.height
    near[level] = True
    radius, toward, _ = tube.radius(ras[near], thicker=thick)
    inner, _, _ = tube.radius(ras[near], thicker=1.0)
    lamina = np.zeros(len(ras), bool)
    lamina[near] = (radius <= 1.0) & (inner > 1.0) & (toward < 2.0)
    canal_y = float(body.local(tube.axis[tube.at_plane(body.center, body.axes[:, 2])])[1])
    across = np.sqrt((np.abs(x) - 0.66 * half_x) ** 2 + (z - 0.15 * body.height) ** 2)
    pedicles = (across < 0.22 * body.height) & (y < -0.55 * half_y) & (y > canal_y - 2)
    process = (
        (np.abs(x) < 3.0)
        & (y < canal_y - 9)
        & (y > canal_y - 9 - 1.3 * half_y)
        & (np.abs(z + 0.35 * (canal_y - 9 - y)) < 0.22 * body.height)
    )
    transverse = (
        (np.abs(x) > 0.5 * half_x) & (np.abs(x) < 2.0 * half_x) & (np.abs(y - canal_y - 2) < 4) & (np.abs(z - 0.1 * body.height) < 4)
    )
    return (lamina | pedicles | process | transverse) & (y < -0.5 * half_y)


def drawn_labels(spine: DrawnSpine, grid: Grid) -> tuple[Volume, dict[int, str]]:
    """The spine as a label map, and keys by label value."""
    labels = np.zeros(grid.shape, np.uint16)
    names = {}
    for key, around, holds in _parts(spine):
        part = _part_of(grid, around)
        if part is None:
            continue
        box, ras = part
        inside = holds(ras).reshape(labels[box].shape)
        labels[box][inside & (labels[box] == 0)] = structure(key).label
        names[structure(key).label] = key
    return Volume(labels, grid.affine), names


def drawn_probabilities(spine: DrawnSpine, grid: Grid, finer: int = 2) -> dict[str, Volume]:
    """Shares of each voxel that its structures fill, by structure's key, from a grid ``finer`` times as fine along each axis."""
    fine_affine = np.array(grid.ijk_to_ras)
    fine_affine[:3, :3] /= finer
    fine_affine[:3, 3] -= fine_affine[:3, :3] @ np.full(3, (finer - 1) / 2)
    labels, names = drawn_labels(spine, Grid(triple(n * finer for n in grid.shape), fine_affine))
    shares = {}
    k, j, i = grid.shape
    for label, key in names.items():
        fine = (labels.voxels == label).reshape(k, finer, j, finer, i, finer)
        shares[key] = Volume(fine.mean((1, 3, 5), dtype=np.float32), grid.affine)
    return shares
