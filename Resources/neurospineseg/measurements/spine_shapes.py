"""The bodies, discs and canal of a mask of the spine, as shapes in the patient's space, from the uppermost downward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurospineseg.images.volume import Volume
from neurospineseg.measurements.body_directions import body_middle, frames_of, points_in
from neurospineseg.measurements.body_frame import Frame
from neurospineseg.measurements.body_shape import BodyShape, fit_body
from neurospineseg.measurements.canal_shape import CanalShape, canal_axis, fit_canal
from neurospineseg.measurements.mask_field import INSIDE, MaskField, field_of, probable_field
from neurospineseg.measurements.measuring import MeasuredMask
from neurospineseg.tasks.anatomy import family
from neurospineseg.tasks.spine.levels import place_of, structure_at, variant_of
from neurospineseg.tasks.spine.renumbering import Variant

SACRUM, CANAL = "sacrum", "spinal_canal"
PARTS_OF = {"vertebra": ("vertebra_body", "vertebra_arch"), "disc": ("disc",), "sacrum": ("sacrum",), "canal": ("canal",)}
"""Classes of the network that a family's structures are made of."""
LEAST_ML = 0.5
SACRUM_BELOW_MM = 30.0


@dataclass(frozen=True, eq=False)
class SpineShapes:
    """What is seen of a spine, each by its structure's key.

    Attributes:
        order: keys of the vertebrae from the uppermost downward, and the sacrum's.
        places: number of vertebrae below each; -1 for the sacrum.
        variant: the kind of spine that the names belong to.
        neutral: whether the names are numbers.
        fields: masks of them, of the discs and the canal.
        bodies: shapes of the bodies; the sacrum's has an upper endplate alone. What could not be fitted is left out.
        discs: shapes of those discs that lie between bodies that are not both measured.
        canal: None where there is none.
        forward: the mean direction that bodies face, RAS.
        upward: of the column, RAS.
    """

    order: tuple[str, ...]
    places: Mapping[str, int]
    variant: Variant
    neutral: bool
    fields: Mapping[str, MaskField]
    bodies: Mapping[str, BodyShape]
    discs: Mapping[str, BodyShape]
    canal: CanalShape | None
    forward: np.ndarray
    upward: np.ndarray

    def disc_below(self, key: str) -> str | None:
        """The key of the disc below a vertebra."""
        found = structure_at("disc", self.places[key], self.variant, self.neutral)
        return found.key if found else None

    def next_below(self, key: str) -> str | None:
        """The vertebra or sacrum right below, None where it is not in the mask."""
        below = self.places[key] - 1
        return next((other for other, place in self.places.items() if place == below and other in self.order), None)


def spine_shapes(mask: MeasuredMask, level: float = 0.5) -> SpineShapes:
    """Fits all that a mask of the spine shows, at a value of the probabilities where there are any."""
    keys = list(dict.fromkeys(mask.names.values()))
    variant = variant_of(keys)
    fields = {key: field for key in keys if (field := _field(mask, key, level)) is not None}
    places = {key: place for key in fields if (place := place_of(key, variant)) is not None}
    places |= {SACRUM: -1} if SACRUM in fields else {}
    vertebrae = sorted((key for key in places if family(key) == "vertebra" or key == SACRUM), key=lambda key: -places[key])
    neutral = any(key.split("_")[1].isdigit() for key in vertebrae if key != SACRUM)
    centers = {key: body_middle(fields[key]) for key in vertebrae if key != SACRUM}
    chain = _chain(fields, places, centers)
    frames, forward, upward = frames_of(chain, centers, fields, fields.get(CANAL))
    bodies = {key: shape for key, frame in frames.items() if (shape := _body(fields[key], frame, key)) is not None}
    partial = SpineShapes(tuple(vertebrae), places, variant, neutral, fields, bodies, {}, None, forward, upward)
    if SACRUM in fields and (sacrum := _sacrum(partial)) is not None:
        bodies[SACRUM] = sacrum
    discs = _lone_discs(partial)
    middles = {**chain, **{key: shape.frame.center for key, shape in bodies.items() if key != SACRUM}}
    canal = _canal(fields.get(CANAL), [middles[key] for key in _ordered(middles, places)], bodies, forward)
    return SpineShapes(tuple(vertebrae), places, variant, neutral, fields, bodies, discs, canal, forward, upward)


def _field(mask: MeasuredMask, key: str, level: float) -> MaskField | None:
    own = [label for label, name in mask.names.items() if name == key]
    kind = SACRUM if key == SACRUM else family(key)
    if key in mask.probabilities:
        return probable_field(mask.probabilities[key], mask.labels, own, [], level)
    parts = [mask.probabilities[name] for name in PARTS_OF.get(kind, ()) if name in mask.probabilities]
    if not parts:
        return field_of(mask.labels, own)
    others = [label for label, name in mask.names.items() if name != key and family(name) == family(key)]
    total = Volume(np.sum([part.voxels for part in parts], axis=0), parts[0].ijk_to_ras)
    return probable_field(total, mask.labels, own, others, level)


def _middle(field: MaskField) -> np.ndarray:
    return points_in(field).mean(0)


def _ordered(keys: Mapping[str, np.ndarray], places: Mapping[str, int]) -> list[str]:
    """Vertebrae and discs from the uppermost downward; a disc's place is that of the vertebra above it."""
    return sorted(keys, key=lambda key: -places[key] + (0.5 if family(key) == "disc" else 0.0))


def _chain(fields: Mapping[str, MaskField], places: Mapping[str, int], centers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Middles of bodies and discs, from the uppermost downward."""
    discs = {key: _middle(fields[key]) for key in places if family(key) == "disc" and (fields[key].values >= fields[key].level).any()}
    middles = {**centers, **discs}
    return {key: middles[key] for key in _ordered(middles, places)}


def _body(field: MaskField, frame: Frame, key: str) -> BodyShape | None:
    """A vertebra's body; None for the atlas, which has none, and where it cannot be told."""
    if key == "vertebra_C1" or (field.values >= field.level).sum() * field.part.voxel_volume_ml < LEAST_ML:
        return None
    offsets = np.array([[x, y, 0.0] for x in (-4.0, 0.0, 4.0) for y in (-4.0, 0.0, 4.0)])
    heights = []
    for sign in (1.0, -1.0):
        distance, state = field.exits(frame.ras(offsets), sign * frame.axes[:, 2], 40.0)
        heights.append(float(np.median(distance[state == INSIDE])) if (state == INSIDE).any() else 12.0)
    middle = Frame(frame.ras(np.array([0.0, 0.0, (heights[0] - heights[1]) / 2])), frame.axes)
    return fit_body(field, middle, max(3.0, sum(heights) / 2))


def _sacrum(shapes: SpineShapes) -> BodyShape | None:
    """The upper endplate of S1, below the lowest vertebra or, where that is missing, below the lowest disc."""
    lowest = next((key for key, place in shapes.places.items() if place == 0 and key in shapes.bodies), None)
    above = shapes.bodies[lowest].lower if lowest else None
    field = shapes.fields[SACRUM]
    if lowest is None or above is None:
        return None
    body = shapes.bodies[lowest]
    offsets = np.array([[x, y] for x in np.linspace(-0.5, 0.5, 5) * body.half[0] for y in np.linspace(-0.6, 0.6, 7) * body.half[1]])
    right, center = np.cross(above.forward, above.normal), (above.front + above.back) / 2
    starts = center + offsets[:, :1] * right + offsets[:, 1:] * above.forward
    along = np.arange(0.0, SACRUM_BELOW_MM, 0.5)
    values = field.at(starts[:, None] - along[:, None] * above.normal)
    entered = (values >= field.level) & ~np.isnan(values)
    hit = entered.any(1)
    if hit.sum() < 0.3 * len(starts):
        return None
    places = starts[hit] - along[entered[hit].argmax(1)][:, None] * above.normal
    middle, normal = _plane(places)
    up = normal * np.sign(normal @ above.normal)
    inner = 10.0
    start = Frame.of(middle - inner * up, up, body.frame.axes[:, 1])
    return fit_body(field, start, inner, lower_too=False, most_half_width=0.95 * body.half[0])


def _plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and normal of a plane through most of some points (N, 3)."""
    kept = points
    for _ in range(4):
        middle = np.median(kept, axis=0)
        normal = np.linalg.svd(kept - kept.mean(0))[2][2]
        away = np.abs((points - kept.mean(0)) @ normal)
        kept = points[away <= max(2.0, 2.0 * float(np.median(away)))]
    return middle, normal


def _lone_discs(shapes: SpineShapes) -> dict[str, BodyShape]:
    """Shapes of discs that lack a measured endplate above or below."""
    found = {}
    for key, place in shapes.places.items():
        if family(key) != "disc":
            continue
        upper = next((name for name, each in shapes.places.items() if each == place and name in shapes.bodies), None)
        lower = next((name for name, each in shapes.places.items() if each == place - 1 and name in shapes.bodies), None)
        if upper and lower and shapes.bodies[upper].lower and shapes.bodies[lower].upper:
            continue
        beside = upper or lower
        axes = shapes.bodies[beside].frame.axes if beside else np.stack([shapes.forward, shapes.forward, shapes.upward], -1)
        up, front = axes[:, 2], axes[:, 1]
        shape = fit_body(shapes.fields[key], Frame.of(_middle(shapes.fields[key]), up, front), 4.0)
        if shape is not None:
            found[key] = shape
    return found


def _canal(field: MaskField | None, middles: list[np.ndarray], bodies: Mapping[str, BodyShape], forward: np.ndarray) -> CanalShape | None:
    if field is None or len(middles) < 2:
        return None
    axis = canal_axis(field, np.array(middles))
    return None if axis is None else fit_canal(field, axis, forward)
