"""What an exported file gave in its engine, sequence by sequence: answers, splits, decisions. The rest is for the
file's arithmetic to compare."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.arithmetic import Arithmetic, Verdict
from edgelstm.export.parity.checks import MAX_REPORTED, Ledger
from edgelstm.export.parity.references import float_trace
from edgelstm.export.parity.run import Run, Witness
from edgelstm.export.parity.tolerance import ACTIVATION_LIMIT, magnitude
from edgelstm.layers.layer import Floats
from edgelstm.model import Model


class Judge:
    """Runs one sequence after another and enters every comparison in the ledger."""

    def __init__(self, model: Model, arithmetic: Arithmetic, witness: Witness):
        self.model, self.arithmetic, self.witness = model, arithmetic, witness
        self.ledger = Ledger()
        self.finals: list[tuple[NDArray[Any], NDArray[Any]]] = []  # (found, expected) per sequence
        self.float_finals: list[tuple[NDArray[Any], NDArray[Any]]] = []  # expected by the model in float64
        self.squares: list[Floats] = []  # of what answers differ from float64's

    def sequence(self, sequence: NDArray[np.float32]) -> None:
        run = self.witness.run(sequence)
        verdict = self.arithmetic.compare(run, sequence, self.ledger)
        self.answers(verdict, run)
        self.probabilities(verdict, run)
        self.against_floats(run, sequence)
        self.splits(run, sequence, 0.0 if self.witness.splits_exactly else verdict.spread)

    def answers(self, verdict: Verdict, run: Run) -> None:
        """What the stream answered against answers made from the verdict's scores; and its decision."""
        rows, last = self.answers_of(verdict.scores)
        self.ledger.near(verdict.name, run.answers, rows, verdict.limit)
        self.ledger.near(verdict.name, run.final, last, verdict.limit)
        self.finals.append((run.final, self.answers_of(verdict.decisive)[1]))

    def probabilities(self, verdict: Verdict, run: Run) -> None:
        """Those that the file itself makes of its scores."""
        if run.probabilities is None or run.scores is None:
            return
        expected = forward.activate(run.scores.astype(np.float64), self.model.activation)
        # Where calls for several frames sum otherwise, these are not of the very same scores.
        near = ACTIVATION_LIMIT * magnitude(run.scores) if self.witness.splits_exactly else verdict.spread
        self.ledger.near("probabilities of the file", run.probabilities, expected, near)

    def against_floats(self, run: Run, sequence: NDArray[np.float32]) -> None:
        """What the file's rounding costs in answers, whatever its reference is."""
        rows, last = self.answers_of(float_trace(self.model, sequence).scores)
        self.float_finals.append((run.final, last))
        if run.answers.shape == rows.shape:
            self.squares += [(run.answers - rows).reshape(-1) ** 2]
        self.squares += [(run.final - last) ** 2]

    def float_error(self) -> float:
        return float(np.nan_to_num(np.sqrt(np.mean(np.concatenate(self.squares))), nan=MAX_REPORTED))

    def answers_of(self, scores: NDArray[Any]) -> tuple[Floats, Floats]:
        """(answers emitted, answer at the end) that runs with these `scores` lead to."""
        model = self.model
        pooled = (forward.answers(scores, model.run_answer), forward.final_answer(scores, model.run_answer))
        rows, last = (forward.activate(values.astype(np.float64), model.activation) for values in pooled)
        return rows, last

    def splits(self, run: Run, sequence: NDArray[np.float32], limit: float) -> None:
        """One push, and a saved and restored state, give what frame by frame gave."""
        for name, other in (
            ("one push", self.witness.run_at_once(sequence)),
            ("saved and restored", self.witness.run_restored(sequence)),
        ):
            pairs = [(other.answers, run.answers), (other.final, run.final)]
            pairs += [(other.ended[part], value) for part, value in run.ended.items()]
            for found, expected in pairs:
                self.ledger.near(f"{name} against frame by frame", found, expected, limit)

    def agreement(self, finals: list[tuple[NDArray[Any], NDArray[Any]]]) -> float | None:
        """Share of sequences with the expected decision at the end."""
        if self.model.activation == "linear":
            return None

        def decide(final: NDArray[Any]) -> list[Any]:
            return [final.argmax()] if self.model.activation == "softmax" else (final > 0.5).tolist()

        return float(np.mean([decide(found) == decide(expected) for found, expected in finals]))
