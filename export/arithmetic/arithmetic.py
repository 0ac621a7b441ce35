"""What every arithmetic tells a proof: what its files must give, and how near they must come to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.parity.checks import Ledger
from edgelstm.export.parity.references import float_trace, states_seen
from edgelstm.export.parity.run import Run
from edgelstm.export.parity.tolerance import (
    CODE_MOST,
    CODE_ROUNDINGS,
    EDGE_MOST,
    SCORE_UNITS,
    magnitude,
    same_scores_limit,
    score_slack,
    terms_of_scores,
)
from edgelstm.model import Model
from edgelstm.quantization import reference
from edgelstm.quantization.affine import Codes
from edgelstm.quantization.quantized_model import QuantizedModel

Limit = Callable[[NDArray[Any], NDArray[Any], float], float]
"""(float64, the plainest way to compute it in this arithmetic, size of the largest value) → how far a file may be
from what it must be near."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the answers of a sequence are judged by."""

    name: str  # of that check
    scores: NDArray[Any]  # (runs, outputs) that the answers must come from
    limit: float
    spreads: Mapping[str, float] = field(default_factory=dict)
    """By how much states, by name, may be apart when the same frames are cut otherwise, answers by `limit`; empty: by
    nothing."""


class Arithmetic(ABC):
    """Of one file. What a sequence gave in the file's engine is held against numpy, which shares no code with it."""

    integers: ClassVar[bool] = False  # whether states are the model's own integers, to the last bit
    splits_exactly: ClassVar[bool] = True  # the same sums in the same order, however many frames a call takes

    @abstractmethod
    def compare(self, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> Verdict:
        """Enter what `run` of raw frames (T, features) gave: states, scores, integers on the way."""


def seen_values(
    model: Model, run: Run, trace: forward.Trace | reference.Trace
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """(what `run` showed of states and, where it did, scores; what `trace` has in their place), by name."""
    found, wanted = dict(run.states), states_seen(model, trace, run.states)
    if run.scores is not None:
        found["scores"], wanted["scores"] = run.scores, trace.scores
    return found, wanted


def show_float64(model: Model, run: Run, sequence: NDArray[np.float32], ledger: Ledger) -> None:
    """How far from float64 8 bits lead: a figure, judged by nobody here. Whether it is too far, *agrees* says."""
    found, exact = seen_values(model, run, float_trace(model, sequence))
    for name, values in found.items():
        ledger.near(f"{name} against float64", values, exact[name], None)


def limits_by_name(
    model: Model, run: Run, exact: forward.Trace, rough: forward.Trace, limit_of: Limit
) -> dict[str, float]:
    """Of states and scores, `rough` being the plainest way to compute them."""
    (_, wanted), (_, near) = seen_values(model, run, exact), seen_values(model, run, rough)
    sizes = {name: magnitude(values) for name, values in wanted.items()} | {"scores": terms_of_scores(model, exact)}
    limits = {name: limit_of(values, near[name], sizes[name]) for name, values in wanted.items()}
    return {"scores": limit_of(exact.scores, rough.scores, sizes["scores"]), **limits}


def of_own_scores(model: Model, run: Run, scores: NDArray[Any]) -> Verdict:
    """Answers must come from the scores that the file showed; where it shows none, from `scores`."""
    shown = run.scores is not None
    found = scores if run.scores is None else run.scores
    name = "answers from the file's scores" if shown else "answers"
    return Verdict(name, found, same_scores_limit(model, found))


def codes_of(run: Run, sequence: NDArray[np.float32], quantized: QuantizedModel, ledger: Ledger) -> Codes:
    """The integers (T, features) that the file made of the frames; where it does not show them, those that it must
    make."""
    if run.codes is None:
        return reference.quantize_frames(quantized, sequence)
    sequence = sequence[: len(run.codes)]
    scaled = (sequence.astype(np.float64) - quantized.input_mean) * quantized.input_scale
    exact = np.clip(scaled + quantized.input_offset, -128, 127)
    slack = CODE_ROUNDINGS * 2.0**-24 * (np.abs(scaled) + np.abs(quantized.input_offset) + 128)
    beyond = np.maximum(np.abs(run.codes - exact) - 0.5 - np.minimum(slack, CODE_MOST), 0)
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
    if not alone:
        beyond = np.abs(difference * score_slack(quantized)) > SCORE_UNITS
        ledger.share("scores, share off by more than a unit", beyond, EDGE_MOST)
