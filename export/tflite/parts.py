"""What the TFLite forms share: the fused LSTM's place for every tensor, a float head, the metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from edgelstm.export.metadata import integer_io, metadata_json
from edgelstm.export.tflite.graph import Graph, Operator, Tensor
from edgelstm.export.tflite.schema import ACTIVATION, VALID, Op
from edgelstm.export.tflite.writer import Value, Writer, reshaped
from edgelstm.layers import Conv, Dense
from edgelstm.layers.layer import Activation
from edgelstm.model import Normalize, OutputActivation
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.road import Placed
from edgelstm.runtime.description import KEY, Precision
from edgelstm.runtime.engines.tflite_file import CHECKSUM_KEY
from edgelstm.runtime.states import IO_FIELD, STATES_FIELD, Io, State

GATES = "ifgo"

_MIN_RUNTIME = b"2.14.0"  # the oldest that was tried


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
        {"FusedActivationFunction": ACTIVATION["tanh"]},
        intermediates=intermediates,
    )


def fully_connected(x: Tensor, W: Tensor, bias: Tensor, y: Tensor, activation: Activation, version: int) -> Operator:
    options = {"FusedActivationFunction": ACTIVATION[activation]}
    return Operator(Op.FULLY_CONNECTED, (x, W, bias), (y,), version, options)


def probabilities(scores: Tensor, activation: OutputActivation) -> list[Operator]:
    """The output activation over float scores: no operator for a linear model."""
    result = Tensor("probabilities", scores.shape, scores.dtype)
    if activation == "softmax":
        return [Operator(Op.SOFTMAX, (scores,), (result,), options={"Beta": 1.0})]
    return [Operator(Op.LOGISTIC, (scores,), (result,))] if activation == "sigmoid" else []


def normalized(writer: Writer, x: Tensor, normalize: Normalize) -> Tensor:
    """(x - mean) / std in floats; the mean goes first, or features far from zero would lose their digits."""
    mean = Tensor.constant("minus_mean", -normalize.mean)
    factor = Tensor.constant("one_over_std", (1 / normalize.std.astype(np.float64)).astype(np.float32))
    centred = writer.add(Op.ADD, (x, mean), Tensor("x_centred", x.shape, np.float32))
    return writer.add(Op.MUL, (centred, factor), Tensor("x_normalized", x.shape, np.float32))


def float_dense(writer: Writer, at: Placed, layer: Dense, x: Tensor) -> Tensor:
    """A dense layer in floats; the last gives `scores`."""
    W, b = Tensor.constant(f"{at.name}_W", layer.W), Tensor.constant(f"{at.name}_b", layer.b)
    y = Tensor("scores" if writer.is_last(at) else at.name, (_runs(x), layer.outputs), np.float32)
    writer.operators.append(fully_connected(x, W, b, y, layer.activation, version=1))
    return y


def _runs(x: Tensor) -> int:
    """How many rows of values `x` has."""
    return int(np.prod(x.shape[:-1]))


def float_conv(writer: Writer, at: Placed, layer: Conv, x: Tensor) -> Tensor:
    """A convolution in floats."""
    W = Tensor.constant(f"{at.name}_W", layer.W[:, :, None])
    b = Tensor.constant(f"{at.name}_b", layer.b)
    return convolved(writer, at, layer, x, (W, b), lambda name, shape: Tensor(name, shape, np.float32))


def convolved(
    writer: Writer, at: Placed, layer: Conv, x: Tensor, weights: tuple[Tensor, Tensor], value: Value, version: int = 1
) -> Tensor:
    """x (runs, rows · channels) as pictures one column wide, through CONV_2D.

    weights: W (outputs, taps, 1, channels) and its bias. `value` makes tensors of the result's type.
    """
    source = replace(x, name=f"{at.name}_source", shape=(x.shape[0], at.source.rows, 1, at.source.channels))
    picture = reshaped(writer, x, source)
    options = {
        "Padding": VALID,
        "StrideW": 1,
        "StrideH": layer.stride,
        "FusedActivationFunction": ACTIVATION[layer.activation],
        "DilationWFactor": 1,
        "DilationHFactor": layer.dilation,
    }
    y = value(f"{at.name}_picture", (x.shape[0], at.result.rows, 1, at.result.channels))
    writer.add(Op.CONV_2D, (picture, *weights), y, version=version, **options)
    return reshaped(writer, y, value(at.name, (x.shape[0], at.result.size)))


def graph(
    writer: Writer,
    precision: Precision,
    x: Tensor,
    scores: Tensor,
    quantized: QuantizedModel | None = None,
    io: Io = "float32",
) -> Graph:
    """The graph from `x` to `scores`; float ones become probabilities too.

    quantized: what a file of integers is made from. `io`: what goes in and comes out.
    """
    activated = probabilities(scores, writer.model.activation) if scores.dtype == np.float32 else []
    results = [scores, *(operator.outputs[0] for operator in activated)]
    of_file: dict[str, Any] = {STATES_FIELD: [asdict(_described(*state)) for state in writer.states]}
    if quantized is not None and io == "int8":
        of_file[IO_FIELD] = integer_io(quantized)
    text = metadata_json(quantized or writer.model, precision, of_file)
    carried = [(before, after) for before, after in writer.states if after is not None]
    return Graph(
        (*writer.operators, *activated),
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
