"""Text files that are packed by gzip or written in UTF-16, read as the UTF-8 that they hold."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from edgelstm.data.recordings import BadFilesError, Problem

_GZIP = ".gz"
_MAGIC = b"\x1f\x8b"
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_RATIO, _LEAST = 200, 64 << 20
"""A file may unpack to so many times its size, or to so many bytes: tables are packed to a fifth or a tenth, and what
is made to fill a disk to a thousandth."""


class Stream(Protocol):
    """Bytes of UTF-8."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes, or a few more; none at the end alone."""


def suffix_of(path: PurePath) -> str:
    """In lower case, the one before `.gz` where it is packed."""
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if suffix == _GZIP else suffix


def stem_of(path: PurePath) -> str:
    """The file's name without its suffix, nor that of what it is packed in."""
    return PurePath(path.stem).stem if path.suffix.lower() == _GZIP else path.stem


@contextmanager
def open_text(path: Path, name: str) -> Iterator[Stream]:
    """A file's text, whether it is packed or not. BadFilesError, by `name`, while it is read, for one that is
    damaged, or unpacks to far more than a table does."""
    with path.open("rb") as file:
        packed = file.read(2) == _MAGIC
        file.seek(0)
        text: Stream = _Unpacked(file, name) if packed else file
        begin = text.read(4)
        if begin in _UTF32:
            raise BadFilesError([Problem(name, None, "UTF-32, expected UTF-8 or UTF-16 (save the file as UTF-8)")])
        if begin[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            yield _FromUtf16(begin[:2], _Begun(begin[2:], text), name)
        else:
            yield _Begun(begin, text)


class _Begun:
    """A stream of which some bytes were read."""

    def __init__(self, begin: bytes, rest: Stream) -> None:
        self._begin, self._rest = begin, rest

    def read(self, size: int) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + self._rest.read(max(size - len(begin), 0))


class _Unpacked:
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = gzip.GzipFile(fileobj=file), name
        self._left = max(_RATIO * os.fstat(file.fileno()).st_size, _LEAST)

    def read(self, size: int) -> bytes:
        try:
            found = self._file.read(size)
        except (OSError, EOFError, zlib.error):
            raise BadFilesError([Problem(self._name, None, "its gzip data are damaged or cut off")]) from None
        self._left -= len(found)
        if self._left < 0:
            reason = f"unpacks to more than {_RATIO} times its size, expected a table (gunzip it first if it is one)"
            raise BadFilesError([Problem(self._name, None, reason)])
        return found


class _FromUtf16:
    def __init__(self, mark: bytes, rest: Stream, name: str) -> None:
        order = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
        self._decoder = codecs.getincrementaldecoder(order)()
        self._rest, self._name = rest, name

    def read(self, size: int) -> bytes:
        text, is_end = "", False
        while not text and not is_end:
            data = self._rest.read(max(size, 2))
            is_end = not data
            try:
                text = self._decoder.decode(data, is_end)
            except UnicodeDecodeError:
                raise BadFilesError([Problem(self._name, None, "damaged UTF-16, expected text")]) from None
        return text.encode()
