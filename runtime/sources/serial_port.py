"""Frames as lines of text from a serial port, whatever happens to its plug, by `termios` alone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import stat
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

from edgelstm.records import Bounds
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.kind import LINES, Named, SourceKind, Told
from edgelstm.runtime.sources.outage import Outage
from edgelstm.runtime.sources.source import FrameFormat, NoFramesError, Source, one_gap
from edgelstm.runtime.sources.text import TextSource
from edgelstm.runtime.sources.waiting import waiting

_AWAY = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.EACCES, errno.EBUSY)
"""Of a port that is not there yet: udev gives it to its group a moment after it has come, and others may look first
whether it is a modem."""
_ADVICE = {
    errno.EBUSY: "busy, another program reads it; fuser -v names it",
    errno.ENOENT: "no such port; ls /dev/serial/by-id names those that are there",
}


def _advice(where: str, error: OSError) -> str | None:
    """What to do about it, where that is known."""
    if error.errno != errno.EACCES:
        return _ADVICE.get(error.errno or 0, error.strerror)
    group, may_read = "dialout", True
    with contextlib.suppress(OSError, KeyError):
        found = Path(where).stat()
        group, may_read = grp.getgrgid(found.st_gid).gr_name, bool(found.st_mode & stat.S_IRGRP)
    if may_read:
        return f"permission denied, expected a user of the group {group}"
    return (
        f"permission denied, its group {group} may not read it either; expected rights such as 0660, by a udev rule"
    )


@dataclass(frozen=True)
class Serial(SourceKind):
    """The port at `where`, for ever. ValueError for what is none, or for a speed that it has not; OSError where it
    cannot be opened. Later it may go and come back."""

    name = "serial"
    named = Named("Take the lines that come through a serial port.", "DEVICE")
    common = LINES
    is_device = True

    baud: Annotated[int, Bounds(least=1), Told("Of the serial port.")] = 115200

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        source = SerialSource(where, form, self.baud)
        try:
            yield source
        finally:
            source.close()


class SerialSource(Source):
    """The frames that the port `where` gives. What comes of a line that was under way when it was opened is dropped;
    the columns stay those of the header that came at first, until there is another."""

    def __init__(self, where: str, form: FrameFormat, baud: int) -> None:
        super().__init__(where)
        self._baud = baud
        try:
            self._port = open_port(where, self._baud)
        except OSError as error:
            error.filename, error.strerror = where, _advice(where, error)
            raise
        self._lines = TextSource(self._waiting(), where, form, in_midst=True)
        self._outage = Outage(where, lambda line: self.tell(line), lambda: self.idle())

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
        return self._lines.counts + Counts(reconnections=self._outage.count)

    def end(self) -> None:
        self._lines.end()

    def close(self) -> None:
        _leave(self._port)

    def __iter__(self) -> Iterator[Float32]:
        return (frame for frame in self.arrivals() if frame is not None)

    def arrivals(self) -> Iterator[Float32 | None]:
        self._lines.tell = self.tell
        while True:
            try:
                for frame in self._lines.arrivals():
                    if frame is not None:
                        self._gap = one_gap(self._outage.came(), self._lines.take_gap(), self._gap)
                    yield frame
            except NoFramesError:
                pass
            except OSError as error:
                if error.errno not in _AWAY:
                    raise
            yield None
            self._reopen()

    def _waiting(self) -> BinaryIO:
        return waiting(self._port.fileno(), lambda: self.idle())

    def _reopen(self) -> None:
        _leave(self._port)
        while self._port.closed:
            self._outage.gone("the device has gone")
            try:
                self._port = open_port(self.name, self._baud)
            except OSError as error:
                if error.errno not in _AWAY:
                    raise
        self._lines.resume(self._waiting())


def open_port(where: str, baud: int) -> BinaryIO:
    """The serial port at `where` in raw mode: eight bits, no parity, nothing sent back, no line of a modem's looked
    at. OSError where it cannot be opened, ValueError for what is none and for a speed that this system does not know.
    """
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise ValueError(f"{where}: {baud} baud, expected a speed that this system has, such as 115200")
    place = os.open(where, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)  # does not wait for a carrier
    try:
        if not os.isatty(place):
            raise ValueError(f"{where}: no serial port, expected one such as /dev/ttyUSB0")
        _take(place)
        _make_raw(place, speed)
        os.set_blocking(place, True)
    except termios.error as error:  # no OSError
        os.close(place)
        raise OSError(error.args[0], os.strerror(error.args[0]), where) from None
    except BaseException:
        os.close(place)
        raise
    return os.fdopen(place, "rb")


def _take(place: int) -> None:
    """For this program alone: of two that read a port each would get a part. OSError (EBUSY) where another has it."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)  # what programs that know of it ask
    except BlockingIOError:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from None
    fcntl.ioctl(place, termios.TIOCEXCL)  # what the kernel asks for all others


def _leave(port: BinaryIO) -> None:
    """Closed, and free for others: where one holds the port open without reading, the kernel would go on refusing."""
    with contextlib.suppress(OSError, ValueError):  # the device has gone, or it is closed already
        fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
    port.close()


def _make_raw(place: int, speed: int) -> None:
    _, _, control, _, _, _, signs = termios.tcgetattr(place)
    # A port that is left in line mode sends every line back to the device. HUPCL resets an Arduino on closing.
    unwanted = termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.CRTSCTS | termios.HUPCL
    control = control & ~unwanted | termios.CS8 | termios.CREAD | termios.CLOCAL
    signs[termios.VMIN], signs[termios.VTIME] = 1, 0
    termios.tcsetattr(place, termios.TCSANOW, [0, 0, control, 0, speed, speed, signs])
    termios.tcflush(place, termios.TCIFLUSH)  # what has waited since before is old
