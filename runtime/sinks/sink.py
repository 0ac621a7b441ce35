"""What a sink of answers is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edgelstm.runtime.counts import Counts


class Out(Protocol):
    """What lines are written to."""

    def write(self, line: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Sink(Protocol):
    def take(self, told: Mapping[str, object], line: bytes) -> None:
        """An answer, or what happened: it has the key `event` then. line: the same as JSON. Does not wait."""

    @property
    def counts(self) -> Counts:
        """What it has had to do without so far."""
