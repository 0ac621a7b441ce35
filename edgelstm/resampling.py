"""A sound at a lower rate, behind a low-pass in integers: the same bits on every machine.

A Kaiser window over a sinc, of 32 taps for each step and one more, in Q15: flat within 0.01 dB to 7/8 of half the new
rate, and at least 61 dB down from 9/8 of it on. A step need not be whole, as from 44,100 to 16,000 samples a second:
then there is such a filter for each place that a kept sample has between two of the source. No tap lies near the
middle between two whole numbers: whichever machine computes them, they are the same.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

MOST = 12
"""Largest step."""
MOST_PLACES = 640
"""Most places of kept samples between two of the source: the largest denominator of a step."""
_BITS = 15
_LOW, _HIGH = -32768, 32767
_SHARPNESS = 6.0  # of Kaiser's window


def step_between(source: int, target: int) -> Fraction:
    """Samples at `source` a second for each at `target`. ValueError where there is no filter between these."""
    step = Fraction(source, target)
    if not 1 <= step <= MOST:
        raise ValueError(f"{source} samples per second, expected {target} to {MOST * target}")
    if step.denominator > MOST_PLACES:
        raise ValueError(
            f"{source} samples per second, expected {target}, or a rate that has more in common with it, such as "
            f"{2 * target}"
        )
    return step


@lru_cache(8)
def taps(step: Fraction | int) -> NDArray[np.int64]:
    """(places, taps): Q15, each row in all exactly 1. Row p is of a kept sample that lies p / places behind a sample
    of the source, the middle of the row; a whole step has one row, of 32·step + 1, which is symmetric."""
    step = Fraction(step)
    places = step.denominator
    half = int(16 * step) if places == 1 else int(16 * step) + 2
    place = np.arange(-half, half + 1) - np.arange(places)[:, None] / places
    reach = float(16 * step)
    window = np.i0(_SHARPNESS * np.sqrt(np.clip(1 - (place / reach) ** 2, 0, 1))) * (np.abs(place) <= reach)
    shape = window * np.sinc(place / float(step))
    found: NDArray[np.int64] = np.rint(shape / shape.sum(axis=1, keepdims=True) * (1 << _BITS)).astype(np.int64)
    found[np.arange(places), found.argmax(axis=1)] += (1 << _BITS) - found.sum(axis=1)
    found.setflags(write=False)
    return found


class Decimator:
    """Keeps a sample of every `step` of a sound that comes in pieces of any size; what came before is zeros.

    The result is 16·step samples of the source late, up to two more where the step is not whole.
    """

    def __init__(self, step: Fraction | int, channels: int) -> None:
        if not 1 <= step <= MOST or Fraction(step).denominator > MOST_PLACES:
            raise ValueError(f"step: {step}, expected 1 to {MOST}, in parts of 1/{MOST_PLACES} at least")
        self._step, self._taps = Fraction(step), taps(step)
        self._before = np.zeros((self._taps.shape[1] - 1, channels), np.int64)
        self._until = 0  # parts of a sample of the source, 1 / places each, that pass before the next that is kept

    def __call__(self, samples: Float32) -> Float32:
        """samples (n, channels), on the scale of 16 bits; they are rounded to whole numbers and held to -32768 to
        32767. (m, channels), such numbers too."""
        whole = np.clip(np.rint(samples), _LOW, _HIGH).astype(np.int64)
        known = np.concatenate([self._before, whole])
        self._before = known[len(whole) :]
        places, stride, count = self._step.denominator, self._step.numerator, len(whole) * self._step.denominator
        kept = np.arange(self._until, count, stride)
        self._until = self._until + len(kept) * stride - count
        if not len(kept):
            return np.zeros((0, samples.shape[1]), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(known, self._taps.shape[1], axis=0)
        if places == 1:
            sums = windows[kept[0] :: stride] @ self._taps[0]
        else:
            sums = np.einsum("nct,nt->nc", windows[kept // places], self._taps[kept % places])
        found: NDArray[np.int64] = (sums + (1 << (_BITS - 1))) >> _BITS
        return found.clip(_LOW, _HIGH).astype(np.float32)

    def save(self) -> bytes:
        """What came before, as far as it still counts."""
        return self._until.to_bytes(4, "little") + self._before.astype("<i2").tobytes()

    def restore(self, saved: bytes) -> None:
        """Go on from what `save` of such a one gave. ValueError for anything else."""
        if len(saved) != 4 + 2 * self._before.size or int.from_bytes(saved[:4], "little") >= self._step.numerator:
            raise ValueError("no state of such a filter")
        self._until = int.from_bytes(saved[:4], "little")
        self._before = np.frombuffer(saved[4:], "<i2").astype(np.int64).reshape(self._before.shape)
