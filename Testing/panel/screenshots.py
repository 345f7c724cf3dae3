"""Pictures of each panel for the README: idle, running, with a result.

    python -m Testing.panel.screenshots [MODULE ... | Installation | Measure | Batch]

Installation: the screens of the first run, as ``Installation-<state>.png``. Measure: that section of each module, as ``<MODULE>-measure.png``.
Batch: that section at work, as ``TumorSeg-batch.png``. Runs the panels on the bench, on the modules' own drawn samples; writes
``Resources/Screenshots/<MODULE>-<state>.png``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from Testing.panel import bench
from Testing.panel.batch_pictures import make_batch_pictures
from Testing.panel.conftest import Bench
from Testing.panel.installation_pictures import make_installation_pictures
from Testing.panel.measure_pictures import make_measure_pictures

FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "Screenshots"
WIDTH = 460


def picture(made: Bench, widget: Any, name: str) -> None:
    """The panel in its natural height."""
    widget.parent.show()
    made.spin(0.2)
    for _ in range(2):
        widget.parent.resize(WIDTH, widget.parent.sizeHint().height())
        made.spin(0.3)
    image = widget.parent.grab()
    image.save(str(FOLDER / f"{widget.declaration.name}-{name}.png"))


def show(application: Any, name: str) -> None:
    made = Bench(application)
    widget = made.open(name)
    from neurospineseg_panel.sample_data import load_sample

    load_sample(widget.declaration)
    made.leave(widget)
    made.enter(widget)
    picture(made, widget, "idle")
    made.click(widget.ui.segmentButton)
    made.spin(lambda: "Segmenting" in widget.ui.statusLabel.text and widget.ui.progressBar.value > 400, 120)
    picture(made, widget, "running")
    made.spin(lambda: widget.ui.segmentButton.text == "Segment", 300)
    widget.ui.correctSection.collapsed = False
    if widget.ui.uncertainButton.enabled:
        made.click(widget.ui.uncertainButton)
    picture(made, widget, "result")
    made.close(widget)


if __name__ == "__main__":
    app = bench.install()
    for module in sys.argv[1:] or ("SubcorticalSeg", "SpineSeg", "TumorSeg", "Installation", "Measure", "Batch"):
        if module == "Installation":
            make_installation_pictures(app, FOLDER)
        elif module == "Measure":
            make_measure_pictures(app, FOLDER)
        elif module == "Batch":
            make_batch_pictures(app, FOLDER)
        else:
            show(app, module)
