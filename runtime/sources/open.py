"""The one place that opens a source of frames, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from edgelstm.runtime.sources.files import Feed, File, Stdin
from edgelstm.runtime.sources.kind import SourceKind
from edgelstm.runtime.sources.microphone import Microphone
from edgelstm.runtime.sources.mqtt import Mqtt
from edgelstm.runtime.sources.program import Program
from edgelstm.runtime.sources.serial_port import Serial
from edgelstm.runtime.sources.source import FrameFormat, Source
from edgelstm.runtime.sources.wav_file import Wav

SOURCES: Mapping[str, type[SourceKind]] = {
    kind.name: kind for kind in (Stdin, File, Feed, Program, Wav, Serial, Mqtt, Microphone)
}
"""By name; commands list their options in this order."""

DEVICES: Mapping[str, type[SourceKind]] = {name: kind for name, kind in SOURCES.items() if kind.is_device}
"""Those that a board may live on."""


def open_source(
    kind: str | SourceKind,
    where: str,
    form: FrameFormat,
    tell: Callable[[str], None] | None = None,
    idle: Callable[[], None] | None = None,
) -> AbstractContextManager[Source]:
    """A source to be used in a `with`: what it took is given back at the end.

    kind: with what it was asked for, or one of `SOURCES` that is asked for nothing; where: a path, or what else that
    kind goes by. ValueError for another kind, and for frames that it never gives; what cannot be opened raises
    OSError as `open`.

    tell: gets remarks, one line each: where a column with times contradicts the sample rate, or has holes or
    disorder; where a device went away or came back.
    idle: is called about once a second while nothing comes, by whatever may have to wait.
    """
    if isinstance(kind, str):
        if kind not in SOURCES:
            raise ValueError(f"source: {kind[:40]!r}, expected one of {', '.join(SOURCES)}")
        kind = SOURCES[kind]()
    try:
        kind.check_form(form)
    except ValueError as error:
        raise ValueError(f"{kind.name}: {error}") from None
    return _opened(kind.open(where, form), tell, idle)


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
