"""The integer model with gates, cell and sums in floats: what the ONNX form `int8-portable` computes, in float64.

x, h and the results of hidden dense layers are rounded to the model's int8 values; weights are its integers times
their scales; biases are the float model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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
from edgelstm.export.parity.tolerance import SCORE_UNITS, magnitude, rounded_limit, score_slack
from edgelstm.quantization.reference import quantize_frames
from edgelstm.quantization.scheme import QuantizedLSTM, QuantizedModel

STEP_LIMIT = 1e-6
"""Float gates between integers, by the file's own states: against float64, relative to the largest value and to the
largest terms of a gate's sum (each at least 1). Four float32 roundings of 6e-8, and the functions' own."""

EDGE_UNITS = 1.0
EDGE_SHARE = 0.01
"""By how many units a value may then differ that is rounded to int8, and how often: where float32 and float64 lie on
two sides of a rounding's edge. Measured 0 in 10,000."""


class Int8Portable(Arithmetic):
    def __init__(self, quantized: QuantizedModel):
        self.quantized = quantized

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        quantized = self.quantized
        exact, rough = float_trace(quantized.model, sequence), float_gates_forward(quantized, sequence)
        if run.scores_rounded:
            scores = rounded(rough.scores, quantized.head[-1].output)
            rough = replace(rough, results={**rough.results, quantized.model.road[-1].name: scores})
        limit, largest = compare_with_float64(quantized.model, run, sequence, ledger, rough, rounded_limit)
        self.compare_steps(run, codes_of(run, sequence, quantized, ledger), ledger)
        return Verdict("answers against float64", exact.scores, limit, rough.scores, largest)

    def compare_steps(self, run: Run, codes: NDArray[np.int8], ledger: Ledger) -> None:
        """Floats between integers, by the states that the file itself had a frame before."""
        quantized = self.quantized
        steps, largest = float_gates_steps(quantized, codes, run.states)
        for name, expected in states_of(steps).items():
            found, layer = run.states[name], int(name[1:])
            if name.startswith("h"):
                scale = float(quantized.lstms[layer].hidden.scale)
                ledger.in_units(name, (found - expected) / scale, EDGE_UNITS, EDGE_SHARE)
            else:
                limit = STEP_LIMIT * magnitude(expected) * max(1.0, largest[layer])
                ledger.near(f"{name} against the same rounding", found, expected, limit)
        if run.scores is None:
            return
        if run.scores_rounded:
            compare_int8_scores(run.scores, steps.scores, quantized, ledger)
        else:
            # A value of a hidden dense layer may lie at an edge too.
            edges = float((score_slack(quantized) - SCORE_UNITS).max()) * float(quantized.head[-1].output.scale)
            limit = STEP_LIMIT * magnitude(steps.scores) + edges
            ledger.near("scores against the same rounding", run.scores, steps.scores, limit)


def float_gates_forward(quantized: QuantizedModel, sequence: NDArray[np.float32]) -> forward.Trace:
    """Raw frames (T, features) through the model; h in the real values of its integers."""
    x = flow = inputs(quantized, quantize_frames(quantized, sequence))
    hs, cs = [], []
    for layer, source in zip(quantized.lstms, quantized.model.lstms):
        from_x, R = flow @ rows(layer.W, layer.W_scale).T + source.b, rows(layer.R, layer.R_scale)
        h: Floats = np.zeros(layer.units)
        c: Floats = np.zeros(layer.units)
        h_after, c_after = np.empty((2, len(x), layer.units))
        for t, z in enumerate(from_x):
            o, c = _cell(z + R @ h, c)
            h = _output(o, c, layer)
            h_after[t], c_after[t] = h, c
        hs.append(h_after)
        cs.append(c_after)
        flow = h_after
    return forward.Trace.of(x, tuple(hs), tuple(cs), _head(quantized, flow))


def float_gates_steps(
    quantized: QuantizedModel, codes: NDArray[np.int8], states: Mapping[str, Floats]
) -> tuple[forward.Trace, list[float]]:
    """What each frame must give, by the states (T, units) that an engine itself had after the frame before; h by the
    engine's own new c. What falls to the other side of a rounding's edge cannot add up here.

    codes: (T, features) as the engine had them. Also the largest terms of each layer's gate sums.
    """
    x = flow = inputs(quantized, codes)
    hs, cs, largest = [], [], []
    for n, (layer, source) in enumerate(zip(quantized.lstms, quantized.model.lstms)):
        h_after, c_after = states[f"h{n}"], states[f"c{n}"]
        from_x, from_h = flow @ rows(layer.W, layer.W_scale).T, before(h_after) @ rows(layer.R, layer.R_scale).T
        o, new_c = _cell(from_x + source.b + from_h, before(c_after))
        hs.append(_output(o, c_after, layer))
        cs.append(new_c)
        largest.append(float((np.abs(from_x) + np.abs(source.b) + np.abs(from_h)).max()))
        flow = h_after
    return forward.Trace.of(x, tuple(hs), tuple(cs), _head(quantized, flow)), largest


def _cell(z: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Gate sums (…, 4·units) and c → what o is the sigmoid of, and the new c."""
    i, f, g, o = np.split(z, 4, axis=-1)
    return o, forward.sigmoid(f) * c + forward.sigmoid(i) * np.tanh(g)


def _output(o: Floats, c: Floats, layer: QuantizedLSTM) -> Floats:
    return rounded(forward.sigmoid(o) * np.tanh(c), layer.hidden)


def _head(quantized: QuantizedModel, x: Floats) -> tuple[Floats, ...]:
    results = []
    for layer, source in zip(quantized.head, quantized.model.head):
        y = x @ rows(layer.W, layer.W_scale).T + source.b
        results.append(np.maximum(y, 0) if layer.activation == "relu" else y)
        x = rounded(results[-1], layer.output)
    return tuple(results)
