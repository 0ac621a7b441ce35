"""Same rounding: what an exported file gave in its engine, sequence by sequence, against its form's arithmetic.
Answers and splits are compared here, the rest by the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.arithmetic import Arithmetic, Verdict
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.run import Run, Witness
from edgelstm.export.parity.tolerance import same_scores_limit
from edgelstm.layers.layer import Floats
from edgelstm.model import Model


class Judge:
    """Runs one sequence after another and enters every comparison in the ledger."""

    def __init__(self, model: Model, arithmetic: Arithmetic, witness: Witness):
        self.model, self.arithmetic, self.witness = model, arithmetic, witness
        self.ledger = Ledger()

    def sequence(self, sequence: NDArray[np.float32]) -> None:
        run = self.witness.run(sequence)
        verdict = self.arithmetic.compare(run, sequence, self.ledger)
        self.answers(verdict, run)
        self.probabilities(verdict, run)
        self.splits(
            run, sequence, {} if self.witness.splits_exactly else {**verdict.spreads, "answers": verdict.limit}
        )

    def answers(self, verdict: Verdict, run: Run) -> None:
        """What the stream answered against answers made from the verdict's scores."""
        rows, last = self.answers_of(verdict.scores)
        self.ledger.near(verdict.name, run.answers, rows, verdict.limit)
        self.ledger.near(verdict.name, run.final, last, verdict.limit)

    def probabilities(self, verdict: Verdict, run: Run) -> None:
        """Those that the file itself makes of its scores."""
        if run.probabilities is None or run.scores is None:
            return
        expected = forward.activate(run.scores.astype(np.float64), self.model.activation)
        # Where calls for several frames sum otherwise, these are not of the very same scores.
        near = same_scores_limit(self.model, run.scores)
        near = near if self.witness.splits_exactly else max(near, verdict.limit)
        self.ledger.near("probabilities of the file", run.probabilities, expected, near)

    def answers_of(self, scores: NDArray[Any]) -> tuple[Floats, Floats]:
        """(answers emitted, answer at the end) that runs with these `scores` lead to."""
        model = self.model
        pooled = (forward.answers(scores, model.run_answer), forward.final_answer(scores, model.run_answer))
        rows, last = (forward.activate(values.astype(np.float64), model.activation) for values in pooled)
        return rows, last

    def splits(self, run: Run, sequence: NDArray[np.float32], limits: Mapping[str, float]) -> None:
        """One push, and a saved and restored state, give what frame by frame gave: within the limits of states by
        name, and of answers; every bit where there are none."""
        for name, other in (
            ("one push", self.witness.run_at_once(sequence)),
            ("saved and restored", self.witness.run_restored(sequence)),
        ):
            for found, expected in ((other.answers, run.answers), (other.final, run.final)):
                self.ledger.near(
                    f"answers, {name} against frame by frame", found, expected, limits.get("answers", 0.0)
                )
            for part, value in run.ended.items():
                near = limits.get(part, 0.0)
                self.ledger.near(f"{name} against frame by frame", other.ended[part], value, near)
