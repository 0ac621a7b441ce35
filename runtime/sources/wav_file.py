"""Frames out of a WAV file, or of one that comes through a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.kind import Named
from edgelstm.runtime.sources.sound import Layout, OfSound, SoundSource
from edgelstm.runtime.sources.source import FrameFormat, Gap, Source
from edgelstm.runtime.sources.waiting import patiently
from edgelstm.wav import blocks, read_format

_PIECES = 50  # a second


@dataclass(frozen=True)
class Wav(OfSound):
    """The file at `where`, or on standard input where that is "-", to its end. ValueError for what is no WAV file, or
    is none that the model takes."""

    name = "wav"
    named = Named(
        "Take the samples of a WAV file, on the scale of 16 bits; - for one on stdin.", "FILE", is_file=True
    )

    def open(self, where: str, form: FrameFormat) -> AbstractContextManager[Source]:
        return _opened(where, form, self.channel)


@contextmanager
def _opened(where: str, form: FrameFormat, channel: int | None) -> Iterator[Source]:
    name = "stdin" if where == "-" else where
    source: SoundSource | None = None

    def idle() -> None:
        if source is not None:  # else the head is waited for
            source.idle()

    with nullcontext(sys.stdin.buffer) if where == "-" else Path(where).open("rb") as opened:
        file = patiently(opened, idle)
        try:
            found = read_format(file)
            channels = 1 if channel else found.channels
            layout = Layout.of(form, channels)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

        def pieces() -> Iterator[Float32 | Gap]:
            try:
                yield from blocks(file, found, max(1, found.rate // _PIECES))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

        waits = where == "-" or not Path(where).is_file()
        source = SoundSource(name, form, pieces(), found.rate, found.channels, layout, waits=waits, channel=channel)
        yield source
