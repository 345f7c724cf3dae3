"""The picture of the section *Batch* for the documents: a folder of drawn scans while it is segmented."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

WIDTH = 480


def make_batch_pictures(application: Any, folder: Path) -> None:
    """Writes ``TumorSeg-batch.png``: five cases, two of them with a mask, one at work and one that cannot be read."""
    from Testing.panel.conftest import Bench

    bench = Bench(application)
    panel = bench.open("TumorSeg")
    section = panel.batch
    with tempfile.TemporaryDirectory(prefix="scans-") as place:
        cases = _cases(Path(place) / "archive")
        panel.ui.batchSection.collapsed = False
        section.ui.outputButton.directory = str(Path(place) / "masks")
        section.ui.folderButton.directory = str(cases)
        bench.spin(lambda: not section.logic.busy and section.table.cases and not section.table._filling.busy, 120)
        bench.click(section.ui.startButton)
        bench.spin(lambda: _states(section).count("done") == 2 and "at work" in _states(section)[3:], 600)
        _grab(bench, panel, panel.ui.batchSection, folder / "TumorSeg-batch.png")
        bench.click(section.ui.startButton)
        bench.click(section.ui.startButton)
        bench.close(panel)


def _cases(folder: Path) -> Path:
    from neurospineseg.tasks.samples import sample_of

    sample = sample_of("tumor")
    assert sample is not None
    for number in range(1, 6):
        for key, file in sample.scans.items():
            if number == 3 or key in ("t1c", "flair") or number % 2:
                target = folder / f"patient{number}" / f"{key}.{file.name.partition('.')[2]}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target)
    next((folder / "patient2").glob("flair*")).write_bytes(b"no scan")
    return folder


def _states(section: Any) -> list[str]:
    return [section.ui.table.item(row, 1).text() for row in range(section.ui.table.rowCount)]


def _grab(bench: Any, panel: Any, widget: Any, file: Path) -> None:
    panel.parent.show()
    for _ in range(2):
        panel.parent.resize(WIDTH, panel.parent.sizeHint().height())
        bench.spin(0.3)
    widget.grab().save(str(file))
