"""The true sizes of drawn spines, from the functions that their voxels are drawn with, not from voxels."""

from __future__ import annotations

import numpy as np

from Testing.known_sizes.drawn_body import Body, Plate
from Testing.known_sizes.drawn_canal import Tube
from Testing.known_sizes.drawn_spines import DrawnSpine


def true_sizes(spine: DrawnSpine) -> dict[tuple[str, str], float]:
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


def _canal_truth(tube: Tube, key: str, point: np.ndarray, normal: np.ndarray) -> dict[tuple[str, str], float]:
    heights = (tube.axis - point) @ normal
    if heights.min() > 0 or heights.max() < 0:
        return {}
    number = tube.at_plane(point, normal)
    return {
        ("canal_depth", key): 2 * float(tube.depths[number]),
        ("canal_area", key): float(np.pi * tube.depths[number] * tube.widths[number]),
    }


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


def _mean_normal(body: Body) -> np.ndarray:
    total = body.upper.normal + body.lower.normal
    return total / np.linalg.norm(total)


def _right_of(above: Body, below: Body) -> np.ndarray:
    ups = [above.axes @ above.upper.normal, below.axes @ below.lower.normal if below.name != "S1" else below.axes @ below.upper.normal]
    up = sum(ups) / np.linalg.norm(sum(ups))
    front = above.axes[:, 1] + below.axes[:, 1]
    front = front - front @ up * up
    return np.cross(front / np.linalg.norm(front), up)


def _angle(above: np.ndarray, below: np.ndarray, right: np.ndarray) -> float:
    flat = [each - each @ right * right for each in (below, above)]
    return float(np.degrees(np.arctan2(np.cross(*flat) @ right, flat[0] @ flat[1])))
