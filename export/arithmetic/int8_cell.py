"""int8 values throughout, gates and cells too: what the TFLite form `int8-explicit` computes, each rounded once.

That is what the primitive operators of an int8 graph can hold. It is coarser than the project's own arithmetic,
whose gates and cell are int16.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.arithmetic import (
    Verdict,
    codes_of,
    compare_int8_scores,
    of_own_scores,
    show_float64,
)
from edgelstm.export.arithmetic.dequantize import Floats, rounded, rows
from edgelstm.export.arithmetic.int8_cell_ranges import SIGMOID, TANH, Ranges, cell_ranges
from edgelstm.export.arithmetic.twin import (
    ContextTwin,
    Flow,
    Ran,
    States,
    Twin,
    given,
    off_edges,
    windows_of,
)
from edgelstm.export.arithmetic.twinned import TwinArithmetic
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.run import Run
from edgelstm.layers.layer import sigmoid
from edgelstm.quantization import QuantizedConv, QuantizedDense, QuantizedGRU, QuantizedLSTM, QuantizedModel
from edgelstm.quantization.context import QuantizedContext
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.road import Placed

CELL_UNITS = {"lstm": 3.0, "gru": 8.0, "context": 8.0}
CELL_SHARE = 0.03
MOST_UNITS, MOST_SHARE = 64.0, 0.5
"""By how many units a value of a state may differ from every value rounded once, and how often, for each run in a
call. XNNPACK measured 0; TFLite's own kernels, which round LOGISTIC and TANH otherwise, 2 units in 0.8 % of the
values. A GRU's h goes through both without a cell between: there they measured 6 units in 0.9 %. A context holds what
the others gave. However many runs a call has, no more than `MOST_UNITS` of the 255, and no more than half of the
values: a limit that nothing can pass is none."""

_EDGE = 1e-3
"""Units from where two integers meet within which an engine's float32 multiplier may decide otherwise."""


class Int8Cell(TwinArithmetic):
    """Every value is rounded once."""

    def __init__(self, quantized: QuantizedModel):
        ranges = cell_ranges(quantized)
        placed = zip(quantized.model.road, quantized.layers)
        super().__init__(quantized, [_TWINS[at.layer.kind](at, layer, ranges.get(at.name)) for at, layer in placed])

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        model = self.quantized.model
        show_float64(model, run, sequence, ledger)
        steps = self.steps(codes_of(run, sequence, self.quantized, ledger), run.states)
        for at, twin in zip(model.road, self.twins):
            for name, part in at.parts:
                if name in run.states:
                    sure, runs = steps.sure[name], model.stride // at.stride
                    difference = (run.states[name] - steps.states[name][:, -1])[sure] / twin.units[part.letter]
                    most = min(CELL_UNITS[at.layer.kind] * runs, MOST_UNITS)
                    ledger.in_units(name, difference, most, min(CELL_SHARE * runs, MOST_SHARE))
        expected = steps.results[model.road[-1].name][:, -1]
        if run.scores is not None:
            compare_int8_scores(run.scores, expected, self.quantized, ledger)
        return of_own_scores(model, run, expected)


class _LSTM(Twin):
    def __init__(self, _: Placed, layer: QuantizedLSTM, ranges: Ranges):
        self.ranges, self.hidden = ranges, layer.hidden
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.bias = rows(layer.bias, layer.input.scale * layer.W_scale)
        self.units = {"h": float(layer.hidden.scale), "c": float(ranges["c"].scale)}
        self.memory = {"h": layer.units, "c": layer.units}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        from_x = rounded(x.values @ self.W + self.bias, self.ranges["zx"])
        h, c = before["h"], before["c"]
        hs, cs = np.empty((2, *x.values.shape[:2], self.memory["h"]))
        runs = x.values.shape[1]
        for run in range(runs):
            o, c = self.cell(from_x[:, run], h, c)
            # The newest h by the file's own new c: what is wrong with a gate shows in c alone.
            h = rounded(o * rounded(np.tanh(c if seen is None or run < runs - 1 else seen["c"]), TANH), self.hidden)
            hs[:, run], cs[:, run] = h, c
        return Ran(given(hs, None if seen is None else seen["h"], x.sure), {"h": hs, "c": cs}, x.sure)

    def cell(self, zx: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        """(B, 4 · units) and states (B, units) → gate o and the next c."""
        ranges = self.ranges
        z = np.split(rounded(zx + rounded(h @ self.R, ranges["zh"]), ranges["z"]), 4, axis=-1)
        i, f, o = (rounded(sigmoid(z[gate]), SIGMOID) for gate in (0, 1, 3))
        kept, written = rounded(f * c, ranges["fc"]), rounded(i * rounded(np.tanh(z[2]), TANH), ranges["ig"])
        return o, rounded(kept + written, ranges["c"])


class _GRU(Twin):
    def __init__(self, _: Placed, layer: QuantizedGRU, ranges: Ranges):
        self.ranges, self.hidden, self.reset = ranges, layer.hidden, layer.reset
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.bias = rows(layer.bias, layer.input.scale * layer.W_scale)
        self.R_bias = rows(layer.R_bias, layer.hidden.scale * layer.R_scale)
        self.units = {"h": float(layer.hidden.scale)}
        self.memory = {"h": layer.units}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        from_x = rounded(x.values @ self.W + self.bias, self.ranges["zx"])
        h = before["h"]
        hs = np.empty((*x.values.shape[:2], self.memory["h"]))
        for run in range(x.values.shape[1]):
            h = hs[:, run] = self.cell(from_x[:, run], h)
        return Ran(given(hs, None if seen is None else seen["h"], x.sure), {"h": hs}, x.sure)

    def cell(self, zx: Floats, h: Floats) -> Floats:
        """(B, 3 · units) and h (B, units) → the next h."""
        ranges, H = self.ranges, self.memory["h"]
        gates = slice(None) if self.reset == "after" else slice(0, 2 * H)
        zh = rounded(h @ self.R[:, gates] + self.R_bias[gates], ranges["zh"])
        sums = rounded(zx[:, : 2 * H] + zh[:, : 2 * H], ranges["z"])
        z, r = (rounded(sigmoid(part), SIGMOID) for part in np.split(sums, 2, axis=-1))
        if self.reset == "after":
            rq = rounded(r * zh[:, 2 * H :], ranges["rq"])
        else:
            rq = rounded(rounded(r * h, ranges["rh"]) @ self.R[:, 2 * H :], ranges["rq"])
        n = rounded(np.tanh(rounded(zx[:, 2 * H :] + rq, ranges["n"])), TANH)
        kept = rounded(z * rounded(h - n, ranges["off"]), ranges["kept"])
        return rounded(n + kept, self.hidden)


class _Product(Twin):
    """A dense layer, or a convolution: a product over every window of rows."""

    def __init__(self, at: Placed, layer: QuantizedDense | QuantizedConv, _: Ranges | None):
        self.W = rows(layer.W, layer.W_scale).T
        self.bias = rows(layer.bias, layer.input.scale * layer.W_scale)
        self.windows = windows_of(at)
        self.activation, self.output = layer.activation, layer.output

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:  # noqa: ARG002 - it has no state
        y = self.windows(x.values) @ self.W + self.bias
        y = np.maximum(y, 0) if self.activation == "relu" else y
        sure = x.sure & off_edges(y, self.output, _EDGE)
        return Ran(Flow(rounded(y, self.output).reshape(*x.values.shape[:2], -1), sure), {}, sure)


def _context(at: Placed, layer: QuantizedLayer, _: Ranges | None) -> Twin:
    assert isinstance(layer, QuantizedContext)
    return ContextTwin(layer.layer, at.source.size, layer.input)


_TWINS: dict[str, Callable[..., Twin]] = {
    "lstm": _LSTM,
    "gru": _GRU,
    "context": _context,
    "conv": _Product,
    "dense": _Product,
}
