"""Lines of a source that goes on though they cannot be read: each is counted, and becomes what was asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.columns import UnreadableError, first_bad
from edgelstm.runtime.sources.source import Gap, Missing

WHY = "unreadable"


class Unreadable:
    """way: what becomes of them, but "refuse". rate: frames per second; 0 = unknown. called: what they are."""

    def __init__(self, way: Missing, rate: float, called: str = "lines") -> None:
        self._way, self._rate, self._called = way, rate, called
        self.count = 0
        self._lost = 0  # since the newest frame
        self._told_at = 0

    def take(self, place: str, error: UnreadableError, newest: Float32 | None, tell: Callable[[str], None]) -> None:
        """Counts one. Told are the first, the tenth, the hundredth and so on: a broken sensor fills no disk."""
        self.count += 1
        if not self._is_held(newest):
            self._lost += 1
        if self.count < max(1, 10 * self._told_at):
            return
        self._told_at = self.count
        what = "passed over" if not self._is_held(newest) else "the newest values stand for what is missing"
        many = f"; {self.count:,} {self._called} so far" if self.count > 1 else ""
        tell(f"{place}{error}; {what}{many}")

    def instead(self, error: UnreadableError, newest: Float32 | None) -> Float32 | None:
        """The frame that stands for the line, where values are held; None for none."""
        if newest is None or not self._is_held(newest):
            return None
        frame = newest.copy()
        for place, value in enumerate(error.values or ()):
            if first_bad([value]) is None:
                frame[place] = np.float32(value)
        return frame

    def gap(self) -> Gap | None:
        """What is missing before the frame that is there now; told once."""
        lost, self._lost = self._lost, 0
        if not lost:
            return None
        seconds = round(lost / self._rate, 6) if self._rate else None
        return Gap(WHY, seconds, lost, begins_anew=self._way == "reset")

    @property
    def words(self) -> str | None:
        """What was counted, in a few words; None where nothing was, or all has been told."""
        return f"{self.count:,} {self._called} could not be read" if self.count > self._told_at else None

    def _is_held(self, newest: Float32 | None) -> bool:
        return self._way == "hold" and newest is not None
