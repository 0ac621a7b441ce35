"""Graphs that say nothing about themselves, written by others or stripped of their metadata.

What goes in and comes out is told by names, types and shapes alone. An input whose name and `_out` make an output's,
or that has the type and shape of one, is a state; it begins with 0, or with its zero point where the file tells it.
The other input takes frames, the first float output that is left gives scores. What they mean nobody knows: an answer
is the newest scores, as they are. What an engine keeps between calls by itself is in no saved state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import Description
from edgelstm.runtime.engines.graph import GraphModel, GraphStream, one_line
from edgelstm.runtime.layer import MAX_WIDTH
from edgelstm.runtime.layers import MAX_STRIDE
from edgelstm.runtime.states import State

MOST_VALUES = 1 << 24
"""Of one input or output."""
_TYPES = ("float32", "int8", "uint8", "int16")
Arrays = Mapping[str, NDArray[Any]]
Call = Callable[[Arrays], Arrays]
"""Inputs by name → outputs by name."""


class NoMetadataError(ValueError):
    """A file that an engine runs, but that does not say what it is."""

    def __init__(self, path: Path, key: str, bare: Callable[[], BareModel]):
        super().__init__(f"{path}: no metadata under {key!r}, expected a file exported by edgelstm")
        self.bare = bare
        """Opens it all the same."""


@dataclass(frozen=True)
class Port:
    """An input or an output."""

    name: str
    type: str  # numpy's name
    shape: tuple[int, ...]
    zero: int = 0  # what stands for 0

    @property
    def count(self) -> int:
        return math.prod(self.shape)


class BareModel(GraphModel):
    """A graph without metadata. `new_call` gives each stream what runs it.

    ValueError for a graph in which frames, scores and states cannot be told apart.
    """

    def __init__(
        self, path: Path, engine: str, content: bytes, inputs: Sequence[Port], new_call: Callable[[], Call]
    ) -> None:
        try:
            outputs = _outputs(new_call(), inputs)
            self.x, self.scores, renewed = _roles(inputs, outputs)
            super().__init__(path, engine, content, _description(self.x, self.scores), _states(inputs, renewed))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        self.new_call = new_call

    def new_stream(self, answering: Answering) -> BareStream:
        return BareStream(self, answering)


class BareStream(GraphStream):
    """The engine is called as its own interface wants it, with arrays by name."""

    def __init__(self, model: BareModel, answering: Answering):
        super().__init__(model, answering)
        self._x, self._from = model.x, model.scores
        self._new_call, self._model_states = model.new_call, model.states
        self._call = model.new_call()
        self._held = [state.fresh() for state in model.states]

    def _run(self) -> None:
        feeds = {self._x.name: self._gathered.reshape(self._x.shape)}
        feeds |= {state.name: array for state, array in zip(self._model_states, self._held)}
        try:
            found = self._call(feeds)
        except ValueError as error:
            raise ValueError(f"{self.model.path}: {self.model.engine} failed: {error}") from None
        self.scores[:] = found[self._from.name].reshape(-1)[-self.model.outputs :]
        self._held = [np.array(found[str(state.output)]) for state in self._model_states]

    def _state(self) -> list[NDArray[Any]]:
        return [array.copy() for array in self._held]

    def _set_state(self, state: list[NDArray[Any]]) -> None:
        self._held = [np.array(array) for array in state]

    def _clear(self) -> None:
        self._held = [state.fresh() for state in self._model_states]
        self._call = self._new_call()  # what the engine itself keeps goes too


def _outputs(call: Call, inputs: Sequence[Port]) -> list[Port]:
    """As they are after a call with zeros."""
    for port in inputs:
        if port.type not in _TYPES:
            raise ValueError(f"graph: input {port.name}: {port.type}, expected one of {', '.join(_TYPES)}")
        if not 0 < port.count <= MOST_VALUES:
            raise ValueError(f"graph: input {port.name}: shape {port.shape}, expected 1 to {MOST_VALUES:,} values")
    found = call({port.name: np.zeros(port.shape, port.type) for port in inputs})
    return [Port(name, array.dtype.name, array.shape) for name, array in found.items()]


def _roles(inputs: Sequence[Port], outputs: Sequence[Port]) -> tuple[Port, Port, dict[str, str]]:
    """(what takes frames, what gives scores, each state's input → the output that renews it)"""
    names = {port.name for port in outputs}
    renewed = {port.name: f"{port.name}_out" for port in inputs if f"{port.name}_out" in names}
    rest = [port for port in inputs if port.name not in renewed and port.type == "float32"]
    if not rest:
        raise ValueError("graph: no input that takes frames, expected one of float32")
    x = next((port for port in rest if port.name in ("x", "input")), rest[0])
    left = [port for port in outputs if port.name not in renewed.values()]
    scores = next((port for port in left if port.name == "scores"), left[0] if left else None)
    if scores is None or scores.type != "float32" or not scores.count:
        raise ValueError("graph: no output of float32 that could be scores, expected one")
    left = [port for port in left if port is not scores]
    for port in inputs:
        if port is x or port.name in renewed:
            continue
        match = next((other for other in left if (other.type, other.shape) == (port.type, port.shape)), None)
        if match is None:
            raise ValueError(f"graph: input {port.name}: no output of its type and shape, expected frames and states")
        renewed[port.name] = match.name
        left.remove(match)
    return x, scores, renewed


def _description(x: Port, scores: Port) -> Description:
    if not x.shape or not scores.shape:
        raise ValueError(f"graph: {x.name} {x.shape}, {scores.name} {scores.shape}, expected at least one dimension")
    features, stride, outputs = x.shape[-1], x.count // x.shape[-1], scores.shape[-1]
    if features > MAX_WIDTH or outputs > MAX_WIDTH or stride > MAX_STRIDE:
        raise ValueError(f"graph: {x.name} {x.shape}, {scores.name} {scores.shape}, expected smaller ones")
    return Description(
        metadata={},
        precision="unknown",
        features=features,
        outputs=outputs,
        labels=(),
        feature_names=(),
        activation="linear",
        pooling="last",
        window=0,
        hop=stride,
        stride=stride,
        sample_rate=0.0,
    )


def _states(inputs: Sequence[Port], renewed: Mapping[str, str]) -> tuple[State, ...]:
    taken = ("frames", "sums")  # parts of every saved state
    for name in set(renewed) & set(taken):
        raise ValueError(f"graph: input {name}: a state of that name, expected another one")
    return tuple(
        State(port.name, renewed[port.name], port.type, port.shape, port.zero)
        for port in inputs
        if port.name in renewed
    )


def engine_error(error: Exception) -> ValueError:
    """What an engine complains of, in one line."""
    return ValueError(one_line(error))
