"""What a stream does where frames are missing: short gaps are bridged by a straight line, long ones begin anew."""

from __future__ import annotations

import numpy as np

from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.source import Gap

USUAL_MOST = 5
"""Frames that are made up at most, where nobody says."""


class Gaps:
    """Judges gaps, and counts them.

    rate: frames per second; 0 = unknown: then no gap can be bridged.
    most: frames that may be made up in one gap; 0: every gap begins anew.
    """

    def __init__(self, rate: float, most: int = USUAL_MOST) -> None:
        self._rate, self._most = rate, most
        self.count = self.resets = self.made_up = 0
        self.unknown = 0  # gaps of unknown length
        self.seconds = 0.0  # in gaps of known length

    def missing(self, gap: Gap) -> int | None:
        """Frames that are; None where that cannot be told."""
        if gap.frames is not None:
            return gap.frames
        return None if gap.seconds is None or not self._rate else round(gap.seconds * self._rate)

    def between(self, gap: Gap, before: Float32 | None, after: Float32) -> Float32 | None:
        """The frames (n, features) that stand for what is missing between `before` and `after`, (features,) each;
        None where the stream is to begin anew with `after`. before: None where nothing came yet."""
        self.count += 1
        self.seconds += gap.seconds or 0.0
        self.unknown += gap.seconds is None
        missing = self.missing(gap)
        if before is None or missing is None or gap.begins_anew or missing > self._most:
            self.resets += 1
            return None
        self.made_up += missing
        share = np.arange(1, missing + 1)[:, None] / (missing + 1)
        return ((1 - share) * before.astype(np.float64) + share * after).astype(np.float32)

    @property
    def length(self) -> str:
        """How long they were together, in a few words."""
        known = f"{self.seconds:.3g} s"
        if not self.unknown:
            return known
        return "unknown length" if self.unknown == self.count else f"{known}, {self.unknown:,} of unknown length"

    @property
    def words(self) -> str | None:
        """What was counted, in one line; None where nothing was missing."""
        if not self.count:
            return None
        parts = [f"{self.count} gap{'s' * (self.count != 1)}"]
        if self.unknown < self.count:
            parts.append(f"{self.seconds:.3g} s missing")
        if self.unknown:
            parts.append("of unknown length" if self.unknown == self.count else f"{self.unknown:,} of unknown length")
        if self.made_up:
            parts.append(f"{self.made_up} frame{'s' * (self.made_up != 1)} made up")
        if self.resets:
            parts.append(f"begun anew {self.resets} time{'s' * (self.resets != 1)}")
        return ", ".join(parts)
