"""The fixed-point arithmetic of `edgelstm.quantization.fixed_point` in ONNX's standard operators, every bit of it.

How integers stay exact where engines differ or are slow:

- A multiplier's product is taken in int64, made positive, divided: engines round negative quotients differently.
- Right shifts round ties away from zero. In float64 that is `Round` (ties to even) of the quotient made larger by
  2^-45 of itself: enough to leave a tie, too little to reach one from the nearest other value.
- Sigmoid and tanh are tables of all 65,536 int16 values. Negative indices count from the end, so the value itself
  is the index.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import RAISED
from edgelstm.quantization.matrix import Multipliers

_OFF_TIES = 1 + 2.0**-45
_HALF = 1 << 62  # 2^31 · 2^31: makes any product of an int32 and a mantissa positive


def _limits(graph: Graph, low: int, high: int, dtype: type) -> tuple[str, str]:
    """The inputs of `Clip`."""
    low_name, high_name = (f"{np.dtype(dtype).name}_{value}" for value in (low, high))
    return graph.scalar(low_name, low, dtype), graph.scalar(high_name, high, dtype)


def rescaled(graph: Graph, name: str, sums: str, by: Multipliers, bias: NDArray[np.int32] | None = None) -> str:
    """MultiplyByQuantizedMultiplier of integers `sums` + `bias` → whole float64 values of the same shape.

    Left shifts are part of the factor: `quantize` refuses models in which they could leave 32 bits.
    """
    factor = by.mantissa.astype(np.int64) << np.maximum(by.shift, 0)
    added = _HALF + (1 << 30) + (0 if bias is None else bias.astype(np.int64) * factor)
    wide = graph.cast(sums, np.int64, f"{name}_wide")
    wide = graph.node("Mul", wide, graph.constant(f"{name}_factor", factor), to=f"{name}_product")
    wide = graph.node("Add", wide, graph.constant(f"{name}_added", np.array(added, np.int64)), to=f"{name}_positive")
    wide = graph.node("Div", wide, graph.scalar("two_to_31", 1 << 31, np.int64), to=f"{name}_high")
    high = graph.cast(wide, np.float64, f"{name}_float")
    high = graph.node("Sub", high, graph.scalar("half_range", _HALF >> 31, np.float64), to=f"{name}_signed")
    return shifted(graph, name, high, np.maximum(-by.shift, 0))


def shifted(graph: Graph, name: str, x: str, bits: NDArray[Any] | int) -> str:
    """Whole float64 values / 2^bits, ties away from zero."""
    factor = np.array(np.ldexp(_OFF_TIES, -np.asarray(bits)), np.float64)
    quotient = graph.node("Mul", x, graph.constant(f"{name}_shift", factor), to=f"{name}_shifted")
    return graph.node("Round", quotient, to=f"{name}_rounded")


def clip16(graph: Graph, x: str) -> str:
    return graph.node("Clip", x, *_limits(graph, -(1 << 15), (1 << 15) - 1, np.float64), to=f"{x}_clipped")


def looked_up(graph: Graph, name: str, table_name: str, table: NDArray[np.int16], x: str) -> str:
    """`table`, which begins at -32768, at whole float64 values `x` of the int16 range → float64."""
    stored = graph.constant(table_name, np.roll(table, 1 << 15))
    found = graph.node("Gather", stored, graph.cast(x, np.int32, f"{name}_index"), to=f"{name}_found")
    return graph.cast(found, np.float64, name)


def codes(
    graph: Graph, name: str, x: str, zero_point: int, lowest: int = -128, dtype: type[np.integer[Any]] = np.uint8
) -> str:
    """clip(x + zero point) of whole float64 values → uint8, 128 more than the int8 code, or int8."""
    raised = RAISED if dtype is np.uint8 else 0
    moved = graph.node("Add", x, graph.scalar(f"{name}_zero", zero_point + raised, np.float64), to=f"{name}_moved")
    limits = _limits(graph, lowest + raised, 127 + raised, np.float64)
    return graph.cast(graph.node("Clip", moved, *limits, to=f"{name}_codes"), dtype, name)
