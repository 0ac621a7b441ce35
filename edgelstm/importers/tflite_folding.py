"""Operators on constants alone, computed: how converters write shapes, and states of zeros."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from edgelstm.export.tflite.schema import Op
from edgelstm.importers.graph import Array
from edgelstm.importers.tflite_scope import Scope
from edgelstm.importers.tflite_tables import Operator

_MOST_VALUES = 1 << 22
_Compute = Callable[[Operator, list[Array]], Array]


def fold(scope: Scope, operator: Operator) -> bool:
    """Whether it was constant; its result is then held. ValueError where it is damaged."""
    if operator.op == Op.SHAPE:
        return _hold(scope, operator, np.array(scope.tensor(operator.input(0)).shape, np.int32))
    if operator.op is None or operator.op not in {**_FOLDED, **_NUMPY} or not operator.inputs:
        return False
    arrays = [scope.constant(number) for number in operator.inputs]
    known = [array for array in arrays if array is not None]
    if len(known) != len(arrays):
        return False
    if operator.op not in _VIEWS and sum(array.size for array in known) > _MOST_VALUES:
        raise ValueError(f"constants of more than {_MOST_VALUES:,} values to compute with")
    with np.errstate(all="ignore"):
        if operator.op in _NUMPY:
            found = _by_numpy(operator, _NUMPY[operator.op], known)
        else:
            found = _FOLDED[operator.op](operator, known)
    return _hold(scope, operator, found)


def _by_numpy(operator: Operator, compute: _Compute, arrays: list[Array]) -> Array:
    """What numpy alone judges, in our words."""
    try:
        return compute(operator, arrays)
    except (ValueError, TypeError, IndexError):
        shapes = ", ".join(str(array.shape) for array in arrays[:8])
        raise ValueError(f"constants of shapes {shapes} do not go together") from None


def _hold(scope: Scope, operator: Operator, array: Array) -> bool:
    scope.tape.hold(scope.name(operator.outputs[0]), array)
    return True


def strided(operator: Operator, source: Array, begin: Array, end: Array, step: Array) -> Array:
    """What STRIDED_SLICE takes. ValueError for its rarer masks."""
    if operator.option("EllipsisMask") or operator.option("NewAxisMask"):
        raise ValueError("an ellipsis or a new axis, expected neither")
    masks = [operator.option(name) for name in ("BeginMask", "EndMask", "ShrinkAxisMask")]
    limits = [np.asarray(one).reshape(-1) for one in (begin, end, step)]
    if len({one.size for one in limits}) != 1 or limits[0].size > source.ndim:
        raise ValueError(f"limits of {', '.join(str(one.size) for one in limits)} sides of {source.ndim}")
    index: list[int | slice] = []
    for side, (first, last, by) in enumerate(zip(*(one.tolist() for one in limits))):
        if not by:
            raise ValueError("steps of 0")
        bit = 1 << side
        if masks[2] & bit:
            index.append(first)
        else:
            index.append(slice(None if masks[0] & bit else first, None if masks[1] & bit else last, by))
    try:
        return np.asarray(source[tuple(index)])
    except IndexError:
        raise ValueError(f"a cut at {limits[0].tolist()} of shape {source.shape}") from None


def cut(source: Array, begin: Array, size: Array) -> Array:
    """What SLICE takes."""
    first, count = (np.asarray(one).reshape(-1).tolist() for one in (begin, size))
    if not len(first) == len(count) == source.ndim or any(
        not 0 <= at <= side or not -1 <= many <= side - at for at, many, side in zip(first, count, source.shape)
    ):
        raise ValueError(f"a cut at {first} of {count}, out of shape {source.shape}")
    ends = [side if many < 0 else at + many for at, many, side in zip(first, count, source.shape)]
    return source[tuple(slice(*limits) for limits in zip(first, ends))]


def taken(operator: Operator, source: Array, places: Array) -> Array:
    """What GATHER takes."""
    axis = operator.option("Axis")
    if not -source.ndim <= axis < source.ndim or not places.size:
        raise ValueError(f"axis {axis} of shape {source.shape}")
    if places.size * (source.size // source.shape[axis]) > _MOST_VALUES or not (
        places.min() >= 0 and places.max() < source.shape[axis]
    ):
        raise ValueError(f"places {places.min()} to {places.max()} of {source.shape[axis]}")
    return np.take(source, places, axis=axis)


def _filled(_: Operator, arrays: list[Array]) -> Array:
    dims, value = arrays
    sides = [int(side) for side in dims.reshape(-1)]
    if any(side < 0 for side in sides) or len(sides) > 8 or math.prod(sides) > _MOST_VALUES:
        raise ValueError(f"a result of shape {tuple(sides)[:8]}, expected at most {_MOST_VALUES:,} values")
    return np.full(sides, value.reshape(-1)[0])


def _packed(operator: Operator, arrays: list[Array]) -> Array:
    return np.stack(arrays, operator.option("Axis"))


def _joined(operator: Operator, arrays: list[Array]) -> Array:
    return np.concatenate(arrays, operator.option("Axis"))


def _reshaped(_: Operator, arrays: list[Array]) -> Array:
    return arrays[0].reshape([int(side) for side in arrays[1].reshape(-1)]) if len(arrays) > 1 else arrays[0]


def _paired(compute: Callable[[Array, Array], Array]) -> _Compute:
    """Of two, of which one may be a row or a number."""

    def computed(_: Operator, arrays: list[Array]) -> Array:
        one, other = arrays
        if math.prod(np.broadcast_shapes(one.shape, other.shape)) > _MOST_VALUES:
            raise ValueError("a large result")
        return compute(one, other)

    return computed


def _same(_: Operator, arrays: list[Array]) -> Array:
    return arrays[0]


_FOLDED: Mapping[Op, _Compute] = {
    Op.STRIDED_SLICE: lambda operator, arrays: strided(operator, *arrays[:4]),
    Op.SLICE: lambda _, arrays: cut(*arrays[:3]),
    Op.GATHER: lambda operator, arrays: taken(operator, *arrays[:2]),
    Op.FILL: _filled,
    Op.CAST: _same,
    Op.DEQUANTIZE: _same,
    Op.QUANTIZE: _same,
}
_NUMPY: Mapping[Op, _Compute] = {
    Op.PACK: _packed,
    Op.CONCATENATION: _joined,
    Op.RESHAPE: _reshaped,
    Op.EXPAND_DIMS: lambda _, arrays: np.expand_dims(arrays[0], int(arrays[1].reshape(-1)[0])),
    Op.SQUEEZE: lambda _, arrays: arrays[0].squeeze(),
    Op.TRANSPOSE: lambda _, arrays: arrays[0].transpose([int(side) for side in arrays[1].reshape(-1)]),
    Op.ADD: _paired(np.add),
    Op.SUB: _paired(np.subtract),
    Op.MUL: _paired(np.multiply),
}
_VIEWS = (Op.RESHAPE, Op.EXPAND_DIMS, Op.SQUEEZE, Op.TRANSPOSE, Op.CAST, Op.DEQUANTIZE, Op.QUANTIZE)
