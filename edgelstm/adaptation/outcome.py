"""What learning from clips gives, whichever layers learned, and how good that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.chance import LIKELY, by_clip, guesses, is_above, sign_test
from edgelstm.adaptation.head import losses
from edgelstm.adaptation.ordered import Float64, log, total
from edgelstm.adaptation.report import Compared, Evidence, Judged
from edgelstm.adaptation.taught import Taught, activation_of
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineStream

Opened = Callable[[QuantizedModel], "EngineStream"]
"""A stream of an int8 model, in the C core."""
Scores = Callable[[Sequence[NDArray[np.float32]]], Float64]
"""Raw sequences (frames, features) → the scores of their final answers (sequences, outputs)."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """A model that has learned, and what it says. Scores are (pieces, outputs)."""

    model: Model
    strength: float  # by which the old last layer holds the new one
    before: Float64  # of the old model, as integers have it
    float_held_out: Float64  # of models that had not learned from the piece
    int8_held_out: Float64  # of the same as integers
    old: Scores  # of the old model in int8
    new: Scores  # of the new one
    rounds: int = 0  # through the clips by which all layers learned; 0: the last one alone

    def some(self, which: NDArray[np.bool_]) -> Outcome:
        """Of those pieces alone."""
        before, floats, integers = (
            scores[which] for scores in (self.before, self.float_held_out, self.int8_held_out)
        )
        return replace(self, before=before, float_held_out=floats, int8_held_out=integers)

    def held_out(self, taught: Taught) -> Judged:
        return judged(self.model, self.int8_held_out, taught.truth)

    def is_better_than(self, other: Outcome, taught: Taught) -> bool:
        """By clips held out, in int8: no fewer right decisions, and a clip costs less by more than two standard
        errors."""
        activation, clips = activation_of(self.model), np.array(taught.clips)
        mine, others = (losses(of.int8_held_out, taught.truth, activation) for of in (self, other))
        is_no_worse = self.held_out(taught).right >= other.held_out(taught).right
        return is_no_worse and is_above(by_clip(others - mine, clips))


def decided(model: Model, scores: Float64) -> NDArray[np.int64]:
    """(clips,) the label of most; or (clips, outputs), 1 where a label is said."""
    if model.activation == "softmax" or model.task.kind != "tags":
        found: NDArray[np.int64] = scores.argmax(axis=1)
        return found
    return (scores >= _limits(model)).astype(np.int64)


def _limits(model: Model) -> Float64:
    """(outputs,): the scores from which on labels are said."""
    thresholds = np.clip(np.array(model.thresholds or [0.5] * model.outputs), 1e-9, 1 - 1e-9)
    found: Float64 = log(thresholds) - log(1 - thresholds)
    return found


def _right_of(model: Model, scores: Float64, truth: Float64) -> Float64:
    """(pieces,): how many decisions of each are right."""
    said = decided(model, scores)
    if said.ndim == 1:
        found: Float64 = (truth[np.arange(len(truth)), said] == 1).astype(np.float64)
    else:
        found = (said == truth).sum(axis=1).astype(np.float64)  # NaN, not known, equals nothing
    return found


def judged(model: Model, scores: Float64, truth: Float64) -> Judged:
    right = int(_right_of(model, scores, truth).sum())
    of = len(truth) if decided(model, scores).ndim == 1 else int((~np.isnan(truth)).sum())
    cost = total(losses(scores, truth, activation_of(model)))
    return Judged(right, of, float(cost) / max(of, 1))


def compared(model: Model, both: tuple[Float64, Float64], truth: Float64) -> Compared:
    before, after = both
    return Compared(judged(model, before, truth), judged(model, after, truth))


def occur(truth: Float64) -> NDArray[np.bool_]:
    """(outputs,): whether it is true of something."""
    found: NDArray[np.bool_] = (truth == 1).any(axis=0)
    return found


def kept(model: Model, taught: Float64, truth: Float64, both: tuple[Float64, Float64]) -> Compared | None:
    """Recordings, of `truth`, of labels that nothing `taught`; None where one of these has none."""
    untaught = ~occur(taught)
    some = (truth[:, untaught] == 1).any(axis=1)
    if not untaught.any() or not occur(truth)[untaught].all():
        return None
    return compared(model, (both[0][some], both[1][some]), truth[some])


def evidence(taught: Taught, outcome: Outcome) -> Evidence:
    model, clips, truth = outcome.model, np.array(taught.clips), taught.truth
    activation = activation_of(model)
    rights = _right_of(model, outcome.before, truth), _right_of(model, outcome.int8_held_out, truth)
    won = by_clip(rights[1] - rights[0], clips)
    before, after = (losses(scores, truth, activation) for scores in (outcome.before, outcome.int8_held_out))
    guessed = guesses(truth, activation == "softmax")
    decisions = judged(model, outcome.before, truth).of
    up, down = int((won > 0).sum()), int((won < 0).sum())
    return Evidence(
        won=up,
        lost=down,
        chance=sign_test(up, down),
        is_cheaper=is_above(by_clip(before - after, clips)),
        is_learned=is_above(by_clip(guessed - after, clips)),
        guess=float(total(guessed)) / max(decisions, 1),
    )


def by_label(taught: Taught, outcome: Outcome) -> dict[str, Compared]:
    """Of each label that is true of some pieces: how many of these it is said of, before and held out."""
    found = {}
    for place, label in enumerate(outcome.model.labels):
        of = taught.truth[:, place] == 1
        if of.any():
            both = outcome.before, outcome.int8_held_out
            before, after = (_said_of(outcome.model, s[of], taught.truth[of], place) for s in both)
            found[label] = Compared(before, after)
    return found


def fallen(model: Model, both: tuple[Float64, Float64], truth: Float64) -> dict[str, Compared]:
    """Labels that the new model tells of fewer of their recordings than the old one, more than chance makes: a sign
    test whose limit all labels share. both: (pieces, outputs), the scores of the old and of the new."""
    found = {}
    old, new = (decided(model, scores) for scores in both)
    for place, label in enumerate(model.labels):
        of = truth[:, place] == 1
        before, after = (_tells(said[of], place) for said in (old, new))
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        if lost > won and sign_test(lost, won) <= LIKELY / len(model.labels):
            found[label] = Compared(*(_said_of(model, scores[of], truth[of], place) for scores in both))
    return found


def _tells(said: NDArray[np.int64], place: int) -> NDArray[np.bool_]:
    """(pieces,): whether what was `decided` tells that label."""
    found: NDArray[np.bool_] = said == place if said.ndim == 1 else said[:, place] == 1
    return found


def _said_of(model: Model, scores: Float64, truth: Float64, place: int) -> Judged:
    """Of pieces of which all that label is true."""
    activation = activation_of(model)
    right = _tells(decided(model, scores), place)
    own = slice(place, place + 1) if activation == "sigmoid" else slice(None)
    cost = total(losses(scores[:, own], truth[:, own], activation))
    return Judged(int(right.sum()), len(right), float(cost) / len(right))


def by_group(taught: Taught, outcome: Outcome) -> dict[str, Compared]:
    dataset = taught.dataset
    names = np.array([dataset.group(place) for place in range(len(dataset))])
    each_its_own = len(set(names.tolist())) == len(set(taught.clips))
    if len(set(names.tolist())) < 2 or each_its_own:
        return {}
    found = {}
    for name in dataset.all_groups:
        of = names == name
        both = outcome.before[of], outcome.int8_held_out[of]
        found[name] = compared(outcome.model, both, taught.truth[of])
    return found
