"""How far a long command has come: one moving line on a terminal, a line now and then in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from simsepsis.cli.show import console
from simsepsis.words import plain

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LOG_SECONDS = 60.0
"""Least time between two lines of a log."""


class Shown(Protocol):
    """What shows progress."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show how far it has come."""

    def say(self, words: str) -> None:
        """Show what is done before there is anything to count."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """How fast it goes, from the first count on: what was there before, and what it took, does not count.

    Attributes
    ----------
    clock
        Seconds that have passed since some moment.
    first
        When something was counted for the first time, and how much.
    """

    clock: Callable[[], float] = monotonic
    first: tuple[float, int] | None = None

    def left(self, done: int, total: int, now: float | None = None) -> str:
        """Say how long it will take; nothing before there is a pace."""
        at = self.clock() if now is None else now
        self.first = self.first or (at, done)
        begin, before = self.first
        if done <= before or done >= total:
            return ""
        return f"about {_clock_time((at - begin) * (total - done) / (done - before))} left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A moving line on a terminal."""

    bar: Progress
    task: TaskID
    pace: Pace = field(default_factory=Pace)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Move the bar."""
        left = self.pace.left(done, total)
        self.bar.update(self.task, completed=done, total=total, left=left, note=plain(note))

    def say(self, words: str) -> None:
        """Put words beside the bar."""
        self.bar.update(self.task, note=plain(words))


@dataclass(slots=True, kw_only=True)
class Log:
    """Lines of a file, in which nothing can move: one in `LOG_SECONDS` at the most, and one at the end.

    Attributes
    ----------
    words
        What is counted.
    write
        Takes a line.
    clock
        Seconds that have passed since some moment.
    begin, last
        When it began, and when the last line was written.
    pace
        How fast it goes.
    pending
        What has been shown since the last line.
    """

    words: str
    write: Callable[[str], None]
    clock: Callable[[], float] = monotonic
    begin: float = field(init=False)
    last: float = field(init=False)
    pace: Pace = field(init=False)
    pending: tuple[int, int, str] | None = None

    def __post_init__(self) -> None:
        self.begin = self.last = self.clock()
        self.pace = Pace(clock=self.clock)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Write a line if the last one is old enough."""
        self.pending = (done, total, note)
        self.pace.left(done, total)
        if self.clock() - self.last >= LOG_SECONDS:
            self._line()

    def say(self, words: str) -> None:
        """Write words."""
        self.write(f"{self.words}: {words}")

    def end(self) -> None:
        """Write how far it has come, unless the last line said so."""
        if self.pending is not None:
            self._line()

    def _line(self) -> None:
        if self.pending is None:
            return
        done, total, note = self.pending
        self.pending, self.last = None, self.clock()
        count = f"{self.words}: {done:,} of {total:,}"
        self.write(", ".join(filter(None, (count, self._time(done, total), note))))

    def _time(self, done: int, total: int) -> str:
        """Say how long it took or will take; nothing before there is a pace."""
        if done >= total:
            return f"in {_clock_time(self.last - self.begin)}"
        return self.pace.left(done, total, self.last)


def _clock_time(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


@contextmanager
def progress_bar(words: str) -> Iterator[Shown]:
    """Yield what shows progress on stderr, with the time remaining."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        log = Log(words=words, write=lambda line: screen.print(plain(line), soft_wrap=True))
        yield log
        log.end()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn(words, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        yield Bar(bar=bar, task=bar.add_task(words, total=None, left="", note=""))
