"""What the TFLite forms share: normalization, output activations, the metadata."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from edgelstm.export.metadata import integer_io, metadata_json
from edgelstm.export.tflite.graph import Graph, Operator, Tensor
from edgelstm.export.tflite.integers import IntegerWriter, integer_input, integer_scores
from edgelstm.export.tflite.kinds import KINDS
from edgelstm.export.tflite.schema import Op
from edgelstm.export.tflite.writer import Writer
from edgelstm.export.walk import walk, writers_of
from edgelstm.model import Model, Normalize, OutputActivation
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.runtime.description import KEY, Precision
from edgelstm.runtime.engines.tflite_file import CHECKSUM_KEY
from edgelstm.runtime.states import IO_FIELD, STATES_FIELD, Io, State

_MIN_RUNTIME = b"2.14.0"  # the oldest that was tried


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


def graph_of_floats(model: Model, precision: Precision, shape: tuple[int, ...]) -> Graph:
    """Of a form made from floats; `shape`: of `x`."""
    writer, x = Writer(model), Tensor("x", shape, np.float32)
    first = normalized(writer, x, model.normalize)
    return _graph(writer, precision, x, walk(writer, model.road, model.layers, writers_of(KINDS, precision), first))


def graph_of_integers(quantized: QuantizedModel, precision: Precision, shape: tuple[int, ...], io: Io) -> Graph:
    """Of a form made from integers; `shape`: of `x`; `io`: what goes in and comes out."""
    writer = IntegerWriter(quantized, io)
    x, first = integer_input(writer, shape)
    scores = walk(writer, quantized.model.road, quantized.layers, writers_of(KINDS, precision), first)
    return _graph(writer, precision, x, integer_scores(writer, scores), quantized, io)


def _graph(
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
