"""What the fuzz kept ends in an answer or in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.fuzz.targets import TARGETS, tried

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_it_ends_in_an_answer_or_a_sentence(target: str) -> None:
    said = [tried(target, file.read_bytes()) for file in sorted((CORPUS / target).iterdir())]
    assert [words for words in said if not words.isprintable()] == []


def test_the_corpus_is_small() -> None:
    assert sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()) < 100_000
