"""The integer model with gates, cells and sums in floats: what the ONNX form `int8-portable` computes, in float64.

x, h of an LSTM and the results of hidden layers are rounded to the model's int8 values; weights are its integers
times their scales; biases are the float model's. A GRU's state stays in floats, rounded where it meets weights.
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
from edgelstm.export.arithmetic.dequantize import Floats, real, rounded, rows
from edgelstm.export.arithmetic.twin import (
    ContextTwin,
    Flow,
    Ran,
    States,
    Twin,
    Walked,
    given,
    off_edges,
    windows_of,
)
from edgelstm.export.arithmetic.twinned import TwinArithmetic
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import EDGE_MOST, SCORE_UNITS, magnitude, score_slack, terms_of_scores
from edgelstm.layers import GRU, LSTM, Conv, Dense
from edgelstm.layers.layer import sigmoid
from edgelstm.quantization import Affine, QuantizedConv, QuantizedDense, QuantizedGRU, QuantizedLSTM, QuantizedModel
from edgelstm.quantization.context import QuantizedContext
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.road import Placed

STEP_LIMIT, STEP_MOST = 1e-6, 0.05
"""Float gates between integers, by the file's own states: against float64, relative to the largest value and to the
largest terms of a gate's sum (each at least 1). Four float32 roundings of 6e-8, and the functions' own. However large
the terms, no more than a twentieth of the largest value."""

EDGE_UNITS = 1.0
EDGE_SHARE = 0.01
"""By how many units a value may then differ that is rounded to int8, and how often: where float32 and float64 lie on
two sides of a rounding's edge. Measured 0 in 10,000."""


class Int8Portable(TwinArithmetic):
    def __init__(self, quantized: QuantizedModel):
        super().__init__(quantized, twins_of(quantized))

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        quantized = self.quantized
        show_float64(quantized.model, run, sequence, ledger)
        steps = self.steps(codes_of(run, sequence, quantized, ledger), run.states)
        self.compare_states(run, steps, ledger)
        expected = steps.results[quantized.model.road[-1].name][:, -1]
        if run.scores is not None:
            size = terms_of_scores(quantized.model, float_trace(quantized.model, sequence))
            self.compare_scores(run.scores, expected, size, run, ledger)
        return of_own_scores(quantized.model, run, expected)

    def compare_states(self, run: Run, steps: Walked, ledger: Ledger) -> None:
        """Floats between integers, by the states that the file itself had a call before."""
        for at, twin in zip(self.quantized.model.road, self.twins):
            for name, part in at.parts:
                if name not in run.states:
                    continue
                sure = steps.sure[name]
                found, expected = run.states[name][sure], steps.states[name][sure, -1]
                if part.letter in twin.units:
                    ledger.in_units(name, (found - expected) / twin.units[part.letter], EDGE_UNITS, EDGE_SHARE)
                else:
                    limit = min(STEP_LIMIT * max(1.0, steps.terms[name]), STEP_MOST) * magnitude(expected)
                    ledger.near(f"{name} against the same rounding", found, expected, limit)

    def compare_scores(self, found: Floats, expected: Floats, size: float, run: Run, ledger: Ledger) -> None:
        """size: of the terms that scores are made of."""
        quantized = self.quantized
        if run.scores_rounded:
            compare_int8_scores(found, expected, quantized, ledger)
        else:
            # A value of a hidden layer may lie at an edge too.
            edges = float((score_slack(quantized) - SCORE_UNITS).max()) * float(quantized.last.output.scale)
            limit = STEP_LIMIT * size + edges
            ledger.near("scores against the same rounding", found, expected, limit)
            if edges:
                moved = np.abs(found - expected) > STEP_LIMIT * size
                ledger.share("scores against the same rounding, share moved by edges", moved, EDGE_MOST)


def twins_of(quantized: QuantizedModel) -> list[Twin]:
    placed = zip(quantized.model.road, quantized.layers)
    twins = [_TWINS[at.layer.kind](at, layer) for at, layer in placed]
    last = quantized.model.road[-1]
    return [*twins[:-1], _Product(last, quantized.last, rounds=False)]


class _LSTM(Twin):
    def __init__(self, at: Placed, layer: QuantizedLSTM):
        assert isinstance(at.layer, LSTM)
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


class _GRU(Twin):
    def __init__(self, at: Placed, layer: QuantizedGRU):
        assert isinstance(at.layer, GRU)
        self.hidden, self.reset = layer.hidden, layer.reset
        self.b, self.rb = layer.real_bias.astype(np.float64), layer.real_back.astype(np.float64)
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.memory = {"h": layer.units}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        H, scale = self.memory["h"], float(self.hidden.scale)
        from_x = x.values @ self.W + self.b
        h, sure, terms = before["h"], x.sure, 0.0
        hs, results = np.empty((2, *x.values.shape[:2], H))
        for run in range(x.values.shape[1]):
            if run:
                sure = sure & off_edges(h, self.hidden, STEP_LIMIT * max(1.0, terms) / scale)
            back = _as_engines_round(h, self.hidden) @ self.R + self.rb
            z, r = (sigmoid(from_x[:, run, g] + back[:, g]) for g in (slice(0, H), slice(H, 2 * H)))
            gated = r * back[:, 2 * H :]
            if self.reset == "before":
                gated = rounded(r * h, self.hidden) @ self.R[:, 2 * H :]
                sure = sure & off_edges(r * h, self.hidden, STEP_LIMIT / scale)
            terms = max(terms, float((np.abs(from_x[:, run]) + np.abs(back)).max()))
            h = z * h + (1 - z) * np.tanh(from_x[:, run, 2 * H :] + gated)
            hs[:, run], results[:, run] = h, rounded(h, self.hidden)
        newest = None if seen is None else _as_engines_round(seen["h"], self.hidden)
        return Ran(given(results, newest, sure), {"h": hs}, sure, terms)


def _as_engines_round(values: Floats, affine: Affine) -> Floats:
    """A float32 state to the model's int8 values, divided in float32 as engines do."""
    codes = np.rint(values.astype(np.float32) / affine.scale) + affine.zero_point
    return real(np.clip(codes, -128, 127).astype(np.float64), affine)


class _Product(Twin):
    """A dense layer, or a convolution: a product over every window of rows."""

    def __init__(self, at: Placed, layer: QuantizedDense | QuantizedConv, *, rounds: bool = True):
        assert isinstance(at.layer, Dense | Conv)
        self.W, self.b = rows(layer.W, layer.W_scale).T, layer.real_bias.astype(np.float64)
        self.windows = windows_of(at)
        self.activation, self.output, self.rounds = layer.activation, layer.output, rounds

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:  # noqa: ARG002 - it has no state
        flow = self.windows(x.values)
        y = flow @ self.W + self.b
        y = np.maximum(y, 0) if self.activation == "relu" else y
        result = (rounded(y, self.output) if self.rounds else y).reshape(*x.values.shape[:2], -1)
        sure = x.sure
        if self.rounds:
            terms = np.abs(flow) @ np.abs(self.W) + np.abs(self.b)
            sure = sure & off_edges(y, self.output, STEP_LIMIT * terms / float(self.output.scale))
        return Ran(Flow(result, sure), {}, sure)


def _context(at: Placed, layer: QuantizedLayer) -> Twin:
    assert isinstance(layer, QuantizedContext)
    return ContextTwin(layer.layer, at.source.size, layer.input)


_TWINS: dict[str, Callable[..., Twin]] = {
    "lstm": _LSTM,
    "gru": _GRU,
    "context": _context,
    "conv": _Product,
    "dense": _Product,
}
