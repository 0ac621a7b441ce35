"""The standard streams as a command may find them: closed, full, left by their reader, in an encoding of old.

What goes to stderr is for people, and never decides how a command ends: what cannot be written there is dropped. On
stdout an error is one, and names it; but where its reader has left, a command goes on without it, and ends as it
would have.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_ALIKE = dict(zip("✓✗–→·…█×−µ°≤", "+x->.~#x-uo<"))


def prepare() -> None:
    """For a program's main, once: both streams are made such, and all three descriptors taken."""
    codecs.register_error("edgelstm", _in_ascii)
    _take_closed()
    if sys.stdout is sys.__stdout__:
        sys.stdout = _lasting(sys.stdout, "stdout", may_fail=False)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the program
    elif sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(sys.stderr, "stderr", may_fail=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="edgelstm")


def end_when_left() -> None:
    """From here on BrokenPipeError tells that nobody reads stdout: for a command whose only work is to print, and
    which would never end."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.goes_on = False


class _Output(io.FileIO):
    """A descriptor to write to, until the first error: what comes after that is dropped."""

    def __init__(self, number: int, name: str, *, may_fail: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self.goes_on = True
        self._name, self._may_fail, self._is_lost = name, may_fail, False

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self._is_lost:
            return size
        try:
            return super().write(data)
        except OSError as error:
            self._is_lost = True
            if self._may_fail or (self.goes_on and isinstance(error, BrokenPipeError)):
                return size
            raise OSError(error.errno, error.strerror, self._name) from None


def _lasting(stream: TextIO | None, name: str, *, may_fail: bool) -> TextIO | None:
    """The same stream over an `_Output`; as it is where it has no descriptor."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        raw = _Output(stream.fileno(), name, may_fail=may_fail)
    except OSError:
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _take_closed() -> None:
    """A file that is opened must not get the number of a stream that was closed: engines print to 1 and 2."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number, which is this


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Where the locale's encoding lacks a sign, as ISO 8859-1 lacks check marks: one that is like it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ALIKE.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
