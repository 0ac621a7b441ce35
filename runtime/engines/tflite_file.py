"""Metadata entries of a `.tflite` file and its checksum, read without the flatbuffers library: boards lack it.

A flatbuffers table begins with the signed distance back to its vtable; the vtable lists, per field, where in
the table it lies (0: absent). Strings, vectors and tables are reached by unsigned distances forward. Every
distance is hostile until checked: all reads go through `read`, which stays inside the file.
"""

from __future__ import annotations

import struct
import zlib

CHECKSUM_KEY = "edgelstm.crc32"
"""Metadata entry of 4 bytes: CRC-32 of the file with zeros in their place, little-endian. LiteRT itself checks
little: some damaged files take the process down."""

_MAX_ENTRIES = 1 << 16

# Slots of TensorFlow Lite's schema.
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA = 0


class Reader:
    """Tables of a flatbuffer. ValueError where one points outside the file."""

    def __init__(self, content: bytes):
        self.content = content

    def read(self, form: str, at: int) -> int:
        """A whole number at byte `at`, of a format of `struct`."""
        if at < 0 or at + struct.calcsize(form) > len(self.content):
            raise ValueError("damaged: it points outside itself")
        return int(struct.unpack_from(form, self.content, at)[0])

    def follow(self, at: int) -> int:
        return at + self.read("<I", at)

    def field(self, table: int, slot: int) -> int | None:
        """Where field `slot` of `table` lies; None when absent."""
        vtable = table - self.read("<i", table)
        if 4 + 2 * slot >= self.read("<H", vtable):
            return None
        distance = self.read("<H", vtable + 4 + 2 * slot)
        return table + distance if distance else None

    def number(self, table: int, slot: int) -> int:
        at = self.field(table, slot)
        return 0 if at is None else self.read("<I", at)

    def span(self, table: int, slot: int) -> tuple[int, int]:
        """First byte and end of a string or a vector of bytes; an absent one is empty."""
        at = self.field(table, slot)
        if at is None:
            return 0, 0
        vector = self.follow(at)
        start, end = vector + 4, vector + 4 + self.read("<I", vector)
        if end > len(self.content):
            raise ValueError("damaged: it points outside itself")
        return start, end

    def tables(self, table: int, slot: int) -> list[int]:
        at = self.field(table, slot)
        if at is None:
            return []
        vector = self.follow(at)
        count = self.read("<I", vector)
        if count > _MAX_ENTRIES:
            raise ValueError(f"damaged: a list of {count} entries, expected at most {_MAX_ENTRIES}")
        return [self.follow(vector + 4 + 4 * n) for n in range(count)]


def metadata_entry(content: bytes, name: str) -> bytes | None:
    """What a `.tflite` file stores under `name`; None when it has no such entry. ValueError when it is damaged."""
    span = _metadata_span(content, name)
    return None if span is None else content[slice(*span)]


def seal(content: bytes) -> bytes:
    """`content` with its checksum put into the 4 bytes that it keeps for it."""
    start, end = _checksum_span(content)
    return content[:start] + struct.pack("<I", _crc32(content, start, end)) + content[end:]


def check_seal(content: bytes) -> None:
    """ValueError when the file was changed after `seal`."""
    start, end = _checksum_span(content)
    if content[start:end] != struct.pack("<I", _crc32(content, start, end)):
        raise ValueError("damaged: its checksum does not fit what it holds")


def _checksum_span(content: bytes) -> tuple[int, int]:
    start, end = _metadata_span(content, CHECKSUM_KEY) or (0, 0)
    if end - start != 4:
        raise ValueError(f"no metadata under {CHECKSUM_KEY!r}, expected a file exported by edgelstm")
    return start, end


def _crc32(content: bytes, start: int, end: int) -> int:
    whole = memoryview(content)
    return zlib.crc32(whole[end:], zlib.crc32(bytes(end - start), zlib.crc32(whole[:start])))


def _metadata_span(content: bytes, name: str) -> tuple[int, int] | None:
    if content[4:8] != b"TFL3":
        raise ValueError("not a TFLite file (no TFL3 in bytes 4 to 8)")
    reader = Reader(content)
    model = reader.follow(0)
    for entry in reader.tables(model, _MODEL_METADATA):
        if content[slice(*reader.span(entry, _METADATA_NAME))] == name.encode():
            buffers = reader.tables(model, _MODEL_BUFFERS)
            number = reader.number(entry, _METADATA_BUFFER)
            if number >= len(buffers):
                raise ValueError(f"damaged: metadata in buffer {number} of {len(buffers)}")
            return reader.span(buffers[number], _BUFFER_DATA)
    return None
