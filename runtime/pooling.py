"""From scores to answers: what a stream does after its engine, in numpy, step for step as the C core does.

`edgelstm.model.Answer` says what pooling, window and hop mean. A block is `hop` frames.
"""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Activation = Literal["softmax", "sigmoid", "linear"]
PoolingKind = Literal["last", "mean"]
Float32 = NDArray[np.float32]

_COUNTERS = struct.Struct("<QQ")


def activate(scores: Float32, activation: Activation) -> Float32:
    """Scores (…, outputs) → float32 answers of the same shape; softmax is over the last axis."""
    if activation == "softmax":
        exponentials: Float32 = np.exp(scores - np.maximum.reduce(scores, axis=-1, keepdims=True))
        exponentials /= np.add.reduce(exponentials, axis=-1, keepdims=True)
        return exponentials
    if activation == "sigmoid":
        one = np.float32(1)
        return one / (one + np.exp(-np.maximum(scores, np.float32(-88))))  # exp(88) still fits float32
    return scores.copy()


class Pooling:
    """Gathers the scores of one stream, frame by frame, and says when an answer is due.

    pooling `last`: the newest scores. pooling `mean`: scores are added to a float64 block sum; a window is a
    ring of the sums of its complete blocks, so the cost of a frame does not depend on the window.
    """

    def __init__(self, pooling: PoolingKind, window: int, hop: int, outputs: int):
        self.hop = hop
        self.frames = 0  # since reset
        self._last = np.zeros(outputs, np.float32) if pooling == "last" else None
        self._block = np.zeros(outputs)  # the sum of the block that is being filled; of all frames without a window
        self._ring = np.zeros((window // hop if window else 0, outputs))
        self._blocks = 0  # complete blocks since reset; block n lies in row n % len(ring)

    def add(self, scores: Float32) -> bool:
        """Take the scores (outputs,) of the next frame; True when an answer is due."""
        self.frames += 1
        due = self.hop > 0 and self.frames % self.hop == 0
        if self._last is not None:
            self._last[:] = scores
            return due
        self._block += scores
        if due and len(self._ring):
            self._ring[self._blocks % len(self._ring)] = self._block
            self._block[:] = 0
            self._blocks += 1
        return due

    def scores(self) -> Float32:
        """The pooled scores (outputs,) now. Between two answers of a window, the block that is being filled
        stands in for the oldest complete one. ValueError before the first frame."""
        if not self.frames:
            raise ValueError("no frame since reset, expected at least one before asking for an answer")
        if self._last is not None:
            return self._last.copy()
        if not len(self._ring):
            return (self._block / self.frames).astype(np.float32)
        partial = self.frames % self.hop
        complete = min(self._blocks, len(self._ring) - (partial > 0))
        total = np.zeros_like(self._block)
        for n in range(self._blocks - complete, self._blocks):
            total += self._ring[n % len(self._ring)]
        if partial:
            total += self._block
        return (total / (complete * self.hop + partial)).astype(np.float32)

    def reset(self) -> None:
        self.restore(bytes(self.state_bytes))

    @property
    def state_bytes(self) -> int:
        return _COUNTERS.size + sum(array.nbytes for array in self._arrays())

    def save(self) -> bytes:
        """The state, little-endian, `state_bytes` long."""
        arrays = (array.astype(array.dtype.newbyteorder("<")).tobytes() for array in self._arrays())
        return _COUNTERS.pack(self.frames, self._blocks) + b"".join(arrays)

    def restore(self, state: bytes) -> None:
        """ValueError when `state` is not what `save` of such a stream gives; the state is then untouched."""
        if len(state) != self.state_bytes:
            raise ValueError(f"saved answer state: {len(state)} bytes, expected {self.state_bytes}")
        frames, blocks = _COUNTERS.unpack_from(state)
        if blocks != (frames // self.hop if len(self._ring) else 0):
            raise ValueError(f"saved answer state: {blocks} blocks in {frames} frames do not fit a hop of {self.hop}")
        self.frames, self._blocks = frames, blocks
        offset = _COUNTERS.size
        for array in self._arrays():
            stored = np.frombuffer(state, array.dtype.newbyteorder("<"), array.size, offset)
            array[...] = stored.reshape(array.shape)
            offset += array.nbytes

    def _arrays(self) -> tuple[NDArray[np.floating], ...]:
        return (self._block, self._ring) if self._last is None else (self._last,)
