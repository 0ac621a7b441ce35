"""Whether what a device sends keeps up with the clock: what stays behind is lost, what catches up had waited."""

from __future__ import annotations

from collections import deque

_LOOKED_AT = 25
_FOLLOWED = 0.001


class Pace:
    """Counts frames at `rate` a second against a monotonic clock.

    A device's clock is not ours: each look takes a thousandth of what it is off, so that 300 millionths are never
    taken for a loss. slack: seconds behind that are none yet.
    """

    def __init__(self, rate: float, slack: float = 0.1) -> None:
        self._rate, self._slack = rate, slack
        self.begin()

    def begin(self) -> None:
        """Whatever comes next is on time."""
        self._start: float | None = None
        self._count = 0
        self._late: deque[float] = deque(maxlen=_LOOKED_AT)

    def took(self, count: int, now: float, waited: bool) -> float:
        """Seconds that are lost before the `count` frames that came at `now`; 0 for none.

        waited: they were not there yet when they were asked for. Where they were, more may wait behind them, and
        nothing can be told.
        """
        if self._start is None:
            self._start = now - count / self._rate
        self._count += count
        late = now - self._start - self._count / self._rate
        if not waited:
            return 0.0
        if late <= self._slack:
            self._start += _FOLLOWED * late
        self._late.append(late)
        least = min(self._late)
        if len(self._late) < _LOOKED_AT or least <= self._slack:
            return 0.0
        self._start += least
        self._late.clear()
        return least
