"""The integer model, every bit of it: what `edgelstm.quantization.reference` gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.arithmetic import Arithmetic, Verdict, codes_of, compare_int8_scores, of_own_scores
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace, integer_trace, states_seen
from edgelstm.export.parity.run import Run
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.quantization.reference import taken_frames


class Int8(Arithmetic):
    integers = True

    def __init__(self, quantized: QuantizedModel):
        self.quantized = quantized

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        quantized = self.quantized
        shown = run.codes is not None
        taken = codes_of(run, sequence, quantized, ledger) if shown else taken_frames(quantized, sequence)
        trace = integer_trace(quantized, taken)
        expected = states_seen(quantized.model, trace, run.states)
        for name, found in run.states.items():
            ledger.exact(f"{name}, integers", found, expected[name])
        if run.scores is not None and run.scores_rounded:
            compare_int8_scores(run.scores, trace.scores, quantized, ledger)
        elif run.scores is not None:
            ledger.exact("scores, every bit", run.scores, trace.scores)
        verdict = of_own_scores(quantized.model, run, trace.scores)
        exact = float_trace(quantized.model, sequence).scores
        ledger.near("scores against float64", verdict.scores, exact, None)
        return verdict
