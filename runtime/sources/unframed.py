"""Samples of a sound that fill no frame yet, and what its filter remembers: kept with a stream's state, so that one
that goes on later loses none. Samples are the stream's where it keeps them; filters lie beside it."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from edgelstm.resampling import MOST, MOST_PLACES, Decimator
from edgelstm.runtime.frame import Float32

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineStream

_HEAD = struct.Struct("<3I")
"""Channels, step, bytes of the filter. The upper 16 bits of a step are one less than its denominator."""
_MOST_CHANNELS = 64


class Unframed:
    """What a sound source hands over after every frame, and a later one begins with.

    stream: where one keeps samples itself, those that fill no frame become a part of its state when that is saved
    (`settle`), and it has the beginning of the next frame then.
    """

    def __init__(self, stream: EngineStream | None = None) -> None:
        self._stream = stream if stream is not None and stream.keeps_samples else None
        self.reset()

    def reset(self) -> None:
        self.is_other = False  # whether something waited that was of another kind of sound, and was left out
        self._samples: Float32 = np.zeros((0, 0), np.float32)
        self._step, self._filter = Fraction(1), b""

    def begin(self, channels: int, step: Fraction | int) -> tuple[Float32, Decimator | None]:
        """What a source of so many channels begins with, of which one sample in `step` is kept: samples (n,
        channels), those that the stream has among them, and the filter. Those of another kind of sound are left
        out."""
        decimator = Decimator(step, channels) if step > 1 else None
        is_same = (self._samples.shape[1], self._step) == (channels, step)
        self.is_other = not is_same and (bool(self._filter) or self._samples.size > self._held.size)
        if not is_same:
            return self._held.reshape(-1, channels), decimator
        if decimator is not None:
            decimator.restore(self._filter)
        return self._samples, decimator

    @property
    def _held(self) -> Float32:
        """The first of them, (n,), which are the stream's."""
        return np.zeros(0, np.float32) if self._stream is None else self._stream.waiting_samples

    def hand_over(self, samples: Float32, step: Fraction | int, decimator: Decimator | None) -> None:
        self._samples, self._step = samples, Fraction(step)
        self._filter = b"" if decimator is None else decimator.save()

    def settle(self) -> None:
        """Samples that fill no frame are the stream's from here on. All frames that were handed out are in it."""
        stream = self._stream
        if stream is None or self._samples.size >= stream.model.features:
            return
        stream.push_samples(self._samples.reshape(-1)[stream.waiting :])

    @property
    def mark(self) -> bytes:
        """Of all that waits, wherever it does; others for other samples."""
        return self._packed(self._samples)

    def save(self) -> bytes:
        """What waits here, and not in the stream. Nothing where nothing does."""
        held = 0 if self._stream is None else self._stream.waiting
        return self._packed(self._samples[held:] if held <= len(self._samples) else self._samples)

    def _packed(self, samples: Float32) -> bytes:
        if not samples.size and not self._filter:
            return b""
        step = self._step.numerator | (self._step.denominator - 1) << 16
        head = _HEAD.pack(samples.shape[1], step, len(self._filter))
        return head + self._filter + samples.astype("<f4").tobytes()

    def restore(self, saved: bytes, frames: int) -> None:  # noqa: ARG002 - of any count of frames
        """Go on from what `save` gave, behind what the stream keeps. ValueError, with nothing changed, for what it
        did not give."""
        held = self._held
        if not saved:
            self.reset()
            self._samples = held.reshape(-1, 1) if held.size else self._samples
            return
        wrong = ValueError("what it holds of waiting samples is damaged")
        if len(saved) < _HEAD.size:
            raise wrong
        channels, of_step, size = _HEAD.unpack_from(saved)
        step = Fraction(of_step & 0xFFFF, (of_step >> 16) + 1)
        rest = len(saved) - _HEAD.size - size
        if (
            not 1 <= channels <= _MOST_CHANNELS
            or not 1 <= step <= MOST
            or step.denominator > MOST_PLACES
            or rest < 0
            or rest % (4 * channels)
        ):
            raise wrong
        kept = saved[_HEAD.size : _HEAD.size + size]
        samples = np.frombuffer(saved[_HEAD.size + size :], "<f4").astype(np.float32).reshape(-1, channels)
        if not np.isfinite(samples).all() or (step == 1) != (not kept):
            raise wrong
        if step > 1:
            try:
                Decimator(step, channels).restore(kept)
            except ValueError:
                raise wrong from None
        if held.size:
            samples = np.concatenate([held.reshape(-1, channels), samples])
        self._samples, self._step, self._filter = samples, step, kept
