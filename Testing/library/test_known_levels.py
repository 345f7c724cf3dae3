"""A mask takes its levels from another one of the same patient, by where its vertebrae lie."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.errors import InputError
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.known_levels import keys_by_levels, name_levels, places_in
from neurospineseg.pipeline.run import Run
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.spine.known_levels import anchor
from neurospineseg.tasks.spine.renumbering import Piece, Variant

NUMBERED = ("vertebra_4", "disc_3", "vertebra_3", "disc_2", "vertebra_2", "disc_1", "vertebra_1")


def chain(first: int, levels: tuple[str, ...], behind: float = 0.0) -> dict[str, tuple[float, float, float]]:
    """Vertebrae downward, 34 mm apart on a slant, the first ``first`` steps from the top."""
    return {f"vertebra_{level}": (3.0, 5.0 * n - behind, -34.0 * (n + first)) for n, level in enumerate(levels)}


def pieces(count: int) -> dict[str, Piece]:
    return {f"v{n}": Piece("vertebra_1", (0.0, 5.0 * n, -34.0 * n)) for n in range(count)}


def boxes(keys: tuple[str, ...] = NUMBERED) -> tuple[Volume, dict[int, str]]:
    """Structures one above the other, the first uppermost, 20 mm each."""
    labels = np.zeros((4 * len(keys), 6, 6), np.uint16)
    for number, key in enumerate(keys):
        labels[4 * (len(keys) - 1 - number) : 4 * (len(keys) - number)] = structure(key).label
    return Volume(labels, np.diag([5.0, 5.0, 5.0, 1.0])), {structure(key).label: key for key in keys}


def test_bodies_take_the_levels_of_whole_vertebrae_behind_them() -> None:
    found = anchor(pieces(4), chain(0, ("T12", "L1", "L2", "L3"), behind=25.0))
    assert (found.level, found.matched, found.agreeing) == ("T12", 4, 4)


def test_a_part_of_the_other_mask_is_enough() -> None:
    found = anchor(pieces(4), {"vertebra_L4": (0.0, 10.0, -68.0)})
    assert (found.segment, found.level, found.matched) == ("v2", "L4", 1)


def test_six_lumbar_vertebrae_are_taken_over() -> None:
    found = anchor(pieces(3), chain(0, ("L4", "L5", "L6")))
    assert found.variant is Variant.L6


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"vertebra_2": (0.0, 0.0, 0.0)}, "names no vertebra"),
        (chain(30, ("L1", "L2")), "No vertebra lies where"),
        ({"vertebra_L1": (0.0, 0.0, 0.0), "vertebra_L4": (0.0, 5.0, -34.0)}, "contradict"),
    ],
)
def test_what_does_not_fit_is_said(known: dict[str, tuple[float, float, float]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        anchor(pieces(4), known)


def test_vertebrae_that_the_levels_leave_no_room_for_are_said() -> None:
    with pytest.raises(InputError, match="would lie below L5"):
        anchor(pieces(5), {"vertebra_L4": (0.0, 10.0, -68.0)})


def test_discs_follow() -> None:
    labels, keys = boxes()
    found, notes = keys_by_levels(labels, keys, {"vertebra_L3": places_in(labels, keys)["vertebra_3"]})
    assert list(found.values()) == [
        "vertebra_L2",
        "disc_L2_L3",
        "vertebra_L3",
        "disc_L3_L4",
        "vertebra_L4",
        "disc_L4_L5",
        "vertebra_L5",
    ]
    assert notes[0].startswith("Levels were taken from another mask: 1 of 1")


def finished_run(**settings: object) -> Run:
    labels, keys = boxes()
    run = Run.__new__(Run)
    run.mask, run.settings = labels, Settings.of(settings)
    run.structures = [structure(key) for key in sorted(NUMBERED)]
    run.ml = {structure(key).label: 1.0 for key in NUMBERED}
    run.of_rules, run.warnings = {"numbering": {"note": "Counted.", "sacrum": False}}, ["Counted.", "Another."]
    return run


def test_a_run_is_renamed_with_its_record() -> None:
    run = finished_run()
    before = run.mask.voxels.copy()
    mask = name_levels(run, {"vertebra_L3": (15.0, 15.0, 87.5)})
    assert (mask.voxels[before == structure("vertebra_1").label] == structure("vertebra_L5").label).all()
    assert [each.key for each in run.structures][:3] == ["vertebra_L2", "vertebra_L3", "vertebra_L4"]
    assert run.ml[structure("vertebra_L5").label] == 1.0
    assert "Counted." not in run.warnings
    assert run.of_rules["numbering"]["from_mask"] == {"matched": 1, "agreeing": 1}


def test_a_choice_of_structures_by_their_former_names_is_refused() -> None:
    with pytest.raises(InputError, match="ask for all of them"):
        name_levels(finished_run(structures="vertebra_1"), {"vertebra_L3": (15.0, 15.0, 87.5)})


def written(path: Path, keys: tuple[str, ...]) -> str:
    labels, named = boxes(keys)
    write_segmentation(labels, [FileSegment(key, structure(key).name, value, (9, 9, 9)) for value, key in named.items()], path)
    return str(path)


def test_the_shell_measures_with_the_levels_of_another_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = written(tmp_path / "mine.seg.nrrd", NUMBERED)
    other = written(
        tmp_path / "whole.seg.nrrd",
        ("vertebra_T12", "disc_T12_L1", "vertebra_L1", "disc_L1_L2", "vertebra_L2", "disc_L2_L3", "vertebra_L3"),
    )
    assert main(["measure", mine, "--levels-from", other, "-o", str(tmp_path / "table.csv")]) == DONE
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        places = {row["place_key"] for row in csv.DictReader(file)}
    assert {"vertebra_T12", "vertebra_L3"} <= places
    assert "4 of 4 vertebrae" in capsys.readouterr().err


def test_levels_from_a_mask_without_any_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = written(tmp_path / "mine.seg.nrrd", NUMBERED)
    assert main(["measure", mine, "--levels-from", mine, "-o", str(tmp_path / "table.csv")]) == BAD_INPUT
    assert "names no vertebra by its level" in capsys.readouterr().err


RIBBED = ("vertebra_T11", "vertebra_T12", "vertebra_L1", "vertebra_L2", "vertebra_L3", "vertebra_L4", "vertebra_L5", "sacrum")


def with_ribs(path: Path, *borne_by: str) -> str:
    """A mask of another program, with a rib beside some vertebrae."""
    labels, named = boxes(RIBBED)
    voxels = np.pad(labels.voxels, ((0, 0), (0, 0), (0, 8)))
    segments = [FileSegment(key, structure(key).name, value, (9, 9, 9)) for value, key in named.items()]
    for number, key in enumerate(borne_by, 300):
        rows = np.flatnonzero((labels.voxels == structure(key).label).any((1, 2)))
        voxels[rows[1] : rows[-1], 2:4, 6:13] = number
        segments.append(FileSegment(f"Segment_{number}", f"rib_left_{number}", number, (9, 9, 9)))
    write_segmentation(Volume(voxels, labels.ijk_to_ras), segments, path)
    return str(path)


def test_ribs_of_another_programs_mask_are_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = with_ribs(tmp_path / "ribs.seg.nrrd", "vertebra_T11", "vertebra_T12")
    assert main(["measure", mask, "-o", str(tmp_path / "table.csv")]) == DONE
    assert "by count it is L5 (99 % likely" in capsys.readouterr().err


def test_ribs_one_vertebra_lower_speak_for_four_lumbar_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = with_ribs(tmp_path / "ribs.seg.nrrd", "vertebra_T12", "vertebra_L1")
    assert main(["measure", mask, "-o", str(tmp_path / "table.csv")]) == DONE
    told = capsys.readouterr().err
    assert "The lowest vertebra is named L5; by count it is L4 (" in told
    assert "4 vertebrae below the lowest ribs" in told


def test_parts_of_one_vertebra_get_one_name() -> None:
    labels, keys = boxes(("vertebra_L2", "vertebra_L3", "vertebra_L4"))
    body = structure("vertebra_L3").label
    voxels = labels.voxels.copy()
    voxels[:, 3:][voxels[:, 3:] == body] = 900
    parts, named = Volume(voxels, labels.ijk_to_ras), {**keys, 900: "vertebra_L3"}
    assert places_in(parts, named) == places_in(labels, keys)
    found, _ = keys_by_levels(parts, named, {"vertebra_L4": places_in(labels, keys)["vertebra_L3"]})
    assert (found[body], found[900]) == ("vertebra_L4", "vertebra_L4")
