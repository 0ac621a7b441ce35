"""Log-mel: a hop of sound's samples in, logarithms of the energies in bands of frequencies out.

Whole numbers compute it in every file, so that a board hears what training heard, bit for bit: `logmel_integers.py`,
and `docs/integer-arithmetic.md` for the definition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edgelstm.layers.layer import (
    Float32,
    Floats,
    Layer,
    Part,
    Run,
    Shape,
    States,
    check_choice,
    check_whole,
    check_width,
    checked_array,
)
from edgelstm.layers.logmel_integers import LOG_BITS, MOST_LOG, log_energies
from edgelstm.layers.logmel_tables import SIZES, Filters, Int64, Tables, tables
from edgelstm.layers.spectrum import transform_macs

Level = Literal["none", "running"]

MOST_BANDS = 128
LOWEST, HIGHEST = -32768, 32767
UNIT = math.log(2) / (1 << LOG_BITS)
"""Of a logarithm's step, as a natural logarithm."""

LEVEL_BITS = LOG_BITS - 1
"""A running level is kept in steps of 2^-9."""

_DECIBELS = 10 * math.log10(2)  # of a power that doubles


@dataclass(frozen=True, eq=False)
class LogMel(Layer):
    """Takes `hop` samples, whole numbers of 16 bits: others are rounded and held to these. A window ends with the
    newest sample; before the first sample there are zeros.

    Gives, for each band, (log(energy) - mean) / std with a natural logarithm. An energy is in squares of a sample's
    step; below 1 it counts as 1. With a running level, what is given instead of log(energy) is how far that lies
    above the level, at least -`reach`: the level is that of the loudest band, rises at once and falls by `fall`.
    """

    kind = "logmel"
    arrays = ("mean", "std")
    settings = ("rate", "window", "hop", "size", "low", "high", "filters", "level")
    options = ("fall", "reach")
    told = ("rate", "window", "size", "low", "high", "filters", "level")
    hears = True

    mean: Float32  # (bands,)
    std: Float32  # (bands,)
    rate: int  # samples per second
    window: int  # samples, an even number: Hann's, periodic
    hop: int  # samples from one window to the next: those of a frame
    size: int  # of the transform, a power of two: the window, and zeros behind it
    low: int  # Hz: where the first band begins
    high: int  # and the last one ends
    filters: Filters = "htk"
    level: Level = "none"
    fall: int = field(default=10, kw_only=True)  # decibels per second
    reach: int = field(default=30, kw_only=True)  # decibels

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", checked_array("LogMel", "mean", self.mean, (None,)))
        object.__setattr__(self, "std", checked_array("LogMel", "std", self.std, (self.mean.size,)))
        check_whole("LogMel", "bands", self.mean.size, 1, MOST_BANDS)
        if not (self.std >= 1e-6).all():
            raise ValueError(f"LogMel.std: {self.std.min():g}, expected at least 1e-6")
        if self.size not in SIZES or isinstance(self.size, bool):
            raise ValueError(f"LogMel.size: {self.size!r:.40}, expected one of {', '.join(map(str, SIZES))}")
        check_whole("LogMel", "rate", self.rate, 1, 1 << 20)
        check_whole("LogMel", "window", self.window, 2, self.size)
        if self.window % 2:
            raise ValueError(f"LogMel.window: {self.window}, expected an even number of samples")
        check_whole("LogMel", "hop", self.hop, 1, self.window)
        check_whole("LogMel", "high", self.high, 1, self.rate // 2)
        check_whole("LogMel", "low", self.low, 0, self.high - 1)
        check_choice("LogMel", "filters", self.filters, Filters)
        check_choice("LogMel", "level", self.level, Level)
        check_whole("LogMel", "fall", self.fall, 1, 1000)
        check_whole("LogMel", "reach", self.reach, 1, 200)
        _ = self.tables  # which refuse filters without a frequency

    @property
    def bands(self) -> int:
        return int(self.mean.size)

    @property
    def tables(self) -> Tables:
        return tables(self.size, self.window, self.rate, self.bands, self.low, self.high, self.filters)

    @property
    def scale(self) -> Float32:
        """(bands,): a logarithm's step in standard deviations."""
        return (UNIT / self.std.astype(np.float64)).astype(np.float32)

    @property
    def offset(self) -> Float32:
        """(bands,): a logarithm of 0 in standard deviations."""
        return (-self.mean.astype(np.float64) / self.std).astype(np.float32)

    @property
    def level_fall(self) -> int:
        """Of one frame, in steps of the level."""
        return max(1, round(self.fall / _DECIBELS * (1 << LEVEL_BITS) * self.hop / self.rate))

    @property
    def level_reach(self) -> int:
        """In steps of a logarithm."""
        return round(self.reach / _DECIBELS * (1 << LOG_BITS))

    @property
    def weights(self) -> int:
        """Nothing of it is trained."""
        return 0

    def extras(self, source: Shape) -> tuple[str, ...]:  # noqa: ARG002 - its options are part of the plain kind
        return ("of",) if self.of else ()

    def result(self, source: Shape) -> Shape:
        check_width("LogMel", self.hop, source)
        return Shape(1, self.bands)

    def parts(self, source: Shape) -> tuple[Part, ...]:  # noqa: ARG002 - of its own sizes
        level = (Part("level", (1,)),) if self.level == "running" else ()
        return (Part("samples", (self.window,)), *level)

    def macs(self, source: Shape) -> int:  # noqa: ARG002
        """Window, transform and filters, of which two at most hold a frequency."""
        return self.window + transform_macs(self.size) + self.size

    def forward(self, x: Floats, source: Shape, state: States | None = None) -> Run:  # noqa: ARG002
        kept = None if state is None else whole_samples(state["samples"])
        windows = self.windows(whole_samples(x), kept)
        before = None if state is None else state.get("level")
        steps, level = self.steps(windows, None if before is None else before[:, 0].astype(np.int64))
        result = steps.astype(x.dtype) * self.scale.astype(x.dtype) + self.offset.astype(x.dtype)
        levels = {} if level is None else {"level": level[..., None].astype(x.dtype)}
        return Run(result, {"samples": windows, **levels})

    def windows(self, x: Floats, kept: Floats | None) -> Floats:
        """Samples x (T, B, hop), behind the window `kept` (B, window) or zeros → (T, B, window), a view."""
        frames, batch, _ = x.shape
        line = np.zeros((batch, self.window + frames * self.hop), x.dtype)
        if kept is not None:
            line[:, : self.window] = kept
        line[:, self.window :] = x.transpose(1, 0, 2).reshape(batch, -1)
        views = np.lib.stride_tricks.sliding_window_view(line, self.window, axis=1)
        return views[:, self.hop :: self.hop].transpose(1, 0, 2)

    def steps(self, windows: Floats, level: Int64 | None) -> tuple[Int64, Int64 | None]:
        """(what is given (T, B, bands) in steps of a logarithm, levels (T, B) where they run). level: (B,) before."""
        frames, batch, _ = windows.shape
        logs = np.empty((frames, batch, self.bands), np.int64)
        for b in range(batch):
            logs[:, b] = log_energies(windows[:, b], self.size, self.tables)
        if self.level == "none":
            return logs, None
        newest = np.zeros(batch, np.int64) if level is None else np.clip(level, 0, MOST_LOG >> 1)
        levels = np.empty((frames, batch), np.int64)
        for n, loud in enumerate(logs.max(axis=2) >> 1):
            newest = np.maximum(loud, newest - self.level_fall)
            levels[n] = newest
        return np.maximum(logs - 2 * levels[..., None], -self.level_reach), levels


def whole_samples(x: Floats) -> Floats:
    """Samples as whole numbers of 16 bits, in the dtype of `x`: the nearest, ties to even."""
    found: Floats = np.clip(np.rint(x), LOWEST, HIGHEST)
    return found
