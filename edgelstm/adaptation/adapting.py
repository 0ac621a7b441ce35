"""A model with its last layer learned anew, and how good it is: on clips that it had not learned from, and on what
was known before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.adaptation.chance import LIKELY, by_clip, guesses, is_above, sign_test
from edgelstm.adaptation.clips import Heard, hear, last_dense
from edgelstm.adaptation.head import Head, losses
from edgelstm.adaptation.learning import Learned, Rounding, Task, folds_of, learn
from edgelstm.adaptation.ordered import Float64, log, total
from edgelstm.adaptation.taught import Taught, activation_of
from edgelstm.layers import Dense
from edgelstm.model import Model, Ranges
from edgelstm.quantization import QuantizedModel, dense
from edgelstm.quantization.affine import around
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.rounding import Inputs

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineStream

_OLD = 256  # recordings of before, or pieces of these, that are judged on
_WORSE = 0.02  # in the share of right decisions: what is harm


@dataclass(frozen=True)
class Judged:
    """How good decisions are, over pieces of clips, or over labels of these where several may be true."""

    right: int
    of: int
    cost: float  # a decision, in nats: the mean of what each costs

    @property
    def share(self) -> float:
        return self.right / max(self.of, 1)


@dataclass(frozen=True)
class Compared:
    """The old model and the new one on the same recordings."""

    before: Judged
    after: Judged

    @property
    def is_harm(self) -> bool:
        return self.after.share < self.before.share - _WORSE


@dataclass(frozen=True)
class Evidence:
    """Whether what clips held out gained is more than chance. Pieces of one clip count as one."""

    won: int  # clips that are decided better than before
    lost: int  # and worse
    chance: float  # the probability of so many won by chance
    is_cheaper: bool  # whether a clip costs less than before, beyond two standard errors
    is_learned: bool  # whether a clip costs less than a guess by the labels' shares, beyond two standard errors

    @property
    def is_enough(self) -> bool:
        return self.is_learned and (self.chance <= LIKELY or self.is_cheaper)


@dataclass(frozen=True)
class Report:
    """What an adaptation came to; a part of the adapted model's provenance. All but `known`, `carried` and `same` are
    of clips held out: each was judged by a model that had learned from the others alone."""

    clips: int
    pieces: int
    folds: int
    strength: float
    before: Judged  # the old model in int8
    float32: Judged
    int8: Judged
    evidence: Evidence
    groups: dict[str, Compared] = field(default_factory=dict)  # where clips are of several
    known: Compared | None = None  # on recordings that were named for that, in int8
    carried: Compared | None = None  # on those that the model carries and knows the truth of, in int8
    untaught: tuple[str, ...] = ()  # labels that no clip has
    kept: Compared | None = None  # recordings of these labels, of `known` or else `carried`; None where one has none
    same: float | None = None  # share of all that it carries which are still decided as before

    @property
    def forgets(self) -> bool:
        """Whether the recordings that the model carries are worse off: by their truth, and where that is not known,
        by how many are decided otherwise than before."""
        if self.carried is not None:
            return self.carried.is_harm
        return self.same is not None and self.same < 1 - _WORSE

    @property
    def is_better(self) -> bool:
        return self.int8.right > self.before.right

    @property
    def harmed(self) -> tuple[str, ...]:
        """Groups of clips that are worse off."""
        return tuple(name for name, found in self.groups.items() if found.is_harm)


@dataclass(frozen=True, eq=False)
class Adapted:
    model: Model
    report: Report


def adapt(
    quantized: QuantizedModel,
    stream: EngineStream,
    taught: Taught,
    *,
    folds: NDArray[np.int64] | None = None,
    known: Taught | None = None,
) -> Adapted:
    """The model that was `quantized` with a last layer that has learned from `taught`, whether it is better or not.

    stream: of `clips.ear_only` of the model. folds: (pieces,) the fold that holds each out; None: clips are dealt
    out. known: recordings that it must not forget. ValueError where there is too little to judge by.
    """
    model = quantized.model
    activation = activation_of(model)
    if folds is None:
        folds = folds_of(taught.kinds, taught.clips)
    last = last_dense(model)
    old, rounding = Head(last.W.astype(np.float64), last.b.astype(np.float64)), _rounding(quantized)
    heard = hear(quantized, stream, taught.dataset.sequences)
    task = Task(heard, taught.truth, activation, folds)
    learned = learn(old, task, rounding)
    made = _with_head(model, learned.head, heard)

    def judged(scores: Float64, of: Taught = taught, some: NDArray[np.bool_] | None = None) -> Judged:
        chosen = np.ones(len(scores), np.bool_) if some is None else some
        return _judged(model, scores[chosen], of.truth[chosen])

    report = Report(
        clips=len(set(taught.clips)),
        pieces=len(taught.clips),
        folds=len(np.unique(folds)),
        strength=learned.strength,
        before=judged(learned.before),
        float32=judged(learned.float_held_out),
        int8=judged(learned.int8_held_out),
        evidence=_evidence(model, taught, learned),
        groups=_by_group(model, taught, learned),
        untaught=tuple(np.array(model.labels)[~_occur(taught.truth)].tolist()),
    )
    new = rounding(learned.head)
    if known is not None:
        heard = hear(quantized, stream, known.dataset.sequences)
        both = (judged(head.scores(heard), known) for head in (rounding(old), new))
        kept = _kept(model, taught.truth, known.truth, *(head.scores(heard) for head in (rounding(old), new)))
        report = replace(report, known=Compared(*both), kept=kept)
    pieces, truth = carried_pieces(model)
    if pieces:
        heard = hear(quantized, stream, pieces)
        before, after = (head.scores(heard) for head in (rounding(old), new))
        report = replace(report, same=float((_decided(model, before) == _decided(model, after)).mean()))
        if truth is not None:
            both = (_judged(model, scores, truth) for scores in (before, after))
            kept = _kept(model, taught.truth, truth, before, after) if known is None else report.kept
            report = replace(report, carried=Compared(*both), kept=kept)
    return Adapted(_noted(made, report), report)


def carried_pieces(model: Model) -> tuple[tuple[NDArray[np.float32], ...], Float64 | None]:
    """What `model` carries of before, in windows of its training, and what is true of each (pieces, outputs); None
    where that is not known. Of more than `_OLD` windows each recording gives one in turn."""
    window = model.trained_window
    cut: list[tuple[int, int, NDArray[np.float32]]] = []
    for place, x in enumerate(model.unseen if model.unseen_truth is not None else (*model.unseen, *model.examples)):
        length = window if 0 < window < len(x) else len(x)
        starts = range(0, len(x) - length + 1, max(length, 1)) if length >= model.stride else ()
        cut += [(turn, place, x[start : start + length]) for turn, start in enumerate(starts)]
    cut = sorted(cut, key=lambda of: of[:2])[:_OLD]
    pieces = tuple(x for _, _, x in cut)
    if model.unseen_truth is None:
        return pieces, None
    return pieces, model.unseen_truth[[place for _, place, _ in cut]].astype(np.float64)


def _rounding(quantized: QuantizedModel) -> Rounding:
    """What quantizing makes of a last layer, as real numbers."""
    last, at, model = quantized.layers[-1], quantized.model.road[-1], quantized.model

    def rounded(head: Head) -> Head:
        W, b = head.W.astype(np.float32), head.b.astype(np.float32)
        if not isinstance(last, QuantizedDense):
            return Head(W.astype(np.float64), b.astype(np.float64))
        assert model.ranges is not None  # it was quantized
        found = model.covariances.get(at.name)
        inputs = None if found is None else Inputs.of(found)
        made = dense.quantize(Dense(W, b), at, last.input, model.ranges, quantized.granularity, inputs)
        scale = made.W_scale.astype(np.float64)
        return Head(made.W * scale[:, None], made.bias * (scale * float(made.input.scale)))

    return rounded


def _with_head(model: Model, head: Head, heard: Heard) -> Model:
    """`model` with that last layer, and its scores' range widened by those of the clips."""
    layer = replace(last_dense(model), W=head.W.astype(np.float32), b=head.b.astype(np.float32))
    assert model.ranges is not None  # it was quantized
    name = model.road[-1].name
    span = model.ranges[name]
    for rows in heard.clips:
        span = around(span, head.row_scores(rows * heard.unit))
    ranges = Ranges({**model.ranges.spans, name: span}, model.ranges.factors, model.ranges.kept)
    return replace(model, layers=(*model.layers[:-1], layer), ranges=ranges)


def _noted(model: Model, report: Report) -> Model:
    """With its proof in its provenance, and how often it was adapted."""
    before = model.provenance.get("adapted")
    times = before.get("times", 0) if isinstance(before, dict) else 0
    note = {**records.to_json(report), "times": (times if isinstance(times, int) else 0) + 1}
    return replace(model, provenance={**model.provenance, "adapted": note})


def _decided(model: Model, scores: Float64) -> NDArray[np.int64]:
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
    decided = _decided(model, scores)
    if decided.ndim == 1:
        found: Float64 = (truth[np.arange(len(truth)), decided] == 1).astype(np.float64)
    else:
        found = (decided == truth).sum(axis=1).astype(np.float64)  # NaN, not known, equals nothing
    return found


def _judged(model: Model, scores: Float64, truth: Float64) -> Judged:
    right = int(_right_of(model, scores, truth).sum())
    of = len(truth) if _decided(model, scores).ndim == 1 else int((~np.isnan(truth)).sum())
    cost = total(losses(scores, truth, activation_of(model)))
    return Judged(right, of, float(cost) / max(of, 1))


def _occur(truth: Float64) -> NDArray[np.bool_]:
    """(outputs,): whether it is true of something."""
    found: NDArray[np.bool_] = (truth == 1).any(axis=0)
    return found


def _kept(model: Model, taught: Float64, truth: Float64, before: Float64, after: Float64) -> Compared | None:
    """Recordings, of `truth`, of labels that nothing `taught`; None where one of these has none."""
    untaught = ~_occur(taught)
    some = (truth[:, untaught] == 1).any(axis=1)
    if not untaught.any() or not _occur(truth)[untaught].all():
        return None
    return Compared(*(_judged(model, scores[some], truth[some]) for scores in (before, after)))


def _evidence(model: Model, taught: Taught, learned: Learned) -> Evidence:
    activation, clips, truth = activation_of(model), np.array(taught.clips), taught.truth
    rights = _right_of(model, learned.before, truth), _right_of(model, learned.int8_held_out, truth)
    won = by_clip(rights[1] - rights[0], clips)
    before, after = (losses(scores, truth, activation) for scores in (learned.before, learned.int8_held_out))
    up, down = int((won > 0).sum()), int((won < 0).sum())
    return Evidence(
        won=up,
        lost=down,
        chance=sign_test(up, down),
        is_cheaper=is_above(by_clip(before - after, clips)),
        is_learned=is_above(by_clip(guesses(truth, activation == "softmax") - after, clips)),
    )


def _by_group(model: Model, taught: Taught, learned: Learned) -> dict[str, Compared]:
    dataset = taught.dataset
    names = np.array([dataset.group(place) for place in range(len(dataset))])
    each_its_own = len(set(names.tolist())) == len(set(taught.clips))
    if len(set(names.tolist())) < 2 or each_its_own:
        return {}
    found = {}
    for name in dataset.all_groups:
        of = names == name
        both = (_judged(model, s[of], taught.truth[of]) for s in (learned.before, learned.int8_held_out))
        found[name] = Compared(*both)
    return found


def folds_by_group(taught: Taught) -> NDArray[np.int64]:
    """(pieces,): a fold for each group of clips. ValueError where all are of one."""
    groups = np.unique(taught.dataset.groups, return_inverse=True)[1]
    if groups.max() < 1:
        raise ValueError("all clips are of one group, expected several to hold one out")
    return groups.astype(np.int64)
