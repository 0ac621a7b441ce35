"""The engines and forms that are compared. Each takes a float32 frame from Python and gives scores to Python, as
fast as its own interface allows: buffers are bound once, states are carried without new arrays."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


class Engine(ABC):
    """An open model with one stream, in its initial state."""

    @abstractmethod
    def __init__(self, path: Path): ...

    @abstractmethod
    def step(self, frame: Float32) -> Float32:
        """One frame (features,) → scores (outputs,), valid until the next step."""


class EdgeLSTM(Engine):
    def __init__(self, path: Path):
        from edgelstm.runtime import Model

        stream = Model(path).stream()
        self._step, self._output = stream.step, stream.output

    def step(self, frame: Float32) -> Float32:
        self._step(frame)
        return self._output


class OnnxRuntime(Engine):
    """I/O binding: two sets of states take turns."""

    def __init__(self, path: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        x, *states = (np.zeros(value.shape, np.float32) for value in session.get_inputs())
        sets = (states, [np.zeros_like(state) for state in states])
        self._scores = np.zeros(session.get_outputs()[0].shape, np.float32)
        self._bindings = []
        for before, after in (sets, sets[::-1]):
            binding = session.io_binding()
            for value, array in zip(session.get_inputs(), (x, *before)):
                binding.bind_input(value.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
            for value, array in zip(session.get_outputs(), (self._scores, *after)):
                binding.bind_output(value.name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
            self._bindings.append(binding)
        self._x, self._sets, self._run = x.reshape(-1), sets, session.run_with_iobinding
        self._output = self._scores.reshape(-1)

    def step(self, frame: Float32) -> Float32:
        self._x[:] = frame
        self._run(self._bindings[0])
        self._bindings.reverse()
        return self._output


def memory_of(interpreter: Any, detail: dict[str, Any]) -> NDArray[Any]:
    """A tensor's memory, flat. A view of the interpreter's own would keep it from running."""
    view = interpreter.tensor(detail["index"])()
    pointer = ctypes.cast(view.ctypes.data, ctypes.POINTER(ctypes.c_byte))
    return np.ctypeslib.as_array(pointer, (view.nbytes,)).view(view.dtype)


class LiteRT(Engine):
    """Frames, states and scores go through the interpreter's own memory: set_tensor and get_tensor cost more."""

    def __init__(self, path: Path):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        inputs = {detail["name"]: detail for detail in self._interpreter.get_input_details()}
        x, *states = inputs.values()
        results = self._interpreter.get_output_details()
        self._carry = [
            (self._memory(detail), self._memory(next(r for r in results if r["name"] == f"{detail['name']}_out")))
            for detail in states
        ]
        for detail, (state, _) in zip(states, self._carry):
            state[:] = detail["quantization"][1]  # the code of zero
        self._x, self._output = self._memory(x), self._memory(results[0])
        self._invoke = self._interpreter.invoke

    def _memory(self, detail: dict[str, Any]) -> NDArray[Any]:
        return memory_of(self._interpreter, detail)

    def step(self, frame: Float32) -> Float32:
        self._x[:] = frame
        self._invoke()
        for state, after in self._carry:
            state[:] = after
        return self._output


def _elstm(precision: str) -> Callable[[Any], bytes]:
    def encode(model: Any) -> bytes:
        from edgelstm.export.elstm import encode
        from edgelstm.quantization import quantize

        return encode(quantize(model) if precision == "int8" else model)

    return encode


def _onnx(form: str) -> Callable[[Any], bytes]:
    def encode(model: Any) -> bytes:
        import onnx_forms

        content: bytes = getattr(onnx_forms, form)(model)
        return content

    return encode


def _tflite(form: str) -> Callable[[Any], bytes]:
    def encode(model: Any) -> bytes:
        import tflite_forms

        return tflite_forms.tflite(model, form)

    return encode


@dataclass(frozen=True)
class Form:
    name: str
    engine: type[Engine]
    suffix: str
    encode: Callable[[Any], bytes]  # edgelstm.model.Model → the file
    float32: bool  # weights and activations
    package: str
    module: str  # what importing the engine means


def _litert(name: str, form: str) -> Form:
    floats = form.startswith("float32")
    package, module = "ai-edge-litert", "ai_edge_litert.interpreter"
    return Form(f"LiteRT {name}", LiteRT, ".tflite", _tflite(form), floats, package, module)


FORMS = (
    Form("EdgeLSTM int8", EdgeLSTM, ".elstm", _elstm("int8"), False, "edgelstm", "edgelstm.runtime"),
    Form("EdgeLSTM float32", EdgeLSTM, ".elstm", _elstm("float32"), True, "edgelstm", "edgelstm.runtime"),
    _litert("primitives, int8 weights per row", "int8-dynamic"),
    _litert("primitives, all int8", "int8-explicit"),
    _litert("primitives, float32", "float32-explicit"),
    _litert("fused int8", "int8"),
    _litert("fused hybrid", "hybrid"),
    _litert("fused float32", "float32"),
    Form(
        "onnxruntime DynamicQuantizeLSTM",
        OnnxRuntime,
        ".onnx",
        _onnx("dynamic_quantize_lstm"),
        False,
        "onnxruntime",
        "onnxruntime",
    ),
    Form("onnxruntime float32", OnnxRuntime, ".onnx", _onnx("lstm"), True, "onnxruntime", "onnxruntime"),
)
