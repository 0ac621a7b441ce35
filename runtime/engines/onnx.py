"""`.onnx` files made by EdgeLSTM, as streams over onnxruntime on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import KEY
from edgelstm.runtime.engines.bare import Arrays, BareModel, NoMetadataError, Port, engine_error
from edgelstm.runtime.engines.graph import GraphModel, GraphStream, one_line, read_bounded
from edgelstm.runtime.engines.quiet import import_onnxruntime
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.metadata import read_metadata

_TYPES = {
    "float32": "tensor(float)",
    "int8": "tensor(int8)",
    "uint8": "tensor(uint8)",
    "int16": "tensor(int16)",
}  # numpy's name → the engine's


_Kind = tuple[str, list[int | None]]  # type and shape of an input or output; None is any number of frames


class OnnxModel(GraphModel):
    """An open `.onnx` file. ImportError without onnxruntime; ValueError for a file that is not ours or damaged."""

    def __init__(self, path: str | Path):
        try:
            onnxruntime = import_onnxruntime()
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
        if KEY not in entries:
            raise NoMetadataError(path, KEY, lambda: _bare(path, content, self.session))
        try:
            description = read_metadata(entries[KEY])
            super().__init__(path, f"onnxruntime {version('onnxruntime')}", content, description)
            self._check_graph()
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def new_stream(self, answering: Answering) -> OnnxStream:
        return OnnxStream(self, answering)

    def _check_graph(self) -> None:
        """The graph has the inputs and outputs that the metadata promise: names, types, shapes."""
        inputs = {value.name: value for value in self.session.get_inputs()}
        self.one_call = "x" in inputs and inputs["x"].shape[:1] == [self.stride]
        """A call takes one run's frames, not any number."""
        kind = "int8" if self.io else "float32"
        frames, runs = (self.stride, 1) if self.one_call else (None, None)
        expected: dict[str, _Kind] = {"x": (kind, [frames, self.features])}
        expected |= {state.name: (state.type, list(state.shape)) for state in self.states}
        _check_values("input", inputs, expected)
        outputs = {value.name: value for value in self.session.get_outputs()}
        expected = {"scores": (kind, [runs, self.outputs])}
        expected |= {str(state.output): (state.type, list(state.shape)) for state in self.states}
        _check_values("output", outputs, expected, others=True)


class OnnxStream(GraphStream):
    """A stream with two sets of state buffers: a step reads one and writes the other."""

    def __init__(self, model: OnnxModel, answering: Answering):
        super().__init__(model, answering)
        self._session = model.session
        self._states, self._io = model.states, model.io
        self._one_call = model.one_call
        # What the engine reads and writes: the stream's own arrays, or the integers that they become.
        self._x = np.zeros(self._gathered.shape, np.int8) if model.io else self._gathered
        self._scores: NDArray[Any] = np.zeros(model.outputs, np.int8) if model.io else self.scores
        self._buffers = tuple([state.fresh() for state in model.states] for _ in range(2))
        self._now = 0  # which set holds the state
        self._bindings = [self._bind(now) for now in (0, 1)]
        self._outputs = ["scores", *(state.output for state in model.states)]

    def _bind(self, now: int) -> Any:
        binding = self._session.io_binding()
        before: list[tuple[str, NDArray[Any]]] = [("x", self._x), *self._named(now)]
        for name, array in before:
            binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        after: list[tuple[str | None, NDArray[Any]]] = [("scores", self._scores[None])]
        after += zip((state.output for state in self._states), self._buffers[1 - now])
        for output, array in after:
            binding.bind_output(output, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        return binding

    def _named(self, now: int) -> list[tuple[str, NDArray[Any]]]:
        return [(state.name, array) for state, array in zip(self._states, self._buffers[now])]

    def _run(self) -> None:
        if self._io:
            self._x[:] = self._io.codes(self._gathered)
        try:
            self._session.run_with_iobinding(self._bindings[self._now])
        except Exception as error:
            raise self._failed(error) from None
        self._now = 1 - self._now
        if self._io:
            self.scores[:] = self._io.real(self._scores)

    def _scored(self, frames: Float32) -> Iterator[Float32]:
        if self._one_call or not len(frames):
            return super()._scored(frames)
        x = self._io.codes(frames) if self._io else frames
        try:
            found, *after = self._session.run(self._outputs, {"x": x, **dict(self._named(self._now))})
        except Exception as error:
            raise self._failed(error) from None
        for array, value in zip(self._buffers[self._now], after):
            array[...] = value
        scores: Float32 = self._io.real(found) if self._io else found
        self.scores[:] = scores[-1]
        return iter(scores)

    def _failed(self, error: Exception) -> ValueError:
        return ValueError(f"{self.model.path}: {self.model.engine} failed: {one_line(error)}")

    def _state(self) -> list[NDArray[Any]]:
        return [array.copy() for array in self._buffers[self._now]]

    def _set_state(self, state: list[NDArray[Any]]) -> None:
        for array, value in zip(self._buffers[self._now], state):
            array[...] = value

    def _clear(self) -> None:
        self._set_state([state.fresh() for state in self._states])


def _bare(path: Path, content: bytes, session: Any) -> BareModel:
    numpy_names = {value: key for key, value in _TYPES.items()}
    inputs = [
        Port(
            value.name,
            numpy_names.get(value.type, value.type),
            tuple(side if isinstance(side, int) else 1 for side in value.shape),  # any number: one
        )
        for value in session.get_inputs()
    ]
    names = [value.name for value in session.get_outputs()]

    def call(feeds: Arrays) -> Arrays:
        try:
            return dict(zip(names, session.run(names, dict(feeds))))
        except Exception as error:  # onnxruntime's own exceptions share no narrower base
            raise engine_error(error) from None

    return BareModel(path, f"onnxruntime {version('onnxruntime')}", content, inputs, lambda: call)


def _check_values(kind: str, found: dict[str, Any], expected: dict[str, _Kind], *, others: bool = False) -> None:
    if not expected.keys() <= found.keys() or (not others and len(found) != len(expected)):
        raise ValueError(f"graph: {kind}s {', '.join(sorted(found))[:200]}, expected {', '.join(expected)}")
    for name, (dtype, shape) in expected.items():
        value = found[name]
        sides = [side if isinstance(side, int) else None for side in value.shape]
        if value.type != _TYPES[dtype] or sides != shape:
            raise ValueError(f"graph: {kind} {name}: {value.type} {value.shape}, expected {_TYPES[dtype]} {shape}")
