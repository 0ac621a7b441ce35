"""An LSTM layer in each arithmetic that rounds inside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgelstm.export.arithmetic.dequantize import SIGMOID, TANH, Floats, Ranges, rounded, rows
from edgelstm.export.arithmetic.kind import Kind
from edgelstm.export.arithmetic.rounding import Rounding
from edgelstm.export.arithmetic.twin import STEP_LIMIT, Flow, Ran, States, Twin, given, off_edges
from edgelstm.layers import LSTM
from edgelstm.layers.layer import before, sigmoid
from edgelstm.quantization import QuantizedLSTM
from edgelstm.road import Placed


class _Portable(Twin):
    def __init__(self, _: Placed, layer: QuantizedLSTM):
        self.hidden, self.b = layer.hidden, layer.real_bias.astype(np.float64)
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.units = {"h": float(layer.hidden.scale)}
        self.memory = {"h": layer.units, "c": layer.units}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        from_x = x.values @ self.W
        h, c, sure, terms = before["h"], before["c"], x.sure, 0.0
        hs, cs = np.empty((2, *x.values.shape[:2], self.memory["h"]))
        runs = x.values.shape[1]
        for run in range(runs):
            from_h = h @ self.R
            terms = max(terms, float((np.abs(from_x[:, run]) + np.abs(self.b) + np.abs(from_h)).max()))
            i, f, g, o = np.split(from_x[:, run] + self.b + from_h, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            # The newest h by the file's own new c: what is wrong with a gate shows in c alone.
            y = sigmoid(o) * np.tanh(c if seen is None or run < runs - 1 else seen["c"])
            h = rounded(y, self.hidden)
            if run < runs - 1:
                sure = sure & off_edges(y, self.hidden, STEP_LIMIT * max(1.0, terms) / float(self.hidden.scale))
            hs[:, run], cs[:, run] = h, c
        return Ran(given(hs, None if seen is None else seen["h"], sure), {"h": hs, "c": cs}, sure, terms)


class _Cell(Twin):
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


def _inside(layer: LSTM, x: Floats, states: Mapping[str, Floats]) -> dict[str, Floats]:
    """W·x + b, R·h, their sum, the cell, f·c and i·g."""
    zx, zh = x @ layer.W.T + layer.b, before(states["h"]) @ layer.R.T
    i, f, g, _ = np.split(zx + zh, 4, axis=1)
    fc, ig = sigmoid(f) * before(states["c"]), sigmoid(i) * np.tanh(g)
    return {"zx": zx, "zh": zh, "z": zx + zh, "c": states["c"], "fc": fc, "ig": ig}


def _rounded(layer: LSTM, x: Floats, rounding: Rounding) -> tuple[Floats, dict[str, Floats]]:
    W, R = rounding.rows(layer.W, 4), rounding.rows(layer.R, 4)
    h: Floats = np.zeros(layer.units)
    c: Floats = np.zeros(layer.units)
    hs, cs = np.empty((2, len(x), layer.units))
    for t, frame in enumerate(x):
        i, f, g, o = np.split(W @ rounding.values(frame) + R @ rounding.values(h) + layer.b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hs[t], cs[t] = h, c
    return hs, {"h": hs, "c": cs}


KIND = Kind(_Portable, _Cell, cell_units=3.0, inside=_inside, rounded=_rounded)
