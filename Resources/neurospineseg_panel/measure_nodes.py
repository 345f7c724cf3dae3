"""What comes into the scene with a measured segmentation, in pieces: the table, and what was there before brought up to date."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.measurements.measurement import Measurements
from neurospineseg.mrml.pieces import Pieces
from neurospineseg_panel.acpc_transform import place_acpc
from neurospineseg_panel.measure_edits import edits_in, new_place, remember_edits, with_edits
from neurospineseg_panel.measure_folder import KEY_ATTRIBUTE, TABLE, own_node, own_nodes, remove_nodes
from neurospineseg_panel.measure_marks import CLASSES, MARK, mark_key, mark_name, place_mark
from neurospineseg_panel.measure_plots import plotting
from neurospineseg_panel.measure_table import read_table_node, write_table_node
from neurospineseg_panel.measured_segmentation import MeasuredSegmentation


def measuring_nodes(result: MeasuredSegmentation, notes: list[str], keep_edits: bool = True) -> Pieces[MeasuredSegmentation]:
    """Puts measurements into the scene, in the place of earlier ones of the same segmentation.

    Args:
        notes: sentences for the user; what happens to edited numbers is added.
        keep_edits: whether numbers that a person has moved stay as they are.
    """
    known = own_nodes(result.node)
    yield
    table, edits = known.get(TABLE), list[tuple[str, str]]()
    before = read_table_node(table)[1] if table is not None else {}
    if table is not None:
        result, edits = _with_edits(result, table, notes, keep_edits)
    yield
    table = own_node(result.node, TABLE, "vtkMRMLTableNode", _("{name} measurements").format(name=result.node.GetName()), known)
    write_table_node(table, result.measured, dict(result.segments))
    remember_edits(table, edits)
    yield
    yield from _marks_following(result, known, before)
    yield from plotting(result.node, result.measured, known)
    place_acpc(result.node, result.measured, known)
    return result


def _with_edits(
    result: MeasuredSegmentation, table: Any, notes: list[str], keep: bool
) -> tuple[MeasuredSegmentation, list[tuple[str, str]]]:
    """The result with edited numbers; says what becomes of them."""
    if not keep:
        if count := len(edits_in(table)):
            notes.append(_("Edited numbers were replaced by measured ones ({count}).").format(count=count))
        return result, []
    measured, edits, lost = with_edits(result.measured, result.segments, table)
    if edits:
        notes.append(_("Edited numbers were kept as they are ({count}); uncheck 'Keep edits' to replace them.").format(count=len(edits)))
    if lost:
        names = ", ".join([*(mark_name(each) for each in lost[:4]), *(["..."] if len(lost) > 4 else [])])
        notes.append(_("Edited numbers that are not there any more were dropped: {names}.").format(names=names))
    return replace(result, measured=measured), edits


def _marks_following(result: MeasuredSegmentation, known: dict[str, Any], before: dict[str, str]) -> Pieces[None]:
    """Moves and renames the marks that are there already; those of numbers that are gone are removed."""
    marks = {key: known.pop(key) for key in list(known) if key.startswith(MARK)}
    for key, node in marks.items():
        number = _number_of(result.measured, key, before, result.segments)
        new = None if number is None else mark_key(result.measured.items, number)
        each = None if number is None else result.measured.items[number]
        if each is None or new is None or new in known or CLASSES.get(each.shape) != node.GetClassName():
            remove_nodes([node])
        else:
            node.SetAttribute(KEY_ATTRIBUTE, new)
            node.SetName(mark_name(each))
            place_mark(result.node, node, each)
            known[new] = node
        yield


def _number_of(measured: Measurements, key: str, before: dict[str, str], now: Any) -> int | None:
    """The number of the measurement that a mark belonged to, after renumbering too."""
    place, _slash, name = key.removeprefix(MARK).rpartition("/")
    wanted = (new_place(place, before, now) if before else place, name)
    return next((number for number, each in enumerate(measured) if (each.place, each.key) == wanted and each.points), None)
