"""Spectrum: the DFT of real samples, `size` at a time, every `hop` of them; and back.

The samples are what the layer takes, row after row, with padding at their ends. A result's row is one spectrum of
size / 2 + 1 frequencies: the real parts, then the imaginary ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgelstm.layers.layer import (
    MAX_ROWS,
    MAX_WIDTH,
    Float32,
    Floats,
    Shape,
    Stateless,
    check_choice,
    check_whole,
    checked_array,
)
from edgelstm.layers.padding import Fill, padded

SMALLEST_SIZE, LARGEST_SIZE = 4, 4096


def check_size(owner: str, size: int) -> None:
    """ValueError unless it is a power of two that the C core's transform takes."""
    check_whole(owner, "size", size, SMALLEST_SIZE, LARGEST_SIZE)
    if size & (size - 1):
        raise ValueError(f"{owner}.size: {size}, expected a power of two")


@dataclass(frozen=True, eq=False)
class Spectrum(Stateless):
    kind = "spectrum"
    settings = ("size", "hop")
    options = ("before", "after", "fill")
    own_arrays = ("taper",)
    told = ("size",)

    size: int  # samples of a transform, a power of two
    hop: int  # samples from one to the next
    taper: Float32 | None = field(default=None, kw_only=True)  # (size,) what samples are multiplied with; None: ones
    before: int = field(default=0, kw_only=True)  # samples of padding before those of the frame,
    after: int = field(default=0, kw_only=True)  # and behind them
    fill: Fill = field(default="zero", kw_only=True)  # what they hold

    def __post_init__(self) -> None:
        check_size("Spectrum", self.size)
        check_whole("Spectrum", "hop", self.hop, 1, MAX_WIDTH)
        check_whole("Spectrum", "before", self.before, 0, MAX_ROWS)
        check_whole("Spectrum", "after", self.after, 0, MAX_ROWS)
        check_choice("Spectrum", "fill", self.fill, Fill)
        if self.taper is not None:
            object.__setattr__(self, "taper", checked_array("Spectrum", "taper", self.taper, (self.size,)))

    def extras(self, source: Shape) -> tuple[str, ...]:  # noqa: ARG002 - the kind is made for the rest
        return ("of",) if self.of else ()

    def description(self, source: Shape) -> dict[str, Any]:
        return super().description(source) | {"step": self.hop}

    def result(self, source: Shape) -> Shape:
        if self.fill == "mirror" and max(self.before, self.after) >= source.size:
            raise ValueError(
                f"Spectrum mirrors {max(self.before, self.after)} samples, the one before gives {source.size}"
            )
        samples = self.before + source.size + self.after
        rows = (samples - self.size) // self.hop + 1
        if samples < self.size or rows * (self.size + 2) > MAX_WIDTH:
            expected = f"at least {self.size}, and at most {MAX_WIDTH} values of spectra"
            raise ValueError(f"Spectrum takes {samples} samples with its padding, expected {expected}")
        return Shape(rows, self.size + 2)

    def macs(self, source: Shape) -> int:
        return self.result(source).rows * transform_macs(self.size)

    def computed(self, x: Floats, source: Shape) -> Floats:
        samples = padded(x.reshape(*x.shape[:2], source.size, 1), self.before, self.after, self.fill)[..., 0]
        starts = self.hop * np.arange(self.result(source).rows)
        cut = samples[..., starts[:, None] + np.arange(self.size)]
        found = np.fft.rfft(cut if self.taper is None else cut * self.taper.astype(x.dtype))
        return np.concatenate([found.real, found.imag], axis=-1).astype(x.dtype)


def transform_macs(size: int) -> int:
    """Multiply-accumulates of a real transform by radix 2: one complex product, of 4, for each pair of values of each
    of the stages over half as many complex values; then a stage more, which parts what is even from what is odd."""
    stages = size.bit_length() - 2
    return size * stages + 2 * size
