"""A float32 model as TFLite: one fused LSTM operator per layer, the state in variable tensors.

Float in, float out: `x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear,
`probabilities` (1, outputs). One call takes one frame and keeps the state for the next.

    x → ADD, MUL → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → SOFTMAX or LOGISTIC
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.metadata import metadata_json
from edgelstm.export.tflite_parts import GATES, file_metadata, fully_connected, fused_lstm, probabilities
from edgelstm.export.tflite_writer import Graph, Op, Operator, Tensor
from edgelstm.export.tflite_writer import encode as encode_graph
from edgelstm.model import LSTM, Dense, Model
from edgelstm.runtime.tflite_file import seal


def encode(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build(model)))


def build(model: Model) -> Graph:
    """The graph; its file is yet to be sealed."""
    frame = (1, 1, model.features)
    x = Tensor("x", frame, np.float32)
    mean = Tensor.constant("minus_mean", -model.normalize.mean)
    factor = Tensor.constant("one_over_std", (1 / model.normalize.std.astype(np.float64)).astype(np.float32))
    operators = [Operator(Op.ADD, (x, mean), (Tensor("x_centred", frame, np.float32),))]
    operators.append(
        Operator(Op.MUL, (operators[0].outputs[0], factor), (Tensor("x_normalized", frame, np.float32),))
    )
    for n, lstm in enumerate(model.lstms):
        operators.append(_lstm(n, lstm, operators[-1].outputs[0]))
    for n, dense in enumerate(model.head):
        last = n == len(model.head) - 1
        operators.append(_dense(f"dense{n}", "scores" if last else f"dense{n}", dense, operators[-1].outputs[0]))
    scores = operators[-1].outputs[0]
    activated = probabilities(scores, model.activation)
    results = (scores, *(operator.outputs[0] for operator in activated))
    return Graph((*operators, *activated), (x,), results, file_metadata(metadata_json(model)), "edgelstm float32")


def _lstm(n: int, layer: LSTM, x: Tensor) -> Operator:
    H = layer.units

    def by_gate(name: str, rows: NDArray[np.float32]) -> list[Tensor]:
        return [Tensor.constant(f"lstm{n}_{name}_{gate}", part) for gate, part in zip(GATES, np.split(rows, 4))]

    h, c = (Tensor(f"{letter}{n}", (1, H), np.float32, variable=True) for letter in "hc")
    weights = by_gate("W", layer.W), by_gate("R", layer.R), by_gate("b", layer.b)
    return fused_lstm(x, weights, (h, c), Tensor(f"y{n}", (1, 1, H), np.float32))


def _dense(name: str, result: str, layer: Dense, x: Tensor) -> Operator:
    W, b = Tensor.constant(f"{name}_W", layer.W), Tensor.constant(f"{name}_b", layer.b)
    y = Tensor(result, (1, layer.outputs), np.float32)
    return fully_connected(x, W, b, y, layer.activation, version=1)
