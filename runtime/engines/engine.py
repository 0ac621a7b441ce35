"""What streams over onnxruntime and LiteRT share: checked frames, answers from scores, saved states.

The methods are those of `edgelstm.runtime.Model` and its streams, so that a program need not know which
engine it holds.
"""

from __future__ import annotations

import hashlib
import struct
from abc import ABC, abstractmethod
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.runtime.description import Description
from edgelstm.runtime.engines.elstm import check_frames, set_frame
from edgelstm.runtime.pooling import Activation, activate

Float32 = NDArray[np.float32]

MAX_FILE_BYTES = 1 << 30
_SNAPSHOT = struct.Struct("<4sI16s")  # magic, version, the model's identity
_MAGIC = b"ELES"


def read_bounded(path: Path) -> bytes:
    """The whole file; ValueError when it is empty or larger than `MAX_FILE_BYTES`."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if not content or len(content) > MAX_FILE_BYTES:
        size = "empty" if not content else f"larger than {MAX_FILE_BYTES} bytes"
        raise ValueError(f"{path}: {size}, expected a model file")
    return content


def one_line(error: Exception) -> str:
    """An engine's complaint, which may be a page, as the beginning of one line."""
    return " ".join(str(error).split())[:200]


class EngineModel(ABC):
    """A model file of another format, open in its engine. Make streams with `stream()`."""

    engine: str  # name and version, such as "onnxruntime 1.31.1"

    def __init__(self, path: Path, content: bytes, description: Description):
        self.path = path
        self.description = description
        self.identity = hashlib.sha256(content).digest()[:16].hex()

    @property
    def features(self) -> int:
        return self.description.features

    @property
    def outputs(self) -> int:
        return self.description.outputs

    @property
    def labels(self) -> tuple[str, ...]:
        return self.description.labels

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.description.feature_names

    @property
    def metadata(self) -> dict[str, Any]:
        return self.description.metadata

    @property
    def activation(self) -> Activation:
        return self.description.activation

    @property
    def precision(self) -> str:
        return self.description.precision

    @property
    def hop(self) -> int:
        return self.description.hop

    @property
    def sample_rate(self) -> float:
        """Frames per second; 0 = unknown."""
        return self.description.sample_rate

    @abstractmethod
    def stream(self) -> EngineStream:
        """A new stream in its initial state, independent of all others."""


class EngineStream(ABC):
    """One signal and its state. Not to be shared between threads.

    `step(frame)`, or write a frame into `input` and call `step()`; when it returns True the answer is in `output`.
    Or `push` chunks.
    """

    def __init__(self, model: EngineModel):
        self.model = model
        self._input: Float32 = np.zeros(model.features, np.float32)
        self._output: Float32 = np.zeros(model.outputs, np.float32)
        self.scores: Float32 = np.zeros(model.outputs, np.float32)  # of the newest frame, before pooling
        self._pooling = model.description.new_pooling()

    @property
    def input(self) -> Float32:
        """(features,): write the next raw frame here, then `step()`. Always the same memory."""
        return self._input

    @property
    def output(self) -> Float32:
        """(outputs,): the newest answer that was emitted. Always the same memory."""
        return self._output

    @property
    def frames(self) -> int:
        """Frames since the initial state."""
        return self._pooling.frames

    @property
    def state_bytes(self) -> int:
        """Bytes that the stream carries from frame to frame: h and c, and what pooling holds."""
        return sum(array.nbytes for array in self._state()) + self._pooling.state_bytes

    def step(self, frame: ArrayLike | None = None) -> bool:
        """Take one raw frame (features,), or the one in `input`; True when an answer was written to `output`.

        ValueError for a wrong shape or dtype, NaN or infinity; the stream is then untouched.
        """
        if frame is None:
            self._check(self._input)
        elif isinstance(frame, np.ndarray) and frame.dtype == np.float32 and frame.shape == self._input.shape:
            self._check(frame)
            self._input[:] = frame
        else:
            set_frame(self._input, frame, self.model.feature_names)
        self._step()
        if not self._pooling.add(self.scores):
            return False
        self._output[:] = self.answer()
        return True

    def _check(self, frame: Float32) -> None:
        # One number tells of most frames, in a third of the time; very large ones take the long way.
        if not isfinite(frame.dot(frame)):
            check_frames(frame[None], self.model.features, self.model.feature_names)

    def push(self, frames: ArrayLike) -> Float32:
        """Raw frames (T, features), or one (features,) → the answers that were emitted, (answers, outputs).

        T may be 0. ValueError for a wrong shape or dtype, NaN or infinity; the stream is then untouched.
        """
        checked = check_frames(frames, self.model.features, self.model.feature_names)
        scores = self._push(checked) if len(checked) else ()
        answers = [self.answer() for row in scores if self._pooling.add(row)]
        if answers:
            self._output[:] = answers[-1]
        return np.array(answers, np.float32).reshape(-1, self.model.outputs)

    def answer(self) -> Float32:
        """The answer (outputs,) as of the newest frame, whatever the hop. ValueError before the first frame."""
        return activate(self._pooling.scores(), self.model.activation)

    def reset(self) -> None:
        """Back to the initial state."""
        self._clear()
        self._pooling.reset()

    def save(self) -> bytes:
        """The state, little-endian, bound to this model file."""
        head = _SNAPSHOT.pack(_MAGIC, 1, bytes.fromhex(self.model.identity))
        state = (array.astype(array.dtype.newbyteorder("<")).tobytes() for array in self._state())
        return head + self._pooling.save() + b"".join(state)

    def restore(self, snapshot: bytes) -> None:
        """Go on from what `save` gave. ValueError, with the state untouched, when it is not of this model file."""
        expected = _SNAPSHOT.size + self.state_bytes
        if len(snapshot) != expected:
            raise ValueError(f"snapshot: {len(snapshot)} bytes, expected {expected}")
        magic, version, identity = _SNAPSHOT.unpack_from(snapshot)
        if (magic, version) != (_MAGIC, 1):
            raise ValueError("snapshot: it does not begin as one of this engine does")
        if identity.hex() != self.model.identity:
            raise ValueError(f"snapshot: it belongs to another model file than {self.model.path.name}")
        offset = _SNAPSHOT.size + self._pooling.state_bytes
        state = []
        for array in self._state():
            stored = np.frombuffer(snapshot, array.dtype.newbyteorder("<"), array.size, offset)
            if not np.isfinite(stored).all():
                raise ValueError("snapshot: its state holds NaN or infinity")
            state.append(stored.astype(array.dtype).reshape(array.shape))
            offset += array.nbytes
        self._pooling.restore(snapshot[_SNAPSHOT.size : _SNAPSHOT.size + self._pooling.state_bytes])
        self._set_state(state)

    def layer_states(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """(h, c), each (units,), of every LSTM layer, in the engine's own types."""
        arrays = [array.reshape(-1) for array in self._state()]
        return list(zip(arrays[0::2], arrays[1::2]))

    @abstractmethod
    def _step(self) -> None:
        """Run the engine on `input`; leave the frame's scores in `self.scores`."""

    @abstractmethod
    def _push(self, frames: Float32) -> Float32:
        """Run the engine on frames (T, features), T at least 1 → scores (T, outputs)."""

    def _push_by_frame(self, frames: Float32) -> Float32:
        """`_push` for engines that take one frame per call."""
        kept = self._input.copy()
        scores = np.empty((len(frames), self.model.outputs), np.float32)
        for frame, row in zip(frames, scores):
            self._input[:] = frame
            self._step()
            row[:] = self.scores
        self._input[:] = kept
        return scores

    @abstractmethod
    def _state(self) -> list[NDArray[Any]]:
        """Copies of h and c of the first layer, of the second, and so on."""

    @abstractmethod
    def _set_state(self, state: list[NDArray[Any]]) -> None: ...

    @abstractmethod
    def _clear(self) -> None:
        """Put the engine's own state back to its initial value."""
