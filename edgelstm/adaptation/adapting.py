"""A model that has learned from clips, and how good it is: on clips that it had not learned from, and on what was
known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.adaptation.clips import Heard, ear_only, hear, last_dense
from edgelstm.adaptation.doubts import doubted, exchanged
from edgelstm.adaptation.head import Head
from edgelstm.adaptation.learning import NEVER, Learned, Rounding, Task, folds_of, learn
from edgelstm.adaptation.ordered import Float64
from edgelstm.adaptation.outcome import (
    Opened,
    Outcome,
    by_group,
    by_label,
    compared,
    decided,
    evidence,
    fallen,
    judged,
    kept,
    occur,
)
from edgelstm.adaptation.outside import outside, widened
from edgelstm.adaptation.report import Report
from edgelstm.adaptation.taught import Taught, activation_of, refuse_seen, refuse_single
from edgelstm.data.known import joined
from edgelstm.layers import Dense
from edgelstm.model import Model
from edgelstm.quantization import QuantizedModel, dense, quantize
from edgelstm.quantization.affine import around
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.rounding import Inputs

_OLD = 256  # recordings of before, or pieces of these, that are judged on


@dataclass(frozen=True, eq=False)
class Adapted:
    model: Model
    report: Report


def adapt(
    quantized: QuantizedModel,
    opened: Opened,
    taught: Taught,
    *,
    folds: NDArray[np.int64] | None = None,
    known: Taught | None = None,
    layers: bool = False,
) -> Adapted:
    """The model that was `quantized` with a last layer that has learned from `taught`, whether it is better or not.

    opened: the C core. folds: (pieces,) the fold that holds each out; None: clips are dealt out. What is rehearsed
    teaches in every fold but that of its own group, and is judged in none. known: recordings that it must not forget.
    layers: all others learn, too, where clips held out say that it is better. ValueError where there is too little to
    judge by, or something that the model knows, and for layers that cannot learn.
    """
    model = quantized.model
    refuse_seen(taught)
    judges = taught.judges
    judging = taught if judges.all() else taught.some(judges)
    refuse_single(taught, model.labels)
    if folds is None:
        folds = np.full(len(judges), NEVER)
        folds[judges] = folds_of(judging.kinds, judging.clips)
    alone, learned = _last_alone(quantized, opened, taught, folds)
    beyond = outside(quantized, taught.dataset.sequences)
    if beyond:
        wider = quantize(widened(model, taught.dataset.sequences), quantized.granularity)
        wide, learned_wide = _last_alone(wider, opened, taught, folds)
        if wide.some(judges).held_out(judging).cost < alone.some(judges).held_out(judging).cost:
            quantized, learned = wider, learned_wide
            alone = replace(wide, before=alone.before, old=alone.old)
    outcome = alone
    if layers:
        from edgelstm.adaptation.fine_tuning import fine_tune  # brings the trainer

        deeper = fine_tune(quantized, opened, taught, folds, alone, learned.heads, learned.head)
        if deeper is not None and deeper.some(judges).is_better_than(alone.some(judges), judging):
            outcome = deeper
    held_out = outcome.some(judges)
    report = Report(
        clips=len(set(taught.clips)),
        pieces=len(taught.clips),
        folds=len(np.unique(folds[judges])),
        strength=outcome.strength,
        before=judged(model, held_out.before, judging.truth),
        float32=judged(model, held_out.float_held_out, judging.truth),
        int8=held_out.held_out(judging),
        evidence=evidence(judging, held_out),
        groups=by_group(judging, held_out),
        labels=by_label(judging, held_out),
        rehearsed=len(set(taught.clips)) - len(set(judging.clips)),
        outside=beyond,
        widened=quantized.model is not model,
        exchanged=_exchanged(model, held_out, judging),
        doubted=_doubted(model, held_out, judging),
        untaught=tuple(np.array(model.labels)[~occur(taught.truth)].tolist()),
        rounds=outcome.rounds,
        head=alone.some(judges).held_out(judging) if layers else None,
    )
    if known is not None:
        both = _both(outcome, known.dataset.sequences)
        of_untaught = kept(model, taught.truth, known.truth, both)
        report = replace(report, known=compared(model, both, known.truth), kept=of_untaught)
    pieces, truth = carried_pieces(model)
    if pieces:
        both = _both(outcome, pieces)
        report = replace(report, same=float((decided(model, both[0]) == decided(model, both[1])).mean()))
        if truth is not None:
            of_untaught = kept(model, taught.truth, truth, both) if known is None else report.kept
            less = fallen(model, both, truth)
            report = replace(report, carried=compared(model, both, truth), kept=of_untaught, less=less)
    return Adapted(_noted(outcome.model, report, taught), report)


def _both(outcome: Outcome, sequences: Sequence[NDArray[np.float32]]) -> tuple[Float64, Float64]:
    return outcome.old(sequences), outcome.new(sequences)


def _exchanged(model: Model, outcome: Outcome, taught: Taught) -> tuple[tuple[str, ...], ...]:
    if activation_of(model) != "softmax":
        return ()
    rings = exchanged(taught.truth, outcome.before)
    return tuple(tuple(model.labels[label] for label in ring) for ring in rings)


def _doubted(model: Model, outcome: Outcome, taught: Taught) -> dict[str, str]:
    if activation_of(model) != "softmax":
        return {}
    places = np.flatnonzero(doubted(taught.truth, outcome.before, outcome.int8_held_out)).tolist()
    heard = outcome.before.argmax(axis=1)
    return {taught.name(taught.clips[place]): model.labels[heard[place]] for place in places}


def _last_alone(
    quantized: QuantizedModel, opened: Opened, taught: Taught, folds: NDArray[np.int64]
) -> tuple[Outcome, Learned]:
    """The last layer learned, all others as they are."""
    model, stream = quantized.model, opened(ear_only(quantized.model))
    last = last_dense(model)
    old, rounding = Head(last.W.astype(np.float64), last.b.astype(np.float64)), _rounding(quantized)
    heard = hear(quantized, stream, taught.dataset.sequences)
    learned = learn(old, Task(heard, taught.truth, activation_of(model), folds, taught.judges), rounding)
    before, after = rounding(old), rounding(learned.head)
    outcome = Outcome(
        model=_with_head(model, learned.head, heard),
        strength=learned.strength,
        before=learned.before,
        float_held_out=learned.float_held_out,
        int8_held_out=learned.int8_held_out,
        old=lambda sequences: before.scores(hear(quantized, stream, sequences)),
        new=lambda sequences: after.scores(hear(quantized, stream, sequences)),
    )
    return outcome, learned


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
    ranges = replace(model.ranges, spans={**model.ranges.spans, name: span})
    return replace(model, layers=(*model.layers[:-1], layer), ranges=ranges)


def _noted(model: Model, report: Report, taught: Taught) -> Model:
    """With its proof in its provenance, how often it was adapted, and what its clips are known by: it has learned
    from them as from those of its training."""
    before = model.provenance.get("adapted")
    times = before.get("times", 0) if isinstance(before, dict) else 0
    note = {**records.to_json(report), "times": (times if isinstance(times, int) else 0) + 1}
    seen = joined(model.provenance.get("seen"), taught.marks)
    return replace(model, provenance={**model.provenance, "adapted": note, "seen": seen})


def folds_by_group(taught: Taught) -> NDArray[np.int64]:
    """(pieces,): a fold for each group of clips. ValueError where all that judge are of one."""
    groups = np.unique(taught.dataset.groups, return_inverse=True)[1]
    if len(np.unique(groups[taught.judges])) == 1:
        raise ValueError("all clips are of one group, expected several to hold one out")
    return groups.astype(np.int64)
