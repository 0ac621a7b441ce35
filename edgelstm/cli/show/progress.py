"""How far work has come, on stderr: one line on a terminal, drawn anew; elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click

from edgelstm.cli.show.style import figure
from edgelstm.plain import counted
from edgelstm.training import Epoch

_WIDTH = 20
_AT_ONCE = 1.0  # seconds in which work is done that needs no line
_DRAWN_EVERY = 0.2  # seconds


class _Line:
    """Where a line cannot be redrawn there is one every `EVERY` seconds, so that short work says nothing."""

    EVERY = 10.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._clock = clock
        self._start = self._told = clock()
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._drawn:
            self._end()

    def _end(self) -> None:
        """Leave what was drawn where it is."""
        click.echo(err=True)

    def _show(self, share: float, text: str, every: float | None = None) -> None:
        """share: of the work that is done. every: seconds instead of `EVERY`."""
        now = self._clock()
        if self._live:
            done = int(_WIDTH * share)
            bar = "█" * done + "·" * (_WIDTH - done)
            click.echo(f"\r{f'  {bar} {text}':<78}"[:80], nl=False, err=True)
            self._drawn = True
        elif now - self._told >= (self.EVERY if every is None else every):
            self._told = now
            click.echo(text, err=True)


class TrainingBar(_Line):
    """Epoch, loss, the score and the time left; within an epoch that takes long how much of it is done."""

    WITHIN = 30.0  # seconds, where the line cannot be redrawn

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._first: float | None = None  # epochs that were done when the clock was started
        self._so_far = ""  # what the last epoch came to
        self._due = self._start + _AT_ONCE

    def step(self, number: int, epochs: int, share: float) -> None:
        """Draw the state within epoch `number`, of which that share is done; a callback for `training.train`."""
        now = self._clock()
        if self._first is None:  # what is prepared before the first step is not done again
            self._first, self._start = number - 1 + share, now
        if now < self._due:
            return
        self._due = now + _DRAWN_EVERY
        text = f"epoch {number}/{epochs}: {share:.0%}{self._so_far}{self._left(number - 1 + share, epochs)}"
        self._show((number - 1 + share) / epochs, text, self.WITHIN)

    def update(self, epoch: Epoch) -> None:
        """Draw the state after `epoch`; a callback for `training.train`."""
        if self._first is None:
            self._first = epoch.number - 1
        self._due = self._clock() + _AT_ONCE  # what an epoch came to can be read
        score = "" if epoch.score is None else f"  held out {figure(epoch.score)}"
        self._so_far = f"  loss {epoch.loss:.3f}{score}"
        text = f"epoch {epoch.number}/{epoch.epochs}{self._so_far}{self._left(epoch.number, epoch.epochs)}"
        self._show(epoch.number / epoch.epochs, text)

    def _left(self, done: float, epochs: int) -> str:
        """The time that all epochs after so many take, as long as those that this process has done."""
        assert self._first is not None
        if done <= self._first:
            return ""
        each = (self._clock() - self._start) / (done - self._first)
        return f"  {each * (epochs - done):.0f} s left"


class JudgingBar(_Line):
    """How many frames were judged, and the time left; wiped when all are, as what was found is shown then."""

    def __init__(self, frames: int, clock: Callable[[], float] = time.monotonic) -> None:
        """frames: that will be told of, of all precisions and ways together."""
        super().__init__(clock)
        self._frames, self._done = frames, 0
        self._due = self._start + _AT_ONCE

    def update(self, frames: int) -> None:
        """So many more; a callback for `edgelstm.evaluation`."""
        self._done += frames
        now = self._clock()
        if now < self._due:
            return
        self._due = now + _DRAWN_EVERY
        left = (now - self._start) / self._done * max(self._frames - self._done, 0)
        text = f"judged {self._done:,} of {counted(self._frames, 'frame')}  {left:.0f} s left"
        self._show(min(self._done / self._frames, 1), text)

    def _end(self) -> None:
        click.echo("\r\x1b[K", err=True, nl=False)
