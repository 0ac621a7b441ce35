"""What the TFLite forms of int8 activations share: frames to integers, dense layers, scores, and their checks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.tflite.graph import Op, Operator, Tensor
from edgelstm.export.tflite.parts import fully_connected
from edgelstm.forward import forward
from edgelstm.quantization.quantize import refuse_score_overflow
from edgelstm.quantization.scheme import Affine, QuantizedDense, QuantizedModel
from edgelstm.runtime.states import Io

_WIDEST_CELL = -9  # the exponent of the largest scale that the operator takes: ±64


def activation(name: str, shape: tuple[int, ...], affine: Affine) -> Tensor:
    return Tensor(name, shape, np.int8, scale=affine.scale, zero_point=affine.zero_point)


def check_integers(quantized: QuantizedModel) -> None:
    """Raise ValueError for integers and scales that engines load and compute wrongly with."""
    one_scale = quantized.granularity == "per-gate"
    flow = quantized.lstms[0].input
    for n, lstm in enumerate(quantized.lstms):
        name = f"LSTM {n}"
        for matrix, weights, scale in (("W", lstm.W, lstm.W_scale), ("R", lstm.R, lstm.R_scale)):
            _check_weights(f"{name}: {matrix}", weights, scale, groups=4 if one_scale else len(scale))
        _check_flow(name, flow, lstm.input)
        flow = lstm.hidden
    for n, dense in enumerate(quantized.head):
        name = f"dense {n}"
        _check_weights(f"{name}: W", dense.W, dense.W_scale, groups=1 if one_scale else len(dense.W_scale))
        _check_flow(name, flow, dense.input)
        flow = dense.output
    check_affine("scores", flow)
    refuse_score_overflow(quantized)


def check_cells(quantized: QuantizedModel) -> None:
    """Raise ValueError for a cell that saturates because calibration saw too little: h is then off by half its range,
    and engines say nothing."""
    traces = [forward(quantized.model, sequence, np.float32) for sequence in quantized.model.examples]
    for n, lstm in enumerate(quantized.lstms):
        held = 2.0 ** (lstm.cell_exponent + 15)
        reached = max((float(np.abs(trace.c[n]).max()) for trace in traces), default=0.0)
        if reached > held and lstm.cell_exponent < _WIDEST_CELL:
            raise ValueError(
                f"LSTM {n}: the cell reaches {reached:.3g} in the model's own sequences, expected at most {held:g}: "
                "calibrate on whole sequences"
            )


def _check_weights(name: str, weights: NDArray[np.int8], scale: NDArray[np.float32], groups: int) -> None:
    if weights.dtype != np.int8 or weights.min() < -127:
        raise ValueError(f"{name}: {weights.dtype} from {weights.min()}, expected int8 from -127")
    by_group = scale.reshape(groups, -1)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"{name}: a scale that is not a positive number")
    if (by_group != by_group[:, :1]).any():
        raise ValueError(f"{name}: several scales in one matrix, expected one: the operator reads only the first")


def _check_flow(name: str, given: Affine, taken: Affine) -> None:
    check_affine(name, taken)
    if given != taken:
        raise ValueError(f"{name}: its input has {taken}, expected {given} as the layer before gives it")


def check_affine(name: str, affine: Affine) -> None:
    if not (np.isfinite(affine.scale) and affine.scale > 0 and -128 <= affine.zero_point <= 127):
        raise ValueError(f"{name}: {affine}, expected a positive scale and a zero point from -128 to 127")


def integer_input(quantized: QuantizedModel, shape: tuple[int, ...], io: Io) -> tuple[list[Operator], Tensor]:
    """From `x` to int8: the operators, none where integers come in, and the tensor they end in."""
    if io == "int8":
        return [], activation("x", shape, quantized.lstms[0].input)
    x, factor, offset = Tensor("x", shape, np.float32), *_normalization(quantized)
    scaled, normalized = (Tensor(name, shape, np.float32) for name in ("x_scaled", "x_normalized"))
    x8 = activation("x8", shape, quantized.lstms[0].input)
    operators = [
        Operator(Op.MUL, (x, factor), (scaled,)),
        Operator(Op.ADD, (scaled, offset), (normalized,)),
        Operator(Op.QUANTIZE, (normalized,), (x8,)),
    ]
    return operators, x8


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


def integer_head(quantized: QuantizedModel, x: Tensor, io: Io) -> list[Operator]:
    """Dense layers in int8; the last gives `scores`, where floats go out by DEQUANTIZE."""
    operators = []
    for n, layer in enumerate(quantized.head):
        last = n == len(quantized.head) - 1
        y = ("scores" if io == "int8" else "scores8") if last else f"dense{n}"
        operators.append(_dense(f"dense{n}", y, layer, x, quantized.granularity == "per-gate"))
        x = operators[-1].outputs[0]
    if io == "float32":
        operators.append(Operator(Op.DEQUANTIZE, (x,), (Tensor("scores", x.shape, np.float32),), version=2))
    return operators


def _dense(name: str, result: str, layer: QuantizedDense, x: Tensor, one_scale: bool) -> Operator:
    scale = layer.W_scale[:1] if one_scale else layer.W_scale
    W = Tensor.constant(f"{name}_W", layer.W, scale)
    b = Tensor.constant(f"{name}_b", layer.bias, layer.input.scale * scale)
    y = activation(result, (1, layer.outputs), layer.output)
    return fully_connected(x, W, b, y, layer.activation, version=4)
