"""TFLite's operators, one by one, as nodes by ONNX's names over one frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from edgelstm.export.tflite.schema import ACTIVATION, VALID, Op
from edgelstm.importers.tflite_folding import cut, strided, taken
from edgelstm.importers.tflite_scope import Scope, numbered, select
from edgelstm.importers.tflite_tables import Operator

_FUSED: Mapping[int, tuple[str, Mapping[str, float]]] = {
    ACTIVATION["relu"]: ("Relu", {}),
    ACTIVATION["relu6"]: ("Clip", {"min": 0.0, "max": 6.0}),
    ACTIVATION["tanh"]: ("Tanh", {}),
}
_ABSENT = {
    9: "peepholes",
    10: "peepholes",
    11: "peepholes",
    16: "a projection",
    17: "a projection",
    20: "layer norm",
    21: "layer norm",
    22: "layer norm",
    23: "layer norm",
}
Write = Callable[[Scope, Operator], None]


def _activated(
    scope: Scope, operator: Operator, op: str, inputs: list[str], attributes: Mapping[str, float] | None = None
) -> None:
    """A node, and the activation that is fused with it."""
    if op in ("Add", "Sub", "Mul", "Div"):
        _spread(scope, operator)
    fused = operator.option("FusedActivationFunction")
    if not fused:
        scope.add(op, operator, inputs, attributes=attributes)
        return
    if fused not in _FUSED:
        raise ValueError(f"fused activation {fused}, expected none, ReLU, ReLU6 or tanh")
    word, settings = _FUSED[fused]
    between = scope.add(
        op, operator, inputs, scope.name(operator.outputs[0]) + " before activation", attributes=attributes
    )
    scope.add(word, operator, [between], attributes=settings)


def _spread(scope: Scope, operator: Operator) -> None:
    """The shape of what goes value by value."""
    shapes = [scope.tensor(number).shape for number in operator.inputs]
    try:
        scope.know(operator.outputs[0], np.broadcast_shapes(*shapes))
    except ValueError:
        raise ValueError(f"shapes {', '.join(map(str, shapes))} do not go together") from None


def _binary(op: str) -> Write:
    def write(scope: Scope, operator: Operator) -> None:
        _activated(scope, operator, op, [scope.name(number) for number in operator.inputs[:2]])

    return write


def _unary(op: str) -> Write:
    def write(scope: Scope, operator: Operator) -> None:
        _spread(scope, operator)
        scope.add(op, operator, [scope.name(operator.input(0))])

    return write


def _moved(scope: Scope, operator: Operator) -> None:
    """The same values in another shape or type."""
    source, result = operator.input(0), operator.outputs[0]
    if (padded := scope.tape.padded.get(scope.name(source))) is not None:
        scope.tape.padded[scope.name(result)] = padded
        return
    scope.know(result, _shape(scope, operator))
    rows = scope.rows(source), scope.rows(result)
    if rows[0] != rows[1] and scope.tensor(result).size != 1:
        raise ValueError(
            f"puts the {scope.tape.rows} frames of a call side by side: expected layers that go frame by frame"
        )
    scope.copy(operator, scope.name(source))


def _shape(scope: Scope, operator: Operator) -> tuple[int, ...]:
    """Of the result, as far as constants say it."""
    tensor, result = scope.tensor(operator.input(0)), scope.tensor(operator.outputs[0])
    sides = scope.constant(operator.input(1)) if operator.op == Op.RESHAPE else None
    if operator.op in (Op.CAST, Op.QUANTIZE, Op.DEQUANTIZE):
        return tensor.shape
    if operator.op == Op.EXPAND_DIMS and scope.constant(operator.input(1)) is not None:
        return np.expand_dims(numbered(tensor), tuple(scope.whole(operator.input(1)))).shape
    if sides is None:
        return result.shape
    wanted = scope.whole(operator.input(1))
    try:
        return numbered(tensor).reshape(wanted).shape
    except ValueError:
        raise ValueError(f"shape {tensor.shape} as {tuple(wanted)[:8]}, expected as many values") from None


def _transposed(scope: Scope, operator: Operator) -> None:
    tensor = scope.tensor(operator.input(0))
    order = scope.whole(operator.input(1))
    if sorted(order) != list(range(len(tensor.shape))):
        raise ValueError(f"order {order} of {len(tensor.shape)} sides")
    scope.know(operator.outputs[0], [tensor.shape[side] for side in order])
    if (numbered(tensor).transpose(order).reshape(-1) != np.arange(tensor.size)).any():
        raise ValueError("puts channels in another order, expected only sides of 1 to move")
    scope.copy(operator, scope.name(operator.input(0)))


def _dense(scope: Scope, operator: Operator) -> None:
    weights = scope.constant(operator.input(1))
    if weights is None or weights.ndim != 2:
        raise ValueError("weights that are computed, expected constants")
    if operator.option("WeightsFormat"):
        raise ValueError("weights in a shuffled order, expected plain ones")
    tensor = scope.tensor(operator.input(0))
    rows = scope.rows(operator.input(0))
    if tensor.shape[-1:] != weights.shape[1:] and (rows > 1 or tensor.size != weights.shape[1]):
        many = f": puts the {rows} frames of a call side by side" if rows > 1 else ""
        raise ValueError(f"weights {weights.shape} and values {tensor.shape}{many}")
    inputs = [scope.name(number) for number in operator.inputs[:3]]
    scope.know(operator.outputs[0], (*tensor.shape[:-1], len(weights)))
    _activated(scope, operator, "Gemm", inputs, {"transB": 1})


def _padded(scope: Scope, operator: Operator) -> None:
    """Zeros before the first frame, for a convolution that looks back; or none at all."""
    sizes = np.array(scope.whole(operator.input(1)))
    tensor = scope.tensor(operator.input(0))
    if sizes.size != 2 * len(tensor.shape):
        raise ValueError(f"{sizes.size} sizes of {len(tensor.shape)} sides")
    around = sizes.reshape(-1, 2)
    sides = np.flatnonzero(around.any(axis=1))
    if not sides.size:
        scope.copy(operator, scope.name(operator.input(0)))
        return
    many, side = scope.rows(operator.input(0)), int(sides[0])
    if len(sides) > 1 or around[side, 1] or many == 1 or tensor.shape[side] != many:
        raise ValueError("zeros elsewhere than before the first frame, expected those of a causal convolution")
    scope.tape.padded[scope.name(operator.outputs[0])] = scope.name(operator.input(0)), int(around[side, 0])


def _conv(scope: Scope, operator: Operator) -> None:
    """Over no rows, which is a product, or back over the frames of a call."""
    weights = scope.constant(operator.input(1))
    if weights is None or weights.ndim != 4 or 1 not in weights.shape[1:3]:
        raise ValueError("weights that are computed, or of two sides, expected a convolution over time")
    along = "W" if weights.shape[1] == 1 else "H"
    taps, dilation = weights.shape[1] * weights.shape[2], operator.option(f"Dilation{along}Factor") or 1
    name = scope.name(operator.outputs[0])
    W = scope.tape.hold(f"{name}/W", weights.reshape(len(weights), taps, -1))
    bias = scope.name(operator.input(2)) if operator.input(2) >= 0 else ""
    if operator.option("StrideH") > 1 or operator.option("StrideW") > 1:
        raise ValueError("strides, expected a result for every frame")
    source, zeros = scope.tape.padded.get(scope.name(operator.input(0)), (scope.name(operator.input(0)), 0))
    if taps == 1:
        flat = scope.tape.hold(f"{name}/flat", weights.reshape(len(weights), -1))
        _activated(scope, operator, "Gemm", [source, flat, bias], {"transB": 1})
        return
    if operator.option("Padding") != VALID or zeros != (taps - 1) * dilation:
        raise ValueError("looks at frames to come, or leaves the first out: expected a causal convolution")
    _activated(scope, operator, "CausalConv", [source, W, bias], {"dilation": dilation})


def _mean(scope: Scope, operator: Operator) -> None:
    """Over the channels of each frame, or over the frames of a call, which comes last."""
    tensor, many = scope.tensor(operator.input(0)), scope.rows(operator.input(0))
    sides = len(tensor.shape)
    axes = {axis % max(sides, 1) for axis in scope.whole(operator.input(1))}
    long = {axis for axis in axes if tensor.shape[axis] > 1}
    name = scope.name(operator.outputs[0])
    if many > 1 and long == {tensor.shape.index(many)} and sides - 1 not in long:
        scope.tape.mean = name
        scope.copy(operator, scope.name(operator.input(0)))
    elif long == {sides - 1}:
        scope.add("ReduceMean", operator, [scope.name(operator.input(0)), scope.tape.hold("=1", np.array([1]))])
    else:
        raise ValueError(f"over sides {sorted(axes)} of shape {tensor.shape}, expected channels or frames")


def _squared(scope: Scope, operator: Operator) -> None:
    """SQUARE, and SQUARED_DIFFERENCE."""
    names = [scope.name(number) for number in operator.inputs[:2]]
    if len(names) > 1:
        less = scope.add("Sub", operator, names, scope.name(operator.outputs[0]) + " before its square")
        names = [less]
    scope.add("Pow", operator, [*names, scope.tape.hold("=2", np.array([2.0]))])


def _one_over_root(scope: Scope, operator: Operator) -> None:
    root = scope.name(operator.outputs[0]) + " under one"
    scope.add("Sqrt", operator, [scope.name(operator.input(0))], root)
    scope.add("Reciprocal", operator, [root])


def _softmax(scope: Scope, operator: Operator) -> None:
    if operator.real("Beta") != 1:
        raise ValueError(f"beta {operator.real('Beta'):g}, expected 1")
    _spread(scope, operator)
    scope.add("Softmax", operator, [scope.name(operator.input(0))])


def _relu6(scope: Scope, operator: Operator) -> None:
    _spread(scope, operator)
    scope.add("Clip", operator, [scope.name(operator.input(0))], attributes={"min": 0.0, "max": 6.0})


def _leaky(scope: Scope, operator: Operator) -> None:
    _spread(scope, operator)
    scope.add("LeakyRelu", operator, [scope.name(operator.input(0))], attributes={"alpha": operator.real("Alpha")})


def _split(scope: Scope, operator: Operator) -> None:
    axis, source = scope.whole(operator.input(0)), operator.input(1)
    _parts(scope, operator, source, axis[0] if len(axis) == 1 else 99)


def _unpacked(scope: Scope, operator: Operator) -> None:
    _parts(scope, operator, operator.input(0), operator.option("Axis"))


def _parts(scope: Scope, operator: Operator, source: int, axis: int) -> None:
    tensor, count = scope.tensor(source), len(operator.outputs)
    sides = len(tensor.shape)
    if not -sides <= axis < sides or tensor.shape[axis] % count:
        raise ValueError(f"{count} parts along side {axis} of shape {tensor.shape}")
    for number, places in zip(operator.outputs, np.split(numbered(tensor), count, axis)):
        select(scope, operator, source, places, number)


def _strided(scope: Scope, operator: Operator) -> None:
    limits = [np.array(scope.whole(number)) for number in operator.inputs[1:4]]
    if len(limits) != 3:
        raise ValueError(f"{len(operator.inputs)} inputs, expected 4")
    select(scope, operator, operator.input(0), strided(operator, numbered(scope.tensor(operator.input(0))), *limits))


def _cut(scope: Scope, operator: Operator) -> None:
    begin, size = (np.array(scope.whole(operator.input(place))) for place in (1, 2))
    select(scope, operator, operator.input(0), cut(numbered(scope.tensor(operator.input(0))), begin, size))


def _gathered(scope: Scope, operator: Operator) -> None:
    places = np.array(scope.whole(operator.input(1)))
    select(scope, operator, operator.input(0), taken(operator, numbered(scope.tensor(operator.input(0))), places))


def _joined(scope: Scope, operator: Operator) -> None:
    """PACK and CONCATENATION: side by side, where nothing but sides of 1 comes before."""
    names = [scope.name(number) for number in operator.inputs]
    result = scope.tensor(operator.outputs[0])
    axis = operator.option("Axis") % max(len(result.shape), 1)
    if scope.tape.rows > 1 and len(names) == scope.tape.rows == result.shape[axis]:
        scope.copy(operator, names[-1])  # a value of each frame
        return
    if len(names) == 1:
        scope.copy(operator, names[0])
        return
    outer = [side for side in result.shape[:axis] if side not in (1, scope.tape.rows)]
    if operator.option("FusedActivationFunction"):  # LiteRT passes over it
        raise ValueError("a fused activation, expected none")
    is_last = operator.op == Op.CONCATENATION and axis == len(result.shape) - 1
    about: dict[str, Any] = {"axis": -1} if is_last else {}
    scope.add("Concat" if not outer else "Pack", operator, names, attributes=about | _order(scope, operator, axis))


def _order(scope: Scope, operator: Operator, axis: int) -> dict[str, Any]:
    """Which of the values of all inputs, one behind the other, each value of a state is that is put together."""
    tensors = [scope.tensor(number) for number in operator.inputs]
    if any(scope.rows(number) > 1 for number in operator.inputs):
        return {}
    starts = np.cumsum([0, *(tensor.size for tensor in tensors)])
    parts = [start + numbered(tensor) for start, tensor in zip(starts, tensors)]
    join = np.stack if operator.op == Op.PACK else np.concatenate
    try:
        return {"places": join(parts, axis).reshape(-1).tolist()}
    except ValueError:
        raise ValueError(f"shapes {', '.join(str(tensor.shape) for tensor in tensors)[:100]} side by side") from None


def _lstm(scope: Scope, operator: Operator) -> None:
    for place, what in _ABSENT.items():
        if operator.input(place) >= 0:
            raise ValueError(f"{what} is not supported")
    if operator.input(1) < 0:
        raise ValueError("input and forget gates coupled, expected four gates")
    if operator.option("FusedActivationFunction") != ACTIVATION["tanh"] or operator.real("ProjClip"):
        raise ValueError("another activation than tanh, or a clipped projection")
    if clip := operator.real("CellClip"):
        scope.tape.notes.append(f"cells held to ±{clip:g} in its own engine, here not")
    held = [_stacked(scope, operator, start) for start in (1, 5, 12)]
    W, R, b = held
    if W.ndim != 2 or R.shape != (len(W), len(W) // 4) or b.shape != (len(W),):
        raise ValueError(f"weights {W.shape}, {R.shape} and biases {b.shape} do not fit")
    name = scope.name(operator.outputs[0])
    inputs = [scope.name(operator.input(0))]
    both = np.concatenate([b, np.zeros_like(b)])
    for letter, array in (("W", W), ("R", R), ("B", both)):
        inputs.append(scope.tape.hold(f"{name}/{letter}", array[None]))
    inputs.append("")
    for place in (18, 19):
        state = scope.name(operator.input(place))
        if not scope.tensor(operator.input(place)).variable:
            raise ValueError(f"state {state!r:.60}: no variable, expected one")
        scope.tape.inputs[state] = scope.tape.shapes[state] = (1, len(W) // 4)
        scope.tape.kept[state] = f"{name} state {place}"
        inputs.append(state)
    scope.add("LSTM", operator, inputs)
    made, states = scope.tape.nodes.pop(), (f"{name} state 18", f"{name} state 19")
    scope.tape.nodes.append(replace(made, outputs=(name, *states)))
    scope.tape.shapes.update(dict.fromkeys(states, (1, len(W) // 4)))


def _stacked(scope: Scope, operator: Operator, start: int) -> np.ndarray:
    """Arrays of gates i, f, c, o as one in ONNX's order, i, o, f, c."""
    found = [scope.constant(operator.input(start + place)) for place in (0, 3, 1, 2)]
    arrays = [array for array in found if array is not None]
    if len(arrays) != 4 or len({array.shape for array in arrays}) != 1:
        raise ValueError("weights that are computed or of several shapes, expected four alike")
    return np.concatenate(arrays)


OPERATORS: Mapping[Op, Write] = {
    Op.ADD: _binary("Add"),
    Op.SUB: _binary("Sub"),
    Op.MUL: _binary("Mul"),
    Op.DIV: _binary("Div"),
    Op.MINIMUM: _binary("Min"),
    Op.MAXIMUM: _binary("Max"),
    Op.LOG: _unary("Log"),
    Op.LOGISTIC: _unary("Sigmoid"),
    Op.TANH: _unary("Tanh"),
    Op.RELU: _unary("Relu"),
    Op.RELU6: _relu6,
    Op.RESHAPE: _moved,
    Op.SQUEEZE: _moved,
    Op.EXPAND_DIMS: _moved,
    Op.CAST: _moved,
    Op.QUANTIZE: _moved,
    Op.DEQUANTIZE: _moved,
    Op.TRANSPOSE: _transposed,
    Op.FULLY_CONNECTED: _dense,
    Op.CONV_2D: _conv,
    Op.PAD: _padded,
    Op.MEAN: _mean,
    Op.NEG: _unary("Neg"),
    Op.SQUARE: _squared,
    Op.SQUARED_DIFFERENCE: _squared,
    Op.SQRT: _unary("Sqrt"),
    Op.RSQRT: _one_over_root,
    Op.SOFTMAX: _softmax,
    Op.LEAKY_RELU: _leaky,
    Op.SPLIT: _split,
    Op.UNPACK: _unpacked,
    Op.STRIDED_SLICE: _strided,
    Op.SLICE: _cut,
    Op.GATHER: _gathered,
    Op.PACK: _joined,
    Op.CONCATENATION: _joined,
    Op.UNIDIRECTIONAL_SEQUENCE_LSTM: _lstm,
}
