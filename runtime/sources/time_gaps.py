"""Gaps in the times that lines carry: what is more than one and a half frames behind the line before."""

from __future__ import annotations

import math

from edgelstm.runtime.sources.source import Gap
from edgelstm.runtime.sources.timing import time_and_kind
from edgelstm.stamps import UNITS, calendar_seconds, may_be_dates, unit_of_time

_WHY = "by its times"
_COARSE = 0.1
_MOST = 10 * 365.25 * 86400
"""Seconds that may be missing: what is more is a damaged line, or a clock that was set."""
_AT_ONCE = 0.5  # frames too late that are no gap yet


class TimeGaps:
    """Takes the times of one line after another.

    rate: the model's, in frames per second. Where the column's name says no unit, that one is meant by which the
    first interval is nearest to the model's. A clock that stands still at more than a tenth of the lines is too
    coarse: nothing is said of it any more. Fewer are lines that came twice.
    """

    def __init__(self, column: str, rate: float) -> None:
        self._period, self._unit = 1 / rate, unit_of_time(column)
        self._may_be_dates = may_be_dates(self._unit)
        self._last: float | None = None
        self._far: float | None = None  # the time before, where it was too far behind the last
        self._untimed = 0  # frames since, whose time is not known
        self._count = self._repeats = 0  # of intervals
        self._is_off = False
        self.has_judged = False
        """Whether the newest time told of what is missing before it, or that nothing is."""

    def skip(self) -> None:
        """A line came whose time is not known: its frame is there."""
        self._untimed += 1

    def add(self, given: object) -> Gap | None:
        """What is missing before the line with this time; None where nothing is. A step back is a gap of unknown
        length, and so is one of more than ten years, of a clock that was set: the second line there tells that, the
        first could be damaged. ValueError for that one, and for what is no time: of a gap they tell nothing."""
        self.has_judged = False
        if self._is_off:
            return None
        read = time_and_kind(given)
        if read is None:
            raise ValueError("no time to tell gaps by, expected a number or a date such as 2024-05-01 13:00:00")
        time, is_date = read
        if not is_date and self._may_be_dates:
            seconds = calendar_seconds(time)
            self._may_be_dates = seconds is not None
            time, is_date = (time, False) if seconds is None else (seconds, True)
        was_set = self._is_set(time, is_date)
        before, self._last = self._last, time
        frames, self._untimed = 1 + self._untimed, 0
        if before is None:
            return None
        interval = time - before
        self._count += 1
        if interval < 0 or was_set:
            return Gap(_WHY, is_timed=True)
        if not interval:
            self._repeats += 1
            self._is_off = self._repeats > 1 + _COARSE * self._count
            return None
        self.has_judged = True
        seconds = interval * self._seconds(interval, is_date) - frames * self._period
        return Gap(_WHY, round(seconds, 6), is_timed=True) if seconds > _AT_ONCE * self._period else None

    def _is_set(self, time: float, is_date: bool) -> bool:
        """Whether a clock was set far ahead at the line before. ValueError for a time far behind the last alone."""
        far, self._far = self._far, None
        if self._last is None or not self._is_far(time - self._last, is_date):
            return False
        if far is not None and time >= far and not self._is_far(time - far, is_date):
            return True
        self._far = time
        raise ValueError(
            "more than ten years behind the time before, expected less, or a clock that goes on from there"
        )

    def _is_far(self, interval: float, is_date: bool) -> bool:
        return interval > 0 and interval * self._unit_by(interval, is_date) > _MOST

    def _seconds(self, interval: float, is_date: bool) -> float:
        """Of one of its units."""
        unit = self._unit_by(interval, is_date)
        self._unit = self._unit or (None if is_date else unit)
        return unit

    def _unit_by(self, interval: float, is_date: bool) -> float:
        if is_date:
            return 1.0
        return self._unit or min(set(UNITS.values()), key=lambda unit: abs(math.log(interval * unit / self._period)))
