"""The lines of a text file, many at a time."""

from __future__ import annotations

from collections.abc import Iterator

from edgelstm.data.packed import Stream
from edgelstm.data.recordings import BadFilesError, Problem

LINE_LIMIT = 1 << 20  # bytes
_BLOCK = 1 << 18


def blocks(stream: Stream, name: str, limit: int = LINE_LIMIT) -> Iterator[tuple[int, list[str]]]:
    """(number of the first, lines without their ends) of as many whole lines as some `_BLOCK` bytes hold.

    BadFilesError, by `name` and line, for one that is longer than `limit` bytes, no UTF-8 or holds a NUL.
    """
    number, begun = 1, stream.read(3).removeprefix(b"\xef\xbb\xbf")
    while data := stream.read(max(_BLOCK, len(begun))):  # of a long line twice as much each time
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = _decoded(begun + whole, number, name).split("\n")
            yield number, lines
            number, begun = number + len(lines), rest
        else:
            begun += data
        if len(begun) > limit:
            reason = f"longer than {limit} bytes, expected one row on each line"
            raise BadFilesError([Problem(name, number, reason)])
    if begun:
        yield number, _decoded(begun.removesuffix(b"\n"), number, name).split("\n")


def _decoded(data: bytes, number: int, name: str) -> str:
    if (place := data.find(b"\0")) >= 0:
        line = number + data.count(b"\n", 0, place)
        reason = "a byte 0x00, expected text (save the file as UTF-8, or as UTF-16 with its byte order mark)"
        raise BadFilesError([Problem(name, line, reason)])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8, expected text (save the file as UTF-8)"
        raise BadFilesError([Problem(name, line, reason)]) from None
