"""WAV files: whole numbers of 8 to 32 bits or floats, plain or extensible, any number of channels.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF WAVE, 1991); Microsoft,
"Multiple channel audio data and WAVE files" (WAVE_FORMAT_EXTENSIBLE). Hostile until checked: every length is held to
what the file has before it is believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 1 << 30
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# The rest of the GUID of a subformat whose first two bytes are the plain format's number.
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
_MOST_CHANNELS = 64


@dataclass(frozen=True)
class WavFormat:
    """How a file's samples lie."""

    rate: int  # frames per second
    channels: int
    bits: int  # of a sample: 8, 16, 24, 32; 32, 64 for floats
    floats: bool
    start: int  # byte of the first sample
    frames: int


def read_wav(path: Path, max_bytes: int = MAX_BYTES) -> tuple[WavFormat, NDArray[np.float32]]:
    """(format, samples (frames, channels) on the scale of 16 bits: -32768 to 32767).

    ValueError, one line without the file's name, for what is no such file; a truncated one is among them.
    """
    with path.open("rb") as file:
        found = _read_format(file)
        size = found.frames * found.channels * found.bits // 8
        if size > max_bytes:
            raise ValueError(f"{size} bytes of samples, expected at most {max_bytes}")
        file.seek(found.start)
        data = file.read(size)
    if len(data) != size:
        raise ValueError("truncated")
    return found, _samples(data, found).reshape(found.frames, found.channels)


def _read_format(file: BinaryIO) -> WavFormat:
    file.seek(0, 2)
    total = file.tell()
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise ValueError("no RIFF WAVE header, expected a WAV file")
    layout: tuple[int, int, int, int, bool] | None = None
    while len(chunk := file.read(8)) == 8:
        kind, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        start = file.tell()
        if kind == b"fmt ":
            layout = _layout(file.read(min(size, 40)))
        elif kind == b"data":
            if layout is None:
                raise ValueError("samples before their format, expected a fmt chunk first")
            rate, channels, bits, width, floats = layout
            room = total - start
            if size > room and size < 0x7FFFF000:
                raise ValueError(f"truncated: {size} bytes of samples announced, {room} there")
            # A program that streamed it did not know the length: what is there counts.
            frames = min(size, room) // width
            if not frames:
                raise ValueError("no samples")
            return WavFormat(rate, channels, bits, floats, start, frames)
        file.seek(start + size + size % 2)
    raise ValueError("no data chunk, expected samples")


def _layout(fields: bytes) -> tuple[int, int, int, int, bool]:
    """(rate, channels, bits, bytes of a frame, floats)."""
    if len(fields) < 16:
        raise ValueError("a fmt chunk that is too short")
    kind, channels, rate, _, width, bits = struct.unpack("<HHIIHH", fields[:16])
    if kind == _EXTENSIBLE:
        if len(fields) < 40 or fields[26:40] != _SUBFORMAT:
            raise ValueError("an extensible format that is not PCM or float")
        kind = struct.unpack("<H", fields[24:26])[0]
    if kind not in (_PCM, _FLOAT):
        raise ValueError(f"format {kind}, expected PCM (1) or float (3)")
    known = (32, 64) if kind == _FLOAT else (8, 16, 24, 32)
    if bits not in known:
        raise ValueError(f"{bits} bits, expected one of {', '.join(map(str, known))}")
    if not 1 <= channels <= _MOST_CHANNELS or not 1 <= rate <= 1 << 20 or width != channels * bits // 8:
        raise ValueError(f"{channels} channels at {rate} Hz in frames of {width} bytes, which do not fit together")
    return rate, channels, bits, width, kind == _FLOAT


def _samples(data: bytes, found: WavFormat) -> NDArray[np.float32]:
    if found.floats:
        values = np.frombuffer(data, f"<f{found.bits // 8}") * 32768.0
        if not np.isfinite(values).all():
            raise ValueError("holds NaN or infinity")
    elif found.bits == 8:
        values = (np.frombuffer(data, np.uint8).astype(np.float64) - 128) * 256
    elif found.bits == 24:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        values = (((parts[:, 2] << 24) | (parts[:, 1] << 16) | (parts[:, 0] << 8)) >> 8) / 256.0
    else:
        values = np.frombuffer(data, f"<i{found.bits // 8}") / float(1 << (found.bits - 16))
    return values.astype(np.float32)
