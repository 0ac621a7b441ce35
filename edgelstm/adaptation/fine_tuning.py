"""All layers learned a little further from clips: fine-tuning, held by the weights that were.

The last layer comes first, as `head.py` learns it, so that what the layers before it know is not spoilt by one that
knows nothing of the clips yet (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features"). From there all go
on together by the trainer's own passes, and every step pulls the weights back to where they began (Li et al. 2018,
"Explicit Inductive Bias for Transfer Learning", L2-SP). Clips held out say how many rounds through the others are
best. These sums are the trainer's, in float32: machines agree to a few units in the last places, not in every bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation.clips import bare, rows_of_answer
from edgelstm.adaptation.head import Head, losses
from edgelstm.adaptation.learning import parts_of
from edgelstm.adaptation.ordered import Float64, total
from edgelstm.adaptation.outcome import Opened, Outcome, Scores
from edgelstm.adaptation.taught import Taught, activation_of
from edgelstm.forward import final_answer, walk
from edgelstm.hearing import behind, ear_of, features_of
from edgelstm.model import Answer, Model
from edgelstm.quantization import QuantizedModel, quantize
from edgelstm.quantization.affine import around
from edgelstm.quantization.choice import LARGEST_CELL
from edgelstm.road import Placed
from edgelstm.tasks.task import Criterion
from edgelstm.training.layers import KINDS, Trainable
from edgelstm.training.losses import Counted, Objective
from edgelstm.training.network import Network, Parameters
from edgelstm.training.optimizer import Adam, clip_by_global_norm

ROUNDS = (1, 2, 4, 7, 12, 20)
"""Through the clips, after which clips held out are asked."""

RATES = (3e-3, 1e-2)
"""Of the optimizer's steps, that are tried."""

_LESS = 0.99  # of what clips held out cost before, from which on less is something
_PATIENCE = 2  # times in a row that clips held out may say worse
_BATCH, _PULL, _CLIP = 8, 1.0, 1.0
_MOST_FRAMES = 1 << 14  # that are computed side by side

Frames = NDArray[np.float32]


class CarefulAdam(Adam):
    """Gradients that are next to nothing move next to nothing: their last bits are the machine's, not the clips'."""

    EPSILON = 1e-4


@dataclass(frozen=True, eq=False)
class OfAnswers(Objective):
    """What final answers are held to: of each sequence those rows count that its answer is of."""

    answer: Answer = field(default_factory=Answer)  # counted in rows

    def counted(self, lengths: NDArray[np.int64], begins: NDArray[np.bool_] | None = None) -> Counted:  # noqa: ARG002
        rows = np.array([rows_of_answer(length, self.answer) for length in lengths.tolist()], np.int64)
        return Counted(lengths - rows, lengths, 1 / (rows * len(lengths)))


class Body:
    """The layers of a model as the trainer has them; those behind its ear, where it hears."""

    def __init__(self, model: Model) -> None:
        """ValueError as of `check_layers`."""
        self._ear = ear_of(model)
        self._model = model
        self._inner = bare(model) if self._ear is None else behind(bare(model))
        self.network = Network(tuple(_trainable(model, at) for at in self._inner.road), self._inner.road)
        self.memories = self.network.memories()

    def parameters(self, head: Head) -> Parameters:
        """All weights as they are, and the last layer's."""
        road = self.network.road
        found: Parameters = {
            f"{at.name}.{array}": np.array(getattr(at.layer, array), np.float32)
            for at in road
            for array in at.layer.arrays
        }
        found[f"{road[-1].name}.W"] = np.ascontiguousarray(head.W, np.float32)
        found[f"{road[-1].name}.b"] = np.ascontiguousarray(head.b, np.float32)
        return found

    def taken(self, sequences: Sequence[Frames]) -> tuple[Frames, ...]:
        """What the layers take of raw sequences: (frames, values) each, normalized."""
        found = sequences if self._ear is None else features_of(self._ear, sequences)
        normalize = self._inner.normalize
        return tuple((np.asarray(x) - normalize.mean) / normalize.std for x in found)

    def with_weights(self, parameters: Parameters, taken: Sequence[Frames]) -> Model:
        """The model with these, and with ranges that hold what they make of sequences, too."""
        layers = self.network.to_layers(parameters)
        inner = replace(self._inner, layers=layers)
        ranges = self._model.ranges
        assert ranges is not None  # it was quantized
        spans = dict(ranges.spans)
        for x in taken:
            results, states = walk(inner, x[:, None])
            for name, values in {**results, **states}.items():
                if name in spans:
                    spans[name] = around(spans[name], _within_cells(values) if name in states else values)
        kept = (self._model.layers[0],) if self._ear is not None else ()
        return replace(self._model, layers=(*kept, *layers), ranges=replace(ranges, spans=spans))

    def objective(self) -> OfAnswers:
        answer = self._model.run_answer
        criterion: Criterion = "cross-entropy" if activation_of(self._model) == "softmax" else "binary"
        return OfAnswers(criterion, answer.pooling, answer=answer)

    def scores(self, parameters: Parameters, taken: Sequence[Frames]) -> Float64:
        """(sequences, outputs): of their final answers, in float32."""
        found = np.empty((len(taken), self._model.outputs))
        for places in _side_by_side(taken):
            x, lengths = _padded([taken[place] for place in places])
            run = self.network.run(parameters, x, memories=self.memories, lengths=lengths)
            rows = lengths // self.network.stride
            for column, place in enumerate(places):
                found[place] = final_answer(run.scores[: rows[column], :, column], self._model.run_answer)
        return found


def check_layers(model: Model) -> None:
    """ValueError, naming the layer, where the trainer does not have one behind the ear of `model`."""
    if model.anew:
        raise ValueError(f"model {model.name}: begins anew every {model.anew} frames, which is not trained")
    inner = bare(model) if ear_of(model) is None else behind(bare(model))
    for at in inner.road:
        _trainable(model, at)


def _trainable(model: Model, at: Placed) -> Trainable:
    kind = at.layer.kind
    if kind not in KINDS or at.extras:
        what = f"its {', '.join(map(repr, at.extras))}" if kind in KINDS else f"a {kind} layer"
        raise ValueError(
            f"model {model.name}: {at.name}: {what} cannot be trained; without --layers its last layer can"
        )
    return KINDS[kind].of(at.layer)


def _within_cells(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Cells saturate there, as calibration has it."""
    found: NDArray[np.floating] = np.clip(values, -LARGEST_CELL, LARGEST_CELL)
    return found


class Run:
    """Weights on their way from where they began, by some of the clips."""

    def __init__(
        self, body: Body, head: Head, taken: Sequence[Frames], truth: Float64, rate: float, seed: int
    ) -> None:
        self._rate, self._body, self._taken, self._truth = rate, body, taken, truth.astype(np.float32)
        self.parameters = body.parameters(head)
        self._began = self.copy()
        self._optimizer, self._objective = CarefulAdam(self.parameters), body.objective()
        self._rng, self._rounds = np.random.default_rng([seed, len(taken)]), 0

    def until(self, rounds: int) -> None:
        """Go on until so many rounds are done."""
        for _ in range(self._rounds, rounds):
            order = self._rng.permutation(len(self._taken))
            for start in range(0, len(order), _BATCH):
                self._step(order[start : start + _BATCH].tolist())
        self._rounds = rounds

    def copy(self) -> Parameters:
        return {name: value.copy() for name, value in self.parameters.items()}

    def _step(self, places: list[int]) -> None:
        x, lengths = _padded([self._taken[place] for place in places])
        body, target = self._body, np.ascontiguousarray(self._truth[places].T)
        learned = body.network.learn(self.parameters, x, self._objective, target, lengths, memories=body.memories)
        clip_by_global_norm(learned.gradients, _CLIP)
        self._optimizer.step(learned.gradients, self._rate)
        for name, value in self.parameters.items():
            value += self._rate * _PULL * (self._began[name] - value)


@dataclass(frozen=True, eq=False)
class _Course:
    """How far the folds went, and where that led."""

    rate: float
    rounds: int
    held: Float64  # scores of what each had not learned from
    parameters: list[Parameters]


def _padded(sequences: Sequence[Frames]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(frames, values, sequences) with zeros behind the shorter ones, and their lengths."""
    lengths = np.array([len(x) for x in sequences], np.int64)
    x = np.zeros((int(lengths.max()), sequences[0].shape[1], len(sequences)), np.float32)
    for column, sequence in enumerate(sequences):
        x[: len(sequence), :, column] = sequence
    return x, lengths


def _side_by_side(sequences: Sequence[Frames]) -> Iterator[list[int]]:
    """Places, few enough at a time."""
    some: list[int] = []
    longest = 0
    for place, x in enumerate(sequences):
        longest = max(longest, len(x))
        if some and longest * (len(some) + 1) > _MOST_FRAMES:
            yield some
            some, longest = [], len(x)
        some.append(place)
    if some:
        yield some


def fine_tune(
    quantized: QuantizedModel,
    opened: Opened,
    taught: Taught,
    folds: NDArray[np.int64],
    alone: Outcome,
    heads: Sequence[Head],
    head: Head,
) -> Outcome | None:
    """All layers learned from where the last one alone came to; None where clips held out cost no less by it.

    alone: what that came to. heads: of it for each fold, without the clips of the fold; head: of all clips.
    ValueError as of `check_layers`.
    """
    model = quantized.model
    body = Body(model)
    taken = body.taken(taught.dataset.sequences)
    judges = taught.judges
    parts = parts_of(folds, judges)

    def some(which: NDArray[np.bool_]) -> list[Frames]:
        return [taken[place] for place in np.flatnonzero(which).tolist()]

    activation = activation_of(model)

    def cost_of(scores: Float64) -> float:
        return float(total(losses(scores[judges], taught.truth[judges], activation)))

    least = cost_of(alone.float_held_out)
    best: _Course | None = None
    for rate in RATES:
        runs = [
            Run(body, of_fold, some(~out), taught.truth[~out], rate, n)
            for n, (out, of_fold) in enumerate(zip(parts, heads, strict=True), 1)
        ]
        worse = 0
        for rounds in ROUNDS:
            held = np.zeros_like(taught.truth)
            for run, out in zip(runs, parts):
                run.until(rounds)
                held[out] = body.scores(run.parameters, some(out))
            cost = cost_of(held)
            if cost < _LESS * least:
                least, worse, best = cost, 0, _Course(rate, rounds, held, [run.copy() for run in runs])
            else:
                worse += 1
            if worse == _PATIENCE:
                break
    if best is None:
        return None
    int8 = np.zeros_like(taught.truth)
    for out, parameters in zip(parts, best.parameters):
        of_fold = body.with_weights(parameters, some(~out))
        int8[out] = answers(opened, of_fold, quantized)(_those(taught.dataset.sequences, out))
    last = Run(body, head, taken, taught.truth, best.rate, 0)
    last.until(best.rounds)
    made = body.with_weights(last.parameters, taken)
    return replace(
        alone,
        model=made,
        float_held_out=best.held,
        int8_held_out=int8,
        new=answers(opened, made, quantized),
        rounds=best.rounds,
    )


def _those(sequences: Sequence[Frames], which: NDArray[np.bool_]) -> list[Frames]:
    return [sequences[place] for place in np.flatnonzero(which).tolist()]


def answers(opened: Opened, model: Model, like: QuantizedModel) -> Scores:
    """The scores of final answers of `model` in int8, with scales as `like` has them."""
    stream = opened(quantize(bare(model), like.granularity))

    def scores(sequences: Sequence[Frames]) -> Float64:
        found = []
        for x in sequences:
            stream.reset()
            for start in range(0, len(x), _MOST_FRAMES):
                stream.push(x[start : start + _MOST_FRAMES])
            found.append(stream.answer().astype(np.float64))
        return np.array(found)

    return scores
