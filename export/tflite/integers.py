"""What the TFLite forms of int8 activations share: frames to integers, scores, and their checks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.tflite.graph import Tensor
from edgelstm.export.tflite.schema import Op
from edgelstm.export.tflite.writer import Writer
from edgelstm.quantization import Affine, QuantizedModel
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.quantize import refuse_score_overflow
from edgelstm.runtime.states import Io


def activation(name: str, shape: tuple[int, ...], affine: Affine) -> Tensor:
    return Tensor(name, shape, np.int8, scale=affine.scale, zero_point=affine.zero_point)


def check_integers(quantized: QuantizedModel) -> None:
    """Raise ValueError for integers and scales that engines load and compute wrongly with."""
    one_scale = quantized.granularity == "per-gate"
    flow: Affine | None = quantized.input
    for at, layer in zip(quantized.model.road, quantized.layers):
        for matrix, weights, scale in _matrices(layer):
            groups = max(len(at.layer.gates), 1) if one_scale else len(scale)
            _check_weights(f"{at.name}: {matrix}", weights, scale, groups)
        assert flow is not None
        assert layer.takes is not None
        _check_flow(at.name, flow, layer.takes)
        flow = layer.gives
    check_affine("scores", quantized.last.gives)
    refuse_score_overflow(quantized)


def _matrices(layer: QuantizedLayer) -> Iterator[tuple[str, NDArray[np.int8], NDArray[np.float32]]]:
    """(name, integers, scale of each row)."""
    for name in ("W", "R"):
        if hasattr(layer, name):
            yield name, getattr(layer, name), getattr(layer, f"{name}_scale")


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


class IntegerWriter(Writer):
    """Of a file of integers. `io`: what goes in and comes out."""

    def __init__(self, quantized: QuantizedModel, io: Io):
        super().__init__(quantized.model)
        self.quantized, self.io = quantized, io


def integer_input(writer: IntegerWriter, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """`x`, and what it is as int8: itself where integers come in."""
    quantized = writer.quantized
    if writer.io == "int8":
        x = activation("x", shape, quantized.input)
        return x, x
    x, minus_mean, factor = Tensor("x", shape, np.float32), *_normalization(quantized)
    centred = writer.add(Op.ADD, (x, minus_mean), Tensor("x_centred", shape, np.float32))
    normalized = writer.add(Op.MUL, (centred, factor), Tensor("x_normalized", shape, np.float32))
    return x, writer.add(Op.QUANTIZE, (normalized,), activation("x8", shape, quantized.input))


def _normalization(quantized: QuantizedModel) -> tuple[Tensor, Tensor]:
    """What to add, then to multiply with, such that QUANTIZE, which adds the zero point, gives the integers of
    `quantized`'s own input step. Made from that step's float32 numbers, so that their rounding is in both."""
    factor = quantized.input_scale.astype(np.float64) * float(quantized.input.scale)
    return (
        Tensor.constant("minus_mean", -quantized.input_mean),
        Tensor.constant("normalize_factor", factor.astype(np.float32)),
    )


def scales(writer: IntegerWriter, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """One for all rows where scales are per gate."""
    return rows[:1] if writer.quantized.granularity == "per-gate" else rows


def integer_scores(writer: IntegerWriter, x: Tensor) -> Tensor:
    """The scores as they go out."""
    if writer.io == "int8":
        return x
    return writer.add(Op.DEQUANTIZE, (x,), Tensor("scores", x.shape, np.float32), version=2)
