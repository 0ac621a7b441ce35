"""How commands end that others may end: by Ctrl-C or SIGTERM, with the processes that they began."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from edgelstm.cli.show import style

GOES_ON = "the same command goes on"


@contextmanager
def ended_by_signals(more: str = "") -> Iterator[None]:
    """Ctrl-C and SIGTERM end what runs, its processes too, in one line. more: what the line says of going on."""
    heard: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        if not heard:  # another one would meet the processes half ended
            heard.append(number)
            raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    except BaseException:  # a process that was ended at the same moment makes another error of it
        if heard:
            style.announce(None)
            what = "terminated" if heard[0] == signal.SIGTERM else "interrupted"
            click.echo(f"edgelstm: {what}{f'; {more}' if more else ''}", err=True)
            sys.exit(128 + heard[0])
        raise
    finally:
        style.announce(None)
        for number, handler in before.items():
            signal.signal(number, handler)
