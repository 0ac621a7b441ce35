"""`.onnx` files made by EdgeLSTM, as streams over onnxruntime on one thread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.description import KEY, MAX_JSON_BYTES, Description
from edgelstm.runtime.engine_stream import EngineModel, EngineStream, Float32, one_line, read_bounded

STATES_KEY = "edgelstm.states"
"""Metadata entry: a JSON list of {"name", "output", "shape", "initial"}, h and c of each layer in turn."""

_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class State:
    """One state of the graph: an input, and the output that takes its place in the next call."""

    name: str
    output: str
    shape: tuple[int, ...]
    initial: float

    def fresh(self) -> Float32:
        return np.full(self.shape, self.initial, np.float32)


class OnnxModel(EngineModel):
    """An open `.onnx` file. ImportError without onnxruntime; ValueError for a file that is not ours or damaged."""

    def __init__(self, path: str | Path):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(f"{path}: needs onnxruntime ({error}); install it: pip install onnxruntime") from None
        path = Path(path)
        content = read_bounded(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what matters comes as an exception
        try:
            # Without enable_fallback=0 a refused file is tried twice, with a banner on stdout.
            self.session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # onnxruntime's own exceptions share no narrower base
            raise ValueError(f"{path}: onnxruntime refuses it: {one_line(error)}") from None
        entries = self.session.get_modelmeta().custom_metadata_map
        if KEY not in entries or STATES_KEY not in entries:
            raise ValueError(f"{path}: no metadata under {KEY!r}, expected a file exported by edgelstm")
        try:
            description = Description.from_json(entries[KEY])
            self.states = _read_states(entries[STATES_KEY], description)
            self._check_graph(description)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        super().__init__(path, content, description)
        self.engine = f"onnxruntime {version('onnxruntime')}"

    def stream(self) -> OnnxStream:
        return OnnxStream(self)

    def _check_graph(self, description: Description) -> None:
        """The graph has the inputs and outputs that the metadata promise: names, float32, shapes."""
        expected: dict[str, list[int | None]] = {"x": [None, description.features]}
        expected |= {state.name: list(state.shape) for state in self.states}
        _check_values("input", self.session.get_inputs(), expected)
        expected = {"scores": [None, description.outputs]}
        expected |= {state.output: list(state.shape) for state in self.states}
        _check_values("output", self.session.get_outputs(), expected, others=True)


class OnnxStream(EngineStream):
    """A stream with two sets of state buffers: a step reads one and writes the other."""

    def __init__(self, model: OnnxModel):
        super().__init__(model)
        self._session = model.session
        self._states = model.states
        self._buffers = tuple([state.fresh() for state in model.states] for _ in range(2))
        self._now = 0  # which set holds the state
        self._bindings = [self._bind(now) for now in (0, 1)]
        self._outputs = ["scores", *(state.output for state in model.states)]

    def _bind(self, now: int) -> Any:
        binding = self._session.io_binding()
        for name, array in [("x", self._input[None]), *self._named(now)]:
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        after = zip((state.output for state in self._states), self._buffers[1 - now])
        for name, array in [("scores", self.scores[None]), *after]:
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding

    def _named(self, now: int) -> list[tuple[str, Float32]]:
        return [(state.name, array) for state, array in zip(self._states, self._buffers[now])]

    def _step(self) -> None:
        try:
            self._session.run_with_iobinding(self._bindings[self._now])
        except Exception as error:
            raise self._failed(error) from None
        self._now = 1 - self._now

    def _push(self, frames: Float32) -> Float32:
        try:
            scores, *after = self._session.run(self._outputs, {"x": frames, **dict(self._named(self._now))})
        except Exception as error:
            raise self._failed(error) from None
        for array, value in zip(self._buffers[self._now], after):
            array[...] = value
        self.scores[:] = scores[-1]
        checked: Float32 = scores
        return checked

    def _failed(self, error: Exception) -> ValueError:
        return ValueError(f"{self.model.path}: {self.model.engine} failed: {one_line(error)}")

    def _state(self) -> list[NDArray[Any]]:
        return [array.copy() for array in self._buffers[self._now]]

    def _set_state(self, state: list[NDArray[Any]]) -> None:
        for array, value in zip(self._buffers[self._now], state):
            array[...] = value

    def _clear(self) -> None:
        self._set_state([state.fresh() for state in self._states])


def _read_states(text: str, description: Description) -> tuple[State, ...]:
    """The states that the metadata list, checked against the layers it lists."""
    problem = f"metadata: {STATES_KEY}: expected h and c of {len(description.lstm_units)} layers"
    try:
        entries: Any = json.loads(text) if len(text) <= MAX_JSON_BYTES else None
        states = tuple(
            State(str(e["name"]), str(e["output"]), tuple(int(n) for n in e["shape"]), float(e["initial"]))
            for e in entries
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise ValueError(problem) from None
    widths = [units for units in description.lstm_units for _ in "hc"]
    if [state.shape for state in states] != [(1, 1, units) for units in widths]:
        raise ValueError(problem)
    return states


def _check_values(kind: str, values: Any, expected: dict[str, list[int | None]], *, others: bool = False) -> None:
    found = {value.name: value for value in values}
    if not expected.keys() <= found.keys() or (not others and len(found) != len(expected)):
        raise ValueError(f"graph: {kind}s {', '.join(sorted(found))[:200]}, expected {', '.join(expected)}")
    for name, shape in expected.items():
        value = found[name]
        sides = [side if isinstance(side, int) else None for side in value.shape]
        if value.type != "tensor(float)" or sides != shape:
            raise ValueError(f"graph: {kind} {name}: {value.type} {value.shape}, expected tensor(float) {shape}")
