"""The states of a graph as its file's metadata list them: what a stream carries from call to call.

`edgelstm.export` writes them; here they are read from files that nobody vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.records import Bounds, from_json
from edgelstm.runtime.layer import Layer, Shape
from edgelstm.runtime.layers import parts_of_calls

Io = Literal["float32", "int8"]
"""What a caller feeds and gets: raw frames and float scores, or the model's own integers."""

STATES_FIELD, IO_FIELD = "states", "io"
FILE_FIELDS = (STATES_FIELD, IO_FIELD)
"""Fields of the JSON object that belong to one file; all others say what the model is."""

_TYPES = ("float32", "int8", "uint8", "int16")
_Scale = Annotated[float, Bounds(above=0, most=1e30)]


@dataclass(frozen=True)
class State:
    """A part of one layer's state: an input of the graph and the output that takes its place in the next call, or one
    tensor that keeps its value (`output` is None). A real value is `scale * (q - zero_point)`."""

    name: str
    output: str | None
    type: str  # numpy's name
    shape: tuple[int, ...]
    initial: Annotated[float, Bounds(-1e30, 1e30)]
    scale: _Scale = 1.0
    zero_point: Annotated[int, Bounds(-32768, 32767)] = 0

    def fresh(self) -> NDArray[Any]:
        return np.full(self.shape, self.initial, self.type)

    def real(self, value: NDArray[Any]) -> NDArray[np.float64]:
        """What the integers of a state mean; floats as they are."""
        return (value.astype(np.float64) - self.zero_point) * self.scale


@dataclass(frozen=True, eq=False)
class IntegerIo:
    """A file that takes and gives int8: what its integers mean."""

    mean: NDArray[np.float32]  # (features,), like the two below
    factor: NDArray[np.float32]
    offset: NDArray[np.float32]
    x: tuple[float, int]  # scale, zero point
    scores: tuple[float, int]

    def codes(self, frame: NDArray[np.float32]) -> NDArray[np.int8]:
        """A raw frame (features,) as the file wants it: one float32 step, ties to even."""
        scaled = (frame - self.mean) * self.factor + self.offset
        codes: NDArray[np.int8] = np.clip(np.rint(scaled), -128, 127).astype(np.int8)
        return codes

    def real(self, scores: NDArray[np.int8]) -> NDArray[np.float32]:
        scale, zero_point = self.scores
        return (scores.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


@dataclass(frozen=True)
class _Affine:
    scale: _Scale
    zero_point: Annotated[int, Bounds(-128, 127)]


@dataclass(frozen=True)
class _InputAffine(_Affine):
    factor: tuple[float, ...]
    offset: tuple[float, ...]
    mean: tuple[float, ...] | None = None  # none in files from before it was subtracted first: zeros


@dataclass(frozen=True)
class _Io:
    x: _InputAffine
    scores: _Affine


def read_integer_io(values: Mapping[str, object], features: int) -> IntegerIo | None:
    """From the field `io`; None where floats go in and out. ValueError for what describes no integers."""
    if values.get(IO_FIELD) is None:
        return None
    io = from_json(_Io, values[IO_FIELD], f"metadata: {IO_FIELD}", strict=False)
    given_mean = (0.0,) * features if io.x.mean is None else io.x.mean
    mean, factor, offset = (np.array(given) for given in (given_mean, io.x.factor, io.x.offset))
    largest = float(np.finfo(np.float32).max)
    for name, given in (("mean", mean), ("factor", factor), ("offset", offset)):
        if given.shape != (features,) or not (np.abs(given) <= largest).all():
            raise ValueError(f"metadata: {IO_FIELD}: x.{name}: expected {features} numbers that float32 holds")
    x, scores = ((each.scale, each.zero_point) for each in (io.x, io.scores))
    return IntegerIo(mean.astype(np.float32), factor.astype(np.float32), offset.astype(np.float32), x, scores)


def read_states(values: Mapping[str, object], layers: Sequence[Layer]) -> tuple[State, ...]:
    """The states of these layers, in order, from the field `states`. ValueError for anything else."""
    where, parts = f"metadata: {STATES_FIELD}", parts_of_calls(layers)
    states = from_json(tuple[State, ...], values.get(STATES_FIELD), where)
    if [state.name for state in states] != list(parts):
        found, wanted = (", ".join(names)[:300] or "none" for names in ([s.name for s in states], parts))
        raise ValueError(f"{where}: {found}, expected {wanted}")
    for state, (_, shape) in zip(states, parts.values()):
        _check(state, shape, f"{where}: {state.name}")
    if len({state.output is None for state in states}) > 1:
        raise ValueError(f"{where}: expected outputs for all or for none")
    return states


def _check(state: State, part: Shape, where: str) -> None:
    if state.type not in _TYPES:
        raise ValueError(f"{where}: type {state.type[:40]!r}, expected one of {', '.join(_TYPES)}")
    if state.output not in (None, f"{state.name}_out"):
        raise ValueError(f"{where}: output {state.output[:40]!r}, expected {state.name}_out or none")
    # Engines want other numbers of dimensions than a part has: the further ones are 1, in front.
    if state.shape not in [(1,) * (rank - len(part)) + part for rank in (2, 3) if rank >= len(part)]:
        raise ValueError(f"{where}: shape {str(state.shape)[:40]}, expected that of {part}, 1 in front")
    if state.type != "float32" and not np.iinfo(state.type).min <= state.initial <= np.iinfo(state.type).max:
        raise ValueError(f"{where}: initial {state.initial}, expected a value of {state.type}")
