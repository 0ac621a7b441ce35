"""What a model and a stream are, whichever engine runs them: one type for each, which every engine implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import Description
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.layer import Layer, Part
from edgelstm.runtime.pooling import PoolingKind

if TYPE_CHECKING:  # not every engine needs what reads them
    from edgelstm.runtime.states import IntegerIo, State


class EngineModel(ABC):
    """A model file, open in its engine. Make streams with `stream()`; a model may be shared between threads."""

    def __init__(self, path: Path, engine: str, identity: str, description: Description, frame_macs: int) -> None:
        self.path = path
        self.engine = engine
        """Name and version, such as "onnxruntime 1.31.1"."""
        self.identity = identity
        """32 hex digits that tell this model from others: saved states are bound to it."""
        self.kernel: str | None = None
        """The kernel set that computes; None where the engine does not say."""
        self.stream_bytes: int | None = None
        """All the memory of one stream; None where the engine does not say."""
        self.states: tuple[State, ...] = ()
        """States that a caller of the file itself carries from call to call; none where no graph can be called."""
        self.io: IntegerIo | None = None
        """What the integers mean that go in and out of the file itself; None where floats do."""
        self.description = description
        self.metadata = description.metadata
        self.precision = description.precision
        self.features = description.features
        self.outputs = description.outputs
        self.labels = description.labels
        self.feature_names = description.feature_names
        self.activation = description.activation
        self.pooling = description.pooling
        self.window = description.window
        self.hop = description.hop
        self.stride = description.stride
        self.sample_rate = description.sample_rate
        self.anew = description.anew
        """Frames after which its streams begin anew; 0: only `reset` makes them."""
        self.frame_macs = frame_macs
        """Multiply-accumulates of a frame, on average."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of the values of an answer: the labels, or numbers where these do not tell them apart."""
        unique = len(set(self.labels)) == self.outputs
        return self.labels if unique else tuple(str(place) for place in range(self.outputs))

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """First to last."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """What a saved state holds, in its order, besides a head of fixed size, where the answers are the model's
        own."""

    @property
    @abstractmethod
    def snapshot_bytes(self) -> int:
        """Bytes of a saved state where the answers are the model's own; else see `EngineStream.snapshot_bytes`."""

    @abstractmethod
    def stream(
        self,
        memory_limit: int | None = None,
        *,
        pooling: PoolingKind | None = None,
        window: int | None = None,
        hop: int | None = None,
        threads: int = 1,
    ) -> EngineStream:
        """A new stream in its initial state, independent of all others.

        pooling, window, hop: of its answers, in place of the model's own; window and hop in frames. `last` needs no
        window and has none.
        threads: that share the layers of a frame, the caller's among them, with the same bits; more than one only in
        `.elstm` files. It pays where a layer has 128 units or more and frames follow one another closely: each of
        the others looks for work for 0.1 ms before it sleeps.

        ValueError for answers that the model cannot give, when the stream needs more than `memory_limit` bytes, or
        when the engine does not say what it needs; for threads that there cannot be.
        """

    def stream_size(self, _answering: Answering) -> int | None:
        """All the memory of one stream that gives these answers; None where the engine does not say. ValueError where
        there is no such stream."""
        return None

    def answering(
        self, pooling: PoolingKind | None = None, window: int | None = None, hop: int | None = None
    ) -> Answering:
        """How a stream that is asked for these answers gives them. ValueError where it cannot."""
        own = self.description.answering
        if pooling is None and window is None and hop is None:
            return own
        asked = own.changed(pooling, window, hop)
        asked.check(self.stride, self.outputs, self.anew)
        return asked


def no_answer(frames: int, stride: int) -> ValueError:
    """For a stream that is asked for an answer before its last layer has run."""
    wanted = f"at least {stride}" if stride > 1 else "at least one"
    return ValueError(f"{frames or 'no'} frame{'s' * (frames > 1)} since reset, expected {wanted} before an answer")


class Step(Protocol):
    """One frame into a stream."""

    def __call__(self, frame: ArrayLike | None = None, /) -> bool: ...


class EngineStream(ABC):
    """One signal and its state. Nothing but `reset` resets it, or the model itself after `anew` frames. One thread at
    a time: RuntimeError while another is inside, with nothing changed.

    `step(frame)`, or write a frame into `input` and call `step()`; when it returns True the answer is in `output`.
    Or `push` chunks.
    """

    step: Step
    """Take one raw frame (features,), or the one in `input`; True when an answer was written to `output`.

    A contiguous float32 array is read where it lies; anything else is converted into `input`. ValueError for a wrong
    shape or dtype, NaN or infinity; the stream is then untouched.
    """

    def __init__(self, features: int, outputs: int, answering: Answering) -> None:
        self._input: Float32 = np.zeros(features, np.float32)
        self._output: Float32 = np.zeros(outputs, np.float32)
        self.answering = answering
        """How its scores become answers."""

    @property
    @abstractmethod
    def model(self) -> EngineModel: ...

    @property
    def input(self) -> Float32:
        """(features,): write the next raw frame here, then `step()`. Always the same memory."""
        return self._input

    @property
    def output(self) -> Float32:
        """(outputs,): the newest answer that `step` emitted. Always the same memory."""
        return self._output

    @property
    @abstractmethod
    def frames(self) -> int:
        """Frames since the initial state."""

    @abstractmethod
    def push(self, frames: ArrayLike) -> Float32:
        """Raw frames (T, features), or one (features,) → the answers that were emitted, (answers, outputs).

        T may be 0. ValueError for a wrong shape or dtype, NaN or infinity; the stream is then untouched.
        """

    keeps_samples: bool = False
    """Whether it keeps what `push_samples` hands in and fills no frame yet."""

    @property
    def waiting(self) -> int:
        """Samples that it keeps for a frame that is not whole yet."""
        return 0

    @property
    def waiting_samples(self) -> Float32:
        """A copy of these, (waiting,)."""
        return np.zeros(0, np.float32)

    def push_samples(self, _samples: ArrayLike) -> Float32:
        """Samples of a sound (n,), on the scale of the model, as int16 or as float32 → the answers that were emitted,
        (answers, outputs). What fills no frame yet waits in the stream, as a part of its state, and is the beginning
        of the next frame, in whatever way that is pushed.

        ValueError for a model whose frames are no samples in a row, an engine that takes whole frames alone, a wrong
        shape or dtype, NaN or infinity; the stream is then untouched.
        """
        raise ValueError(f"{self.model.path}: {self.model.engine} takes whole frames, expected an .elstm file")

    @abstractmethod
    def answer(self) -> Float32:
        """The answer (outputs,) as of the newest frame, whatever the hop; where layers run every s-th frame, of the
        newest at which they ran. ValueError before the first."""

    @abstractmethod
    def reset(self) -> None:
        """Back to the initial state."""

    @property
    @abstractmethod
    def snapshot_bytes(self) -> int:
        """Bytes of its saved state."""

    @abstractmethod
    def save(self) -> bytes:
        """The state, little-endian, `snapshot_bytes` long, bound to this model and these answers."""

    @abstractmethod
    def restore(self, snapshot: bytes) -> None:
        """Go on from what `save` gave. ValueError, the state untouched, when it is damaged, another model's, or that
        of a stream that gives other answers."""

    @abstractmethod
    def states(self) -> dict[str, NDArray[Any]]:
        """Copies of the layers' states by name, as `model.parts` lists them. For proofs and for looking inside."""
