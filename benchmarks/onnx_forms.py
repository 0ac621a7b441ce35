"""LSTM models as `.onnx`, in the two forms in which onnxruntime is fast. h and c are inputs and outputs. `frames`
are those of a call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model

_DIRECTION, _DIRECTION_AND_BATCH = np.array([1]), np.array([1, 2])


def lstms_of(model: Model) -> tuple[LSTM, ...]:
    return tuple(layer for layer in model.layers if isinstance(layer, LSTM))


def head_of(model: Model) -> tuple[Dense, ...]:
    return tuple(layer for layer in model.layers if isinstance(layer, Dense))


def lstm(model: Model, frames: int = 1) -> bytes:
    """The LSTM operator in float32."""
    graph = _Graph(model, frames)
    for n, layer in enumerate(lstms_of(model)):
        W, R = (_to_iofc(matrix)[None] for matrix in (layer.W, layer.R))
        graph.layer(n, "LSTM", (W, R), ())
    graph.add("Gemm", [graph.flow, head_of(model)[0].W, head_of(model)[0].b], ["scores"], transB=1)
    return graph.finish()


def dynamic_quantize_lstm(model: Model, frames: int = 1) -> bytes:
    """onnxruntime's own DynamicQuantizeLSTM: int8 weights with a scale for each row."""
    graph = _Graph(model, frames)
    for n, layer in enumerate(lstms_of(model)):
        (W, W_scale), (R, R_scale) = (_symmetric_rows(_to_iofc(matrix)) for matrix in (layer.W, layer.R))
        zeros = np.zeros((1, len(W)), np.int8)
        extra = (W_scale[None], zeros, R_scale[None], zeros)
        graph.layer(n, "DynamicQuantizeLSTM", (W.T[None], R.T[None]), ("", *extra), domain="com.microsoft")
    V, V_scale = _symmetric_rows(head_of(model)[0].W)
    graph.add("DynamicQuantizeLinear", [graph.flow], ["codes", "scale", "zero_point"])
    graph.add("MatMulInteger", ["codes", V.T, "zero_point"], ["sums"])
    graph.add("Cast", ["sums"], ["real_sums"], to=1)
    graph.add("Mul", ["scale", V_scale], ["scales"])
    graph.add("Mul", ["real_sums", "scales"], ["products"])
    graph.add("Add", ["products", head_of(model)[0].b], ["scores"])
    return graph.finish()


def _to_iofc(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])


def _symmetric_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    scale = np.abs(matrix).max(axis=1) / 127
    codes = np.clip(np.rint(matrix / scale[:, None]), -127, 127)
    return codes.astype(np.int8), scale.astype(np.float32)


class _Graph:
    def __init__(self, model: Model, frames: int):
        self.model, self.frames, self.flow = model, frames, "x"
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.states: list[tuple[str, int]] = []

    def add(self, operator: str, inputs: list[Any], outputs: list[str], **attributes: Any) -> None:
        from onnx import helper, numpy_helper

        names = []
        for value in inputs:
            if not isinstance(value, str):
                self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"k{len(self.constants)}"))
                value = self.constants[-1].name
            names.append(value)
        self.nodes.append(helper.make_node(operator, names, outputs, **attributes))

    def layer(
        self, n: int, operator: str, matrices: tuple[Any, Any], extra: tuple[Any, ...], **attributes: Any
    ) -> None:
        lstm = lstms_of(self.model)[n]
        bias = np.concatenate([_to_iofc(lstm.b), np.zeros_like(lstm.b)])[None]
        outputs = [f"y{n}", f"h{n}_out", f"c{n}_out"]
        inputs = [self.flow, *matrices, bias, "", f"h{n}", f"c{n}", *extra]
        self.add(operator, inputs, outputs, hidden_size=lstm.units, **attributes)
        self.states += [(f"h{n}", lstm.units), (f"c{n}", lstm.units)]
        # y is (T, 1, 1, H): without the direction it is the next layer's x, the head takes (T, H)
        self.flow = f"flow{n}"
        axes = _DIRECTION if n + 1 < len(lstms_of(self.model)) else _DIRECTION_AND_BATCH
        self.add("Squeeze", [f"y{n}", axes], [self.flow])

    def finish(self) -> bytes:
        from onnx import TensorProto, helper

        def value(name: str, *shape: int) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "benchmark",
            [value("x", self.frames, 1, self.model.features), *(value(name, 1, 1, H) for name, H in self.states)],
            [
                value("scores", self.frames, self.model.outputs),
                *(value(f"{name}_out", 1, 1, H) for name, H in self.states),
            ],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
