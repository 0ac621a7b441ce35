"""What a source or a sink has had to do without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Since the beginning."""

    unreadable: int = 0  # lines
    dropped: int = 0  # messages, answers or clips, for want of room
    reconnections: int = 0  # to what had gone away
    away: int = 0  # brokers that are not there now

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.unreadable + other.unreadable,
            self.dropped + other.dropped,
            self.reconnections + other.reconnections,
            self.away + other.away,
        )
