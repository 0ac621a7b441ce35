"""A stream's state in a file, and how old it is. It is saved every so often: little is lost when a process is killed.

The file holds the snapshot and behind it one line, `edgelstm-state {"saved": …}`: when the last frame was taken, by
the clock and since the board was started. The latter tells the age even where the clock was set meanwhile. A file
without that line is as old as its time of change says.

One stream has the file at a time: a second one would write its own state over that of the first.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Protocol, Self

from edgelstm.files import check_target, held, read_bounded, write_whole
from edgelstm.records import Bounds, from_json, parse_json, to_json
from edgelstm.runtime.engines.engine import EngineStream
from edgelstm.runtime.sources.unframed import Unframed

_MOST_BYTES = 1 << 30
_MARK = b"\nedgelstm-state "
_MOST_LINE = 400
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # which goes on while a board sleeps


@dataclass(frozen=True)
class Moment:
    """When something was, by two clocks."""

    saved: float  # seconds since 1970
    boot: str  # the boot's identity; empty where the system has none
    since_boot: float  # seconds
    beside: Annotated[int, Bounds(0, 1 << 28)] = 0  # bytes of what was saved beside the stream, behind its snapshot
    events: Annotated[int, Bounds(0, 1 << 28)] = 0  # bytes of what was saved of events, behind that
    waiting: Annotated[int, Bounds(0, 1 << 28)] = 0  # bytes of samples that fill no frame yet, behind that

    def seconds_ago(self, now: Moment) -> float | None:
        """None where that cannot be told: the clock was behind at the one moment or at the other."""
        same = bool(self.boot) and self.boot == now.boot
        ago = now.since_boot - self.since_boot if same else now.saved - self.saved
        return ago if ago >= 0 else None


class Beside(Protocol):
    """What remembers something of a stream beside its engine, such as scores of anomalies."""

    def save(self) -> bytes: ...

    def restore(self, saved: bytes, frames: int) -> None:
        """Go on from what `save` gave when the stream stood at `frames`. ValueError, with nothing changed, for what
        does not fit."""

    def reset(self) -> None: ...


class KeptState:
    """Loads the state of `stream` from the file at `path`, and saves it there. Within `with` nobody else does:
    ValueError, naming the file, where another one is at it.

    every: seconds between saves while frames come; 0 saves at the end alone.
    most_age: seconds; an older state, and one whose age cannot be told, is not gone on from. 0: any is.
    tell: hears what was done, one line each.
    beside: what is kept with it. events: the same of events, waiting: of samples that fill no frame yet; where none
    are watched, what the file has of them is passed over.
    """

    def __init__(
        self,
        stream: EngineStream,
        path: Path,
        *,
        every: float,
        most_age: float,
        tell: Callable[[str], None],
        beside: Beside | None = None,
        events: Beside | None = None,
        waiting: Unframed | None = None,
    ):
        self._stream, self._path, self._beside, self._events = stream, path, beside, events
        self.waiting = waiting
        self._every, self._most_age, self._tell = every, most_age, tell
        self._boot = _boot()
        self._saved_at = self._taken_at = time.clock_gettime(_SINCE_BOOT)
        self._failed = self._saved = self._has_taken = False
        self._waited = b""  # what the file has of samples that wait
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        if not self._lock.enter_context(held(self._path)):
            self._tell(f"{self._path}: cannot be locked there: a second stream with it would not be noticed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def load(self) -> None:
        """Go on from the file if there is one. ValueError, naming it, for one that does not fit the model."""
        found = check_target(self._path)
        if found is None:
            return
        content = read_bounded(self._path, _MOST_BYTES)
        try:
            found_parts, moment = _read(content)
            self._restore(*found_parts)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from None
        self._waited = self._waits()
        ago = (moment or Moment(found.st_mtime, "", 0.0)).seconds_ago(self._now())
        age = "of unknown age (the clock was set back since)" if ago is None else f"{_words(ago)} old"
        if self._most_age and (ago is None or ago > self._most_age):
            self._reset()
            self._waited = self._waits()
            self._saved = True  # what is there stays until a frame comes
            self._tell(
                f"{self._path}: the state is {age}, at most {_words(self._most_age)} was asked for: starts afresh"
            )
            return
        self._saved = True
        if ago is not None:
            self._taken_at -= ago
        self._tell(f"{self._path}: goes on from frame {self._stream.frames:,}, the state is {age}")

    def _restore(self, snapshot: bytes, beside: bytes, events: bytes, waiting: bytes) -> None:
        """All or nothing."""
        self._stream.restore(snapshot)
        try:
            if self._beside is not None:
                self._beside.restore(beside, self._stream.frames)
            elif beside:
                raise ValueError(f"holds {len(beside)} bytes beside the stream's state, expected none for this model")
            if self._events is not None and events:
                self._events.restore(events, self._stream.frames)
            if self.waiting is not None:
                self.waiting.restore(waiting, self._stream.frames)
        except ValueError:
            self._reset()
            raise

    def _reset(self) -> None:
        self._stream.reset()
        for each in (self._beside, self._events, self.waiting):
            if each is not None:
                each.reset()

    def took_frame(self) -> None:
        """To be called after every frame: saves where it is time to. What cannot be saved is told once."""
        self._saved, self._has_taken = False, True
        self._taken_at = time.clock_gettime(_SINCE_BOOT)
        self._save_in_time(self._taken_at)

    def idle(self) -> None:
        """To be called now and then while no frame comes: the last ones are saved too, where it is time to."""
        if self._has_taken:
            self._save_in_time(time.clock_gettime(_SINCE_BOOT))

    def _save_in_time(self, now: float) -> None:
        if not self._every or now - self._saved_at < self._every:
            return
        try:
            self.save()
        except OSError as error:
            self._saved_at = now  # a full disk is not asked again at every frame
            if not self._failed:
                self._tell(f"{self._path}: the state cannot be saved: {(error.strerror or str(error)).lower()}")
            self._failed = True

    def took_none(self, source: str) -> None:
        """For the end of a source, of that name, that gave no frames: only samples that wait are saved, which is
        said."""
        self._saved = True
        held = self._waits() != self._waited
        what = f"its samples wait in {self._path} for the next" if held else f"{self._path} stays as it was"
        self._tell(f"{source}: no frames, {what}")

    def _waits(self) -> bytes:
        return b"" if self.waiting is None else self.waiting.mark

    def save(self) -> None:
        """The file holds a whole state, or what it held before. Nothing is written where no frame came since,
        nor a sample that waits for one."""
        mark = self._waits()
        if self._saved and mark == self._waited:
            return
        if self.waiting is not None:
            self.waiting.settle()
        waiting = b"" if self.waiting is None else self.waiting.save()
        if self._saved:
            self._taken_at = time.clock_gettime(_SINCE_BOOT)
        now = self._now()
        ago = now.since_boot - self._taken_at
        beside = b"" if self._beside is None else self._beside.save()
        events = b"" if self._events is None else self._events.save()
        moment = Moment(
            *(round(now.saved - ago, 3), self._boot, round(self._taken_at, 3)),
            beside=len(beside),
            events=len(events),
            waiting=len(waiting),
        )
        content = self._stream.save() + beside + events + waiting
        write_whole(self._path, content + _MARK + json.dumps(to_json(moment)).encode() + b"\n")
        self._saved, self._saved_at, self._has_taken = True, now.since_boot, False
        if self._failed:
            self._failed = False
            self._tell(f"{self._path}: the state is saved again")

    def _now(self) -> Moment:
        return Moment(time.time(), self._boot, time.clock_gettime(_SINCE_BOOT))


def _read(content: bytes) -> tuple[tuple[bytes, bytes, bytes, bytes], Moment | None]:
    """Snapshot, what was saved beside it, of events and of waiting samples; and when that was. ValueError for a line
    that says that wrongly."""
    place = content.rfind(_MARK, max(0, len(content) - _MOST_LINE))
    if place < 0:
        return (content, b"", b"", b""), None
    line = content[place + len(_MARK) :]
    moment = from_json(Moment, parse_json(line, "its last line"), "its last line")
    more = moment.beside + moment.events + moment.waiting
    if more > place:
        raise ValueError(f"its last line: beside and events: {more}, expected at most the {place} bytes before it")
    first, third = place - more, place - moment.waiting
    second = third - moment.events
    return (content[:first], content[first:second], content[second:third], content[third:place]), moment


def _boot() -> str:
    try:
        return os.fsdecode(read_bounded(_BOOT_ID, 64)).strip()
    except (OSError, ValueError):
        return ""


def _words(seconds: float) -> str:
    for unit, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
