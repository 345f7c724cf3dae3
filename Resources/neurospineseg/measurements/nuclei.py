"""What is measured on the deep nuclei: volumes, and places in the frame of the commissures; never a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.measurements.ac_pc import AcPc, ac_pc_of_nuclei
from neurospineseg.measurements.measurement import FEW_VOXELS, UNSURE, Measurement, Measurements, as_points, spread
from neurospineseg.measurements.measuring import MeasuredMask
from neurospineseg.measurements.midline import mid_plane
from neurospineseg.measurements.probabilities import probability_on
from neurospineseg.measurements.published import published
from neurospineseg.measurements.reach import surface_points
from neurospineseg.measurements.structure_box import around_structures, edge_flags
from neurospineseg.measurements.volumes import LEVELS, volume_bar, volume_ml
from neurospineseg.tasks.structure import Structure
from neurospineseg.tasks.subcortical.declaration import TASK

FEW = 30
UNSURE_MM = 2.0
"""A frame whose commissures may be off by more is flagged."""
SAME_PLANE_MM, SAME_PLANE_DEGREES = 4.0, 6.0
"""A mid-plane of the scan counts where it is this near to that of the nuclei."""
AXES = (("lateral", "Lateral (right positive)"), ("front_back", "Front-back (front positive)"), ("up_down", "Up-down (up positive)"))
ENDS = ((("leftmost", "rightmost"), 0), (("rearmost", "foremost"), 1), (("lowest", "highest"), 2))
END_NAMES = {
    "leftmost": "Leftmost point, lateral",
    "rightmost": "Rightmost point, lateral",
    "rearmost": "Rearmost point, front-back",
    "foremost": "Foremost point, front-back",
    "lowest": "Lowest point, up-down",
    "highest": "Highest point, up-down",
}


@dataclass(frozen=True)
class _Nucleus:
    """One nucleus of a mask.

    Attributes:
        mask: bool (K, J, I).
        likely: its probability (K, J, I), if it is given.
        centroid: RAS mm, (3,).
        volume: its volume, whose flags the others have too.
    """

    structure: Structure
    mask: np.ndarray
    likely: np.ndarray | None
    centroid: np.ndarray
    volume: Measurement

    @property
    def key(self) -> str:
        return self.structure.key

    def levels(self, grid: Grid) -> list[np.ndarray]:
        """Centroids where the probability exceeds .3, .5 and .7; none without one."""
        return [] if self.likely is None else [grid.centroid(self.likely > level) for level in LEVELS if (self.likely > level).any()]


def measure_nuclei(measured: MeasuredMask) -> Measurements:
    """The commissures, then each nucleus, then distances between nuclei and left against right.

    The commissures are found from the places of the nuclei, whose relation to them is known from an atlas, and moved onto the scan's mid-plane
    where a scan is given; their error bars say how sure that is.
    """
    nuclei, grid = _nuclei(measured)
    frame = ac_pc_of_nuclei({key: nucleus.centroid for key, nucleus in nuclei.items()})
    notes = []
    if frame is None:
        notes.append("Coordinates are not told: too few nuclei on either side to find the commissures by.")
    elif measured.scan is not None:
        frame, note = _on_the_scan(frame, measured)
        notes.append(note)
    if frame is not None:
        notes.append("Coordinates are mm from the point midway between the commissures: right, front and up are positive.")
    return nuclei_in_frame(nuclei, grid, frame, notes)


def measure_nuclei_in(measured: MeasuredMask, frame: AcPc) -> Measurements:
    """The same in a frame that is known, such as one whose points a person has moved."""
    return nuclei_in_frame(*_nuclei(measured), frame, [])


def nuclei_in_frame(nuclei: Mapping[str, _Nucleus], grid: Grid, frame: AcPc | None, notes: list[str]) -> Measurements:
    """All measures of nuclei; without a frame those that need none."""
    items: list[Measurement] = [] if frame is None else list(_commissures(frame))
    for nucleus in nuclei.values():
        items.append(nucleus.volume)
        if frame is not None:
            items += [*_center(nucleus, grid, frame), *_ends(nucleus, grid, frame)]
    items += [*_distances(nuclei, grid, frame), *_sides(nuclei)]
    sources = [f"Published: {each.name}{f' of the {each.place_name}' if each.place_name else ''}: {known}."
               for each in items if (known := published(each.key, each.place)) is not None]  # fmt: skip
    return Measurements("subcortical", tuple(items), (*notes, *sources))


def _nuclei(measured: MeasuredMask) -> tuple[dict[str, _Nucleus], Grid]:
    """Those that the mask holds, by key, and the part of its grid that they lie on."""
    part = around_structures(measured)
    grid, found = part.labels.grid, {}
    for structure in TASK.structures:
        mask = part.mask(structure.key)
        if not mask.any():
            continue
        given = measured.probabilities.get(structure.key)
        likely = None if given is None else probability_on(given, grid)
        found[structure.key] = _Nucleus(structure, mask, likely, grid.centroid(mask), _volume(structure, mask, likely, grid))
    return found, grid


def _volume(structure: Structure, mask: np.ndarray, likely: np.ndarray | None, grid: Grid) -> Measurement:
    few = (FEW_VOXELS,) if np.count_nonzero(mask) < FEW else ()
    low, high = volume_bar(mask, grid, likely)
    flags = (*edge_flags(mask), *few)
    return Measurement(
        "volume", "Volume", structure.key, structure.name, "mL", volume_ml(mask, grid), low, high, flags=flags, group="Nuclei"
    )


def _on_the_scan(frame: AcPc, measured: MeasuredMask) -> tuple[AcPc, str]:
    assert measured.scan is not None
    plane = mid_plane(measured.scan)
    if plane is None:
        return frame, "The scan shows no mid-plane; that of the nuclei is taken."
    apart = max(abs(plane.distance(point)) for point in (frame.ac, frame.pc))
    lean = np.degrees(np.arccos(np.clip(plane.normal @ frame.to_ras.axes[:, 0], -1, 1)))
    if apart > SAME_PLANE_MM or lean > SAME_PLANE_DEGREES:
        return (
            frame,
            f"The scan's mid-plane is {apart:.1f} mm and {lean:.0f} degrees off that of the nuclei, which is taken; look at it closely.",
        )
    return frame.refined(plane), "The commissures lie on the mid-plane of the scan."


def _commissures(frame: AcPc) -> Iterator[Measurement]:
    flags = (UNSURE,) if frame.error_mm > UNSURE_MM else ()
    error = frame.error_mm
    length = Measurement(
        "ac_pc_length", "Anterior to posterior commissure", "", "", "mm", frame.length, frame.length - error, frame.length + error,
        "line", as_points([frame.ac, frame.pc]), flags, "Commissures",
    )  # fmt: skip
    yield length
    for key, name, point in (
        ("ac", "Anterior commissure", frame.ac),
        ("pc", "Posterior commissure", frame.pc),
        ("midline", "Midline point", frame.midline),
    ):
        for axis, value in zip("ras", point.tolist()):
            yield replace(
                length, key=axis, name=axis.upper(), place=key, place_name=name, value=value, low=value - error, high=value + error,
                shape="point", points=as_points([point]),
            )  # fmt: skip


def _framed(base: Measurement, frame: AcPc) -> tuple[str, ...]:
    return (*base.flags, *((UNSURE,) if frame.error_mm > UNSURE_MM else ()))


def _center(nucleus: _Nucleus, grid: Grid, frame: AcPc) -> Iterator[Measurement]:
    """The centroid's three coordinates; their error bars hold those of the commissures."""
    base = nucleus.volume
    base = replace(base, unit="mm", shape="point", points=as_points([nucleus.centroid]), flags=_framed(base, frame))
    own = frame.of_ras(nucleus.centroid)
    levels = [frame.of_ras(each) for each in nucleus.levels(grid)]
    least = frame.error_mm + (0.0 if levels else float(grid.spacing.max()) / 2)
    for axis, (key, name) in enumerate(AXES):
        value = float(own[axis])
        low, high = spread(value, [float(each[axis]) for each in levels], least)
        yield replace(base, key=key, name=f"Center, {name[:1].lower()}{name[1:]}", value=value, low=low, high=high)


def _ends(nucleus: _Nucleus, grid: Grid, frame: AcPc) -> Iterator[Measurement]:
    """How far it reaches to the left and right, to the rear and front, down and up."""
    base = nucleus.volume
    base = replace(base, unit="mm", shape="point", flags=_framed(base, frame))
    surface = surface_points(nucleus.mask, grid.affine)
    own = frame.of_ras(surface)
    least = frame.error_mm + float(grid.spacing.max()) / 2
    for keys, axis in ENDS:
        for key, number in zip(keys, (own[:, axis].argmin(), own[:, axis].argmax())):
            value, point = float(own[number, axis]), as_points([surface[number]])
            yield replace(base, key=key, name=END_NAMES[key], value=value, low=value - least, high=value + least, points=point)


def _distances(nuclei: Mapping[str, _Nucleus], grid: Grid, frame: AcPc | None) -> Iterator[Measurement]:
    """From the red nucleus to the subthalamic nucleus of each side, center to center, and its three parts in the frame."""
    for side in ("left", "right"):
        stn, red = nuclei.get(f"{side}_subthalamic_nucleus"), nuclei.get(f"{side}_red_nucleus")
        if stn is None or red is None:
            continue
        step, away = float(grid.spacing.max()) / 2, stn.centroid - red.centroid
        value, flags = float(np.linalg.norm(away)), tuple(dict.fromkeys((*stn.volume.flags, *red.volume.flags)))
        base = Measurement(
            "stn_from_red_nucleus", "Subthalamic from red nucleus, centers", side, side.capitalize(), "mm", value, value - step, value + step,
            "line", as_points([red.centroid, stn.centroid]), flags, "Distances",
        )  # fmt: skip
        yield base
        if frame is None:
            continue
        for (key, name), part in zip(AXES, (frame.to_ras.linear.T @ away).tolist()):
            words = f"{base.name}, {name[:1].lower()}{name[1:]}"
            yield replace(
                base, key=f"{base.key}_{key}", name=words, value=part, low=part - step, high=part + step, flags=_framed(base, frame)
            )


def _sides(nuclei: Mapping[str, _Nucleus]) -> Iterator[Measurement]:
    """By how much the left of a pair is larger than the right, in percent of their mean."""
    for key in dict.fromkeys(key.split("_", 1)[1] for key in nuclei):
        left, right = nuclei.get(f"left_{key}"), nuclei.get(f"right_{key}")
        if left is None or right is None:
            continue
        bars = [left.volume, right.volume]
        value = _percent(left.volume.value, right.volume.value)
        low, high = _percent(bars[0].low, bars[1].high), _percent(bars[0].high, bars[1].low)
        name = left.structure.name.removeprefix("Left ")
        flags = tuple(dict.fromkeys((*bars[0].flags, *bars[1].flags)))
        yield Measurement("left_over_right", "Left larger than right by", key, name[:1].upper() + name[1:], "%", value, low, high, flags=flags, group="Left against right")  # fmt: skip


def _percent(left: float | None, right: float | None) -> float:
    both = (left or 0.0) + (right or 0.0)
    return 0.0 if both == 0 else 200 * ((left or 0.0) - (right or 0.0)) / both
