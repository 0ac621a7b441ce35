"""`.tflite` files made by EdgeLSTM, as streams over LiteRT or the older tflite-runtime, on one thread.

The state lives in the interpreter's variable tensors `h0`, `c0`, `h1` …, so every stream has its own interpreter.
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
from edgelstm.runtime.tflite_file import check_seal, metadata_entry

_ENGINES = (("ai-edge-litert", "ai_edge_litert.interpreter"), ("tflite-runtime", "tflite_runtime.interpreter"))
_STATE_TYPES = {"int8": (np.int8, np.int16), "float32": (np.float32, np.float32)}  # precision → types of h and c


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
        return self._push_by_frame(frames)

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
