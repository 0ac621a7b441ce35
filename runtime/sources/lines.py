"""Lines out of a stream of bytes, of which it can be told whether one has come."""

from __future__ import annotations

from typing import BinaryIO, Protocol, cast

_PIECE = 1 << 15


class Lines(Protocol):
    """What lines are read from."""

    @property
    def has_line(self) -> bool:
        """Whether a whole line has come, so that nothing is waited for."""

    def readline(self, limit: int, /) -> bytes:
        """The next line with its end, at most `limit` bytes of it; empty at the end."""


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class StreamLines:
    """The lines of `stream`, of which is read what has come."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = cast(_Stream, stream)
        self._data, self._at = b"", 0
        self._is_offered = False

    @property
    def has_line(self) -> bool:
        return self._data.find(b"\n", self._at) >= 0

    def whole_lines(self, least: int) -> bytes:
        """All that have come, where they are as many as that; to be passed over by `skip` or read one by one. The
        same are not given twice."""
        if self._is_offered or self._data.count(b"\n", self._at) < least:
            return b""
        self._is_offered = True
        return self._data[self._at : self._data.rindex(b"\n") + 1]

    def skip(self, size: int) -> None:
        self._at += size

    def readline(self, limit: int, /) -> bytes:
        end = self._data.find(b"\n", self._at) + 1
        while not end and len(self._data) - self._at < limit:
            more = self._stream.read1(_PIECE)
            if not more:
                end = len(self._data)
                break
            searched = len(self._data) - self._at
            self._data, self._at = self._data[self._at :] + more, 0
            self._is_offered = False
            end = self._data.find(b"\n", searched) + 1
        start = self._at
        self._at = min(end or len(self._data), start + limit)
        return self._data[start : self._at]
