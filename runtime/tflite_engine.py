"""`.tflite` files made by EdgeLSTM, as streams over LiteRT or the older tflite-runtime, on one thread.

The state lives in the interpreter's variable tensors `h0`, `c0`, `h1` …, so every stream has its own interpreter.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.description import KEY, Description
from edgelstm.runtime.engine_stream import EngineModel, EngineStream, Float32, one_line, read_bounded
from edgelstm.runtime.tflite_file import metadata_entry

_ENGINES = (("ai-edge-litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter"))
_STATE_TYPES = {"int8": (np.int8, np.int16)}  # precision → types of h and c


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
            description = Description.from_json(text)
            if description.precision not in _STATE_TYPES:
                raise ValueError(f"precision {description.precision}, expected {', '.join(_STATE_TYPES)}")
            super().__init__(path, self._content, description)
            self.engine = f"{package} {version(package)}"
            self.tensors = _Tensors(self.interpreter(), description)
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
    """Numbers of the tensors that a stream reads and writes, each checked for type and shape."""

    def __init__(self, interpreter: Any, description: Description):
        details = {detail["name"]: detail for detail in interpreter.get_tensor_details()}
        inputs = {detail["name"] for detail in interpreter.get_input_details()}
        outputs = {detail["name"] for detail in interpreter.get_output_details()}
        if inputs != {"x"} or "scores" not in outputs:
            raise ValueError(f"graph: inputs {sorted(inputs)}, outputs {sorted(outputs)}, expected x and scores")

        def number(name: str, dtype: Any, *shape: int) -> int:
            detail = details.get(name)
            if detail is None:
                raise ValueError(f"graph: no tensor {name}")
            found = (detail["dtype"], tuple(int(side) for side in detail["shape"]))
            if found != (dtype, shape):
                raise ValueError(f"graph: {name}: {found[0].__name__} {found[1]}, expected {dtype.__name__} {shape}")
            return int(detail["index"])

        self.x = number("x", np.float32, 1, 1, description.features)
        self.scores = number("scores", np.float32, 1, description.outputs)
        types = _STATE_TYPES[description.precision]
        self.states = [
            number(f"{letter}{n}", dtype, 1, units)
            for n, units in enumerate(description.lstm_units)
            for letter, dtype in zip("hc", types)
        ]


class TfliteStream(EngineStream):
    """A stream with an interpreter of its own; `options` go to the interpreter."""

    def __init__(self, model: TfliteModel, **options: Any):
        super().__init__(model)
        self.interpreter = model.interpreter(**options)
        self._tensors = model.tensors
        self._frame = self._input[None, None]

    def _step(self) -> None:
        self.interpreter.set_tensor(self._tensors.x, self._frame)
        try:
            self.interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{self.model.path}: {self.model.engine} failed: {one_line(error)}") from None
        self.scores[:] = self.interpreter.get_tensor(self._tensors.scores)[0]

    def _push(self, frames: Float32) -> Float32:
        kept = self._input.copy()
        scores = np.empty((len(frames), self.model.outputs), np.float32)
        for frame, row in zip(frames, scores):
            self._input[:] = frame
            self._step()
            row[:] = self.scores
        self._input[:] = kept
        return scores

    def _state(self) -> list[NDArray[Any]]:
        return [self.interpreter.get_tensor(number) for number in self._tensors.states]

    def _set_state(self, state: list[NDArray[Any]]) -> None:
        for number, array in zip(self._tensors.states, state):
            self.interpreter.set_tensor(number, array)

    def _clear(self) -> None:
        self.interpreter.reset_all_variables()


def _find_engine(path: Path) -> tuple[str, Any]:
    """(package, its interpreter module): LiteRT, else tflite-runtime. ImportError that says what to install."""
    for package, name in _ENGINES:
        try:
            return package, import_module(name)
        except ModuleNotFoundError as error:
            if name.split(".")[0] not in str(error.name):
                raise ImportError(f"{path}: {package} cannot be imported: {error}") from None
        except (ImportError, AttributeError) as error:
            raise ImportError(f"{path}: {_import_problem(package, error)}") from None
    raise ImportError(f"{path}: needs LiteRT, which is not installed: pip install ai-edge-litert")


def _import_problem(package: str, error: Exception) -> str:
    if package == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
        return (
            f"tflite-runtime does not work with numpy {np.__version__}: install ai-edge-litert instead, "
            "or 'numpy<2' in an environment of its own"
        )
    return f"{package} cannot be imported: {one_line(error)}"
