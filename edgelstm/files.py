"""Files written whole or not at all, and read up to a bound. The standard library only.

Every file that a command writes goes through here. It is made beside where it will be, under a name that nobody can
foresee, brought to the disk and renamed. Whoever makes one holds a lock on it, which ends with its process: so the
next one that writes into that folder knows what a killed process left there, and removes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Errors of a disk that takes no more."""

_BESIDE = re.compile(r"\.edgelstm-[0-9a-f]{16}\.part(\.[a-z]+)?")
_PART = 1 << 16  # bytes that are read at a time
_LOCK_SECONDS = 30.0
_HOLD_SECONDS = 0.5  # as long as somebody may look whether a lock is one that was left behind
_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
_own: set[str] = set()  # names of candidates of this process: where a lock is the process's, it does not tell


class Candidate:
    """What will be the file at a path; it lies at `path`, in the same folder, until `put` lets it take its place."""

    def __init__(self, asked: Path, suffix: str):
        self._asked = asked
        self._before = check_target(asked)
        self.target = followed(asked)  # a link stays
        self._finished = False
        _sweep(self.target.parent)
        with self._named():
            # never open to more than the file that it may replace
            mode = 0o666 if self._before is None else self._before.st_mode & 0o777
            self.path, self.file = _made(self.target.parent, suffix, mode)

    def write(self, content: bytes) -> None:
        """All of it: what was written before goes."""
        self._finished = False
        with self._named():
            self.file.seek(0)
            self.file.truncate()
            self.file.write(content)

    def finish(self) -> None:
        """All is written: bring it to the disk. `put` does so where nobody did."""
        if self._finished:
            return
        with self._named():
            self.file.flush()
            if self._before is not None:
                with contextlib.suppress(OSError):  # only root may give files away
                    os.fchown(self.file.fileno(), self._before.st_uid, self._before.st_gid)
                os.fchmod(self.file.fileno(), self._before.st_mode & 0o777)
            os.fsync(self.file.fileno())
        self._finished = True

    def put(self, target: Path | None = None) -> None:
        """In one step, the file is at its path, or at another one in the same folder."""
        self.finish()
        check_target(target or self._asked)  # once more: what is there may have come meanwhile
        with self._named():
            self.path.replace(target or self.target)

    def close(self) -> None:
        """Where it was not put, nothing is left of it."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.file.close()  # and with it goes the lock
        _own.discard(self.path.name)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        with _said_of(self._asked):
            yield


@contextlib.contextmanager
def candidate(path: str | Path, suffix: str = "") -> Iterator[Candidate]:
    """What may become the file at `path`: nothing is there before `put`, and nothing is left where nobody puts it.

    suffix: of its name until then, such as .onnx, for programs that go by it. Errors as `whole_file` raises them.
    """
    path = Path(path)
    made = Candidate(path, suffix)
    try:
        with _said_of(path, only_full=True):
            yield made
    finally:
        made.close()


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to; at the end, and only then, it is at `path`: nobody ever sees half of it.

    A link stays and what it points to is replaced, with the permissions that it had; a new file has those that the
    umask leaves. An error leaves what was there before. ValueError where something lies that is no regular file;
    OSError as `open`, of `path`, also where the disk is full.
    """
    with candidate(path) as made:
        yield made.file
        made.put()


def write_whole(path: str | Path, content: bytes) -> None:
    """`content` at `path`, as `whole_file` writes it."""
    with whole_file(path) as file:
        file.write(content)


def followed(path: str | Path) -> Path:
    """What a link at `path` leads to in the end; any other path as it is."""
    return Path(os.path.realpath(path)) if Path(path).is_symlink() else Path(path)


def check_target(path: str | Path, inputs: Iterable[str | Path] = ()) -> os.stat_result | None:
    """What lies where a file is to be written, None where nothing does.

    ValueError, one line, where that is no regular file, or one of the files in `inputs`, by whatever name.
    OSError where the way there cannot be gone.
    """
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}: {_kind(found)}, expected a regular file or a name that is free")
    for one in inputs:
        with contextlib.suppress(OSError):  # what cannot be read is said by whoever reads it
            if os.path.samestat(found, Path(one).stat()):
                raise ValueError(f"{path}: the same file as {one}, which is read; expected another one")
    return found


def kind_at(path: str | Path) -> str | None:
    """What lies at `path`, in words: "a named pipe", "a link to a file"; None where nothing does."""
    path = Path(path)
    try:
        if not path.is_symlink():
            return _kind(path.stat())
    except FileNotFoundError:
        return None
    try:
        return f"a link to {_kind(path.stat())}"
    except OSError:  # what is not there, or the link itself
        return "a link that leads nowhere"


def _kind(found: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(found.st_mode), "a device")


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Nobody else puts files into `folder` that belong together. Where folders cannot be locked, everybody may.

    TimeoutError after half a minute.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # one that can be written to but not read
        yield
        return
    try:
        end = time.monotonic() + _LOCK_SECONDS
        while not _locks(lock, if_impossible=True):
            if time.monotonic() > end:
                text = f"locked by another program for {_LOCK_SECONDS:.0f} s"
                raise TimeoutError(errno.ETIMEDOUT, text, str(folder))
            time.sleep(0.005)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def held(path: str | Path) -> Iterator[bool]:
    """Nobody else holds the file at `path`, there or not, by whatever way one comes to it; a killed process lets go.

    The lock is on a file of its own beside it, since the file itself is replaced again and again. False where files
    cannot be locked: there everybody may. ValueError, one line, where somebody else holds it. OSError as `open`.
    """
    lock = _lock_beside(path)
    with _said_of(Path(path)):
        descriptor, is_locked = _taken(lock, path)
    _own.add(lock.name)
    try:
        yield is_locked
    finally:
        with contextlib.suppress(OSError):
            if is_locked:  # else it may be another's too
                lock.unlink(missing_ok=True)
        os.close(descriptor)
        _own.discard(lock.name)


def _lock_beside(path: str | Path) -> Path:
    """One name for whatever leads there; once left behind it goes as candidates do."""
    real = Path(os.path.realpath(path))
    return real.parent / f".edgelstm-{hashlib.sha256(os.fsencode(real.name)).hexdigest()[:16]}.part.lock"


def _taken(lock: Path, path: str | Path) -> tuple[int, bool]:
    """(descriptor, whether it is locked by this process). ValueError, of `path`, where it is by another one."""
    end = time.monotonic() + _HOLD_SECONDS
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > end:
                raise ValueError(f"{path}: in use by another process, expected a file of its own") from None
            time.sleep(0.01)
            continue
        except OSError:
            return descriptor, False
        if os.fstat(descriptor).st_nlink:
            return descriptor, True
        os.close(descriptor)  # who held it has let go and removed it meanwhile


def read_bounded(path: str | Path | Traversable, most: int) -> bytes:
    """What the file holds. OSError as `open`; ValueError where that is more than `most` bytes."""
    with (Path(path) if isinstance(path, str) else path).open("rb") as file:
        parts: list[bytes] = []
        left = most + 1
        while left and (part := file.read(min(left, _PART))):  # no memory is taken for more than there is
            parts.append(part)
            left -= len(part)
    if not left:
        raise ValueError(f"{path}: larger than {most:,} bytes, expected at most that")
    return b"".join(parts)


def _made(folder: Path, suffix: str, mode: int) -> tuple[Path, BinaryIO]:
    """A new file with a lock on it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        path = folder / f".edgelstm-{secrets.token_hex(8)}.part{suffix}"
        _own.add(path.name)
        try:
            descriptor = os.open(path, flags, mode)
        except OSError:
            _own.discard(path.name)
            raise
        # Between the two somebody may have taken it for one that was left behind.
        if _locks(descriptor, if_impossible=True) and os.fstat(descriptor).st_nlink:
            return path, os.fdopen(descriptor, "w+b")
        path.unlink(missing_ok=True)
        os.close(descriptor)
        _own.discard(path.name)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left behind in `folder`: candidates that nobody holds a lock on."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _BESIDE.fullmatch(path.name) and path.name not in _own:
                with contextlib.suppress(OSError):
                    _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
        if ours and _locks(descriptor, if_impossible=False):
            path.unlink()
    finally:
        os.close(descriptor)


def _locks(descriptor: int, *, if_impossible: bool) -> bool:
    """Whether this process has the lock now; where files cannot be locked, `if_impossible`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return if_impossible
    return True


@contextlib.contextmanager
def _said_of(path: Path, *, only_full: bool = False) -> Iterator[None]:
    """An error of a file that nobody asked for names the one that was asked for.

    only_full: only errors without a name that say that a disk takes no more.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or (only_full and (error.filename is not None or error.errno not in NO_ROOM)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
