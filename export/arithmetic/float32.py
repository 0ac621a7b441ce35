"""The model's equations in float32: nothing is rounded but by that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.arithmetic import Arithmetic, Verdict, limits_by_name, seen_values
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import answer_limit, float32_limit
from edgelstm.model import Model


class Float32(Arithmetic):
    # A call for several frames sums floats in another order than one for each.
    splits_exactly = False

    def __init__(self, model: Model):
        self.model = model

    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        exact, rough = float_trace(self.model, sequence), float_trace(self.model, sequence, np.float32)
        limits = limits_by_name(self.model, run, exact, rough, float32_limit)
        found, wanted = seen_values(self.model, run, exact)
        for name, values in found.items():
            ledger.near(f"{name} against float64", values, wanted[name], limits[name])
        near = answer_limit(self.model, limits["scores"])
        return Verdict("answers against float64", exact.scores, near, limits)
