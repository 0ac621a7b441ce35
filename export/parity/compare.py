"""What an exported file gave in its engine, sequence by sequence, against the references of its precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.arithmetic.dequantize import rounded
from edgelstm.export.arithmetic.int8_cell import cell_ranges, int8_cell_steps
from edgelstm.export.arithmetic.int8_dynamic import same_rounding
from edgelstm.export.arithmetic.int8_portable import float_gates_steps
from edgelstm.export.parity.checks import MAX_REPORTED, Ledger
from edgelstm.export.parity.references import float_trace, integer_trace
from edgelstm.export.parity.run import Run, Witness
from edgelstm.export.parity.tolerance import (
    ACTIVATION_LIMIT,
    CELL_SHARE,
    CELL_UNITS,
    CODE_ROUNDINGS,
    EDGE_SHARE,
    EDGE_UNITS,
    SAME_ROUNDING,
    SCORE_UNITS,
    STEP_LIMIT,
    float32_limit,
    magnitude,
    rounded_limit,
    score_slack,
)
from edgelstm.model import Model
from edgelstm.quantization import reference
from edgelstm.quantization.scheme import QuantizedModel
from edgelstm.runtime.description import Precision


def _states(run: Run, trace: forward.Trace | reference.Trace) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """(name, found, expected) of h and c of every layer."""
    both: tuple[tuple[str, Sequence[NDArray[Any]], Sequence[NDArray[Any]]], ...] = (
        ("h", run.h, trace.h),
        ("c", run.c, trace.c),
    )
    for letter, found, expected in both:
        for layer, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield f"{letter}{layer}", one, other


class Judge:
    """Runs one sequence after another and enters every comparison in the ledger."""

    def __init__(self, model: Model, quantized: QuantizedModel | None, witness: Witness, precision: Precision):
        self.model = model
        self.precision = precision
        self.quantized = quantized
        self.witness = witness
        self.ledger = Ledger()
        self.finals: list[tuple[NDArray[Any], NDArray[Any]]] = []  # (found, expected) per sequence
        self.float_finals: list[tuple[NDArray[Any], NDArray[Any]]] = []  # expected by the model in float64
        self.squares: list[forward.Floats] = []  # of what answers differ from float64's
        self.units: dict[str, list[NDArray[np.float64]]] = {}  # by how many integers of a state differ

    def sequence(self, sequence: NDArray[np.float32]) -> None:
        run = self.witness.run(sequence)
        if self.precision == "int8" and self.quantized is not None:
            self.int8(run, sequence, self.quantized)
            limit = ACTIVATION_LIMIT
        else:
            limit = self.floats(run, sequence)
            if self.precision == "int8-cell" and self.quantized is not None:
                self.int8_cell(run, sequence, self.quantized)
            if self.precision == "int8-mixed" and self.quantized is not None:
                self.float_gates(run, sequence, self.quantized)
        if run.probabilities is not None and run.scores is not None:
            expected = forward.activate(run.scores.astype(np.float64), self.model.activation)
            # Where calls for several frames sum otherwise, these are not of the very same scores.
            near = ACTIVATION_LIMIT * magnitude(run.scores) if self.witness.splits_exactly else limit
            self.ledger.near("probabilities of the file", run.probabilities, expected, near)
        self.against_floats(run, sequence)
        self.splits(run, sequence, 0.0 if self.witness.splits_exactly else limit)

    def floats(self, run: Run, sequence: NDArray[np.float32]) -> float:
        """Compare with float64; returns the largest limit."""
        exact = float_trace(self.model, sequence)
        if self.precision == "float32":
            rough, limit_of = float_trace(self.model, sequence, np.float32), float32_limit
        else:
            rough, limit_of = self.rounded(sequence), rounded_limit
        pairs = list(_states(run, exact))
        roughs = [expected for _, _, expected in _states(run, rough)]
        if run.scores is not None:
            pairs.append(("scores", run.scores, exact.scores))
            roughs.append(rough.scores)
        limits = []
        for (name, found, expected), near in zip(pairs, roughs, strict=True):
            limits.append(limit_of(expected, near))
            self.ledger.near(f"{name} against float64", found, expected, limits[-1])
            if self.precision in ("int8-dynamic", "hybrid"):
                self.ledger.near(f"{name} against the same rounding", found, near, limits[-1] / SAME_ROUNDING)
        limits.append(limit_of(exact.scores, rough.scores))
        decisive = None if self.precision == "float32" else rough.scores
        self.answers("answers against float64", run, exact.scores, limits[-1], decisive)
        return max(limits)

    def rounded(self, sequence: NDArray[np.float32]) -> forward.Trace:
        """What the file's way of rounding gives, int8 scores where it has those."""
        rough = same_rounding(self.precision, self.model, self.quantized, sequence)
        if self.precision == "int8-mixed" and self.quantized and self.witness.rounds_scores:
            scores = rounded(rough.scores, self.quantized.head[-1].output)
            return replace(rough, dense=(*rough.dense[:-1], scores))
        return rough

    def int8_cell(self, run: Run, sequence: NDArray[np.float32], quantized: QuantizedModel) -> None:
        """int8 values throughout, by the states that the file itself had a frame before."""
        steps = int8_cell_steps(quantized, self.codes_of(run, sequence, quantized), run.h, run.c)
        scales = {f"h{n}": lstm.hidden.scale for n, lstm in enumerate(quantized.lstms)}
        scales |= {f"c{n}": ranges.c.scale for n, ranges in enumerate(cell_ranges(quantized))}
        for name, found, expected in _states(run, steps):
            self.in_units(name, (found - expected) / float(scales[name]), CELL_UNITS)
        if run.scores is not None:
            self.int8_scores(run.scores, steps.scores, quantized)

    def float_gates(self, run: Run, sequence: NDArray[np.float32], quantized: QuantizedModel) -> None:
        """Floats between integers, by the states that the file itself had a frame before."""
        steps, largest = float_gates_steps(quantized, self.codes_of(run, sequence, quantized), run.h, run.c)
        for name, found, expected in _states(run, steps):
            layer = int(name[1:])
            if name.startswith("h"):
                self.in_units(name, (found - expected) / float(quantized.lstms[layer].hidden.scale), EDGE_UNITS)
            else:
                limit = STEP_LIMIT * magnitude(expected) * max(1.0, largest[layer])
                self.ledger.near(f"{name} against the same rounding", found, expected, limit)
        if run.scores is None:
            return
        if self.witness.rounds_scores:
            self.int8_scores(run.scores, steps.scores, quantized)
        else:
            # A value of a hidden dense layer may lie at an edge too.
            edges = float((score_slack(quantized) - SCORE_UNITS).max()) * float(quantized.head[-1].output.scale)
            limit = STEP_LIMIT * magnitude(steps.scores) + edges
            self.ledger.near("scores against the same rounding", run.scores, steps.scores, limit)

    def in_units(self, name: str, difference: NDArray[Any], limit: float) -> None:
        """Of integers: by how many they differ here, and in the end how often."""
        units = np.rint(difference)
        self.ledger.near(f"{name}, int8 units", units, np.zeros_like(units), limit)
        self.units.setdefault(name, []).append(units.reshape(-1))

    def int8(self, run: Run, sequence: NDArray[np.float32], quantized: QuantizedModel) -> None:
        """Compare with the integer reference; and, for people, with float64."""
        trace = integer_trace(quantized, self.codes_of(run, sequence, quantized))
        for name, found, expected in _states(run, trace):
            self.ledger.exact(f"{name}, integers", found, expected)
        if run.scores is None:
            self.answers("answers", run, trace.scores, ACTIVATION_LIMIT * magnitude(trace.scores))
        else:
            if self.witness.rounds_scores:
                self.int8_scores(run.scores, trace.scores, quantized)
            else:
                self.ledger.exact("scores, every bit", run.scores, trace.scores)
            limit = ACTIVATION_LIMIT * magnitude(run.scores)
            self.answers("answers from the file's scores", run, run.scores, limit, trace.scores)
        floats = float_trace(self.model, sequence).scores
        found_scores = trace.scores if run.scores is None else run.scores
        self.ledger.near("scores against float64", found_scores, floats, None)

    def codes_of(self, run: Run, sequence: NDArray[np.float32], quantized: QuantizedModel) -> NDArray[np.int8]:
        """The integers that the file made of the frames; where it does not show them, those that it must make."""
        if run.codes is None:
            return reference.quantize_frames(quantized, sequence)
        scaled = sequence.astype(np.float64) * quantized.input_scale
        exact = np.clip(scaled + quantized.input_offset, -128, 127)
        slack = CODE_ROUNDINGS * 2.0**-24 * (np.abs(scaled) + np.abs(quantized.input_offset) + 128)
        beyond = np.maximum(np.abs(run.codes - exact) - 0.5 - slack, 0)
        self.ledger.exact("input integers, beyond rounding", beyond, np.zeros_like(beyond))
        return run.codes.astype(np.int8)

    def int8_scores(self, found: NDArray[Any], exact: NDArray[Any], quantized: QuantizedModel) -> None:
        """TFLite's int8 scores against the exact ones, in units of the int8 score and of what may add to it."""
        output = quantized.head[-1].output
        scale = float(output.scale)
        lowest, highest = (scale * (code - output.zero_point) for code in (-128, 127))
        difference = (found - np.clip(exact.astype(np.float64), lowest, highest)) / scale / score_slack(quantized)
        name = "scores, int8 units" if len(quantized.head) == 1 else "scores, share of what rounding may add up to"
        self.ledger.near(name, difference, np.zeros_like(difference), SCORE_UNITS)

    def answers(
        self,
        name: str,
        run: Run,
        scores: NDArray[Any],
        limit: float,
        decisive: NDArray[Any] | None = None,
    ) -> None:
        """What the stream answered against answers made from `scores`; decisions against those of `decisive`."""
        rows, last = self.answers_of(scores)
        self.ledger.near(name, run.answers, rows, limit)
        self.ledger.near(name, run.final, last, limit)
        if decisive is not None:
            last = self.answers_of(decisive)[1]
        self.finals.append((run.final, last))

    def against_floats(self, run: Run, sequence: NDArray[np.float32]) -> None:
        """What the file's rounding costs in answers, whatever its reference is."""
        rows, last = self.answers_of(float_trace(self.model, sequence).scores)
        self.float_finals.append((run.final, last))
        if run.answers.shape == rows.shape:
            self.squares += [(run.answers - rows).reshape(-1) ** 2]
        self.squares += [(run.final - last) ** 2]

    def float_error(self) -> float:
        return float(np.nan_to_num(np.sqrt(np.mean(np.concatenate(self.squares))), nan=MAX_REPORTED))

    def answers_of(self, scores: NDArray[Any]) -> tuple[forward.Floats, forward.Floats]:
        """(answers emitted, answer at the end) that frames with these `scores` lead to."""
        model = self.model
        pooled = (forward.answers(scores, model.answer), forward.final_answer(scores, model.answer))
        rows, last = (forward.activate(values.astype(np.float64), model.activation) for values in pooled)
        return rows, last

    def splits(self, run: Run, sequence: NDArray[np.float32], limit: float) -> None:
        """One push, and a saved and restored state, give what frame by frame gave."""
        for name, other in (
            ("one push", self.witness.run_at_once(sequence)),
            ("saved and restored", self.witness.run_restored(sequence)),
        ):
            pairs = [(other.answers, run.answers), (other.final, run.final)]
            pairs += [(new, old[-1:]) for new, old in zip((*other.h, *other.c), (*run.h, *run.c))]
            for found, expected in pairs:
                self.ledger.near(f"{name} against frame by frame", found, expected, limit)

    def shares(self) -> None:
        """Over all sequences: a short one may hold less than a hundred values, and one of them may differ."""
        for name, parts in self.units.items():
            wrong = np.concatenate(parts)
            share = max(int(np.count_nonzero(wrong)) - 1, 0) / wrong.size
            limit = CELL_SHARE if self.precision == "int8-cell" else EDGE_SHARE
            self.ledger.near(f"{name}, share of integers that differ", np.array([share]), np.zeros(1), limit)

    def agreement(self, finals: list[tuple[NDArray[Any], NDArray[Any]]]) -> float | None:
        """Share of sequences with the expected decision at the end."""
        if self.model.activation == "linear":
            return None

        def decide(final: NDArray[Any]) -> list[Any]:
            return [final.argmax()] if self.model.activation == "softmax" else (final > 0.5).tolist()

        return float(np.mean([decide(found) == decide(expected) for found, expected in finals]))
