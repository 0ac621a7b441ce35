"""Who is at work: locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

BEAT_SECONDS = 5.0
_STILL_SECONDS = 60.0
"""A worker of another machine whose beat stands still for so long is dead, where its lock is free too."""

_MOST_BYTES = 1 << 10


class Locks(Protocol):
    """Of all workers of one storage, on whichever machines."""

    def turn(self, study: str) -> AbstractContextManager[object]:
        """One worker at a time has it."""

    def living(self, worker: str) -> AbstractContextManager[object]:
        """Others see that `worker` lives, as long as this is held."""

    def lives(self, worker: str) -> bool:
        """Whether `worker` may still come back with what it took."""


def new_worker() -> str:
    """A name that nobody else has: machine, process, and something at random."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:60]
    return f"{host or 'machine'}-{os.getpid()}-{secrets.token_hex(4)}"


class FileLocks:
    """Locks of files in a folder beside the journal, over NFS too (with its locks, as it is mounted by default).

    The system frees the lock of a process that ended. Where machines do not see one another's locks, a lock that
    looks free is not enough: workers write a count into their files that goes on while they live, and others watch
    it by their own clocks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[bytes, float]] = {}  # a worker's name → its last beat, and when it was new
        folder.mkdir(exist_ok=True)

    @contextmanager
    def turn(self, study: str) -> Iterator[None]:
        with (self._folder / f"{_plain(study)}.turn").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def living(self, worker: str) -> Iterator[None]:
        path, ended = self._path(worker), Event()
        with path.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _beat(file.fileno(), 0)
            thread = Thread(target=_beats, args=(file.fileno(), ended), daemon=True)
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()
                path.unlink(missing_ok=True)

    def lives(self, worker: str) -> bool:
        try:
            with self._path(worker).open("rb") as file:
                beat = file.read(_MOST_BYTES)
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return True
        except FileNotFoundError:
            return False
        if beat.startswith(_machine()):
            self._path(worker).unlink(missing_ok=True)
            return False
        last, since = self._seen.get(worker, (b"", 0.0))
        if beat != last:
            self._seen[worker] = (beat, time.monotonic())
            return True
        return time.monotonic() - since < _STILL_SECONDS

    def _path(self, worker: str) -> Path:
        return self._folder / f"{_plain(worker)}.worker"


def _plain(name: str) -> str:
    """`name` as that of a file."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", name)[:100]


def _machine() -> bytes:
    """This machine, since it was started."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip() + b" "
    return socket.gethostname().encode() + b" "


def _beat(descriptor: int, count: int) -> None:
    os.pwrite(descriptor, _machine() + b"%d\n" % count, 0)


def _beats(descriptor: int, ended: Event) -> None:
    count = 0
    while not ended.wait(BEAT_SECONDS):
        count += 1
        with suppress(OSError):  # of a full disk: the lock is still held
            _beat(descriptor, count)
