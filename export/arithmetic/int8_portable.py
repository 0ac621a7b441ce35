"""The integer model with gates, cells and sums in floats: what the ONNX form `int8-portable` computes, in float64.

x, h of an LSTM and the results of hidden layers are rounded to the model's int8 values; weights are its integers
times their scales; biases are the float model's. A GRU's state stays in floats, rounded where it meets weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.arithmetic import (
    Verdict,
    codes_of,
    compare_int8_scores,
    of_own_scores,
    show_float64,
)
from edgelstm.export.arithmetic.dequantize import Floats
from edgelstm.export.arithmetic.kinds import KINDS
from edgelstm.export.arithmetic.product import PortableProduct
from edgelstm.export.arithmetic.twin import STEP_LIMIT, STEP_MOST, Twin, Walked
from edgelstm.export.arithmetic.twinned import TwinArithmetic
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import EDGE_MOST, SCORE_UNITS, magnitude, score_slack, terms_of_scores
from edgelstm.quantization import QuantizedModel

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
    twins = [KINDS[at.layer.kind].portable(at, layer) for at, layer in placed]
    last = quantized.model.road[-1]
    return [*twins[:-1], PortableProduct(last, quantized.last, rounds=False)]
