"""Every malformed input ends in one sentence, soon, in little memory; nothing of it runs, nothing outside its folder is touched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from Testing.hostile.case import written
from Testing.hostile.trial import ROOM
from Testing.hostile.trials import FORMATS, inputs_of, outcomes_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and inotify are Linux's")
INPUTS = [pytest.param(form, each, id=f"{form}-{number}-{each.kind}") for form in FORMATS for number, each in enumerate(inputs_of(form))]
LONGEST_SENTENCE = 620


def _outcome(form: str, name: str) -> dict:
    return outcomes_of(form).by_name[name]


@pytest.mark.parametrize("form, each", INPUTS)
def test_it_ends_in_one_sentence(form: str, each) -> None:
    found = _outcome(form, each.name)
    allowed = ("sentence", "read") if each.harmless else ("sentence",)
    assert found["outcome"] in allowed, f"{each.name}: {found['words']}"


@pytest.mark.parametrize("form", FORMATS)
def test_sentences_are_short_and_of_letters_that_a_terminal_shows(form: str) -> None:
    said = {name: found["words"] for name, found in outcomes_of(form).by_name.items() if found["outcome"] == "sentence"}
    assert {name: words for name, words in said.items() if not words.isprintable() or not 10 < len(words) < LONGEST_SENTENCE} == {}


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_of_a_file_runs_and_nothing_outside_is_touched(form: str) -> None:
    seen = {name: found["seen"] for name, found in outcomes_of(form).by_name.items() if found["seen"]}
    assert seen == {}


@pytest.mark.parametrize("form", FORMATS)
def test_what_lies_outside_is_as_it_was(form: str) -> None:
    assert not outcomes_of(form).decoy_changed


@pytest.mark.parametrize("form", FORMATS)
def test_memory_stays_under_the_cap(form: str) -> None:
    grown = {name: found["grown"] for name, found in outcomes_of(form).by_name.items() if found["grown"] > ROOM // 2}
    assert grown == {}


@pytest.mark.parametrize("form", FORMATS)
def test_names_are_unique(form: str) -> None:
    names = [each.name for each in inputs_of(form)]
    assert len(names) == len(set(names))


def test_there_are_at_least_three_hundred() -> None:
    assert len(INPUTS) >= 300


def test_what_the_inputs_are_made_from_is_read(tmp_path: Path) -> None:
    from neurospineseg.images.volume import read_volume
    from Testing.hostile import bundle_inputs, dicom_inputs, meta_image_inputs, nifti_inputs, nrrd_inputs

    files = {
        "scan.nii": nifti_inputs.single(),
        "scan.nrrd": nrrd_inputs.text() + nrrd_inputs.VOXELS,
        "scan.mha": meta_image_inputs.text("LOCAL") + meta_image_inputs.VOXELS,
    }
    shapes = {name: read_volume(written(tmp_path, name, content)).shape for name, content in files.items()}
    assert set(shapes.values()) == {(7, 8, 9)}
    assert len(read_volume(dicom_inputs.series(tmp_path / "series")).shape) == 3
    bundle_inputs.run(bundle_inputs.folder_of(tmp_path))
