"""A program's stdin and stdout with bounds: neither its silence nor its chatter can hold or fill this process."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections import deque
from typing import IO

_CHUNK = 1 << 16
_KEPT = 64  # pieces of stderr, of at most 1 KiB


class CutError(Exception):
    """The program has ended or closed its side."""


class LateError(Exception):
    """Nothing came, or nothing was taken, for the time allowed."""


class Channel:
    def __init__(self, arguments: list[str]):
        """OSError when the program cannot be started."""
        self.process = subprocess.Popen(  # noqa: S603 - a vector, no shell
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self._in, self._out, self._errors = (
            _pipe(self.process.stdin),
            _pipe(self.process.stdout),
            _pipe(self.process.stderr),
        )
        os.set_blocking(self._in.fileno(), False)
        self._pending = bytearray()
        self._said: deque[bytes] = deque(maxlen=_KEPT)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def read_line(self, most: int, seconds: float) -> bytes:
        """A line without its end; ValueError when it is longer than `most` bytes."""
        deadline = time.monotonic() + seconds
        while (end := self._pending.find(b"\n")) < 0:
            if len(self._pending) > most:
                raise ValueError(f"a line longer than {most} bytes")
            self._more(deadline)
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line

    def read(self, size: int, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        while len(self._pending) < size:
            self._more(deadline)
        content = bytes(self._pending[:size])
        del self._pending[:size]
        return content

    def write(self, data: bytes, seconds: float) -> None:
        """All of `data`; LateError when nothing is taken for `seconds`."""
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._in], [], seconds)[1]:
                raise LateError
            try:
                rest = rest[os.write(self._in.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise CutError from None

    def close(self, seconds: float) -> int:
        """Close its stdin, let it end by itself within `seconds`, else end it; its exit code."""
        self._in.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(1)  # somebody else may hold its stderr
        self._out.close()
        return self.process.returncode

    def errors(self) -> list[str]:
        """The last lines it wrote to stderr."""
        self._listener.join(1 if self.process.poll() is not None else 0)
        return b"".join(self._said).decode("utf-8", "replace").splitlines()

    def _more(self, deadline: float) -> None:
        if not select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise LateError
        data = os.read(self._out.fileno(), _CHUNK)
        if not data:
            raise CutError
        self._pending += data

    def _listen(self) -> None:
        with self._errors:
            while data := os.read(self._errors.fileno(), 1024):
                self._said.append(data)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
