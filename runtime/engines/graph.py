"""What streams over onnxruntime and LiteRT share: gathered frames, answers from scores, saved states."""

from __future__ import annotations

import hashlib
import struct
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import Description
from edgelstm.runtime.engines.engine import EngineModel, EngineStream, no_answer
from edgelstm.runtime.engines.guard import new_guard
from edgelstm.runtime.frame import Float32, check_frames, one_frame
from edgelstm.runtime.layer import Layer, Part
from edgelstm.runtime.layers import frame_macs, parts_of_calls, read_layers
from edgelstm.runtime.pooling import POOLINGS, Pooling, PoolingKind, activate
from edgelstm.runtime.states import State, read_integer_io, read_states

MAX_FILE_BYTES = 1 << 30
_HEAD = struct.Struct("<4sI16sQ")  # magic, version, the model's identity, frames
_ANSWER = struct.Struct("<III")  # and, where it is not the model's own: pooling, window, hop
_MAGIC, _VERSION, _WITH_ANSWER = b"ELES", 3, 4
_MAX_FRAMES = 1 << 62


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


class GraphModel(EngineModel):
    """A file that holds a graph. A call takes as many frames as the last layer has stride, and carries states.

    states: of a graph whose metadata tell none; its layers are unknown.
    """

    def __init__(
        self,
        path: Path,
        engine: str,
        content: bytes,
        description: Description,
        states: tuple[State, ...] | None = None,
    ) -> None:
        told = states is None
        layers = read_layers(description.metadata, description.features, description.outputs) if told else ()
        identity = hashlib.sha256(content).digest()[:16].hex()
        super().__init__(path, engine, identity, description, frame_macs(layers))
        self._layers = layers
        self.states = read_states(description.metadata, layers) if states is None else states
        self.io = read_integer_io(description.metadata, description.features)
        owners = parts_of_calls(layers) if told else {state.name: ("graph", state.shape) for state in self.states}
        parts = [Part(state.name, owners[state.name][0], state.type, owners[state.name][1]) for state in self.states]
        if self.stride > 1:
            parts.append(Part("frames", "", "float32", (self.stride - 1, self.features)))
        self.graph_parts = tuple(parts)
        """Those of any stream, whatever its answers."""
        self._parts = (*parts, *_parts_of(description.new_pooling(description.answering)))

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    @property
    def parts(self) -> tuple[Part, ...]:
        return self._parts

    @property
    def snapshot_bytes(self) -> int:
        return _HEAD.size + sum(part.bytes for part in self._parts)

    def stream(
        self,
        memory_limit: int | None = None,
        *,
        pooling: PoolingKind | None = None,
        window: int | None = None,
        hop: int | None = None,
        threads: int = 1,
    ) -> GraphStream:
        if threads != 1:
            raise ValueError(f"threads: {threads}, expected 1: {self.engine} shares no frames, .elstm files do")
        if memory_limit is not None:
            raise ValueError(f"{self.path}: {self.engine} does not say what a stream takes, expected no memory limit")
        return self.new_stream(self.answering(pooling, window, hop))

    @abstractmethod
    def new_stream(self, answering: Answering) -> GraphStream: ...


class GraphStream(EngineStream):
    """Gathers frames until there are enough for a call, runs the engine, and pools the scores."""

    def __init__(self, model: GraphModel, answering: Answering):
        super().__init__(model.features, model.outputs, answering)
        self._model = model
        self._stride = model.stride
        self._pooling = model.description.new_pooling(answering)
        self._parts = (*model.graph_parts, *_parts_of(self._pooling))
        self._has_own_answer = answering == model.description.answering
        self._head_bytes = _HEAD.size + (0 if self._has_own_answer else _ANSWER.size)
        self._guard = new_guard("stream")
        self._waiting = 0  # frames gathered since the last call
        # What a call takes, (stride, features); where that is one frame, the input itself.
        self._gathered = (
            np.zeros((model.stride, model.features), np.float32) if model.stride > 1 else self._input[None]
        )
        self.scores: Float32 = np.zeros(model.outputs, np.float32)
        """(outputs,): those of the newest run, before pooling."""

    @property
    def model(self) -> GraphModel:
        return self._model

    @property
    def frames(self) -> int:
        return self._pooling.runs * self._stride + self._waiting

    @property
    def runs(self) -> int:
        """Calls of the engine since the initial state: one for each `model.stride` frames."""
        return self._pooling.runs

    def step(self, frame: ArrayLike | None = None, /) -> bool:
        if frame is None:
            self._check(self._input)
        elif isinstance(frame, np.ndarray) and frame.dtype == np.float32 and frame.shape == self._input.shape:
            self._check(frame)
        else:
            frame = one_frame(check_frames(frame, self._model.features, self._model.feature_names))
        with self._guard:
            if frame is not None:
                self._input[:] = frame
            self._begin_anew()
            if not self._gather():
                return False
            self._run()
            if not self._pooling.add(self.scores):
                return False
            self._output[:] = self.answer()
        return True

    def _begin_anew(self) -> None:
        """Where the frame that comes is the first of the model's next window."""
        anew = self._model.anew
        if anew and self.frames and not self.frames % anew:
            self._clear()

    def _check(self, frame: Float32) -> None:
        # One number tells of most frames, in a third of the time; very large ones take the long way.
        if not isfinite(frame.dot(frame)):
            check_frames(frame[None], self._model.features, self._model.feature_names)

    def _gather(self) -> bool:
        """Take the frame in `input`; True when there are enough for a call."""
        if self._stride == 1:
            return True
        self._gathered[self._waiting] = self._input
        self._waiting = (self._waiting + 1) % self._stride
        return self._waiting == 0

    def push(self, frames: ArrayLike) -> Float32:
        checked = check_frames(frames, self._model.features, self._model.feature_names)
        with self._guard:
            answers = [
                self.answer()
                for window in self._windows(checked)
                for scores in self._scored(window)
                if self._pooling.add(scores)
            ]
        return np.array(answers, np.float32).reshape(-1, self._model.outputs)

    def _windows(self, frames: Float32) -> Iterator[Float32]:
        """Frames (T, features), up to each place where the model begins anew; there it does."""
        anew = self._model.anew
        while anew and len(frames):
            self._begin_anew()
            left = anew - self.frames % anew
            yield frames[:left]
            frames = frames[left:]
        if not anew:
            yield frames

    def _scored(self, frames: Float32) -> Iterator[Float32]:
        """Take frames (T, features), T may be 0; the scores (outputs,) of each run, to be pooled before the next."""
        kept = self._input.copy()
        try:
            for frame in frames:
                self._input[:] = frame
                if self._gather():
                    self._run()
                    yield self.scores
        finally:
            self._input[:] = kept

    def answer(self) -> Float32:
        with self._guard:
            if not self._pooling.runs:
                raise no_answer(self.frames, self._stride)
            return activate(self._pooling.scores(), self._model.activation)

    def reset(self) -> None:
        with self._guard:
            self._clear()
            self._pooling.reset()
            self._waiting = 0

    def states(self) -> dict[str, NDArray[Any]]:
        parts = (part for part in self._model.parts if part.layer)
        with self._guard:
            return {part.name: array.reshape(part.shape) for part, array in zip(parts, self._state())}

    @property
    def snapshot_bytes(self) -> int:
        return self._head_bytes + sum(part.bytes for part in self._parts)

    def save(self) -> bytes:
        with self._guard:
            return self._save()

    def _save(self) -> bytes:
        arrays: dict[str, NDArray[Any]] = {**self.states(), **self._pooling.arrays()}
        if self._stride > 1:
            arrays["frames"] = self._gathered[:-1].copy()
            arrays["frames"][self._waiting :] = 0
        return self._head() + b"".join(_little(arrays[part.name]).tobytes() for part in self._parts)

    def _head(self) -> bytes:
        version = _VERSION if self._has_own_answer else _WITH_ANSWER
        head = _HEAD.pack(_MAGIC, version, bytes.fromhex(self._model.identity), self.frames)
        if self._has_own_answer:
            return head
        asked = self.answering
        return head + _ANSWER.pack(POOLINGS.index(asked.pooling), asked.window, asked.hop)

    def restore(self, snapshot: bytes) -> None:
        frames = self._read_head(snapshot)
        arrays, offset = {}, self._head_bytes
        for part in self._parts:
            little = np.dtype(part.dtype).newbyteorder("<")
            stored = np.frombuffer(snapshot, little, part.count, offset)
            if not np.isfinite(stored).all():
                raise ValueError(f"snapshot: {part.name} holds NaN or infinity")
            arrays[part.name] = stored.astype(part.dtype).reshape(part.shape)
            offset += part.bytes
        with self._guard:
            self._take(frames, arrays)

    def _take(self, frames: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from the parts of a saved state."""
        try:
            held = {name: arrays[name] for name in self._pooling.arrays()}
            self._pooling.restore(frames // self._stride, held)
        except ValueError as error:
            raise ValueError(f"snapshot: {error}") from None
        self._set_state([arrays[state.name].reshape(state.shape) for state in self._model.states])
        self._waiting = frames % self._stride
        if self._stride > 1:
            self._gathered[:-1] = arrays["frames"]

    def _read_head(self, snapshot: bytes) -> int:
        """The number of frames."""
        if len(snapshot) < _HEAD.size:
            raise ValueError(f"snapshot: {len(snapshot)} bytes, expected {self.snapshot_bytes}")
        magic, version, identity, frames = _HEAD.unpack_from(snapshot)
        if magic != _MAGIC or version not in (_VERSION, _WITH_ANSWER):
            raise ValueError("snapshot: it does not begin as one of this engine does")
        if identity.hex() != self._model.identity:
            raise ValueError(f"snapshot: it belongs to another model file than {self._model.path.name}")
        has_own_answer = version == _VERSION
        if has_own_answer != self._has_own_answer or not snapshot.startswith(self._head()[_HEAD.size :], _HEAD.size):
            raise ValueError("snapshot: it is of a stream with another pooling, window or hop")
        if len(snapshot) != self.snapshot_bytes:
            raise ValueError(f"snapshot: {len(snapshot)} bytes, expected {self.snapshot_bytes}")
        if frames > _MAX_FRAMES:
            raise ValueError(f"snapshot: {frames} frames, expected at most {_MAX_FRAMES}")
        return int(frames)

    @abstractmethod
    def _run(self) -> None:
        """Run the engine on the gathered frames; leave the scores in `self.scores`."""

    @abstractmethod
    def _state(self) -> list[NDArray[Any]]:
        """Copies of the states, in the order of `model.states`."""

    @abstractmethod
    def _set_state(self, state: list[NDArray[Any]]) -> None: ...

    @abstractmethod
    def _clear(self) -> None:
        """Put the engine's own state back to its initial value."""


def _parts_of(pooling: Pooling) -> tuple[Part, ...]:
    return tuple(Part(name, "", array.dtype.name, array.shape) for name, array in pooling.arrays().items())


def _little(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("<"))
