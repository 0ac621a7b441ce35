"""Frames as text out of files, from standard input, or from what goes on for as long as a sensor does."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgelstm.runtime.sources.kind import LINES, SourceKind
from edgelstm.runtime.sources.source import FrameFormat, Source
from edgelstm.runtime.sources.waiting import patiently
from edgelstm.runtime.sources.written import written
from edgelstm.wav import is_wav


@dataclass(frozen=True)
class Stdin(SourceKind):
    """Standard input, to its end."""

    name = "stdin"
    common = LINES

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:  # noqa: ARG002
        source = written(patiently(sys.stdin.buffer, lambda: source.idle()), "stdin", form)
        yield source


@dataclass(frozen=True)
class File(SourceKind):
    """The file at `where`, to its end."""

    name = "file"
    common = LINES

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        with Path(where).open("rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and is_wav(file.peek(12)):
                raise ValueError(f"{where}: a WAV file, expected frames as text; sound is read by --wav")
            source = written(patiently(file, lambda: source.idle()), where, form)
            yield source


@dataclass(frozen=True)
class Feed(SourceKind):
    """A named pipe, whoever writes to it; a device, until it goes, which is a ValueError; or a file, to its end."""

    name = "feed"
    common = LINES

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        # A named pipe that this process could write to as well does not end when another writer leaves.
        pipe = stat.S_ISFIFO(Path(where).stat().st_mode)
        mode = os.O_RDWR if pipe else os.O_RDONLY | os.O_NOCTTY
        with os.fdopen(os.open(where, mode), "rb") as file:
            is_device = stat.S_ISCHR(os.fstat(file.fileno()).st_mode)
            source = written(patiently(file, lambda: source.idle()), where, form, in_midst=is_device)
            try:
                yield source
            except OSError as error:
                # A device that was pulled out ends in one way or the other, as the moment has it.
                if error.errno != errno.EIO or not is_device:
                    raise
            if is_device:
                raise ValueError(f"{where}: the device has gone")
