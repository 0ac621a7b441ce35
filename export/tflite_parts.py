"""What the TFLite forms share: the fused LSTM's place for every tensor, the output activation, the metadata."""

from __future__ import annotations

from collections.abc import Sequence

from edgelstm.export.tflite_writer import Field, Op, Operator, Tensor
from edgelstm.model import HiddenActivation, OutputActivation
from edgelstm.runtime.description import KEY
from edgelstm.runtime.tflite_file import CHECKSUM_KEY

GATES = "ifgo"

_MIN_RUNTIME = b"2.14.0"  # the oldest that was tried
_NONE, _RELU, _TANH = 0, 1, 4  # fused activations


def fused_lstm(
    x: Tensor,
    weights: tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]],
    state: tuple[Tensor, Tensor],
    y: Tensor,
    intermediates: tuple[Tensor, ...] = (),
) -> Operator:
    """UNIDIRECTIONAL_SEQUENCE_LSTM with its 24 inputs; W, R, bias by gate, in our order i, f, g, o and its own."""
    W, R, bias = weights
    peepholes, projection, layer_norm = [None] * 3, [None] * 2, [None] * 4
    return Operator(
        Op.UNIDIRECTIONAL_SEQUENCE_LSTM,
        (x, *W, *R, *peepholes, *bias, *projection, *state, *layer_norm),
        (y,),
        options=(Field(0, "int8", _TANH),),
        intermediates=intermediates,
    )


def fully_connected(
    x: Tensor, W: Tensor, bias: Tensor, y: Tensor, activation: HiddenActivation, version: int
) -> Operator:
    fused = _RELU if activation == "relu" else _NONE
    return Operator(Op.FULLY_CONNECTED, (x, W, bias), (y,), version, (Field(0, "int8", fused),))


def probabilities(scores: Tensor, activation: OutputActivation) -> list[Operator]:
    """The output activation over float scores: no operator for a linear model."""
    result = Tensor("probabilities", scores.shape, scores.dtype)
    if activation == "softmax":
        return [Operator(Op.SOFTMAX, (scores,), (result,), options=(Field(0, "float32", 1.0),))]  # beta
    return [Operator(Op.LOGISTIC, (scores,), (result,))] if activation == "sigmoid" else []


def file_metadata(text: str) -> dict[str, bytes]:
    """Entries of the file, with room for its checksum."""
    return {
        "min_runtime_version": _MIN_RUNTIME.ljust(16, b"\0"),
        KEY: text.encode(),
        CHECKSUM_KEY: bytes(4),
    }
