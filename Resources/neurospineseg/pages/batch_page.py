"""One HTML page that lists the cases of a batch with a small picture of each; it holds its pictures and needs nothing from the network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from neurospineseg import __version__

TEMPLATE = "batch_page.html.j2"
MARK = '<meta name="generator" content="NeuroSpineSeg batch report">'
"""Stands near the beginning of each such page."""


class State(IntEnum):
    """What a case needs, the most urgent first."""

    FAILED = 0
    IMPLAUSIBLE = 1
    DONE = 2


@dataclass(frozen=True)
class BatchCase:
    """A case as the page shows it.

    Attributes:
        uncertain: share of the mask's voxels in which the model was uncertain, 0 to 1; None where that is not known or nothing was found.
        places: number of places that are worth a look.
        sentences: what is wrong with it, or to be known of it.
        volumes: name and mL, the largest first.
        picture: a JPEG file; None for none.
        mask: name of the mask's file beside the page; None where there is none.
    """

    name: str
    state: State
    uncertain: float | None = None
    places: int = 0
    sentences: Sequence[str] = ()
    volumes: Sequence[tuple[str, float]] = ()
    picture: bytes | None = None
    mask: str | None = None

    @property
    def urgency(self) -> tuple[int, float, str]:
        """Sorts those first that need a look most."""
        return self.state, -(self.uncertain or 0.0), self.name

    @property
    def total_ml(self) -> float:
        return sum(ml for _, ml in self.volumes)

    @property
    def source(self) -> str:
        """The picture's address; empty without one."""
        return "" if self.picture is None else f"data:image/jpeg;base64,{b64encode(self.picture).decode('ascii')}"

    @property
    def link(self) -> str:
        return "" if self.mask is None else quote(self.mask)


def write_batch_page(path: Path, cases: Sequence[BatchCase], title: str) -> None:
    """Writes the page (UTF-8), the cases that need a look most first.

    Raises:
        OSError: it cannot be written.
    """
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(_pieces(cases, title))


def _pieces(cases: Sequence[BatchCase], title: str) -> Iterator[str]:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    counts = {state: sum(case.state is state for case in cases) for state in State}
    return environment.get_template(TEMPLATE).generate(
        title=title,
        mark=MARK,
        version=__version__,
        written=f"{datetime.now():%Y-%m-%d %H:%M}",
        cases=sorted(cases, key=lambda case: case.urgency),
        failed=counts[State.FAILED],
        implausible=counts[State.IMPLAUSIBLE],
        done=counts[State.DONE],
    )


def is_batch_page(path: Path) -> bool:
    """Whether a file is such a page.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        return MARK in file.read(1000)
