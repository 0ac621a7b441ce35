"""WAV files: whole numbers of 8 to 32 bits or floats, plain or extensible, any number of channels.

Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (RIFF WAVE, 1991); Microsoft,
"Multiple channel audio data and WAVE files" (WAVE_FORMAT_EXTENSIBLE). Hostile until checked: every length is held to
what the file has before it is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# The rest of the GUID of a subformat whose first two bytes are the plain format's number.
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
_MOST_CHANNELS = 64
_ENDLESS = 0x7FFFF000
"""What programs that stream announce, who do not know the length: so many bytes or more."""
_PIECE = 1 << 16  # bytes
_LEAST_RATE = 1000  # frames per second: what is called sound at fewer is a level


@dataclass(frozen=True)
class WavFormat:
    """How a file's samples lie."""

    rate: int  # frames per second
    channels: int
    bits: int  # of a sample: 8, 16, 24, 32; 32, 64 for floats
    floats: bool
    start: int  # byte of the first sample
    frames: int | None  # None: to the end of the file, whose writer did not know

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8


def read_wav(path: Path) -> tuple[WavFormat, Iterator[NDArray[np.float32]]]:
    """(format, samples, some (frames, channels) at a time, on the scale of 16 bits: -32768 to 32767). Samples are
    read as they are asked for, so that a file may be larger than memory.

    ValueError, one line without the file's name, for what is no such file; a truncated one is among them. What is
    wrong with samples shows when they are read.
    """
    with path.open("rb") as file:
        found = read_format(file)
        room = file.seek(0, 2) - found.start
    frames = room // found.frame_bytes if found.frames is None else found.frames
    if frames * found.frame_bytes > room:
        raise ValueError(f"truncated: {frames * found.frame_bytes} bytes of samples announced, {room} there")
    if not frames:
        raise ValueError("no samples, expected some; leave the file out")
    found = replace(found, frames=frames)
    return found, _parts(path, found)


def _parts(path: Path, found: WavFormat) -> Iterator[NDArray[np.float32]]:
    with path.open("rb") as file:
        file.seek(found.start)
        yield from blocks(file, found, max(_PIECE // found.frame_bytes, 1))


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def blocks(file: BinaryIO, found: WavFormat, frames: int) -> Iterator[NDArray[np.float32]]:
    """The samples of a stream that `read_format` has read the beginning of, (at most `frames`, channels) at a time,
    on the scale of 16 bits. Nothing is sought: a pipe will do, whose samples are given as soon as they have come.

    ValueError, one line, at the place where fewer came than were announced, after those that did.
    """
    count, rest = 0, b""
    while found.frames is None or count < found.frames:
        wanted = frames if found.frames is None else min(frames, found.frames - count)
        data = cast(_Stream, file).read1(wanted * found.frame_bytes - len(rest))
        rest += data
        whole = len(rest) // found.frame_bytes
        if whole:
            yield as_samples(rest[: whole * found.frame_bytes], found, count)
        count, rest = count + whole, rest[whole * found.frame_bytes :]
        if not data:
            if found.frames is not None:
                raise ValueError(f"truncated: {found.frames} frames of samples announced, {count} there")
            return


def names_of(channels: int) -> tuple[str, ...]:
    """What the channels of a sound are called as columns."""
    return ("sound",) if channels == 1 else tuple(f"sound{n + 1}" for n in range(channels))


def are_of_sound(names: Sequence[str], rate: float) -> bool:
    """Whether columns of these names, at so many frames per second, are the channels of a sound."""
    return rate >= _LEAST_RATE and bool(names) and tuple(names) == names_of(len(names))


def is_wav(head: bytes) -> bool:
    """Whether a file that begins so, 12 bytes at least, is one."""
    return len(head) >= 12 and head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def read_format(file: BinaryIO) -> WavFormat:
    """Reads `file` from its beginning to the first sample, without seeking. ValueError, one line, for no WAV file."""
    head = file.read(12)
    if not is_wav(head):
        raise ValueError("no RIFF WAVE header, expected a WAV file")
    whole = struct.unpack("<I", head[4:8])[0]
    layout: tuple[int, int, int, bool] | None = None
    place = len(head)
    while len(chunk := file.read(8)) == 8:
        kind, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        place += 8
        if kind == b"data":
            if layout is None:
                raise ValueError("samples before their format, expected a fmt chunk first")
            # A writer who cannot go back leaves an end that lies nowhere, or before the samples.
            is_endless = size >= _ENDLESS or (not size and not place < whole + 8 < _ENDLESS)
            rate, channels, bits, is_float = layout
            frames = None if is_endless else size // (channels * bits // 8)
            return WavFormat(rate, channels, bits, is_float, place, frames)
        taken = min(size, 40) if kind == b"fmt " else 0
        if kind == b"fmt ":
            layout = _layout(file.read(taken))
        _skip(file, size + size % 2 - taken)
        place += size + size % 2
    raise ValueError("no data chunk, expected samples")


def _skip(file: BinaryIO, count: int) -> None:
    while count and (data := file.read(min(count, _PIECE))):
        count -= len(data)


def _layout(fields: bytes) -> tuple[int, int, int, bool]:
    """(rate, channels, bits, whether floats)."""
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
    if channels > _MOST_CHANNELS:
        raise ValueError(f"{channels} channels, expected 1 to {_MOST_CHANNELS}")
    if not channels or not 1 <= rate <= 1 << 20 or width != channels * bits // 8:
        raise ValueError(f"{channels} channels at {rate} Hz in frames of {width} bytes, which do not fit together")
    return rate, channels, bits, kind == _FLOAT


def as_samples(data: bytes, found: WavFormat, before: int = 0) -> NDArray[np.float32]:
    """(frames, channels) on the scale of 16 bits, of whole frames that lie as `found` says. ValueError for what is no
    number, at its place behind `before` frames."""
    values: NDArray[np.floating]
    if found.floats:
        with np.errstate(all="ignore"):  # what does not fit becomes infinite
            values = (np.frombuffer(data, f"<f{found.bits // 8}") * 32768.0).astype(np.float32)
        is_wrong = ~np.isfinite(values)
        if is_wrong.any():
            place = int(is_wrong.argmax())
            frame = before + place // found.channels
            raise ValueError(
                f"sample {frame + 1:,} (at {frame / found.rate:.3f} s): {values[place]:g}, expected a number of "
                "float32; mend the file or leave it out"
            )
    elif found.bits == 8:
        values = (np.frombuffer(data, np.uint8).astype(np.float64) - 128) * 256
    elif found.bits == 24:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        values = (((parts[:, 2] << 24) | (parts[:, 1] << 16) | (parts[:, 0] << 8)) >> 8) / 256.0
    else:
        values = np.frombuffer(data, f"<i{found.bits // 8}") / float(1 << (found.bits - 16))
    return values.astype(np.float32).reshape(-1, found.channels)
