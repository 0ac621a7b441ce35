"""*Agrees*: does a file in its engine decide as the float model does, on recordings that calibration never saw?

The file answers twice: fresh, every window from the initial state, and streamed, one state carried through all
recordings as a board does. Each of its answers is held against that of the model in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.parity.checks import MAX_REPORTED
from edgelstm.export.parity.expected import Expected, expected_answers
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.plain import printable
from edgelstm.runtime.engines.engine import EngineModel, EngineStream

Frames = Sequence[NDArray[np.float32]]
Data = Literal["unseen", "given", "calibration"]
"""Recordings of the model that calibration never saw, those of the caller, or for want of them those that the model
was calibrated on, which say nothing of decisions."""

ENOUGH = 200
"""Answers from which on a share of them is told and judged: one of fewer is more than half a percent."""

LEAST_SHARE = 0.98
MOST_ERRORS = 2.0
"""How often a file decides as the model at least, and how many times its form's stated error it may be off."""

_LEAST_SHOWN = 1e-5
_MOST_NAMED, _MOST_LETTERS = 100, 40  # a model has up to 16,384 outputs, named at any length

_LEAST_PROBABILITY = {"softmax": 1e-30, "sigmoid": 1e-3}
"""Scores are told from probabilities, which float32 holds down to 1e-38; those near 1 only within 6e-8."""


@dataclass(frozen=True)
class Way:
    """What one way to run the recordings came to."""

    answers: int
    agreeing: int | None  # answers decided as the model decides; None: linear, no decisions
    error: float  # RMS error of the answers' scores, relative to the RMS of the model's

    @property
    def share(self) -> float | None:
        """None for too few answers, and without decisions."""
        return None if self.agreeing is None or self.answers < ENOUGH else self.agreeing / self.answers


@dataclass(frozen=True)
class Agreement:
    """Of a file with the model in float64. Of the two ways the worse one counts."""

    data: Data
    recordings: int
    frames: int
    answers: int  # that `share` rests on, or that are too few for one
    share: float | None  # of answers decided as the model decides; None: no decisions, too few answers or seen ones
    error: float  # of scores: RMS, relative to that of the model's scores
    stated_error: float  # that the form states
    passed: bool
    fresh: Way
    streamed: Way | None  # None for a model that answers only when asked, at the end of a sequence
    unanswered: int = 0  # labels that the model decides for in no answer, fresh or streamed
    unanswered_labels: tuple[str, ...] = ()  # the first 100 of them, of at most 40 letters; places without labels

    def problems(self) -> list[str]:
        """What is not as it should be, a few words each."""
        found = []
        if self.share is not None and self.share < LEAST_SHARE:
            least = f"at least {100 * LEAST_SHARE:g} %"
            found.append(f"{show_share(self.share)} of {self.answers:,} answers agree, expected {least}")
        if self.error > MOST_ERRORS * self.stated_error:
            limit = show_error(MOST_ERRORS * self.stated_error)
            found.append(f"error of scores {show_error(self.error)}, expected at most {limit}")
        return found

    def line(self) -> str:
        """For people, in one line."""
        error = f"error of scores {show_error(self.error)} (stated {show_error(self.stated_error)})"
        if self.fresh.agreeing is None:
            return f"agrees: linear, no decisions; {error}"
        if self.data == "calibration":
            return f"agrees: no recordings that calibration did not see; on those that it saw, {error}"
        if self.share is None:
            return f"agrees: too few to say ({self.answers}); {error}"
        note = f"; {self.note()}" if self.unanswered else ""
        decided = f"{show_share(self.share)} of {self.answers:,} answers decided as float32 decides"
        return f"agrees: {decided}; {error}{note}"

    def note(self) -> str:
        """Of which labels the share says nothing; empty where it speaks of all, and without a share."""
        if self.share is None or not self.unanswered:
            return ""
        more = self.unanswered - len(self.unanswered_labels)
        names = ", ".join(self.unanswered_labels) + (f" and {more:,} more" if more else "")
        nothing = "nothing is said of it" if self.unanswered == 1 else "nothing is said of them"
        return f"no answer on unseen recordings is: {names} ({nothing})"


def show_share(share: float) -> str:
    """Never 100 % where one differs."""
    return f"{np.floor(1000 * share) / 10:.1f} %"


def show_error(error: float) -> str:
    if error < _LEAST_SHOWN:
        return f"< {100 * _LEAST_SHOWN:g} %"
    return f"{100 * error:.2g} %" if error < 1 else f"{error:.2g} times"


def agreement(model: Model, engine: EngineModel, recordings: Frames, data: Data, error: float) -> Agreement:
    """How the file that is open in `engine` agrees with `model` over raw `recordings` (frames, features), at least
    one of `model.stride` frames.

    data: what the recordings are. error: the form's stated one.
    """
    expected = expected_answers(model, recordings)
    stream = engine.stream()
    fresh = _compare(model, _fresh(stream, expected, engine.hop), expected.fresh)
    streamed = None
    if expected.streamed is not None:
        stream.reset()
        found = np.concatenate([stream.push(recording) for recording in recordings])
        streamed = _compare(model, found, expected.streamed)
    ways = [way for way in (fresh, streamed) if way is not None]
    # Too few answers of one way do not hide the other's; where both are too few, the more are told.
    told = [way for way in ways if way.share is not None and data != "calibration"]
    worst = min(told, key=lambda way: way.share or 0.0) if told else max(ways, key=lambda way: way.answers)
    share = worst.share if told else None
    largest = max(way.error for way in ways)
    unanswered = _unanswered(model, expected)
    return Agreement(
        data=data,
        recordings=len(recordings),
        frames=sum(len(recording) for recording in recordings),
        answers=worst.answers,
        share=share,
        error=largest,
        stated_error=error,
        passed=(share is None or share >= LEAST_SHARE) and largest <= MOST_ERRORS * error,
        fresh=fresh,
        streamed=streamed,
        unanswered=len(unanswered),
        unanswered_labels=tuple(unanswered[:_MOST_NAMED]),
    )


def _unanswered(model: Model, expected: Expected) -> list[str]:
    """Labels that `model` decides for in none of its answers: a file that never gives them agrees all the same."""
    if model.activation == "linear":
        return []
    decided = np.zeros(model.outputs, bool)
    for scores in (expected.fresh, expected.streamed):
        if scores is not None and len(scores):
            found = _decisions(model, forward.activate(scores, model.activation))
            decided |= (
                np.isin(np.arange(model.outputs), found) if model.activation == "softmax" else found.any(axis=0)
            )
    names = model.labels or tuple(str(place) for place in range(model.outputs))
    return [printable(names[place], _MOST_LETTERS) for place in np.flatnonzero(~decided)]


def _fresh(stream: EngineStream, expected: Expected, hop: int) -> Floats:
    """The answers that every window leads to; the one at its end where it emits none."""
    rows = []
    for window in expected.windows:
        stream.reset()
        emitted = stream.push(window)
        rows.append(emitted if hop and len(window) >= hop else stream.answer()[None])
    return np.concatenate(rows)


def _compare(model: Model, found: Floats, scores: Floats) -> Way:
    """Answers (answers, outputs) of a file with pooled scores of the model."""
    decides = model.activation != "linear"
    if found.shape != scores.shape or not len(scores):
        wrong = found.shape != scores.shape
        return Way(len(scores), 0 if decides else None, MAX_REPORTED if wrong else 0.0)
    wanted = forward.activate(scores, model.activation)
    finite = np.isfinite(found).all(axis=1)
    alike = finite & (_decisions(model, found) == _decisions(model, wanted)).all(axis=1)
    told, exact = _scores_of(model, found), _scores_of(model, wanted)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.sqrt(np.mean((told - exact) ** 2)) / np.sqrt(np.mean(exact**2)) if (told != exact).any() else 0.0
    bounded = float(np.nan_to_num(error, nan=MAX_REPORTED, posinf=MAX_REPORTED))
    return Way(len(scores), int(alike.sum()) if decides else None, min(bounded, MAX_REPORTED))


def _decisions(model: Model, answers: Floats) -> NDArray[np.int64]:
    """(answers, decisions): the largest output, or of every output whether it is more likely than not."""
    return answers.argmax(axis=1)[:, None] if model.activation == "softmax" else (answers > 0.5).astype(np.int64)


def _scores_of(model: Model, answers: Floats) -> Floats:
    """Scores that lead to these answers: of a softmax without what all have in common, which decides nothing."""
    values = answers.astype(np.float64)
    if model.activation == "linear":
        return values
    least = _LEAST_PROBABILITY[model.activation]
    if model.activation == "sigmoid":
        inside = np.clip(values, least, 1 - least)
        return np.asarray(np.log(inside / (1 - inside)))
    logs = np.log(np.maximum(values, least))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
