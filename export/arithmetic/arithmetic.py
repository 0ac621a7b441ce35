"""What every arithmetic tells a proof: what its files must give, and how near they must come to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace, states_seen
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import CODE_ROUNDINGS, SCORE_UNITS, score_slack
from edgelstm.model import Model
from edgelstm.quantization import reference
from edgelstm.quantization.affine import Codes
from edgelstm.quantization.quantized_model import QuantizedModel

Limit = Callable[[NDArray[Any], NDArray[Any]], float]
"""(float64, the plainest way to compute it in this arithmetic) → how far a file may be from float64."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the answers of a sequence are judged by."""

    name: str  # of that check
    scores: NDArray[Any]  # (runs, outputs) that the answers must come from
    limit: float
    spread: float  # how far answers and states may be apart when the same frames are cut otherwise


class Arithmetic(ABC):
    """Of one file. What a sequence gave in the file's engine is held against numpy, which shares no code with it."""

    integers: ClassVar[bool] = False  # whether states are the model's own integers, to the last bit
    splits_exactly: ClassVar[bool] = True  # the same sums in the same order, however many frames a call takes

    @abstractmethod
    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        """Enter what `run` of raw frames (T, features) gave: states, scores, integers on the way."""


def compare_with_float64(
    model: Model,
    run: Run,
    sequence: NDArray[np.float32],
    ledger: Ledger,
    rough: forward.Trace,
    limit_of: Limit,
    same_rounding: float | None = None,
) -> tuple[float, float]:
    """States and scores against float64, `rough` being the plainest way to compute them in this arithmetic.

    same_rounding: the part of the limit within which the file must be of `rough`; left out, that is not asked.
    Returns the limit of the scores, and the largest of all.
    """
    exact = float_trace(model, sequence)
    found, wanted, near = run.states, states_seen(model, exact, run.states), states_seen(model, rough, run.states)
    if run.scores is not None:
        found, wanted, near = (
            {**found, "scores": run.scores},
            {**wanted, "scores": exact.scores},
            {**near, "scores": rough.scores},
        )
    limits = {name: limit_of(wanted[name], near[name]) for name in found}
    for name, limit in limits.items():
        ledger.near(f"{name} against float64", found[name], wanted[name], limit)
        if same_rounding is not None:
            ledger.near(f"{name} against the same rounding", found[name], near[name], limit * same_rounding)
    of_scores = limit_of(exact.scores, rough.scores)
    return of_scores, max([*limits.values(), of_scores])


def codes_of(run: Run, sequence: NDArray[np.float32], quantized: QuantizedModel, ledger: Ledger) -> Codes:
    """The integers (T, features) that the file made of the frames; where it does not show them, those that it must
    make."""
    if run.codes is None:
        return reference.quantize_frames(quantized, sequence)
    sequence = sequence[: len(run.codes)]
    scaled = (sequence.astype(np.float64) - quantized.input_mean) * quantized.input_scale
    exact = np.clip(scaled + quantized.input_offset, -128, 127)
    slack = CODE_ROUNDINGS * 2.0**-24 * (np.abs(scaled) + np.abs(quantized.input_offset) + 128)
    beyond = np.maximum(np.abs(run.codes - exact) - 0.5 - slack, 0)
    ledger.exact("input integers, beyond rounding", beyond, np.zeros_like(beyond))
    return run.codes.astype(np.int8)


def compare_int8_scores(found: NDArray[Any], exact: NDArray[Any], quantized: QuantizedModel, ledger: Ledger) -> None:
    """int8 scores against the exact ones, in units of the int8 score and of what may add to it."""
    output = quantized.last.output
    scale = float(output.scale)
    lowest, highest = (scale * (code - output.zero_point) for code in (-128, 127))
    difference = (found - np.clip(exact.astype(np.float64), lowest, highest)) / scale / score_slack(quantized)
    alone = float(score_slack(quantized).max()) == SCORE_UNITS
    name = "scores, int8 units" if alone else "scores, share of what rounding may add up to"
    ledger.near(name, difference, np.zeros_like(difference), SCORE_UNITS)
