"""Simulated trials of all parts of a plan as one count, so that the time left is that of the plan."""

from __future__ import annotations

from dataclasses import dataclass

from simsepsis.trial.simulation.batch import BATCH
from simsepsis.trial.simulation.simulate import Progress


@dataclass(slots=True, kw_only=True)
class Tally:
    """What `simulate_trials` calls in one part of a plan after the other."""

    show: Progress
    parts: dict[str, int]
    computed: int = 0
    own: int = 0
    seen: tuple[int, int] = (0, 0)

    def begin(self, part: str) -> None:
        """Say which part begins."""
        self.own = self.parts.pop(part, 0)

    def __call__(self, done: int, number: int) -> None:
        """Count what one simulation has done."""
        anew = number != self.seen[1] or done <= self.seen[0]
        self.own = max(self.own - (done if anew else done - self.seen[0]), number - done)
        self.computed += min(done, BATCH) if anew else done - self.seen[0]
        self.seen = (done, number)
        self.show(self.computed, self.computed + self.own + sum(self.parts.values()))

    def end(self) -> None:
        """Say that nothing more comes."""
        if self.computed:
            self.show(self.computed, self.computed)
