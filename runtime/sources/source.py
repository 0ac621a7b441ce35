"""What a source of frames is, wherever they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.mqtt.address import NOBODY, Login
from edgelstm.runtime.sources.unframed import Unframed

Syntax = Literal["auto", "csv", "ndjson", "text"]
"""How frames are written: as numbers, which `edgelstm.runtime.sources.text` reads, or as the symbols that name the
features, which `edgelstm.runtime.sources.symbols` reads."""

_MOST_UNTOLD = 100

Missing = Literal["refuse", "gap", "hold", "reset"]
"""What becomes of a line that cannot be read, or lacks a value: an error; a frame that is missing, as others are;
the newest values in the place of those that are; a new start of the stream."""


@dataclass(frozen=True)
class FrameFormat:
    """What the frames of a model must be, and how those that come as text are written."""

    features: int
    names: tuple[str, ...] = ()  # one per feature, or none
    syntax: Syntax = "auto"
    sample_rate: float = 0.0  # frames per second; 0 = unknown
    login: Login = NOBODY  # to a broker
    columns: tuple[str, ...] = ()  # of CSV without a header; none: those of the model
    has_time_gaps: bool = False  # whether times that lines carry tell what is missing
    missing: Missing = "refuse"
    waiting: Unframed | None = None  # what a sound goes on with, and leaves; None: nobody keeps it
    is_pipe: bool = False  # may be somebody's whole file: what never began well, or had bad lines, ends in an error


@dataclass(frozen=True)
class Gap:
    """What is missing between two frames."""

    why: str  # in two or three words
    seconds: float | None = None  # None: nobody knows how long it was
    frames: int | None = None  # where they were counted
    begins_anew: bool = False  # whatever its length
    is_timed: bool = False  # by the times that lines carry


def one_gap(*gaps: Gap | None) -> Gap | None:
    """One for all of the same moment: the first tells why; the times of lines, where there are any, how long."""
    found = [gap for gap in gaps if gap is not None]
    if not found:
        return None
    timed = next((gap for gap in found if gap.is_timed), None)
    return found[0] if timed is None else replace(found[0], seconds=timed.seconds, frames=None, is_timed=True)


class NoFramesError(ValueError):
    """A source came to its end before the first frame."""


def _nothing() -> None:
    pass


class Source(ABC):
    """Frames, one by one, each float32 (features,) and finite: `for frame in source`.

    No frame waits for another one. ValueError, in one line that names the place, for what is no frame; NoFramesError
    for none at all.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        """What it is called in errors."""
        self._listener: Callable[[str], None] | None = None
        self._untold: deque[str] = deque(maxlen=_MOST_UNTOLD)
        self._lock = Lock()
        self.idle: Callable[[], None] = _nothing
        """Is called about once a second while nothing comes, by all that may have to wait: all but regular files."""
        self._gap: Gap | None = None

    @property
    def tell(self) -> Callable[[str], None]:
        """Gets remarks, one line each: what is odd though every frame can be read, what has gone and come back. What
        is told before somebody listens, as by a connection's own thread, waits until then."""
        return self._tell

    @tell.setter
    def tell(self, listener: Callable[[str], None]) -> None:
        with self._lock:
            self._listener, untold = listener, list(self._untold)
            self._untold.clear()
        for line in untold:
            listener(line)

    def _tell(self, line: str) -> None:
        with self._lock:
            listener = self._listener
            if listener is None:
                self._untold.append(line)
        if listener is not None:
            listener(line)

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the newest frame came from, for errors: "stdin line 7"."""

    @property
    def mark(self) -> int:
        """The newest frame's, for `place_of`."""
        return 0

    def place_of(self, _mark: int, /) -> str:
        """Where that frame came from, which is one of the newest."""
        return self.place

    @property
    def counts(self) -> Counts:
        """What it has had to do without so far."""
        return Counts()

    def take_gap(self) -> Gap | None:
        """What is missing before the newest frame, told once; None where nothing is known to be."""
        gap, self._gap = self._gap, None
        return gap

    def end(self) -> None:  # noqa: B027 - most have nothing more to say
        """No more frames are taken: what is left to be told is told."""

    @abstractmethod
    def __iter__(self) -> Iterator[Float32]: ...

    def arrivals(self) -> Iterator[Float32 | None]:
        """Its frames, and None wherever the next one has to be waited for, or may have to be."""
        for frame in self:
            yield frame
            yield None
