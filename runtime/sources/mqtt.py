"""Frames as lines in the messages of a broker: CSV or NDJSON, one or many in a message."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edgelstm.plain import counted
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.mqtt.address import Address, read_address
from edgelstm.runtime.mqtt.client import check_installed
from edgelstm.runtime.mqtt.connection import MOST_WAITING, Connection
from edgelstm.runtime.sources.kind import LINES, Named, SourceKind
from edgelstm.runtime.sources.source import FrameFormat, Gap, Source, one_gap
from edgelstm.runtime.sources.text import TextSource
from edgelstm.runtime.sources.waiting import EVERY

_QUALITY = 1
_FEW = MOST_WAITING // 2
_PATIENCE, _LOOK = 0.1, 0.001
"""Seconds that the one who fills a full row waits for there to be few in it, and after which it looks."""
_FAST, _GATHERED = 0.005, 0.001
"""Seconds: between two wakings, below which messages come fast; and for which they gather then."""


@dataclass(frozen=True)
class Mqtt(SourceKind):
    """The messages of the topic of an URL, for ever. ValueError for what is no such URL; ImportError without
    paho-mqtt. A broker that is not there is waited for."""

    name = "mqtt"
    named = Named("Take the lines in messages: mqtt://USER@HOST/TOPIC, or mqtts://.", "URL")
    common = LINES
    is_device = has_broker = True

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        source = MqttSource(read_address(where, may_have_wildcards=True), form)
        source.connection.start()
        try:
            yield source
        finally:
            source.connection.stop(0)

    def check_where(self, where: str) -> None:
        read_address(where, may_have_wildcards=True)

    def check_machine(self) -> None:
        check_installed()


class MqttSource(Source):
    """What waits is bounded: the oldest messages are dropped when more come than are taken, which is a gap."""

    def __init__(self, address: Address, form: FrameFormat) -> None:
        super().__init__(address.shown)
        self._messages = _Messages(lambda: self.idle())
        self.connection = Connection(
            address,
            form.login,
            "in",
            lambda line: self.tell(line),
            on_connect=self._connected,
            on_message=lambda _, payload: self._messages.put(payload),
            on_lost=self._messages.lost,
            keeps_session=True,
        )
        self._topic = address.topic
        self._lines = TextSource(self._messages, self.name, form)

    @property
    def taken(self) -> int:
        """Messages that came, those that were dropped among them."""
        return self._messages.count

    @property
    def place(self) -> str:
        return self._lines.place

    @property
    def mark(self) -> int:
        return self._lines.mark

    def place_of(self, mark: int, /) -> str:
        return self._lines.place_of(mark)

    @property
    def counts(self) -> Counts:
        there = self.connection
        return Counts(self._lines.counts.unreadable, self._messages.dropped, there.reconnections, int(there.is_away))

    def end(self) -> None:
        self._lines.end()
        if dropped := self._messages.dropped:
            self.tell(
                f"{self.name}: {counted(dropped, 'message')} dropped here: they came faster than they were taken"
            )

    def __iter__(self) -> Iterator[Float32]:
        return (frame for frame in self.arrivals() if frame is not None)

    def arrivals(self) -> Iterator[Float32 | None]:
        self._lines.tell = self.tell
        for frame in self._lines.arrivals():
            if frame is not None:
                self._gap = one_gap(self._messages.take_gap(), self._lines.take_gap())
            yield frame

    def _connected(self, is_kept: bool) -> None:
        self._messages.back(is_kept)
        self.connection.subscribe(self._topic, _QUALITY)


class _Messages:
    """A file of the lines in messages, for who reads it, and a row of messages for who fills it. It never ends.

    Each change of hands between the two threads costs more than a message. Where messages come fast, who reads lets
    some gather, for a thousandth of a second. Who fills it is the faster one, and waits where it is full: a burst
    then stays with the broker. Where that does not help, who reads is too slow for what comes, and the oldest go.
    """

    def __init__(self, idle: Callable[[], None]) -> None:
        self._idle = idle
        self._waiting: deque[tuple[bytes, Gap | None]] = deque()
        self._has_come = threading.Event()
        self._woken_at = 0.0
        self._lines: deque[bytes] = deque()
        self._gap: Gap | None = None  # before what is read next
        self._next_gap: Gap | None = None  # before what is put next
        self._since: float | None = None
        self.count = self.dropped = 0
        self._overrun = False
        self._helps = True  # to wait, where it is full

    def put(self, payload: bytes) -> None:
        gap, self._next_gap = self._next_gap, None
        self.count += 1
        if len(self._waiting) < _FEW:
            self._helps = True
        elif len(self._waiting) >= MOST_WAITING and not (self._helps and self._is_given_room()):
            with contextlib.suppress(IndexError):  # it may have been taken meanwhile
                self._waiting.popleft()
                self.dropped += 1
                self._overrun = True  # what follows what was dropped stands first now
        self._waiting.append((payload, gap))
        if not self._has_come.is_set():
            self._has_come.set()

    def _is_given_room(self) -> bool:
        """Whether who reads takes so many at once that this was a burst."""
        until = time.monotonic() + _PATIENCE
        while len(self._waiting) >= _FEW:
            if time.monotonic() >= until:
                self._helps = False
                return False
            time.sleep(_LOOK)
        return True

    def lost(self) -> None:
        self._since = time.monotonic()

    def back(self, is_kept: bool) -> None:
        """is_kept: the broker has kept what came meanwhile."""
        if self._since is not None and not is_kept:
            self._next_gap = Gap("was away", round(time.monotonic() - self._since, 3))
        self._since = None

    def take_gap(self) -> Gap | None:
        gap, self._gap = self._gap, None
        return gap

    @property
    def has_line(self) -> bool:
        return bool(self._lines or self._waiting)

    def readline(self, limit: int, /) -> bytes:
        while not self._lines:
            payload, gap = self._next()
            if self._overrun:
                self._overrun, gap = False, Gap("too slow")
            self._gap = gap or self._gap
            self._lines.extend(line + b"\n" for line in payload.split(b"\n"))
        line = self._lines.popleft()
        if len(line) > limit:
            self._lines.appendleft(line[limit:])
            return line[:limit]
        return line

    def _next(self) -> tuple[bytes, Gap | None]:
        while True:
            try:
                return self._waiting.popleft()
            except IndexError:
                self._has_come.clear()
            if self._waiting:  # came before that
                continue
            if not self._has_come.wait(EVERY):
                self._idle()
                continue
            now = time.monotonic()
            if now - self._woken_at < _FAST:
                time.sleep(_GATHERED)
            self._woken_at = now
