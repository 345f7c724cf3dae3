"""Which file becomes which scan of which case: found in folders of many layouts, shown, changed by hand, read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.pipeline.batch import run_batch
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.match_table import match_cases, read_match_table, write_match_table
from Testing.library.test_case_names import END, found, touch
from Testing.library.test_dicom_cases import series

FLAT = {
    "two patients": (["p1_t1c", "p1_flair", "p2_t1c"], {"p1": ["flair", "t1c"], "p2": ["t1c"]}),
    "names without numbers": (["meier_t1c", "meier_flair", "vogel_t1c"], {"meier": ["flair", "t1c"], "vogel": ["t1c"]}),
    "numbers of BraTS": (
        ["B-GLI-1-000-t1c", "B-GLI-1-000-t2f", "B-GLI-1-001-t1c"],
        {"B-GLI-1-000": ["flair", "t1c"], "B-GLI-1-001": ["t1c"]},
    ),
    "how it was taken": (["p1_ax_t1c", "p1_3d_flair", "p1_bet_t2"], {"p1": ["flair", "t1c", "t2"]}),
    "BIDS": (["sub-1_ce-gd_T1w", "sub-1_T1w", "sub-1_FLAIR", "sub-2_FLAIR"], {"sub-1": ["flair", "t1", "t1c"], "sub-2": ["flair"]}),
    "sessions": (["sub-1_ses-1_T1w", "sub-1_ses-2_FLAIR"], {"sub-1_ses-1": ["t1"], "sub-1_ses-2": ["flair"]}),
    "dates": (["p1_2019-03-01_flair", "p1_2020-04-01_t1c"], {"p1_2019-03-01": ["flair"], "p1_2020-04-01": ["t1c"]}),
    "before and after agent": (["p_pre_t1", "p_post_t1", "p_flair"], {"p": ["flair", "t1", "t1c"]}),
    "the contrast alone": (["t1c", "flair"], {"scans": ["flair", "t1c"]}),
    "numbers like years": (["p1999_t1c", "p1999_flair", "p2000_t1c"], {"p1999": ["flair", "t1c"], "p2000": ["t1c"]}),
    "capitals": (["P1_T1C", "p1_flair"], {"P1": ["flair", "t1c"]}),
    "masks beside": (["p1_t1c", "p1_seg", "p1_t1c_mask"], {"p1": ["t1c"]}),
    "beside folders": (["p1_t1c", "p2/p2_t1c", "p2/p2_flair"], {"p1": ["t1c"], "p2": ["flair", "t1c"]}),
    "folders of folders": (["HGG/b1/b1_t1ce", "HGG/b1/b1_flair", "LGG/b2/b2_t1ce"], {"HGG_b1": ["flair", "t1c"], "LGG_b2": ["t1c"]}),
}


@pytest.mark.parametrize("names, cases", FLAT.values(), ids=list(FLAT))
def test_scans_of_several_contrasts_side_by_side(tmp_path: Path, names: list[str], cases: dict[str, list[str]]) -> None:
    touch(tmp_path / "scans", *names)
    assert {case.name: sorted(case.scans) for case in match_cases("tumor", tmp_path / "scans")} == cases


def test_two_files_of_one_contrast_side_by_side_are_a_problem_of_their_case_alone(tmp_path: Path) -> None:
    touch(tmp_path, "p1_t1c", "p1_t1ce", "p2_t1c")
    problems = {case.name: case.problem for case in match_cases("tumor", tmp_path)}
    assert "'p1_t1c.nii.gz' and 'p1_t1ce.nii.gz'" in problems["p1"]
    assert problems["p2"] == ""


NNUNET = {"channel_names": {"0": "T1", "1": "T1Gd", "2": "T2-FLAIR"}}


@pytest.mark.parametrize("chosen", ["", "imagesTr"])
def test_raw_data_of_nnunet(tmp_path: Path, chosen: str) -> None:
    touch(tmp_path, "imagesTr/A_0000", "imagesTr/A_0001", "imagesTr/A_0002", "imagesTr/B_0001", "labelsTr/A", "labelsTr/B")
    (tmp_path / "dataset.json").write_text(json.dumps(NNUNET))
    assert found(match_cases("tumor", tmp_path / chosen)) == {
        "A": {"t1": "A_0000", "t1c": "A_0001", "flair": "A_0002"},
        "B": {"t1c": "B_0001"},
    }


def test_raw_data_of_nnunet_without_names(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/A_0000", "imagesTr/A_0001")
    (case,) = match_cases("tumor", tmp_path)
    assert "'dataset.json'" in case.problem


def test_raw_data_of_nnunet_of_one_channel(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/A_0000", "imagesTr/B_0000", "labelsTr/A")
    assert found(match_cases("spine", tmp_path)) == {"A": {"image": "A_0000"}, "B": {"image": "B_0000"}}


def test_what_told_a_scan_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "p1_t1ce", "p1_ce-gd_t1")
    told = {case.name: dict(case.why) for case in match_cases("tumor", touch(tmp_path / "x", "p1_t1ce", "p2_ce-gd_T1w"))}
    assert told == {"p1": {"t1c": "'t1ce' in its name"}, "p2": {"t1c": "contrast agent in its name"}}


def test_studies_of_a_dicom_tree_are_cases_of_their_own(tmp_path: Path) -> None:
    for number, (day, description) in enumerate([("b", "t1 +KM"), ("b", "t2 flair"), ("a", "t2 flair")], 1):
        series(
            tmp_path / "pat" / day / f"S{number}",
            number,
            description,
            StudyInstanceUID=f"1.2.{ord(day)}",
            StudyDate="20200101",
        )
    cases = match_cases("tumor", tmp_path)
    assert {case.name: sorted(case.scans) for case in cases} == {"pat_a": ["flair"], "pat_b": ["flair", "t1c"]}


def test_studies_are_never_mixed_without_the_table(tmp_path: Path) -> None:
    for number, description in ((1, "t1 +KM"), (2, "t2 flair")):
        series(tmp_path / "cases" / "pat", number, description, StudyInstanceUID=f"1.2.{number}")
    outcomes = run_batch("tumor", tmp_path / "cases", tmp_path / "masks", lambda scans, target: None)
    assert "several studies" in outcomes["pat"]


def test_the_series_that_suits_best_is_the_scan_of_a_task_of_one(tmp_path: Path) -> None:
    for number, description in ((1, "localizer"), (2, "t1 tse sag"), (3, "t2 tse sag")):
        series(tmp_path / "pat", number, description)
    (case,) = match_cases("spine", tmp_path)
    assert case.why["image"] == "series 3, told by its description or folder"


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    touch(tmp_path / "scans", "ä, b_t1c", "ä, b_flair", "p2_t1c")
    cases = match_cases("tumor", tmp_path / "scans")
    write_match_table(tmp_path / "table.csv", cases, "tumor", tmp_path / "scans")
    again = read_match_table(tmp_path / "table.csv", "tumor", tmp_path / "scans")
    assert [(case.name, case.scans) for case in again] == [(case.name, case.scans) for case in cases]


HEAD = "case;t1c;flair\n"


def test_a_table_as_a_german_spreadsheet_saves_it(tmp_path: Path) -> None:
    touch(tmp_path, "x", "y")
    (tmp_path / "t.csv").write_text(f"{HEAD}one;x{END};y{END}\n\n", encoding="utf-8-sig")
    assert found(read_match_table(tmp_path / "t.csv", "tumor", tmp_path)) == {"one": {"t1c": "x", "flair": "y"}}


@pytest.mark.parametrize(
    "content",
    [
        "case\tt1c\r\none\tx.nii.gz\r\n".encode("utf-16"),
        b"sep=;\r\ncase;t1c\r\none;x.nii.gz\r\n",
        b"Case,T1c\rone,x.nii.gz\r",
        b'"case","t1c"\r\n"one","x.nii.gz"\r\n',
    ],
    ids=["UTF-16", "its delimiter is told", "capitals and old line ends", "quotes"],
)
def test_a_table_as_other_spreadsheets_save_it(tmp_path: Path, content: bytes) -> None:
    touch(tmp_path, "x")
    (tmp_path / "t.csv").write_bytes(content)
    assert found(read_match_table(tmp_path / "t.csv", "tumor", tmp_path)) == {"one": {"t1c": "x"}}


def test_of_a_file_that_is_not_found_since_the_table_is_not_utf8_the_cause_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("case,t1c\none,für.nii\n".encode("latin-1"))
    assert "save the table as UTF-8" in read_match_table(tmp_path / "t.csv", "tumor", tmp_path)[0].problem


LINES = {
    "no file": ("one;;", "No scan is chosen"),
    "gone": ("one;gone.nii;", "'gone.nii'"),
    "twice": (f"one;x{END};x{END}", "choose it once"),
}


@pytest.mark.parametrize("line, words", LINES.values(), ids=list(LINES))
def test_a_wrong_line_is_a_problem_of_its_case_alone(tmp_path: Path, line: str, words: str) -> None:
    touch(tmp_path, "x")
    (tmp_path / "t.csv").write_text(f"{HEAD}{line}\ntwo;x{END};\n")
    one, two = read_match_table(tmp_path / "t.csv", "tumor", tmp_path)
    assert words in one.problem
    assert two == Case("two", {"t1c": tmp_path / f"x{END}"}, why={"t1c": "chosen in the table"})


TABLES = {
    "another table": ("subject,age\n1,60\n", "must name the columns case, t1c"),
    "a column more": ("case,t1c,age\n", "not 'age'"),
    "twice": (f"{HEAD}one;x;\nONE;y;\n", "names the case 'one' twice"),
    "a path": (f"{HEAD}../one;x;\n", "cannot be the name of a case"),
    "a line in a name": (f'{HEAD}"one\n2";x;\n', "cannot be the name of a case"),
    "a comma in a name": ("case,t1c\none,Doe, J.nii\n", "more cells than columns"),
    "cut UTF-16": ("\xff\xfec", "cannot be read as a table"),
    "nothing": (HEAD, "names no case"),
    "an empty file": ("", "must name the columns"),
}


@pytest.mark.parametrize("text, words", TABLES.values(), ids=list(TABLES))
def test_what_is_no_table_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=words):
        read_match_table(tmp_path / "t.csv", "tumor", tmp_path)


def test_the_shell_shows_the_matches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "p1_t1c", "p1_flair", "p2_t1", "p2_t1w")
    assert main(["batch", "tumor", str(tmp_path), "--list"]) == 2
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == [
        "p1",
        "  t1c    p1_t1c.nii.gz  ('t1c' in its name)",
        "  flair  p1_flair.nii.gz  ('flair' in its name)",
        "  without t1, t2",
    ]
    assert printed[-1] == "2 cases: 1 can be segmented, 1 of them lack a scan; 1 cannot."


def test_the_shell_segments_what_a_changed_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans, table, given = touch(tmp_path / "scans", "p1_t1c", "p1_flair", "odd"), tmp_path / "table.csv", {}
    monkeypatch.setattr("neurospineseg.cli.batch.BatchWork.steps", lambda work, scans, mask: given.update(scans))
    assert main(["batch", "tumor", str(scans), "--list-to", str(table)]) == 0
    table.write_text(table.read_text(encoding="utf-8-sig").replace(f"p1_flair{END}", f"odd{END}"))
    main(["batch", "tumor", str(scans), "--cases", str(table), "-o", str(tmp_path / "masks")])
    assert given == {"t1c": scans / f"p1_t1c{END}", "flair": scans / f"odd{END}"}


def test_the_shell_asks_for_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "tumor", str(tmp_path)]) == 2
    assert "with -o" in capsys.readouterr().err
