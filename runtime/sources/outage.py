"""A source that goes away and comes back: what is said of it, and how long it was away."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgelstm.runtime.sources.source import Gap

AGAIN = 1.0
"""Seconds between two tries to reach it."""


class Outage:
    """Says once that `name` has gone, and once that it is back.

    The first time that it is not there is the caller's error: a name that was mistyped does not come back.
    """

    def __init__(self, name: str, tell: Callable[[str], None], idle: Callable[[], None]) -> None:
        self._name, self._tell, self._idle = name, tell, idle
        self.count = 0  # times that it came back
        self._since: float | None = None
        self.has_been = False  # whether anything ever came

    def gone(self, why: str) -> None:
        """It is away, as of now if it was there; waits until it is worth another try, idly."""
        if self._since is None:
            self._since = time.monotonic()
            self._tell(f"{self._name}: {why}; trying every {AGAIN:g} s until it is back")
        self._idle()
        time.sleep(AGAIN)

    def came(self) -> Gap | None:
        """Something came: what is missing before it, None where it had not been away."""
        self.has_been = True
        if self._since is None:
            return None
        self.count += 1
        seconds, self._since = time.monotonic() - self._since, None
        self._tell(f"{self._name}: back after {seconds:.1f} s")
        return Gap("was away", round(seconds, 3))
