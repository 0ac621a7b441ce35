"""`.tflite` files made by EdgeLSTM, as streams over LiteRT or the older tflite-runtime, on one thread.

The states live in the interpreter's variable tensors, or are inputs and outputs that the stream carries: the metadata
say which. Every stream has its own interpreter.
"""

from __future__ import annotations

import ctypes
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import KEY
from edgelstm.runtime.engines.bare import Arrays, BareModel, Call, NoMetadataError, Port, engine_error
from edgelstm.runtime.engines.graph import GraphModel, GraphStream, one_line, read_bounded
from edgelstm.runtime.engines.quiet import quiet_once
from edgelstm.runtime.engines.tflite_file import check_seal, metadata_entry
from edgelstm.runtime.metadata import read_metadata

_ENGINES = (("ai-edge-litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter"))


class TfliteModel(GraphModel):
    """An open `.tflite` file. ImportError without an engine; ValueError for a file that is not ours or damaged."""

    def __init__(self, path: str | Path):
        path = Path(path)
        self._package, self._module = _find_engine(path)
        self._content = read_bounded(path)
        try:
            text = metadata_entry(self._content, KEY)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        if text is None:
            raise NoMetadataError(path, KEY, lambda: _bare(path, self._package, self._module, self._content))
        try:
            check_seal(self._content)
            description = read_metadata(text)
            super().__init__(path, f"{self._package} {version(self._package)}", self._content, description)
            self.tensors = _Tensors(self.interpreter(), self)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def new_stream(self, answering: Answering) -> TfliteStream:
        return TfliteStream(self, answering)

    def interpreter(self, **options: Any) -> Any:
        """A new interpreter over the file, its tensors allocated. ValueError when the engine refuses the file."""
        try:
            with quiet_once(self._package):
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

        io = model.io
        kind, of_x, of_scores = ("float32", None, None) if io is None else ("int8", io.x, io.scores)
        by_sequence = len(carried) < len(model.states)  # the fused operator's variables go with a dimension for time
        self.x = number("x", kind, (1, 1, model.features) if by_sequence else (model.stride, model.features), of_x)
        self.scores = number("scores", kind, (1, model.outputs), of_scores)
        self.states, self.results = (
            [number(name, s.type, s.shape, (s.scale, s.zero_point)) for name, s in named if name is not None]
            for named in ([(s.name, s) for s in model.states], [(s.output, s) for s in model.states])
        )


class TfliteStream(GraphStream):
    """A stream with an interpreter of its own; `options` go to the interpreter."""

    def __init__(self, model: TfliteModel, answering: Answering, **options: Any):
        super().__init__(model, answering)
        self.interpreter = model.interpreter(**options)
        self._invoke = self.interpreter.invoke
        tensors, self._io, self._initial = model.tensors, model.io, model.states
        self._x, self._given = self._memory(tensors.x), self._memory(tensors.scores)
        self._frames = self._gathered.reshape(-1)
        self._variables = [] if tensors.results else tensors.states
        results = [self._memory(number) for number in tensors.results]
        self._carried = [(self._memory(number), after) for number, after in zip(tensors.states, results)]
        self._clear()

    def _memory(self, number: int) -> NDArray[Any]:
        """The interpreter's own memory of a tensor, flat: it stays where it is. A plain view would keep the
        interpreter from running, and its copies in and out cost more than a small step itself."""
        view = self.interpreter.tensor(number)()
        pointer = ctypes.cast(view.ctypes.data, ctypes.POINTER(ctypes.c_byte))
        return np.ctypeslib.as_array(pointer, (view.nbytes,)).view(view.dtype)

    def _run(self) -> None:
        self._x[:] = self._frames if self._io is None else self._io.codes(self._gathered).reshape(-1)
        try:
            self._invoke()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self.model.path}: {self.model.engine} failed: {one_line(error)}") from None
        self.scores[:] = self._given if self._io is None else self._io.real(self._given)
        for state, after in self._carried:
            state[:] = after

    def _state(self) -> list[NDArray[Any]]:
        if self._variables:
            return [self.interpreter.get_tensor(number) for number in self._variables]
        return [state.copy() for state, _ in self._carried]

    def _set_state(self, state: list[NDArray[Any]]) -> None:
        for number, array in zip(self._variables, state):
            self.interpreter.set_tensor(number, array)
        for (memory, _), array in zip(self._carried, state):
            memory[:] = array.reshape(-1)

    def _clear(self) -> None:
        if self._variables:
            self.interpreter.reset_all_variables()
        else:
            self._set_state([state.fresh() for state in self._initial])


def _bare(path: Path, package: str, module: Any, content: bytes) -> BareModel:
    def interpreter() -> Any:
        try:
            with quiet_once(package):
                made = module.Interpreter(model_content=content, num_threads=1)
                made.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: {package} refuses it: {one_line(error)}") from None
        return made

    def new_call() -> Call:
        made = interpreter()
        inputs, outputs = made.get_input_details(), made.get_output_details()

        def call(feeds: Arrays) -> Arrays:
            try:
                for one in inputs:
                    made.set_tensor(one["index"], feeds[one["name"]])
                made.invoke()
            except (ValueError, RuntimeError) as error:
                raise engine_error(error) from None
            return {one["name"]: made.get_tensor(one["index"]) for one in outputs}

        return call

    ports = [
        Port(
            one["name"],
            np.dtype(one["dtype"]).name,
            tuple(int(side) for side in one["shape"]),
            int(one["quantization"][1]),
        )
        for one in interpreter().get_input_details()
    ]
    return BareModel(path, f"{package} {version(package)}", content, ports, new_call)


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
