"""A progress bar on stderr for training: silent when stderr is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click

from edgelstm.cli.show.style import figure
from edgelstm.training import Epoch

_WIDTH = 20


class TrainingBar:
    """One line that shows epoch, loss, the metric and the time left; one line per tenth where it cannot redraw."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._start = time.monotonic()
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
        if not self._live:
            return
        left = (time.monotonic() - self._start) / epoch.number * (epoch.epochs - epoch.number)
        done = _WIDTH * epoch.number // epoch.epochs
        bar = "█" * done + "·" * (_WIDTH - done)
        metric = "" if epoch.score is None else f"  held out {figure(epoch.score)}"
        text = f"  {bar} epoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f}{metric}  {left:.0f} s left"
        click.echo(f"\r{text:<78}"[:80], nl=False, err=True)
        self._drawn = True
