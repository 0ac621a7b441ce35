"""The one place that opens a source of frames, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from edgelstm.runtime.sources.files import open_feed, open_file, open_stdin
from edgelstm.runtime.sources.microphone import open_microphone
from edgelstm.runtime.sources.mqtt import open_mqtt
from edgelstm.runtime.sources.program import open_program
from edgelstm.runtime.sources.serial_port import open_serial
from edgelstm.runtime.sources.source import FrameFormat, Source
from edgelstm.runtime.sources.wav_file import open_wav

Opener = Callable[[str, FrameFormat], AbstractContextManager[Source]]

SOURCES: Mapping[str, Opener] = {
    "stdin": open_stdin,
    "file": open_file,
    "feed": open_feed,
    "program": open_program,
    "wav": open_wav,
    "serial": open_serial,
    "microphone": open_microphone,
    "mqtt": open_mqtt,
}
"""Kind → what opens it, given where the frames are and what they must be."""


def open_source(
    kind: str,
    where: str,
    form: FrameFormat,
    tell: Callable[[str], None] | None = None,
    idle: Callable[[], None] | None = None,
) -> AbstractContextManager[Source]:
    """A source to be used in a `with`: what it took is given back at the end.

    kind: one of `SOURCES`; where: a path, or what else that kind goes by. ValueError for another kind; what cannot be
    opened raises OSError as `open`.

    tell: gets remarks, one line each: where a column with times contradicts the sample rate, or has holes or
    disorder; where a device went away or came back.
    idle: is called about once a second while nothing comes, by whatever may have to wait.
    """
    if kind not in SOURCES:
        raise ValueError(f"source: {kind[:40]!r}, expected one of {', '.join(SOURCES)}")
    return _opened(SOURCES[kind](where, form), tell, idle)


@contextmanager
def _opened(
    opened: AbstractContextManager[Source], tell: Callable[[str], None] | None, idle: Callable[[], None] | None
) -> Iterator[Source]:
    with opened as source:
        if idle is not None:
            source.idle = idle
        if tell is not None:
            source.tell = tell
        try:
            yield source
        finally:
            source.end()
