"""*Agrees*: does a file in its engine decide as the float model does, on recordings that calibration never saw?

The file answers twice: fresh, every window from the initial state, and streamed, one state carried through all
recordings as a board does. Each of its answers is held against that of the model in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.export.parity.checks import MAX_REPORTED
from edgelstm.export.parity.expected import Expected, expected_answers
from edgelstm.export.parity.independent import independent
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.plain import printable
from edgelstm.records import Line
from edgelstm.runtime.engines.engine import EngineModel, EngineStream
from edgelstm.runtime.thresholds import USUAL

Frames = Sequence[NDArray[np.float32]]
Data = Literal["unseen", "given", "calibration"]
"""Recordings of the model that calibration never saw, those of the caller, or for want of them those that the model
was calibrated on, which say nothing of decisions."""

ENOUGH, INDEPENDENT = 200, 100
"""Answers from which on a share of them is told and judged, and how many independent ones they are worth at least:
where none of 100 differs, a file that decides otherwise in 3 % of all is ruled out with 95 % certainty."""

DOUBT, FEWEST = 3.0, 10
"""A share of fewer answers is told where it lies this many standard deviations below what is asked, but of so many
independent ones at least: that is no chance."""

LEAST_SHARE = 0.98
MOST_ERRORS, MOST_OUTPUT_ERRORS = 2.0, 5.0
"""How often a file decides as the model at least, how many times its form's stated error it may be off, and how many
times that one output of a linear model by itself may be, relative to its own deviation: at int8's 10 % that adds a
hundredth to its variance."""

_LEAST_SHOWN = 1e-5
_MOST_NAMED, _MOST_LETTERS = 100, 40  # a model has up to 16,384 outputs, named at any length

_FLOAT32_STEPS = 4
"""By so many steps of float32 a file of floats may be off, wherever its answers lie."""

_STILL = 1e-6
"""Standard deviations of an output, relative to its largest answer, at which it stands still."""

_LEAST_PROBABILITY = {"softmax": 1e-30, "sigmoid": 1e-3}
"""Scores are told from probabilities, which float32 holds down to 1e-38; those near 1 only within 6e-8."""


@dataclass(frozen=True)
class Way:
    """What one way to run the recordings came to."""

    answers: int
    independent: int  # answers that these are worth: see `edgelstm.export.parity.independent`
    agreeing: int | None  # answers decided as the model decides; None: no decisions
    error: float  # RMS error of the answers' scores, relative to the RMS of the model's
    worst_output: int | None = None  # linear: the one that is off the most for how far it moves
    worst_error: float = 0.0  # its RMS error, relative to its own standard deviation

    @property
    def share(self) -> float | None:
        """None for too few answers, and without decisions."""
        if self.agreeing is None or not self.answers:
            return None
        share = self.agreeing / self.answers
        if self.answers >= ENOUGH and self.independent >= INDEPENDENT:
            return share
        chance = DOUBT * math.sqrt(LEAST_SHARE * (1 - LEAST_SHARE) / self.independent)
        return share if self.independent >= FEWEST and share < LEAST_SHARE - chance else None


@dataclass(frozen=True)
class Agreement:
    """Of a file with the model in float64. Of the two ways the worse one counts."""

    data: Data
    recordings: int
    frames: int
    answers: int  # that `share` rests on, or that are too few for one
    independent: int  # as many independent ones they are worth
    share: float | None  # of answers decided as the model decides; None: no decisions, too few answers or seen ones
    error: float  # of scores: RMS, relative to that of the model's scores
    stated_error: float  # that the form states
    passed: bool
    fresh: Way
    streamed: Way | None  # None for a model that answers only when asked, at the end of a sequence
    worst_output: str | None = None  # linear: the output that is off the most for how far it moves
    worst_error: float = 0.0  # its RMS error, relative to its own standard deviation
    unanswered: int = 0  # labels that the model decides for in no answer, fresh or streamed; linear: that never move
    unanswered_labels: tuple[str, ...] = ()  # the first 100 of them, of at most 40 letters; places without labels
    says: Annotated[str, Line(20, least=0)] = ""  # where they decide nothing, in a word, what answers are

    @property
    def undecided(self) -> Literal["", "no data", "too few to say"]:
        """Why nothing is said of how often it decides as the model; "" where that is said, or nothing is decided."""
        if self.fresh.agreeing is None or self.share is not None:
            return ""
        return "no data" if self.data == "calibration" else "too few to say"

    def problems(self) -> list[str]:
        """What is not as it should be, a few words each."""
        found = []
        if self.share is not None and self.share < LEAST_SHARE:
            least = f"at least {100 * LEAST_SHARE:g} %"
            found.append(f"{show_share(self.share)} of {self._counted()} agree, expected {least}")
        if self.error > MOST_ERRORS * self.stated_error:
            limit = show_error(MOST_ERRORS * self.stated_error)
            found.append(f"error of scores {show_error(self.error)}, expected at most {limit}{self._of_stream()}")
        if self.worst_error > MOST_OUTPUT_ERRORS * self.stated_error:
            limit = show_error(MOST_OUTPUT_ERRORS * self.stated_error)
            found.append(f"{self._worst()}, expected at most {limit}")
        return found

    def line(self) -> str:
        """For people, in one line."""
        error = f"error of scores {show_error(self.error)} (stated {show_error(self.stated_error)})"
        if self.fresh.agreeing is None:
            worst = f"; {self._worst()}" if self.worst_output is not None else ""
            note = f"; {self.note()}" if self.unanswered else ""
            says = f"{self.says}, " if self.says else ""
            return f"agrees: {says}no decisions; {error}{worst}{note}"
        if self.data == "calibration":
            return f"agrees: no recordings that calibration did not see; on those that it saw, {error}"
        if self.share is None:
            return f"agrees: {self.undecided} ({self._counted()}); {error}"
        note = f"; {self.note()}" if self.unanswered else ""
        decided = f"{show_share(self.share)} of {self._counted()} decided as float32 decides"
        return f"agrees: {decided}; {error}{note}"

    def _of_stream(self) -> str:
        """That the state drifts apart along a stream, where answers from fresh states are near."""
        if self.streamed is None or self.fresh.error > MOST_ERRORS * self.stated_error:
            return ""
        fresh = show_error(self.fresh.error)
        return f" (along one stream; {fresh} from fresh states: longer windows in training may steady it)"

    def _worst(self) -> str:
        of = " of" if self.worst_error < 1 else ""
        return f"error of {self.worst_output} {show_error(self.worst_error)}{of} its standard deviation"

    def _counted(self) -> str:
        worth = f" ({self.independent:,} independent)" if self.independent < self.answers else ""
        return f"{self.answers:,} answers{worth}"

    def note(self) -> str:
        """Of which labels the share says nothing; empty where it speaks of all, and without a share."""
        linear = self.fresh.agreeing is None
        if not self.unanswered or (self.share is None and not linear):
            return ""
        more = self.unanswered - len(self.unanswered_labels)
        names = ", ".join(self.unanswered_labels) + (f" and {more:,} more" if more else "")
        nothing = "nothing is said of it" if self.unanswered == 1 else "nothing is said of them"
        found = "never moves on these recordings" if linear else "no answer on unseen recordings is"
        return f"{found}: {names} ({nothing})"


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
    worst = min(told, key=lambda way: way.share or 0.0) if told else max(ways, key=lambda way: way.independent)
    share = worst.share if told else None
    largest = max(way.error for way in ways)
    unanswered = _unanswered(model, expected)
    worst_way = max(ways, key=lambda way: way.worst_error)
    holds = largest <= MOST_ERRORS * error and worst_way.worst_error <= MOST_OUTPUT_ERRORS * error
    return Agreement(
        data=data,
        recordings=len(recordings),
        frames=sum(len(recording) for recording in recordings),
        answers=worst.answers,
        independent=worst.independent,
        share=share,
        error=largest,
        stated_error=error,
        passed=(share is None or share >= LEAST_SHARE) and holds,
        fresh=fresh,
        streamed=streamed,
        worst_output=None if worst_way.worst_output is None else _name(model, worst_way.worst_output),
        worst_error=worst_way.worst_error,
        unanswered=len(unanswered),
        says=_says(model) if fresh.agreeing is None else "",
        unanswered_labels=tuple(unanswered[:_MOST_NAMED]),
    )


def _says(model: Model) -> str:
    """What answers of a model that decides nothing are. An imported one may be of no task that has such."""
    has_such = model.task.activation == "linear" or not model.task.decides
    return model.task.says if has_such else "values"


def _unanswered(model: Model, expected: Expected) -> list[str]:
    """Labels that `model` decides for in none of its answers, or outputs of a linear one that never move: a file that
    never gives them agrees all the same."""
    if model.activation != "linear" and not model.task.decides:
        return []
    met = np.zeros(model.outputs, bool)
    for scores in (expected.fresh, expected.streamed):
        if scores is None or not len(scores):
            continue
        if model.activation == "linear":
            met |= _moves(scores)
            continue
        found = _decisions(model, forward.activate(scores, model.activation))
        met |= np.isin(np.arange(model.outputs), found) if model.activation == "softmax" else found.any(axis=0)
    return [_name(model, place) for place in np.flatnonzero(~met).tolist()]


def _name(model: Model, output: int) -> str:
    return printable(model.labels[output] if model.labels else str(output), _MOST_LETTERS)


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
    decides = model.activation != "linear" and model.task.decides
    if found.shape != scores.shape or not len(scores):
        wrong = found.shape != scores.shape
        return Way(len(scores), len(scores), 0 if decides else None, MAX_REPORTED if wrong else 0.0)
    wanted = forward.activate(scores, model.activation)
    finite = np.isfinite(found).all(axis=1)
    alike = finite & (_decisions(model, found) == _decisions(model, wanted)).all(axis=1)
    told, exact = _scores_of(model, found), _scores_of(model, wanted)
    error = relative_error(model, found, wanted)
    count = independent(_from_ties(model, scores), model.activation, error)
    if decides:
        return Way(len(scores), count, int(alike.sum()), error)
    if model.activation != "linear":
        return Way(len(scores), count, None, error)
    errors = _output_errors(told, exact)
    if model.gives_direction:  # compared by its cosines: its parts have one scale
        errors *= exact.std(axis=0) / max(exact.std(axis=0).max(), np.finfo(np.float64).tiny)
    worst = int(errors.argmax())
    return Way(len(scores), count, None, error, worst, float(errors[worst]))


def _output_errors(found: Floats, exact: Floats) -> NDArray[np.float64]:
    """(outputs,) RMS errors of answers (answers, outputs), relative to each output's standard deviation. One that
    never moves tells nothing, and what float32 cannot hold is no error."""
    rounding = _FLOAT32_STEPS * np.spacing(np.abs(exact).max(axis=0).astype(np.float32)).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.sqrt(np.mean((found - exact) ** 2, axis=0))
    judged = _moves(exact) & ~(errors <= rounding)
    return np.array(
        [_bounded(error / std) if on else 0.0 for error, std, on in zip(errors, exact.std(axis=0), judged)]
    )


def _moves(exact: Floats) -> NDArray[np.bool_]:
    """(outputs,): whether float32 can tell an output's answers apart."""
    return np.asarray(exact.std(axis=0) > _STILL * np.abs(exact).max(axis=0))


def _rms(values: Floats) -> np.float64:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.float64(np.sqrt(np.mean(values**2)))


def _bounded(error: np.floating[Any]) -> float:
    return min(float(np.nan_to_num(error, nan=MAX_REPORTED, posinf=MAX_REPORTED)), MAX_REPORTED)


def relative_error(model: Model, found: Floats, exact: Floats) -> float:
    """RMS error of the scores behind answers `found` (answers, outputs), relative to those behind `exact`."""
    told, wanted = _scores_of(model, found), _scores_of(model, exact)
    if not told.size or (told == wanted).all():
        return 0.0
    with np.errstate(divide="ignore"):  # scores that are 0 throughout: any error is boundless
        return _bounded(_rms(told - wanted) / _rms(wanted))


def _decisions(model: Model, answers: Floats) -> NDArray[np.int64]:
    """(answers, decisions): the largest output, or of every output whether it reaches its threshold."""
    if model.activation == "softmax":
        return np.asarray(answers.argmax(axis=1)[:, None])
    return np.asarray(answers >= _thresholds(model), np.int64)


def _thresholds(model: Model) -> NDArray[np.float64]:
    """(outputs,): the probabilities from which on labels are said."""
    return np.array(model.thresholds or (USUAL,) * model.outputs)


def _from_ties(model: Model, scores: Floats) -> Floats:
    """Scores, of a sigmoid relative to those that its thresholds stand for: a decision changes at 0."""
    if model.activation != "sigmoid":
        return scores
    least = _LEAST_PROBABILITY["sigmoid"]
    at = np.clip(_thresholds(model), least, 1 - least)
    return np.asarray(scores - np.log(at / (1 - at)))


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
