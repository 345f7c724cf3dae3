"""How far a run is and how long it will take, from what its stages took before."""

from __future__ import annotations

from time import monotonic

from neurospineseg.pipeline.stages import Stage

USUAL_SECONDS = {
    Stage.SENDING: 0.3,
    Stage.LOADING: 1.5,
    Stage.CHECKING: 0.3,
    Stage.FINDING_REGION: 1.0,
    Stage.RESAMPLING: 2.5,
    Stage.SEGMENTING: 4.0,
    Stage.APPLYING_ANATOMY: 1.0,
    Stage.WRITING_MASK: 0.8,
    Stage.TAKING_RESULT: 0.3,
}
"""On two cores of a laptop, for a head of 1 mm; only their proportions matter, and the first run replaces them."""
OPTIONAL = (Stage.FINDING_REGION, Stage.LOADING)
LEAST_FRACTION = 0.05


class RemainingTime:
    """Watches stages go by; keeps what each took for the next run."""

    def __init__(self) -> None:
        self.usual = dict(USUAL_SECONDS)
        self.begin()

    def begin(self) -> None:
        self._started = self._since = monotonic()
        self._stage: Stage | None = None
        self._taken: dict[Stage, float] = {}
        self.fraction = 0.0

    def at(self, stage: Stage, fraction: float) -> None:
        """Says that a stage is done to a fraction (0 to 1)."""
        now = monotonic()
        if stage != self._stage:
            self._close(now)
            self._stage, self._since = stage, now
        if stage not in self.usual:
            self._insert(stage)
        order = list(self.usual)
        passed = sum(self.usual[name] for name in order[: order.index(stage)])
        whole = sum(self.usual.values())
        self.fraction = max(self.fraction, min(1.0, (passed + fraction * self.usual[stage]) / whole))

    def _insert(self, stage: Stage) -> None:
        """Puts an unknown stage after the last one that was met, as long as all the others together."""
        order = list(self.usual)
        met = [order.index(name) for name in self._taken if name in self.usual]
        order.insert(max(met, default=-1) + 1, stage)
        whole = sum(self.usual.values())
        self.usual = {name: self.usual.get(name, whole) for name in order}

    def _close(self, now: float) -> None:
        if self._stage is not None:
            self._taken[self._stage] = self._taken.get(self._stage, 0.0) + now - self._since

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return monotonic() - self._started

    @property
    def remaining(self) -> float | None:
        """Seconds; None while it cannot be told."""
        if self.fraction < LEAST_FRACTION:
            return None
        return self.elapsed * (1 - self.fraction) / self.fraction

    def end(self) -> None:
        """The run succeeded: what its stages took is what the next one's will take."""
        self._close(monotonic())
        self._stage = None
        self.usual = {**{name: 0.05 for name in USUAL_SECONDS if name in OPTIONAL}, **self._taken} if self._taken else self.usual
        self.fraction = 1.0
