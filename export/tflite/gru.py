"""A GRU layer in each form that holds it, in primitive operators. With gates z, r, n:

x, h → FULLY_CONNECTED each → SPLIT;  ADD → LOGISTIC z, r
n = TANH(x_n + r·h_n), or where the reset comes first TANH(x_n + FULLY_CONNECTED(r·h))
n + z·(h - n) → h_out
"""

from __future__ import annotations

from edgelstm.export.tflite.cell import Cell
from edgelstm.export.tflite.cells import DynamicCell, FloatCell, IntegerCell
from edgelstm.export.tflite.graph import Tensor
from edgelstm.export.tflite.integers import IntegerWriter
from edgelstm.export.tflite.schema import Op
from edgelstm.export.tflite.writer import Writer
from edgelstm.export.walk import Kind
from edgelstm.layers import GRU
from edgelstm.quantization import QuantizedGRU
from edgelstm.road import Placed


def _steps(cell: Cell, x: Tensor, *, reset_first: bool) -> Tensor:
    """x (runs, inputs) → h (runs, units)."""
    H = cell.units

    def step(zx: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = states
        x_z, x_r, x_n = cell.split(zx, ["x_z", "x_r", "x_n"], "zx")
        names = ["h_z", "h_r"] if reset_first else ["h_z", "h_r", "h_n"]
        zh = cell.product("zh", h, "R", len(names), slice(0, len(names) * H))
        h_z, h_r, *h_n = cell.split(zh, names, "zh")
        z, r = (
            cell.add(
                Op.LOGISTIC,
                (cell.combined(Op.ADD, from_x, from_h, cell.new(f"sum_{gate}", "z")),),
                cell.new(gate, "sigmoid"),
            )
            for gate, from_x, from_h in (("z", x_z, h_z), ("r", x_r, h_r))
        )
        if reset_first:
            reset = cell.combined(Op.MUL, r, h, cell.new("rh", "rh"))
            gated = cell.product("rq", reset, "R", 1, slice(2 * H, None))
        else:
            gated = cell.combined(Op.MUL, r, h_n[0], cell.new("rq", "rq"))
        bent = cell.combined(Op.ADD, x_n, gated, cell.new("sum_n", "n"))
        n = cell.add(Op.TANH, (bent,), cell.new("n", "tanh"))
        off = cell.combined(Op.SUB, h, n, cell.new("off", "off"))
        kept = cell.combined(Op.MUL, z, off, cell.new("kept", "kept"))
        return (cell.combined(Op.ADD, n, kept, cell.state_out("h")),)

    return cell.each_run(cell.product("zx", x, "W", 3), 3, step)


def _floats(writer: Writer, at: Placed, layer: GRU, x: Tensor) -> Tensor:
    return _steps(FloatCell(writer, at, layer), x, reset_first=layer.reset == "before")


def _dynamic(writer: Writer, at: Placed, layer: GRU, x: Tensor) -> Tensor:
    return _steps(DynamicCell(writer, at, layer), x, reset_first=layer.reset == "before")


def _integers(writer: IntegerWriter, at: Placed, layer: QuantizedGRU, x: Tensor) -> Tensor:
    return _steps(IntegerCell(writer, at, layer), x, reset_first=layer.reset == "before")


KIND = Kind({"float32-explicit": _floats, "int8-dynamic": _dynamic, "int8-explicit": _integers})
