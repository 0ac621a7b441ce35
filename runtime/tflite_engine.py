"""`.tflite` files made by EdgeLSTM, as streams over LiteRT or the older tflite-runtime, on one thread.

The states `h0`, `c0`, `h1` … live in the interpreter's variable tensors, or are inputs and outputs that the stream
carries: the metadata say which. Every stream has its own interpreter.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.description import KEY, Description
from edgelstm.runtime.engine_stream import EngineModel, EngineStream, Float32, one_line, read_bounded
from edgelstm.runtime.states import read_integer_io, read_states
from edgelstm.runtime.tflite_file import check_seal, metadata_entry

_ENGINES = (("ai-edge-litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter"))


class TfliteModel(EngineModel):
    """An open `.tflite` file. ImportError without an engine; ValueError for a file that is not ours or damaged."""

    def __init__(self, path: str | Path):
        path = Path(path)
        package, self._module = _find_engine(path)
        self._content = read_bounded(path)
        try:
            text = metadata_entry(self._content, KEY)
            if text is None:
                raise ValueError(f"no metadata under {KEY!r}, expected a file exported by edgelstm")
            check_seal(self._content)
            description = Description.from_json(text)
            super().__init__(path, self._content, description)
            self.engine = f"{package} {version(package)}"
            self.states = read_states(description.metadata, description.lstm_units)
            self.io = read_integer_io(description.metadata, description.features)
            self.tensors = _Tensors(self.interpreter(), self)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def stream(self) -> TfliteStream:
        return TfliteStream(self)

    def interpreter(self, **options: Any) -> Any:
        """A new interpreter over the file, its tensors allocated. ValueError when the engine refuses the file."""
        try:
            interpreter = self._module.Interpreter(model_content=self._content, num_threads=1, **options)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self.engine} refuses it: {one_line(error)}") from None
        return interpreter


class _Tensors:
    """Numbers of the tensors that a stream reads and writes, each checked for type, shape and scale."""

    def __init__(self, interpreter: Any, model: TfliteModel):
        details = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
        inputs = {detail["name"] for detail in interpreter.get_input_details()}
        outputs = {detail["name"] for detail in interpreter.get_output_details()}
        carried = {state.name: state.output for state in model.states if state.output is not None}
        taken, given = {"x", *carried}, {"scores", *carried.values()}
        if inputs != taken or not given <= outputs:
            expected = f"{', '.join(sorted(taken))} and {', '.join(sorted(given))}"
            raise ValueError(f"graph: inputs {sorted(inputs)}, outputs {sorted(outputs)}, expected {expected}")

        def number(name: str, kind: str, shape: tuple[int, ...], affine: tuple[float, int] | None) -> int:
            detail = details.get(name)
            if detail is None:
                raise ValueError(f"graph: no tensor {name}")
            dtype, sides = np.dtype(detail["dtype"]).name, tuple(int(side) for side in detail["shape"])
            if (dtype, sides) != (kind, shape):
                raise ValueError(f"graph: {name}: {dtype} {sides}, expected {kind} {shape}")
            if kind != "float32" and detail["quantization"] != affine:
                raise ValueError(f"graph: {name}: scale and zero point {detail['quantization']}, expected {affine}")
            return int(detail["index"])

        kind, io = ("int8", model.io) if model.io else ("float32", None)
        self.frame_shape = (1, model.features) if carried else (1, 1, model.features)
        self.x = number("x", kind, self.frame_shape, io and io.x)
        self.scores = number("scores", kind, (1, model.outputs), io and io.scores)
        affines = [(state.scale, state.zero_point) for state in model.states]
        self.states = [number(s.name, s.type, s.shape, affine) for s, affine in zip(model.states, affines)]
        self.results = [
            number(s.output, s.type, s.shape, affine) for s, affine in zip(model.states, affines) if s.output
        ]


class TfliteStream(EngineStream):
    """A stream with an interpreter of its own; `options` go to the interpreter."""

    def __init__(self, model: TfliteModel, **options: Any):
        super().__init__(model)
        self.interpreter = model.interpreter(**options)
        self._tensors, self._states, self._io = model.tensors, model.states, model.io
        self._frame = self._input.reshape(self._tensors.frame_shape)
        self._carried = [state.fresh() for state in self._states if state.output]

    def _step(self) -> None:
        tensors, interpreter = self._tensors, self.interpreter
        frame = self._io.codes(self._input).reshape(self._frame.shape) if self._io else self._frame
        interpreter.set_tensor(tensors.x, frame)
        for number, array in zip(tensors.states, self._carried):
            interpreter.set_tensor(number, array)
        try:
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self.model.path}: {self.model.engine} failed: {one_line(error)}") from None
        scores = interpreter.get_tensor(tensors.scores)[0]
        self.scores[:] = self._io.real(scores) if self._io else scores
        if self._carried:
            self._carried = [interpreter.get_tensor(number) for number in tensors.results]

    def _push(self, frames: Float32) -> Float32:
        return self._push_by_frame(frames)

    def _state(self) -> list[NDArray[Any]]:
        if self._carried:
            return [array.copy() for array in self._carried]
        return [self.interpreter.get_tensor(number) for number in self._tensors.states]

    def _set_state(self, state: list[NDArray[Any]]) -> None:
        if self._carried:
            self._carried = state
            return
        for number, array in zip(self._tensors.states, state):
            self.interpreter.set_tensor(number, array)

    def _clear(self) -> None:
        if self._carried:
            self._carried = [state.fresh() for state in self._states]
        else:
            self.interpreter.reset_all_variables()


def _find_engine(path: Path) -> tuple[str, Any]:
    """(package, its interpreter module): LiteRT, else tflite-runtime. ImportError that says what to install."""
    for package, name in _ENGINES:
        if find_spec(name.split(".")[0]) is None:
            continue
        if package == "tflite-runtime":
            refuse_numpy_2(version(package), np.__version__)
        try:
            return package, import_module(name)
        except ImportError as error:
            raise ImportError(f"{path}: {package} is installed but fails to load: {one_line(error)}") from None
    raise ImportError(f"{path}: needs LiteRT, which is not installed: pip install ai-edge-litert")


def refuse_numpy_2(runtime: str, numpy: str) -> None:
    """ImportError for versions of tflite-runtime and numpy that pip allows together and that do not work together."""
    if _major_minor(numpy) >= (2, 0) and _major_minor(runtime) <= (2, 14):
        raise ImportError(
            f"tflite-runtime {runtime} does not work with numpy {numpy}: "
            "pip install ai-edge-litert instead, or 'numpy<2' in an environment of its own"
        )


def _major_minor(text: str) -> tuple[int, int]:
    major, minor = text.split(".")[:2]
    return int(major), int(minor)
