"""What the TFLite forms share: the fused LSTM's place for every tensor, a float head, the metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edgelstm.export.metadata import metadata_json
from edgelstm.export.tflite.graph import Field, Graph, Op, Operator, Tensor
from edgelstm.layers import Dense
from edgelstm.layers.layer import Activation
from edgelstm.model import Model, Normalize, OutputActivation
from edgelstm.quantization.scheme import QuantizedModel
from edgelstm.runtime.description import KEY, Precision
from edgelstm.runtime.engines.tflite_file import CHECKSUM_KEY
from edgelstm.runtime.states import IO_FIELD, STATES_FIELD, State

GATES = "ifgo"

_MIN_RUNTIME = b"2.14.0"  # the oldest that was tried
_NONE, _RELU, _TANH = 0, 1, 4  # fused activations


def fused_lstm(
    x: Tensor,
    weights: tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]],
    state: tuple[Tensor, Tensor],
    y: Tensor,
    intermediates: tuple[Tensor, ...] = (),
    version: int = 1,
) -> Operator:
    """UNIDIRECTIONAL_SEQUENCE_LSTM with its 24 inputs; W, R, bias by gate, in our order i, f, g, o and its own.

    Version 2 is the first to take int8 weights beside float activations.
    """
    W, R, bias = weights
    peepholes, projection, layer_norm = [None] * 3, [None] * 2, [None] * 4
    return Operator(
        Op.UNIDIRECTIONAL_SEQUENCE_LSTM,
        (x, *W, *R, *peepholes, *bias, *projection, *state, *layer_norm),
        (y,),
        version,
        (Field(0, "int8", _TANH),),
        intermediates=intermediates,
    )


def fully_connected(x: Tensor, W: Tensor, bias: Tensor, y: Tensor, activation: Activation, version: int) -> Operator:
    fused = _RELU if activation == "relu" else _NONE
    return Operator(Op.FULLY_CONNECTED, (x, W, bias), (y,), version, (Field(0, "int8", fused),))


def probabilities(scores: Tensor, activation: OutputActivation) -> list[Operator]:
    """The output activation over float scores: no operator for a linear model."""
    result = Tensor("probabilities", scores.shape, scores.dtype)
    if activation == "softmax":
        return [Operator(Op.SOFTMAX, (scores,), (result,), options=(Field(0, "float32", 1.0),))]  # beta
    return [Operator(Op.LOGISTIC, (scores,), (result,))] if activation == "sigmoid" else []


def normalized(x: Tensor, normalize: Normalize) -> list[Operator]:
    """(x - mean) / std in floats; the mean goes first, or features far from zero would lose their digits."""
    mean = Tensor.constant("minus_mean", -normalize.mean)
    factor = Tensor.constant("one_over_std", (1 / normalize.std.astype(np.float64)).astype(np.float32))
    centred = Tensor("x_centred", x.shape, np.float32)
    result = Tensor("x_normalized", x.shape, np.float32)
    return [Operator(Op.ADD, (x, mean), (centred,)), Operator(Op.MUL, (centred, factor), (result,))]


def float_head(x: Tensor, head: tuple[Dense, ...]) -> list[Operator]:
    """Dense layers in floats; the last gives `scores`."""
    operators = []
    for n, layer in enumerate(head):
        W, b = Tensor.constant(f"dense{n}_W", layer.W), Tensor.constant(f"dense{n}_b", layer.b)
        y = Tensor("scores" if n == len(head) - 1 else f"dense{n}", (1, layer.outputs), np.float32)
        operators.append(fully_connected(x, W, b, y, layer.activation, version=1))
        x = y
    return operators


def graph(
    model: Model | QuantizedModel,
    precision: Precision,
    operators: Sequence[Operator],
    states: Sequence[tuple[Tensor, Tensor | None]],
    io: dict[str, Any] | None = None,
) -> Graph:
    """The graph whose first operator takes `x` and whose last gives the scores; float ones become probabilities too.

    states: (input, output) tensors, or (variable tensor, None), h and c of each layer in turn.
    """
    source = model.model if isinstance(model, QuantizedModel) else model
    x, scores = operators[0].inputs[0], operators[-1].outputs[0]
    assert x is not None
    activated = probabilities(scores, source.activation) if scores.dtype == np.float32 else []
    results = [scores, *(operator.outputs[0] for operator in activated)]
    of_file: dict[str, Any] = {STATES_FIELD: [asdict(_described(*state)) for state in states]}
    of_file |= {IO_FIELD: io} if io else {}
    text = metadata_json(model, precision, of_file)
    carried = [(before, after) for before, after in states if after is not None]
    return Graph(
        (*operators, *activated),
        (x, *(before for before, _ in carried)),
        (*results, *(after for _, after in carried)),
        file_metadata(text),
        f"edgelstm {precision}",
    )


def _described(state: Tensor, output: Tensor | None) -> State:
    dtype = np.dtype(state.dtype).name
    # A stream starts with zeros; as an integer, zero is the zero point.
    scale = 1.0 if state.scale is None else float(np.float32(state.scale))
    initial = float(state.zero_point)
    following = None if output is None else output.name
    return State(state.name, following, dtype, state.shape, initial, scale, state.zero_point)


def file_metadata(text: str) -> dict[str, bytes]:
    """Entries of the file, with room for its checksum."""
    return {
        "min_runtime_version": _MIN_RUNTIME.ljust(16, b"\0"),
        KEY: text.encode(),
        CHECKSUM_KEY: bytes(4),
    }
