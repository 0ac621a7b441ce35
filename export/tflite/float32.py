"""A float32 model as TFLite: one fused LSTM operator per layer, the state in variable tensors.

Float in, float out: `x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear,
`probabilities` (1, outputs). One call takes one frame and keeps the state for the next.

    x → ADD, MUL → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → SOFTMAX or LOGISTIC
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.tflite.graph import Graph, Tensor
from edgelstm.export.tflite.graph import encode as encode_graph
from edgelstm.export.tflite.parts import GATES, float_head, fused_lstm, graph, normalized
from edgelstm.model import Model
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines.tflite_file import seal


def encode(model: Model) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes."""
    return seal(encode_graph(build(model)))


def build(
    model: Model,
    precision: Precision = "float32",
    weights: Callable[[str, NDArray[np.float32]], Tensor] = Tensor.constant,
    version: int = 1,
) -> Graph:
    """The graph; its file is yet to be sealed. `weights` makes the tensor (name, rows) of one gate's matrix;
    `version` is that of the operator that takes them."""
    x = Tensor("x", (1, 1, model.features), np.float32)
    operators, states = normalized(x, model.normalize), []
    for n, layer in enumerate(model.lstms):
        H, by_gate = layer.units, {}
        for name, rows, make in (("W", layer.W, weights), ("R", layer.R, weights), ("b", layer.b, Tensor.constant)):
            parts = zip(GATES, np.split(rows, 4))
            by_gate[name] = [make(f"lstm{n}_{name}_{gate}", part) for gate, part in parts]
        h, c = (Tensor(f"{letter}{n}", (1, H), np.float32, variable=True) for letter in "hc")
        y = Tensor(f"y{n}", (1, 1, H), np.float32)
        matrices = by_gate["W"], by_gate["R"], by_gate["b"]
        operators.append(fused_lstm(operators[-1].outputs[0], matrices, (h, c), y, version=version))
        states += [(h, None), (c, None)]
    operators += float_head(operators[-1].outputs[0], model.head)
    return graph(model, precision, operators, states)
