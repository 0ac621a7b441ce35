"""Frames as text that a program prints."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edgelstm.runtime.sources.kind import LINES, SourceKind
from edgelstm.runtime.sources.source import FrameFormat, Source
from edgelstm.runtime.sources.waiting import waiting
from edgelstm.runtime.sources.written import written


@dataclass(frozen=True)
class Program(SourceKind):
    """The program `where`, with its arguments as a shell would split them; no shell runs it. In the end it
    is stopped.

    FileNotFoundError where there is none, ValueError where it fails.
    """

    name = "program"
    common = LINES

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        command = shlex.split(where)
        name = command[0]
        # Where PATH names a closed folder, starting it would say "permission denied".
        if "/" not in name and shutil.which(name) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as program:  # noqa: S603
            try:
                assert program.stdout is not None
                source = written(waiting(program.stdout.fileno(), lambda: source.idle()), name, form)
                yield source
                if program.wait():
                    raise ValueError(f"{name}: ended with {program.returncode}")
            finally:
                program.terminate()
