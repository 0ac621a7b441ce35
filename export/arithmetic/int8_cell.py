"""int8 values throughout, gates and cells too: what the TFLite form `int8-explicit` computes, each rounded once.

That is what the primitive operators of an int8 graph can hold. It is coarser than the project's own arithmetic,
whose gates and cell are int16.
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
from edgelstm.export.arithmetic.int8_cell_ranges import cell_ranges
from edgelstm.export.arithmetic.kinds import KINDS
from edgelstm.export.arithmetic.twinned import TwinArithmetic
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.run import Run
from edgelstm.quantization import QuantizedModel

CELL_SHARE = 0.03
MOST_UNITS, MOST_SHARE = 64.0, 0.5
"""By how many units a value of a state may differ from every value rounded once, and how often, for each run in a
call. XNNPACK measured 0; TFLite's own kernels, which round LOGISTIC and TANH otherwise, 2 units in 0.8 % of the
values. A GRU's h goes through both without a cell between: there they measured 6 units in 0.9 %. A context holds what
the others gave. However many runs a call has, no more than `MOST_UNITS` of the 255, and no more than half of the
values: a limit that nothing can pass is none."""


class Int8Cell(TwinArithmetic):
    """Every value is rounded once."""

    def __init__(self, quantized: QuantizedModel):
        ranges = cell_ranges(quantized)
        placed = zip(quantized.model.road, quantized.layers)
        super().__init__(
            quantized, [KINDS[at.layer.kind].cell(at, layer, ranges.get(at.name)) for at, layer in placed]
        )

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        model = self.quantized.model
        show_float64(model, run, sequence, ledger)
        steps = self.steps(codes_of(run, sequence, self.quantized, ledger), run.states)
        for at, twin in zip(model.road, self.twins):
            for name, part in at.parts:
                if name in run.states:
                    sure, runs = steps.sure[name], model.stride // at.stride
                    difference = (run.states[name] - steps.states[name][:, -1])[sure] / twin.units[part.letter]
                    most = min(KINDS[at.layer.kind].cell_units * runs, MOST_UNITS)
                    ledger.in_units(name, difference, most, min(CELL_SHARE * runs, MOST_SHARE))
        expected = steps.results[model.road[-1].name][:, -1]
        if run.scores is not None:
            compare_int8_scores(run.scores, expected, self.quantized, ledger)
        return of_own_scores(model, run, expected)
