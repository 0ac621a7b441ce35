"""Whether the time column of some text fits the frames of a model: their rate, holes, disorder.

Nothing is refused for it: a stream goes on, and one remark says what was seen, with both rates or the lines.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from edgelstm.delimited import parsed
from edgelstm.plain import printable
from edgelstm.stamps import UNITS, calendar_seconds, date_seconds, is_time, may_be_dates, unit_of_time

FEW = 20
"""Intervals by which the usual one is known."""
LINES_AFTER = 200
"""Lines that may follow a finding before it is told: others go into the same remark."""

_HOLE = 2.5  # usual intervals
_COARSE = 0.1  # share of times like the one before, above which they only count coarse time
_RATES_DIFFER = 0.05
_MOST_LISTED = 3
_LEAST_AT_END = 5


def time_column(names: Sequence[str]) -> str | None:
    """The first of these columns that has the name of one with times; None where there is none."""
    return next(filter(is_time, names), None)


class TimeCheck:
    """Takes the times of one line after another.

    rate: the model's, in frames per second; 0 where it is unknown.
    """

    def __init__(self, column: str, rate: float) -> None:
        self._rate, self._unit = rate, unit_of_time(column)
        self._early: list[tuple[int, float]] = []  # (line, interval) before the usual interval is known
        self._usual: float | None = None  # interval, in the column's own unit
        self._regular, self._sum = 0, 0.0  # intervals that are no holes, and their sum
        self._last: float | None = None
        self._before_step_back: float | None = None
        self._holes: list[tuple[int, float]] = []
        self._steps_back: list[tuple[int, float]] = []
        self._repeats: list[int] = []  # lines
        self._is_off = False
        self._are_dates: bool | None = None  # numbers with the digits of dates, by the first
        self._line = 0
        self._found_at: int | None = None

    def add(self, line: int, given: object) -> None:
        """The time in `line`. What is none ends the check."""
        read = None if self._is_off else self._read(given)
        if read is None:
            self._is_off = True
            return
        time, is_date = read
        if is_date:
            self._unit = 1.0
        self._line = line
        reference, self._last = self._reference(time), time
        if reference is None:
            return
        interval = time - reference
        if interval < 0:
            self._steps_back.append((line, -interval))
            self._before_step_back = reference
        elif self._usual is not None:
            self._look(line, interval)
        else:
            self._early.append((line, interval))
            if len(self._early) == FEW:
                self._settle()
        found = len(self._early) == FEW or self._steps_back or self._holes or self._repeats
        if self._found_at is None and found and self._finds():
            self._found_at = line

    def _read(self, given: object) -> tuple[float, bool] | None:
        """(time, whether it is a date's, in seconds); None for what is none."""
        read = time_and_kind(given)
        if read is None or read[1]:
            return read
        if self._are_dates is None:
            self._are_dates = may_be_dates(self._unit) and calendar_seconds(read[0]) is not None
        if not self._are_dates:
            return read
        seconds = calendar_seconds(read[0])
        return None if seconds is None else (seconds, True)

    @property
    def is_due(self) -> bool:
        """Whether something was found long enough ago to be told."""
        return self._found_at is not None and self._line >= self._found_at + LINES_AFTER

    def remark(self) -> str | None:
        """What was found, in one line; None where all is well."""
        if self._usual is None and len(self._early) >= _LEAST_AT_END:
            self._settle()
        return "; ".join(self._finds()) or None

    def _reference(self, time: float) -> float | None:
        """The time before. One line out of place counts as that alone; a clock that began anew goes on from there."""
        before, self._before_step_back = self._before_step_back, None
        return before if before is not None and time > before else self._last

    def _settle(self) -> None:
        intervals = [interval for _, interval in self._early]
        usual = statistics.median(intervals)
        if intervals.count(0) > _COARSE * len(intervals):  # a clock coarser than the frames: nothing can be told
            self._usual = math.inf
            return
        self._usual = usual
        for line, interval in self._early:
            self._look(line, interval)
        if self._unit is None:
            self._unit = self._guessed_unit(set(intervals) == {1.0})

    @property
    def _mean(self) -> float:
        """Of all intervals so far that are no holes: the more there are, the less a clock's jitter counts."""
        return self._sum / self._regular if self._regular else 0.0

    def _guessed_unit(self, counts: bool) -> float | None:
        """That by which the rate is nearest to the model's; None for a count of frames, and where that is unknown."""
        if not self._rate or (counts and not math.isclose(self._rate, 1.0)):
            return None
        return min(set(UNITS.values()), key=lambda unit: abs(math.log(self._rate * self._mean * unit)))

    def _look(self, line: int, interval: float) -> None:
        if self._usual is None or math.isinf(self._usual):
            return
        if interval == 0:
            self._repeats.append(line)
        if interval > _HOLE * self._usual:
            self._holes.append((line, interval - self._usual))
        else:
            self._regular, self._sum = self._regular + 1, self._sum + interval

    def _finds(self) -> list[str]:
        finds = []
        if self._mean and self._unit is not None and self._rate:
            rate = 1 / (self._mean * self._unit)
            if abs(rate / self._rate - 1) > _RATES_DIFFER:
                finds.append(f"{rate:.4g} frames per second, the model's rate is {self._rate:.4g}")
        if self._holes:
            finds.append(self._listed(self._holes, "missing before line"))
        if self._steps_back:
            finds.append(self._listed(self._steps_back, "back at line"))
        if self._repeats:
            listed = ", ".join(map(str, self._repeats[:_MOST_LISTED]))
            more = len(self._repeats) - _MOST_LISTED
            finds.append(f"the same time again at line {listed}" + (f" and {more} more" if more > 0 else ""))
        return finds

    def _listed(self, found: list[tuple[int, float]], what: str) -> str:
        unit = self._unit
        texts = [
            f"{length:.4g} {what} {line}" if unit is None else f"{length * unit:.4g} s {what} {line}"
            for line, length in found[:_MOST_LISTED]
        ]
        more = len(found) - len(texts)
        return ", ".join(texts) + (f" and {more} more" if more > 0 else "")


def time_and_kind(given: object) -> tuple[float, bool] | None:
    """(time, whether it is a date's, in seconds) of what a line holds there; None for what is none."""
    is_date = False
    if isinstance(given, str):
        number = parsed(given)
        if number is None:
            number, is_date = date_seconds(given), True
        if number is None:
            return None
    elif isinstance(given, float) or (type(given) is int and abs(given) < 1 << 63):
        number = float(given)
    else:
        return None
    return (number, is_date) if math.isfinite(number) else None


def about(name: str, column: str, remark: str) -> str:
    """The whole remark: of which source and column."""
    return f"{name}: column {printable(column, 40)}: {remark}"
