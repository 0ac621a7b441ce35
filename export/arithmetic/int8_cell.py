"""An LSTM with int8 values throughout, gates and cell too: the range of each value, and what it then computes.

That is what the primitive operators of an int8 graph can hold. It is coarser than the project's own arithmetic,
whose gates and cell are int16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.arithmetic import (
    Arithmetic,
    Verdict,
    codes_of,
    compare_int8_scores,
    compare_with_float64,
)
from edgelstm.export.arithmetic.dequantize import Floats, before, inputs, rounded, rows
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace, states_of
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import rounded_limit
from edgelstm.layers import LSTM
from edgelstm.quantization.quantize import affine_from_range
from edgelstm.quantization.reference import quantize_frames
from edgelstm.quantization.scheme import Affine, QuantizedDense, QuantizedLSTM, QuantizedModel

SIGMOID, TANH = Affine(np.float32(1 / 256), -128), Affine(np.float32(1 / 128), 0)
"""What engines want of the results of LOGISTIC and TANH."""

CELL_UNITS = 3.0
CELL_SHARE = 0.03
"""By how many units a value may differ from every value rounded once, and how often. XNNPACK measured 0; TFLite's own
kernels, which round LOGISTIC and TANH otherwise, 2 units in 0.8 % of the values."""


class Int8Cell(Arithmetic):
    def __init__(self, quantized: QuantizedModel):
        self.quantized = quantized

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        quantized = self.quantized
        exact, rough = float_trace(quantized.model, sequence), int8_cell_forward(quantized, sequence)
        limit, largest = compare_with_float64(quantized.model, run, sequence, ledger, rough, rounded_limit)
        # By the states that the file itself had a frame before.
        steps = int8_cell_steps(quantized, codes_of(run, sequence, quantized, ledger), run.states)
        scales = {f"h{n}": lstm.hidden.scale for n, lstm in enumerate(quantized.lstms)}
        scales |= {f"c{n}": ranges.c.scale for n, ranges in enumerate(cell_ranges(quantized))}
        for name, expected in states_of(steps).items():
            difference = (run.states[name] - expected) / float(scales[name])
            ledger.in_units(name, difference, CELL_UNITS, CELL_SHARE)
        if run.scores is not None:
            compare_int8_scores(run.scores, steps.scores, quantized, ledger)
        return Verdict("answers against float64", exact.scores, limit, rough.scores, largest)


@dataclass(frozen=True)
class CellRanges:
    """The quantization of every value in a layer's cell: W·x + b, R·h, their sum, the cell, f·c and i·g."""

    zx: Affine
    zh: Affine
    z: Affine
    c: Affine
    fc: Affine
    ig: Affine


@lru_cache(maxsize=4)  # a proof asks for each sequence
def cell_ranges(quantized: QuantizedModel) -> tuple[CellRanges, ...]:
    """Of each layer, from the sequences that the model carries. ValueError when it carries none.

    c and f·c are widened as far as the model's own calibration, over more sequences, saw the cell go.
    """
    model = quantized.model
    if not model.examples or model.ranges is None:
        raise ValueError(
            f"model {model.name}: carries no sequences, expected some to take the ranges of its gates from"
        )
    traces = [forward.forward(model, sequence) for sequence in model.examples]
    layers = []
    for n, layer in enumerate(model.lstms):
        seen = [_values(layer, trace.h[n - 1] if n else trace.x, trace.h[n], trace.c[n]) for trace in traces]
        largest = max(float(np.abs(values["c"]).max()) for values in seen)
        wider = max(model.ranges.largest(f"c{n}") / max(largest, 1e-9), 1.0)
        affines = {}
        for name in seen[0]:
            low, high = min(float(v[name].min()) for v in seen), max(float(v[name].max()) for v in seen)
            factor = wider if name in ("c", "fc") else 1.0
            affines[name] = affine_from_range(low * factor, high * factor)
        layers.append(CellRanges(**affines))
    return tuple(layers)


def _values(layer: LSTM, x: Floats, h: Floats, c: Floats) -> dict[str, Floats]:
    """What `CellRanges` names, over the frames of one sequence."""
    before_h, before_c = (np.concatenate([np.zeros_like(a[:1]), a[:-1]]) for a in (h, c))
    zx, zh = x @ layer.W.T + layer.b, before_h @ layer.R.T
    i, f, g, _ = np.split(zx + zh, 4, axis=1)
    fc, ig = forward.sigmoid(f) * before_c, forward.sigmoid(i) * np.tanh(g)
    return {"zx": zx, "zh": zh, "z": zx + zh, "c": c, "fc": fc, "ig": ig}


def int8_cell_forward(quantized: QuantizedModel, sequence: NDArray[np.float32]) -> forward.Trace:
    """Raw frames (T, features) through the graph, every value rounded once to int8: what its integers stand for."""
    x = flow = inputs(quantized, quantize_frames(quantized, sequence))
    hs, cs = [], []
    for layer, ranges in zip(quantized.lstms, cell_ranges(quantized)):
        cell = _Cell(layer, ranges)
        h, c = np.empty((2, len(x), layer.units))
        zeros: Floats = np.zeros(layer.units)
        h_old = c_old = zeros
        for t, zx in enumerate(cell.from_input(flow)):
            o, c_old = cell.cell(zx, h_old, c_old)
            h_old = cell.output(o, c_old)
            h[t], c[t] = h_old, c_old
        hs.append(h)
        cs.append(c)
        flow = h
    return forward.Trace.of(x, tuple(hs), tuple(cs), _head(quantized, flow))


def int8_cell_steps(
    quantized: QuantizedModel, codes: NDArray[np.int8], states: Mapping[str, Floats]
) -> forward.Trace:
    """What each frame must give, by the states (T, units) that an engine itself had after the frame before; h by the
    engine's own new c.

    codes: (T, features) as the engine had them. What an engine rounds otherwise cannot add up here.
    """
    x = flow = inputs(quantized, codes)
    hs, cs = [], []
    for n, (layer, ranges) in enumerate(zip(quantized.lstms, cell_ranges(quantized))):
        after_h, after_c = states[f"h{n}"], states[f"c{n}"]
        cell = _Cell(layer, ranges)
        o, new_c = cell.cell(cell.from_input(flow), before(after_h), before(after_c))
        hs.append(cell.output(o, after_c))
        cs.append(new_c)
        flow = after_h
    return forward.Trace.of(x, tuple(hs), tuple(cs), _head(quantized, flow))


class _Cell:
    """One layer; all numbers are those that its integers stand for."""

    def __init__(self, layer: QuantizedLSTM, ranges: CellRanges):
        self.ranges, self.hidden = ranges, layer.hidden
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.bias = rows(layer.bias, layer.input.scale * layer.W_scale)

    def from_input(self, x: Floats) -> Floats:
        """(T, inputs) → (T, 4 · units)."""
        return rounded(x @ self.W + self.bias, self.ranges.zx)

    def cell(self, zx: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        """(…, 4 · units) and states (…, units) → gate o and the next c."""
        z = np.split(rounded(zx + rounded(h @ self.R, self.ranges.zh), self.ranges.z), 4, axis=-1)
        i, f, o = (rounded(forward.sigmoid(z[gate]), SIGMOID) for gate in (0, 1, 3))
        kept, written = rounded(f * c, self.ranges.fc), rounded(i * rounded(np.tanh(z[2]), TANH), self.ranges.ig)
        return o, rounded(kept + written, self.ranges.c)

    def output(self, o: Floats, c: Floats) -> Floats:
        return rounded(o * rounded(np.tanh(c), TANH), self.hidden)


def _head(quantized: QuantizedModel, h: Floats) -> tuple[Floats, ...]:
    dense = []
    for part in quantized.head:
        h = _dense(part, h)
        dense.append(h)
    return tuple(dense)


def _dense(layer: QuantizedDense, x: Floats) -> Floats:
    bias = rows(layer.bias, layer.input.scale * layer.W_scale)
    y = rounded(x @ rows(layer.W, layer.W_scale).T + bias, layer.output)
    return np.maximum(y, 0) if layer.activation == "relu" else y
