"""Files written whole or not at all, and read up to a bound. The standard library only."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to; at the end, and only then, it is at `path`: nobody ever sees half of it.

    It is written beside `path`, brought to the disk and renamed. A link stays and what it points to is replaced, with
    the permissions that it had. What is no regular file, such as /dev/stdout or a named pipe, is written to as it is.
    An error leaves what was there before. OSError as `open`, of `path`.
    """
    path = Path(path)
    before = _status(path)
    if before is not None and not stat.S_ISREG(before.st_mode):
        with path.open("wb") as file:
            yield file
        return
    final = Path(os.path.realpath(path))
    beside = final.with_name(f".{final.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with _opened(beside, path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            beside.chmod(stat.S_IMODE(before.st_mode))
        beside.replace(final)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_whole(path: str | Path, content: bytes) -> None:
    """`content` at `path`, as `whole_file` writes it."""
    with whole_file(path) as file:
        file.write(content)


def read_bounded(path: str | Path | Traversable, most: int) -> bytes:
    """What the file holds. OSError as `open`; ValueError where that is more than `most` bytes."""
    with (Path(path) if isinstance(path, str) else path).open("rb") as file:
        content: bytes = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path}: larger than {most:,} bytes, expected at most that")
    return content


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _opened(beside: Path, path: Path) -> BinaryIO:
    """An error names the file that was asked for."""
    try:
        return beside.open("xb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
