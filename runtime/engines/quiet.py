"""What an engine says where nobody asked: LiteRT once in each process, on descriptor 2, that it made the delegate
that it always makes, and no setting of its package keeps it from that; onnxruntime to its makers."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

_STDERR = 2
_lock = threading.Lock()
_heard: set[str] = set()


@contextlib.contextmanager
def quiet_once(engine: str) -> Iterator[None]:
    """The first time in this process for `engine`: lines within that begin with INFO are dropped, all others come to
    stderr afterwards. Whatever else is printed there meanwhile by other threads is such a line too."""
    with _lock if engine not in _heard else contextlib.nullcontext():
        if engine in _heard:
            yield
            return
        with contextlib.ExitStack() as stack:
            try:
                taken = stack.enter_context(tempfile.TemporaryFile())
                kept = os.dup(_STDERR)
            except OSError:  # no place for it, or nobody who hears
                yield
                return
            os.dup2(taken.fileno(), _STDERR)
            try:
                yield
            finally:
                os.dup2(kept, _STDERR)
                os.close(kept)
                _heard.add(engine)
                taken.seek(0)
                _pass_on(taken.read())


def _pass_on(text: bytes) -> None:
    rest = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"INFO: "))
    with contextlib.suppress(OSError):  # as for all that is printed there
        while rest:
            rest = rest[os.write(_STDERR, rest) :]


def import_onnxruntime() -> Any:
    """The package. From 1.32 on it tells its makers of what it runs, and writes a number for this machine into the
    home, as soon as it is imported: not unless somebody has said ORT_DISABLE_TELEMETRY=0."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
