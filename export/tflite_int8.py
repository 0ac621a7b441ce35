"""The integer model as TFLite: one fused LSTM operator per layer, the state in variable tensors.

Float in, float out: `x` (1, 1, features) raw → `scores` (1, outputs) and, unless the model is linear,
`probabilities` (1, outputs). One call takes one frame and keeps the state for the next.

    x → MUL, ADD → QUANTIZE → UNIDIRECTIONAL_SEQUENCE_LSTM … → FULLY_CONNECTED … → DEQUANTIZE → SOFTMAX or LOGISTIC

The LSTM's integers are those of `edgelstm.quantization.reference`, bit for bit. The head's are within one unit:
engines round its sums differently.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.metadata import metadata_json
from edgelstm.export.tflite_parts import GATES, file_metadata, fully_connected, fused_lstm, probabilities
from edgelstm.export.tflite_writer import Graph, Op, Operator, Tensor
from edgelstm.export.tflite_writer import encode as encode_graph
from edgelstm.quantization.scheme import Affine, QuantizedDense, QuantizedLSTM, QuantizedModel
from edgelstm.runtime.tflite_file import seal


def encode(quantized: QuantizedModel) -> bytes:
    """The bytes of the `.tflite` file; the same model gives the same bytes.

    ValueError for a model that engines would load and answer wrongly without a word, and for scales per row,
    which the operator cannot hold.
    """
    check(quantized)
    return seal(encode_graph(build(quantized)))


def check(quantized: QuantizedModel) -> None:
    """Raise ValueError for whatever the fused operator would get wrong in silence."""
    if quantized.granularity != "per-gate":
        raise ValueError(f"scales: {quantized.granularity}, expected per-gate: TFLite's LSTM has one scale per gate")
    flow = quantized.lstms[0].input
    for n, lstm in enumerate(quantized.lstms):
        name = f"LSTM {n}"
        if lstm.cell_exponent not in range(-15, -8):
            raise ValueError(f"{name}: cell scale 2^{lstm.cell_exponent}, expected 2^-15 to 2^-9")
        for matrix, weights, scale in (("W", lstm.W, lstm.W_scale), ("R", lstm.R, lstm.R_scale)):
            _check_weights(f"{name}: {matrix}", weights, scale, groups=4)
        _check_flow(name, flow, lstm.input)
        flow = lstm.hidden
    for n, dense in enumerate(quantized.head):
        name = f"dense {n}"
        _check_weights(f"{name}: W", dense.W, dense.W_scale, groups=1)
        _check_flow(name, flow, dense.input)
        flow = dense.output
    _check_affine("scores", flow)


def _check_weights(name: str, weights: NDArray[np.int8], scale: NDArray[np.float32], groups: int) -> None:
    if weights.dtype != np.int8 or weights.min() < -127:
        raise ValueError(f"{name}: {weights.dtype} from {weights.min()}, expected int8 from -127")
    by_group = scale.reshape(groups, -1)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"{name}: a scale that is not a positive number")
    if (by_group != by_group[:, :1]).any():
        raise ValueError(f"{name}: several scales in one matrix, expected one: the operator reads only the first")


def _check_flow(name: str, given: Affine, taken: Affine) -> None:
    _check_affine(name, taken)
    if given != taken:
        raise ValueError(f"{name}: its input has {taken}, expected {given} as the layer before gives it")


def _check_affine(name: str, affine: Affine) -> None:
    if not (np.isfinite(affine.scale) and affine.scale > 0 and -128 <= affine.zero_point <= 127):
        raise ValueError(f"{name}: {affine}, expected a positive scale and a zero point from -128 to 127")


def build(quantized: QuantizedModel) -> Graph:
    """The graph, without checks; its file is yet to be sealed."""
    operators: list[Operator] = []

    def add(op: Op, inputs: tuple[Tensor, ...], output: Tensor, version: int = 1) -> Tensor:
        operators.append(Operator(op, inputs, (output,), version))
        return output

    source, first = quantized.model, quantized.lstms[0].input
    frame = (1, 1, source.features)
    x = Tensor("x", frame, np.float32)
    factor, offset = _normalization(quantized)
    scaled = add(Op.MUL, (x, factor), Tensor("x_scaled", frame, np.float32))
    normalized = add(Op.ADD, (scaled, offset), Tensor("x_normalized", frame, np.float32))
    flow = add(Op.QUANTIZE, (normalized,), _activation("x8", frame, first))
    for n, lstm in enumerate(quantized.lstms):
        operators.append(_lstm(n, lstm, flow))
        flow = operators[-1].outputs[0]
    for n, dense in enumerate(quantized.head):
        last = n == len(quantized.head) - 1
        operators.append(_dense(f"dense{n}", "scores8" if last else f"dense{n}", dense, flow))
        flow = operators[-1].outputs[0]
    scores = add(Op.DEQUANTIZE, (flow,), Tensor("scores", (1, source.outputs), np.float32), 2)
    activated = probabilities(scores, source.activation)
    results = [scores, *(operator.outputs[0] for operator in activated)]
    metadata = file_metadata(metadata_json(quantized))
    return Graph((*operators, *activated), (x,), tuple(results), metadata, "edgelstm int8")


def _activation(name: str, shape: tuple[int, ...], affine: Affine) -> Tensor:
    return Tensor(name, shape, np.int8, scale=affine.scale, zero_point=affine.zero_point)


def _normalization(quantized: QuantizedModel) -> tuple[Tensor, Tensor]:
    """Factor and offset such that QUANTIZE then gives the integers of `quantized`'s own input step.

    Made from that step's float32 numbers, so that their rounding is in both.
    """
    scale, zero_point = float(quantized.lstms[0].input.scale), quantized.lstms[0].input.zero_point
    factor = quantized.input_scale.astype(np.float64) * scale
    offset = (quantized.input_offset.astype(np.float64) - zero_point) * scale
    return (
        Tensor.constant("normalize_factor", factor.astype(np.float32)),
        Tensor.constant("normalize_offset", offset.astype(np.float32)),
    )


def _lstm(n: int, layer: QuantizedLSTM, x: Tensor) -> Operator:
    """Layer `n`; its states are variable tensors."""
    H = layer.units

    def per_gate(name: str, rows: NDArray[np.int8] | NDArray[np.int32], scale: NDArray[np.float32]) -> list[Tensor]:
        parts, scales = np.split(rows, 4), scale[::H]
        return [Tensor.constant(f"lstm{n}_{name}_{gate}", *pair) for gate, pair in zip(GATES, zip(parts, scales))]

    W = per_gate("W", layer.W, layer.W_scale)
    R = per_gate("R", layer.R, layer.R_scale)
    bias = per_gate("b", layer.bias, layer.input.scale * layer.W_scale)
    h = replace(_activation(f"h{n}", (1, H), layer.hidden), variable=True)
    c = Tensor(f"c{n}", (1, H), np.int16, scale=2.0**layer.cell_exponent, variable=True)
    # The engine takes the output's scale from the last intermediate. All five must be of size 0.
    intermediates = [Tensor(f"lstm{n}_unused_{gate}", (0,), np.float32) for gate in GATES]
    intermediates.append(_activation(f"lstm{n}_hidden", (0,), layer.hidden))
    y = _activation(f"y{n}", (1, 1, H), layer.hidden)
    return fused_lstm(x, (W, R, bias), (h, c), y, tuple(intermediates))


def _dense(name: str, result: str, layer: QuantizedDense, x: Tensor) -> Operator:
    W = Tensor.constant(f"{name}_W", layer.W, layer.W_scale[0])
    b = Tensor.constant(f"{name}_b", layer.bias, layer.input.scale * layer.W_scale[0])
    y = _activation(result, (1, layer.outputs), layer.output)
    return fully_connected(x, W, b, y, layer.activation, version=4)
