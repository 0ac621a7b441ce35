"""What a microphone is recorded by, once: a program, or a library."""

from __future__ import annotations

from abc import ABC, abstractmethod

PATIENCE = 5.0
"""Seconds without a sample after which a card is opened anew: one that was pulled out may say nothing."""


class Recorder(ABC):
    """One recording: samples of 16 bits, little-endian, channels beside each other, until the card goes."""

    @abstractmethod
    def read(self, size: int) -> tuple[bytes, bool] | None:
        """(bytes, whether they were waited for); None at its end, or where it gives nothing."""

    @abstractmethod
    def overruns(self) -> list[float]:
        """Seconds that were lost and told, those that were not asked for yet."""

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def why(self) -> str:
        """Why it ended, in one line."""
