"""Post-training quantization: a calibrated float model → the integer model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Layer
from edgelstm.layers.layer import Floats as FloatArray
from edgelstm.model import Model, Normalize
from edgelstm.quantization import context, conv, dense, gru, lstm
from edgelstm.quantization.affine import (
    Affine,
    Granularity,
    InputCodes,
    affine_from_range,
    wide_affine_from_range,
)
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.quantization.rounding import Inputs

Floats = NDArray[np.float32]

QUANTIZE: dict[str, Callable[..., QuantizedLayer]] = {
    "lstm": lstm.quantize,
    "gru": gru.quantize,
    "context": context.quantize,
    "conv": conv.quantize,
    "dense": dense.quantize,
}
"""How each kind of layer becomes integers: (layer, its place, its input's affine, ranges, granularity, what its
weights meet)."""

COLUMNS: dict[str, Callable[..., FloatArray]] = {
    "lstm": lstm.columns,
    "gru": gru.columns,
    "conv": conv.columns,
    "dense": dense.columns,
}
"""What meets the weights of each kind of layer that has some: (layer, its place, its input in one sequence, its
states by letter) → (runs, `Layer.columns`)."""


MOST_WIDE_INPUTS = 512
"""512 products of a weight and 16 bits, at most 127·2^15 each, leave 2^24 of int32 to a bias."""


TAKES_WIDE = {
    "lstm": lstm.QuantizedLSTM.takes_wide,
    "gru": gru.QuantizedGRU.takes_wide,
    "context": context.QuantizedContext.takes_wide,
    "conv": conv.QuantizedConv.takes_wide,
    "dense": dense.QuantizedDense.takes_wide,
}
"""Whether each kind of layer can take an input of 16 bits."""


EXTRAS = ("h0", "c0")
"""What layers may have beyond plain ones."""


def check_holds(model: Model) -> None:
    """ValueError, naming the layer, unless int8 holds every layer of `model`."""
    why_not = why_not_held(model)
    if why_not is not None:
        raise ValueError(f"model {model.name}: {why_not}: export it as float32")


def why_not_held(model: Model) -> str | None:
    """The layer of `model` that int8 does not hold, and what of it; None where it holds every one."""
    for at in model.road:
        held, extras = at.layer.kind in QUANTIZE, [extra for extra in at.extras if extra not in EXTRAS]
        if not held or extras:
            what = f"its {', '.join(map(repr, extras))}" if held else f"{at.layer.kind} layers"
            return f"{at.name}: int8 does not hold {what} yet"
    return None


def quantize(model: Model, granularity: Granularity = "per-row", input_codes: InputCodes = "int8") -> QuantizedModel:
    """`model` in integers, which takes frames as int8 or int16. ValueError when it has no calibration ranges, and for
    int16 where the first layer cannot take it."""
    if granularity not in get_args(Granularity):
        raise ValueError(f"scales: {granularity!r}, expected one of {', '.join(get_args(Granularity))}")
    check_holds(model)
    if model.ranges is None:
        raise ValueError(f"model {model.name}: has no calibration ranges, which int8 needs; calibrate it first")
    factors = np.array(model.ranges.factors or [1.0] * model.features)
    folds = bool(model.ranges.factors) and input_codes == "int8"
    if input_codes == "int16":
        _check_wide(model)
        low, high = (end * factors.max() for end in model.ranges["x"])
        first = wide_affine_from_range(low, high)
        factors = np.ones(model.features)  # 16 bits need none, and columns that are alike lose less
    else:
        first = affine_from_range(*model.ranges["x"])
    activation = first
    first_product = next(at.name for at in model.road if at.layer.columns)
    layers: list[QuantizedLayer] = []
    for at in model.road:
        layer, found = at.layer, model.covariances.get(at.name)
        inputs = None if found is None else Inputs.of(found)
        if folds and at.name == first_product:
            layer, inputs = _folded(layer, factors, inputs)
        try:
            layers.append(QUANTIZE[layer.kind](layer, at, activation, model.ranges, granularity, inputs))
        except ValueError as error:
            raise ValueError(f"model {model.name}: {at.name}: {error}") from None
        activation = layers[-1].gives
    for at, made in zip(model.road[:-1], layers):
        made.check(f"model {model.name}: {at.name}")
    mean, scale, offset = _input_step(model.normalize, factors, first)
    return QuantizedModel(model, granularity, mean, scale, offset, tuple(layers))


def _check_wide(model: Model) -> None:
    first = model.road[0]
    if not TAKES_WIDE[first.layer.kind]:
        takers = ", ".join(kind for kind, takes in TAKES_WIDE.items() if takes)
        raise ValueError(f"model {model.name}: {first.name}: cannot take int16 input, expected one of {takers} first")
    if model.features > MOST_WIDE_INPUTS:
        raise ValueError(
            f"model {model.name}: {first.name}: {model.features} inputs, expected at most {MOST_WIDE_INPUTS} of int16"
        )


def refuse_score_overflow(quantized: QuantizedModel) -> None:
    """For files whose scores are int8: ValueError where making them so could overflow."""
    quantized.last.check(f"model {quantized.model.name}: scores")


def _folded(layer: Layer, factors: NDArray[np.float64], inputs: Inputs | None) -> tuple[Layer, Inputs | None]:
    """The first layer with weights, over features that are divided by `factors`; there are but contexts before it, so
    that features repeat along its columns."""
    W = layer.W  # type: ignore[attr-defined]  # as every kind with columns has
    wide = np.tile(factors, W.shape[-1] // len(factors))
    columns = np.ones(layer.columns)
    columns[: W[0].size] = np.tile(factors, W[0].size // len(factors))
    widened: dict[str, Any] = {"W": W * wide}
    folded = replace(layer, **widened)
    return folded, None if inputs is None else inputs.over(columns)


def _input_step(normalize: Normalize, factors: NDArray[np.float64], x: Affine) -> tuple[Floats, Floats, Floats]:
    """Normalization and quantization as one `(x - m)·a + z` per feature: m, a and z."""
    unit = normalize.std.astype(np.float64) * float(x.scale) * factors
    zero_points = np.full(unit.shape, x.zero_point, np.float32)
    return normalize.mean.astype(np.float32), (1 / unit).astype(np.float32), zero_points
