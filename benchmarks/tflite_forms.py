"""LSTM models as `.tflite`, in the forms in which LiteRT can run them. One call takes one frame.

The fused forms keep the state inside. The others write the cell out in primitive operators, which XNNPACK takes;
there h and c are inputs `h0`, `c0`, … and outputs `h0_out`, `c0_out`, ….
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.tflite_int8 import build as build_int8_fused
from edgelstm.export.tflite_writer import Field, Graph, Op, Operator, Tensor, encode
from edgelstm.forward import forward
from edgelstm.model import Model
from edgelstm.quantization import quantize
from edgelstm.quantization.quantize import affine_from_range
from edgelstm.quantization.scheme import Affine

Fused = Literal["float32", "hybrid", "int8"]
Primitives = Literal["float32", "int8", "dynamic"]

_TANH = Field(0, "int8", 4)
_SIGMOID_RANGE = Affine(np.float32(1 / 256), -128)
_TANH_RANGE = Affine(np.float32(1 / 128), 0)


def _symmetric(matrix: NDArray[np.float32], per_row: bool) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(codes, scales): one scale for each row, or one in all."""
    largest = np.abs(matrix).max(axis=1 if per_row else None, keepdims=True)
    codes = np.clip(np.rint(matrix / (largest / 127)), -127, 127).astype(np.int8)
    return codes, (largest / 127).astype(np.float32).ravel()


def _graph(operators: list[Operator], inputs: list[Tensor], outputs: list[Tensor]) -> bytes:
    return encode(Graph(tuple(operators), tuple(inputs), tuple(outputs), {}, "benchmark"))


def fused(model: Model, kind: Fused) -> bytes:
    """UNIDIRECTIONAL_SEQUENCE_LSTM; hybrid: int8 weights, one scale per gate matrix, float activations."""
    if kind == "int8":
        graph = build_int8_fused(quantize(model, "per-gate"))
        # Without the steps that normalize: nothing is to be normalized here, and peers get no extra work.
        x = graph.inputs[0]
        first, second, third, *rest = graph.operators
        assert (first.op, second.op, third.op) == (Op.MUL, Op.ADD, Op.QUANTIZE)
        return _graph([Operator(Op.QUANTIZE, (x,), third.outputs), *rest], [x], [graph.outputs[0]])
    operators: list[Operator] = []

    def weights(name: str, rows: NDArray[np.float32]) -> list[Tensor]:
        parts = np.split(rows, 4)
        if kind == "float32":
            return [Tensor.constant(f"{name}{n}", part) for n, part in enumerate(parts)]
        quantized = [_symmetric(part, per_row=False) for part in parts]
        return [Tensor.constant(f"{name}{n}", codes, scale[0]) for n, (codes, scale) in enumerate(quantized)]

    x = flow = Tensor("x", (1, 1, model.features), np.float32)
    for n, lstm in enumerate(model.lstms):
        H = lstm.units
        bias = [Tensor.constant(f"b{n}{k}", part) for k, part in enumerate(np.split(lstm.b, 4))]
        states = [Tensor(f"{letter}{n}", (1, H), np.float32, variable=True) for letter in "hc"]
        inputs = (flow, *weights(f"W{n}", lstm.W), *weights(f"R{n}", lstm.R), *[None] * 3, *bias, None, None, *states)
        flow = Tensor(f"y{n}", (1, 1, H), np.float32)
        version = 2 if kind == "hybrid" else 1
        operator = Operator(Op.UNIDIRECTIONAL_SEQUENCE_LSTM, (*inputs, *[None] * 4), (flow,), version, (_TANH,))
        operators.append(operator)
    head = model.head[0]
    scores = Tensor("scores", (1, model.outputs), np.float32)
    matrix = (flow, Tensor.constant("V", head.W), Tensor.constant("v", head.b))
    operators.append(Operator(Op.FULLY_CONNECTED, matrix, (scores,)))
    return _graph(operators, [x], [scores])


def primitives(model: Model, kind: Primitives) -> bytes:
    """The cell written out; dynamic: int8 weights with a scale per row, inputs of products quantized as they come."""
    return _Cell(model, kind).finish()


class _Cell:
    def __init__(self, model: Model, kind: Primitives):
        self.model, self.kind = model, kind
        self.operators: list[Operator] = []
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def tensor(self, name: str, width: int, span: Affine | None) -> Tensor:
        if self.kind != "int8" or span is None:
            return Tensor(name, (1, width), np.float32)
        return Tensor(name, (1, width), np.int8, scale=span.scale, zero_point=span.zero_point)

    def add(self, op: Op, inputs: tuple[Tensor, ...], output: Tensor, *options: Field, version: int = 0) -> Tensor:
        version = version or (2 if self.kind == "int8" else 1)
        self.operators.append(Operator(op, inputs, (output,), version, options))
        return output

    def product(self, x: Tensor, matrix: NDArray[np.float32], bias: NDArray[np.float32], output: Tensor) -> Tensor:
        name = output.name
        if self.kind == "float32":
            constants = (Tensor.constant(f"{name}_W", matrix), Tensor.constant(f"{name}_b", bias))
            return self.add(Op.FULLY_CONNECTED, (x, *constants), output)
        codes, scale = _symmetric(matrix, per_row=True)
        W = Tensor.constant(f"{name}_W", codes, scale)
        if self.kind == "dynamic":
            b = Tensor.constant(f"{name}_b", bias)
            return self.add(Op.FULLY_CONNECTED, (x, W, b), output, Field(3, "bool", True), version=12)
        assert x.scale is not None
        unit = np.float32(x.scale) * scale
        b = Tensor.constant(f"{name}_b", np.rint(bias / unit).astype(np.int32), unit)
        return self.add(Op.FULLY_CONNECTED, (x, W, b), output, version=4)

    def finish(self) -> bytes:
        model = self.model
        spans = _spans(model) if self.kind == "int8" else {}
        x = flow = Tensor("x", (1, model.features), np.float32)
        if self.kind == "int8":
            flow = self.add(Op.QUANTIZE, (x,), self.tensor("x8", model.features, spans["x"]), version=1)
        for n in range(len(model.lstms)):
            flow = self.lstm(n, flow, {name: spans.get(f"{name}{n}") for name in _LAYER_SPANS})
        scores = self.tensor("scores", model.outputs, spans.get("scores"))
        scores = self.product(flow, model.head[0].W, model.head[0].b, scores)
        if self.kind == "int8":
            result = Tensor("scores_real", (1, model.outputs), np.float32)
            scores = self.add(Op.DEQUANTIZE, (scores,), result)
        return _graph(self.operators, [x, *self.inputs], [scores, *self.outputs])

    def lstm(self, n: int, x: Tensor, span: dict[str, Affine | None]) -> Tensor:
        layer = self.model.lstms[n]
        H, zeros = layer.units, np.zeros(4 * layer.units, np.float32)
        h, c = self.tensor(f"h{n}", H, span["h"]), self.tensor(f"c{n}", H, span["c"])
        none, fused_none = Field(0, "int8", 0), Field(1, "bool", False)
        if self.kind == "float32":
            both = Tensor(f"xh{n}", (1, layer.inputs + H), np.float32)
            self.add(Op.CONCATENATION, (x, h), both, Field(0, "int32", 1))
            matrix = np.concatenate([layer.W, layer.R], axis=1)
            z = self.product(both, matrix, layer.b, self.tensor(f"z{n}", 4 * H, None))
        else:
            from_x = self.product(x, layer.W, layer.b, self.tensor(f"zx{n}", 4 * H, span["zx"]))
            from_h = self.product(h, layer.R, zeros, self.tensor(f"zh{n}", 4 * H, span["zh"]))
            z = self.add(Op.ADD, (from_x, from_h), self.tensor(f"z{n}", 4 * H, span["z"]), none, fused_none)
        parts = tuple(self.tensor(f"z{n}{gate}", H, span["z"]) for gate in "ifgo")
        axis = Tensor.constant(f"axis{n}", np.array(1, np.int32))
        version = 2 if self.kind == "int8" else 1
        self.operators.append(Operator(Op.SPLIT, (axis, z), parts, version, (Field(0, "int32", 4),)))
        i, f, o = (
            self.add(Op.LOGISTIC, (part,), self.tensor(f"{gate}{n}", H, _SIGMOID_RANGE))
            for gate, part in zip("ifo", (parts[0], parts[1], parts[3]))
        )
        g = self.add(Op.TANH, (parts[2],), self.tensor(f"g{n}", H, _TANH_RANGE))
        kept = self.add(Op.MUL, (f, c), self.tensor(f"fc{n}", H, span["fc"]), none)
        written = self.add(Op.MUL, (i, g), self.tensor(f"ig{n}", H, span["ig"]), none)
        c_out = self.add(Op.ADD, (kept, written), self.tensor(f"c{n}_out", H, span["c"]), none, fused_none)
        squashed = self.add(Op.TANH, (c_out,), self.tensor(f"tanh_c{n}", H, _TANH_RANGE))
        h_out = self.add(Op.MUL, (o, squashed), self.tensor(f"h{n}_out", H, span["h"]), none)
        self.inputs += [h, c]
        self.outputs += [h_out, c_out]
        return h_out


_LAYER_SPANS = ("h", "c", "zx", "zh", "z", "fc", "ig")


def _spans(model: Model) -> dict[str, Affine]:
    """The range of every value inside the cell over the model's calibration signal."""
    trace = forward(model, model.examples[0])
    values, below = {"x": trace.x, "scores": trace.scores}, trace.x
    for n, lstm in enumerate(model.lstms):
        h, c = trace.h[n], trace.c[n]
        before_h, before_c = (np.concatenate([np.zeros_like(a[:1]), a[:-1]]) for a in (h, c))
        zx, zh = below @ lstm.W.T + lstm.b, before_h @ lstm.R.T
        i, f, g, _ = np.split(zx + zh, 4, axis=1)
        fc, ig = before_c / (1 + np.exp(-f)), np.tanh(g) / (1 + np.exp(-i))
        named = zip(_LAYER_SPANS, (h, c, zx, zh, zx + zh, fc, ig))
        values |= {f"{name}{n}": value for name, value in named}
        below = h
    return {name: affine_from_range(float(v.min()), float(v.max())) for name, v in values.items()}
