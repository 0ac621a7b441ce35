"""A float32 model as ONNX: standard operators only, the state as inputs and outputs.

Opset 17 with IR 8, which onnxruntime reads since 1.15. Float in, float out; normalization is inside.

| input         | shape              | output            | shape              |
|---------------|--------------------|-------------------|--------------------|
| `x`           | (frames, features) | `scores`          | (frames, outputs)  |
| `h0`, `c0`, … | (1, 1, units)      | `h0_out`, `c0_out`, … | (1, 1, units)  |
|               |                    | `probabilities`   | (frames, outputs); not for linear models |

`frames` is any number from 1: with 0, onnxruntime spoils the state. Start with zeros; feed each `h0_out` back
as `h0`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.metadata import KEY, metadata_json
from edgelstm.model import LSTM, Dense, Model

OPSET, IR = 17, 8
STATES_KEY = "edgelstm.states"
"""As `edgelstm.runtime.onnx_engine` reads it: a JSON list, h and c of each layer in turn."""

_OUTPUT_NODES = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


def encode(model: Model) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes."""
    import onnx

    proto = _Graph(model).finish()
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _to_iofc(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gates stacked i, f, g, o → the format's order i, o, f, c."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])


class _Graph:
    def __init__(self, model: Model):
        self.model = model
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.states: list[dict[str, Any]] = []

    def finish(self) -> Any:
        """The ModelProto."""
        from onnx import TensorProto, helper

        flow = self.node("Sub", "x", self.constant("mean", self.model.normalize.mean), to="centred")
        flow = self.node("Div", flow, self.constant("std", self.model.normalize.std), to="normalized")
        flow = self.node("Unsqueeze", flow, self.constant("axis", np.array([1], np.int64)), to="sequence")
        for n, lstm in enumerate(self.model.lstms):
            flow = self.lstm(n, lstm, flow)
        flow = self.node("Squeeze", flow, "axis", to="hidden")
        for n, dense in enumerate(self.model.head):
            flow = self.dense(n, dense, flow)
        results = ["scores"]
        if self.model.activation in _OUTPUT_NODES:
            attributes = {"axis": 1} if self.model.activation == "softmax" else {}
            results.append(self.node(_OUTPUT_NODES[self.model.activation], flow, to="probabilities", **attributes))

        def value(name: str, shape: list[int | str]) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "edgelstm",
            [value("x", ["frames", self.model.features]), *(value(s["name"], s["shape"]) for s in self.states)],
            [value(name, ["frames", self.model.outputs]) for name in results]
            + [value(s["output"], s["shape"]) for s in self.states],
            self.constants,
        )
        # Both versions are stated: the helper's defaults are newer than what current engines read.
        proto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="edgelstm"
        )
        states = json.dumps(self.states, separators=(",", ":"))
        helper.set_model_props(proto, {KEY: metadata_json(self.model), STATES_KEY: states})
        return proto

    def constant(self, name: str, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, *inputs: str, to: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [to], name=to, **attributes))
        return to

    def lstm(self, n: int, layer: LSTM, x: str) -> str:
        """Layer `n` over `x` (frames, 1, inputs) → (frames, 1, units); its states are listed."""
        from onnx import helper

        H = layer.units
        both = np.concatenate([_to_iofc(layer.b), np.zeros(4 * H, np.float32)])
        W = self.constant(f"W{n}", _to_iofc(layer.W)[None])
        R = self.constant(f"R{n}", _to_iofc(layer.R)[None])
        B = self.constant(f"B{n}", both[None])
        for letter in "hc":
            name = f"{letter}{n}"
            self.states.append({"name": name, "output": f"{name}_out", "shape": [1, 1, H], "initial": 0})
        # hidden_size must be stated: without it the checker passes and the engine fails.
        node = helper.make_node(
            "LSTM",
            [x, W, R, B, "", f"h{n}", f"c{n}"],
            [f"y{n}", f"h{n}_out", f"c{n}_out"],
            name=f"lstm{n}",
            hidden_size=H,
        )
        self.nodes.append(node)

        return self.node("Squeeze", f"y{n}", "axis", to=f"sequence{n}")

    def dense(self, n: int, layer: Dense, x: str) -> str:
        """Layer `n` of the head over `x` (frames, inputs) → (frames, outputs)."""
        last = n == len(self.model.head) - 1
        W, b = self.constant(f"dense{n}_W", layer.W), self.constant(f"dense{n}_b", layer.b)
        y = self.node("Gemm", x, W, b, to="scores" if last else f"dense{n}", transB=1)
        return self.node("Relu", y, to=f"relu{n}") if layer.activation == "relu" else y
