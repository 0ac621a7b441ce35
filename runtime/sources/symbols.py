"""Frames from symbols: a text, character by character, or a symbol on each line, for models that take one 1 among
zeros, a feature for each symbol."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Protocol, cast

import numpy as np

from edgelstm.plain import printable
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.columns import UnreadableError
from edgelstm.runtime.sources.missing import Unreadable
from edgelstm.runtime.sources.source import FrameFormat, NoFramesError, Source

OTHER = "other"
"""The feature of all symbols that no other feature is named by."""

_CHUNK = 1 << 16  # bytes
_MOST = 4096  # bytes of a symbol on a line


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class SymbolSource(Source):
    """The frames that the symbols of `stream`, UTF-8, stand for, each as soon as it has come.

    Where every feature is named by a character, symbols are characters; else each line is one. Carriage returns are
    left out, as in training. A symbol that the model does not have, where it has no `OTHER` either, is a ValueError,
    or becomes what `FrameFormat.missing` says; a gap begins anew, as nothing lies between two symbols.
    """

    def __init__(self, stream: BinaryIO, name: str, form: FrameFormat) -> None:
        super().__init__(name)
        if not form.names:
            raise ValueError(f"{name}: the model's features have no names, expected symbols to read text by")
        self._stream, self._count, self._is_pipe = cast(_Stream, stream), 0, form.is_pipe
        self._newest: Float32 | None = None
        self._unknown = None if form.missing == "refuse" else Unreadable(form.missing, form.sample_rate, "symbols")
        self._places = {symbol: place for place, symbol in enumerate(form.names)}
        self._is_lines = any(len(symbol) != 1 for symbol in form.names if symbol != OTHER)

    @property
    def place(self) -> str:
        return self.place_of(self._count)

    @property
    def mark(self) -> int:
        return self._count

    def place_of(self, mark: int, /) -> str:
        return f"{self.name} {'line' if self._is_lines else 'character'} {mark}"

    @property
    def counts(self) -> Counts:
        return Counts(unreadable=0 if self._unknown is None else self._unknown.count)

    def end(self) -> None:
        if self._unknown is not None and (words := self._unknown.words) is not None:
            self.tell(f"{self.name}: {words}")

    def __iter__(self) -> Iterator[Float32]:
        return (frame for frame in self.arrivals() if frame is not None)

    def arrivals(self) -> Iterator[Float32 | None]:
        frames = np.eye(len(self._places), dtype=np.float32)
        for symbol in self._lines() if self._is_lines else self._characters():
            if symbol is None:
                yield None
                continue
            self._count += 1
            place = self._places.get(symbol, self._places.get(OTHER))
            frame = self._instead(symbol) if place is None else frames[place].copy()
            if frame is None:
                continue
            gap = None if self._unknown is None else self._unknown.gap()
            self._gap = None if gap is None else replace(gap, begins_anew=True)
            self._newest = frame
            yield frame
        if self._newest is None:
            raise NoFramesError(f"{self.name}: no text, expected some")
        if self._is_pipe and (bad := self.counts.unreadable):
            raise ValueError(f"{self.name}: {bad:,} of {self._count:,} symbols are none of the model")

    def _instead(self, symbol: str) -> Float32 | None:
        """What stands for a symbol that the model does not have. ValueError where it ends the stream."""
        error = UnreadableError(f"{printable(symbol, 20)!r} is no symbol of the model")
        if self._unknown is None:
            raise ValueError(f"{self.place}{error}; to go on with the one before it: --missing hold")
        if self._is_pipe and self._newest is None:
            raise ValueError(f"{self.place}{error}")
        self._unknown.take(self.place, error, self._newest, self.tell)
        return self._unknown.instead(error, self._newest)

    def _characters(self) -> Iterator[str | None]:
        """None before more is waited for."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        more = True
        while more:
            raw = self._stream.read1(_CHUNK)
            more = bool(raw)
            try:
                text = decoder.decode(raw, final=not more)
            except UnicodeDecodeError as error:
                # What came before it in this piece is answered first.
                yield from error.object[: error.start].decode("utf-8").replace("\r", "")
                found = error.object[error.start]
                raise ValueError(f"{self.place}: then byte 0x{found:02x} is not UTF-8, expected text") from None
            yield from text.replace("\r", "")
            yield None

    def _lines(self) -> Iterator[str | None]:
        text = ""
        for character in self._characters():
            if character is None:
                yield None
            elif character == "\n":
                if text.strip():
                    yield text.strip()
                text = ""
            else:
                text += character
                if len(text) > _MOST:
                    raise ValueError(f"{self.name} line {self._count + 1}: longer than {_MOST} characters")
        if text.strip():
            yield text.strip()
