"""How far training has come, on stderr: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

import click

from edgelstm.cli.show.style import figure
from edgelstm.training import Epoch

_WIDTH = 20


class TrainingBar:
    """One line that shows epoch, loss, the score and the time left; where it cannot be redrawn one every `EVERY`
    seconds, so that short runs say nothing."""

    EVERY = 10.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._clock = clock
        self._start = self._told = clock()
        self._first: int | None = None  # epoch that this process began with
        self._drawn = False

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._drawn:
            click.echo(err=True)

    def update(self, epoch: Epoch) -> None:
        """Draw the state after `epoch`; a callback for `training.train`."""
        if self._first is None:
            self._first = epoch.number - 1
        now = self._clock()
        left = (now - self._start) / (epoch.number - self._first) * (epoch.epochs - epoch.number)
        score = "" if epoch.score is None else f"  held out {figure(epoch.score)}"
        text = f"epoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f}{score}  {left:.0f} s left"
        if self._live:
            done = _WIDTH * epoch.number // epoch.epochs
            bar = "█" * done + "·" * (_WIDTH - done)
            click.echo(f"\r{f'  {bar} {text}':<78}"[:80], nl=False, err=True)
            self._drawn = True
        elif now - self._told >= self.EVERY:
            self._told = now
            click.echo(text, err=True)
