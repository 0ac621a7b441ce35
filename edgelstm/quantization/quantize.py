"""Post-training quantization: a calibrated float model → the integer model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Layer
from edgelstm.model import Model, Normalize, Ranges
from edgelstm.quantization.affine import (
    Affine,
    Granularity,
    InputCodes,
    affine_from_range,
    wide_affine_from_range,
)
from edgelstm.quantization.float_layer import FloatLayer
from edgelstm.quantization.kinds import KINDS
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.mixed import Mixture, mixture_of
from edgelstm.quantization.quantized_model import QuantizedModel, Weights
from edgelstm.quantization.rounding import Inputs
from edgelstm.road import INPUT, Placed

Floats = NDArray[np.float32]

MOST_WIDE_INPUTS = 512
"""512 products of a weight and 16 bits, at most 127·2^15 each, leave 2^24 of int32 to a bias."""


def check_holds(model: Model) -> None:
    """ValueError, naming the layer, unless int8 holds every layer of `model`."""
    why_not = why_not_held(model)
    if why_not is not None:
        raise ValueError(f"model {model.name}: {why_not}: export it as float32")


def why_not_held(model: Model) -> str | None:
    """The layer of `model` that int8 does not hold, and what of it; None where it holds every one."""
    for at in model.road:
        kind = KINDS.get(at.layer.kind)
        if kind is None:
            return f"{at.name}: int8 does not hold {at.layer.kind} layers yet"
        if extras := kind.not_held(at):
            return f"{at.name}: int8 does not hold its {', '.join(map(repr, extras))} yet"
    return None


class NotCalibratedError(ValueError):
    """A model has no ranges where integers are made of it."""


def quantize(
    model: Model,
    granularity: Granularity = "per-row",
    input_codes: InputCodes = "int8",
    weights: Weights = "int8",
) -> QuantizedModel:
    """`model` in integers; with `weights` int4 all layers that take codes of 8 bits but the last have weights of 4.
    It takes frames as int8 or int16; as float32 where a layer in float32 reads them (`mixed.py`). NotCalibratedError
    without calibration ranges, ValueError for int16 where the first layer cannot take it."""
    if granularity not in get_args(Granularity):
        raise ValueError(f"scales: {granularity!r}, expected one of {', '.join(get_args(Granularity))}")
    check_holds(model)
    if model.ranges is None:
        raise NotCalibratedError(
            f"model {model.name}: has no calibration ranges, which int8 needs; calibrate it first"
        )
    mixed = mixture_of(model)
    factors, first = _input_affine(model, mixed, input_codes)
    folded = _products_of_input(model, mixed)[0] if (factors != 1).any() else ""
    known = {} if first is None else {INPUT: first}
    layers: list[QuantizedLayer] = []
    for at in model.road:
        try:
            layers.append(
                _quantized(model, at, known, mixed, granularity, factors if at.name == folded else None, weights)
            )
        except ValueError as error:
            raise ValueError(f"model {model.name}: {at.name}: {error}") from None
        gives = layers[-1].gives
        if gives is not None and at.name in mixed.codes:
            known[at.name] = gives
    for at, made in zip(model.road, layers):
        if at is not model.road[-1] or made.rounds:
            made.check(f"model {model.name}: {at.name}")
    mean, scale, offset = _input_step(model.normalize, factors, first)
    return QuantizedModel(model, granularity, mean, scale, offset, tuple(layers), weights, first is None)


def _input_affine(model: Model, mixed: Mixture, input_codes: InputCodes) -> tuple[NDArray[np.float64], Affine | None]:
    """Factors of features, ones where none are folded into weights; and the affine of frames, None for float32."""
    assert model.ranges is not None
    given, ones = np.array(model.ranges.factors or [1.0] * model.features), np.ones(model.features)
    if INPUT not in mixed.codes:
        if input_codes == "int16":
            raise ValueError(f"model {model.name}: takes frames as float32, expected no int16 input")
        return ones, None
    low, high = model.ranges["x"]
    if input_codes == "int16":
        _check_wide(model)
        # 16 bits need no factors, and columns that are alike lose less
        return ones, wide_affine_from_range(low * given.max(), high * given.max())
    if len(_products_of_input(model, mixed)) > 1:  # columns of one alone could have the factors
        return ones, affine_from_range(low * given.max(), high * given.max())
    return given, affine_from_range(low, high)


def _products_of_input(model: Model, mixed: Mixture) -> list[str]:
    """The layers whose weights meet frames that are codes, with but contexts before them."""
    moved, products = {INPUT}, []
    for at in model.road:
        if at.takes in moved and at.name in mixed.integers:
            products.append(at.name)
        elif at.takes in moved:
            moved.add(at.name)
    return products


def _quantized(
    model: Model,
    at: Placed,
    known: Mapping[str, Affine],
    mixed: Mixture,
    granularity: Granularity,
    factors: NDArray[np.float64] | None,
    weights: Weights,
) -> QuantizedLayer:
    """One layer; `known`: the affine of results that are codes; `factors`: of features, to fold into its weights."""
    assert model.ranges is not None
    kind = KINDS[at.layer.kind]
    if at.name in mixed.int16 and kind.in_16_bits is not None:
        return kind.in_16_bits(at)
    if kind.quantize is None or (at.name not in mixed.integers and at.name not in mixed.codes):
        return FloatLayer(at, kind.in_floats, gives_scores=at is model.road[-1])
    layer, found = at.layer, model.covariances.get(at.name)
    inputs = None if found is None else Inputs.of(found)
    if factors is not None:
        layer, inputs = _folded(layer, factors, inputs)
    x = known[at.takes] if at.takes in mixed.codes else _border(model.ranges, at)
    is_narrow = weights == "int4" and x.bits == 8 and kind.columns is not None and at is not model.road[-1]
    narrow = {"four_bits": True} if is_narrow else {}
    made = kind.quantize(layer, at, x, model.ranges, granularity, inputs, **narrow)
    gives_floats = at.name not in mixed.codes and at is not model.road[-1]
    return replace(made, rounds=mixed.rounds(at), gives_floats=gives_floats) if at.name in mixed.integers else made


def _border(ranges: Ranges, at: Placed) -> Affine:
    """What a layer in integers makes of float32 results."""
    low, high = ranges["x" if at.takes == INPUT else at.takes]
    if at.takes == INPUT and ranges.factors:
        low, high = low * max(ranges.factors), high * max(ranges.factors)
    wide = at.layer.columns - at.result.channels * at.layer.recurrent <= MOST_WIDE_INPUTS
    return wide_affine_from_range(low, high) if wide else affine_from_range(low, high)


def _check_wide(model: Model) -> None:
    first = model.road[0]
    if not KINDS[first.layer.kind].takes_wide:
        takers = ", ".join(name for name, kind in KINDS.items() if kind.takes_wide)
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


def _input_step(
    normalize: Normalize, factors: NDArray[np.float64], x: Affine | None
) -> tuple[Floats, Floats, Floats]:
    """Normalization and quantization as one `(x - m)·a + z` per feature: m, a and z. Of float32 frames the first two
    alone, z is 0."""
    if x is None:
        inverse = (1 / normalize.std.astype(np.float64)).astype(np.float32)
        return normalize.mean.astype(np.float32), inverse, np.zeros_like(inverse)
    unit = normalize.std.astype(np.float64) * float(x.scale) * factors
    zero_points = np.full(unit.shape, x.zero_point, np.float32)
    return normalize.mean.astype(np.float32), (1 / unit).astype(np.float32), zero_points
