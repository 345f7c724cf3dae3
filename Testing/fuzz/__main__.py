"""Fuzzes a reader with atheris, Google's coverage-guided fuzzer for Python (libFuzzer inside).

    python -m Testing.fuzz TARGET SCRATCH [SECONDS]
    python -m Testing.fuzz TARGET SCRATCH keep

The first runs a target on the corpus in ``SCRATCH/TARGET`` (begun with well-formed files and what is kept in ``Testing/fuzz/corpus``); what ends
otherwise than in an answer or a sentence is written to ``SCRATCH`` as ``TARGET-crash-...``. The second keeps the smallest files of the corpus, which libFuzzer has shrunk.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import atheris

KEPT = Path(__file__).resolve().parent / "corpus"
LONGEST = 4096
"""Bytes of an input."""
MOST_KEPT = 14_000

with atheris.instrument_imports(include=["neurospineseg", "nibabel", "nrrd", "pydicom"]):
    from neurospineseg.images import dicom_series, meta_image_header, nifti_file, nrrd_file, segmentation_file, volume  # noqa: F401
    from neurospineseg.models import bundle, catalog, network  # noqa: F401

from Testing.fuzz.targets import tried, write_seeds  # noqa: E402


def main(target: str, scratch: Path, last: str = "240") -> None:
    corpus, kept = scratch / target, KEPT / target
    options = [f"-artifact_prefix={scratch}/{target}-", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=3000"]
    if last == "keep":
        keep(corpus, kept)
        return
    if not corpus.is_dir():
        write_seeds(target, corpus)
    options += [f"-max_total_time={last}", "-print_final_stats=1", str(corpus), *([str(kept)] if kept.is_dir() else [])]
    atheris.Setup([sys.argv[0], *options], lambda content: _one(target, content))
    atheris.Fuzz()


def keep(corpus: Path, kept: Path) -> None:
    """Copies the smallest files of a corpus, together ``MOST_KEPT`` bytes."""
    kept.mkdir(parents=True, exist_ok=True)
    room = MOST_KEPT
    for file in sorted(corpus.iterdir(), key=lambda file: (file.stat().st_size, file.name)):
        room -= file.stat().st_size
        if room < 0:
            break
        shutil.copyfile(file, kept / file.name)


def _one(target: str, content: bytes) -> None:
    tried(target, content)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:4])
