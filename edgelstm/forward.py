"""The float reference: what a model's equations say, in numpy.

Every engine is measured against this. `forward` shows every layer of one sequence; `scores` evaluates many
sequences at once. Both start from the layers' first states, as a stream does after a reset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.layers import Joining
from edgelstm.layers.layer import Floats, sigmoid
from edgelstm.model import Answer, Model, OutputActivation
from edgelstm.road import INPUT

LONG = 1 << 14
"""Frames of one sequence that are computed in one go; longer ones take no more memory."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that a run computed, for one sequence of T frames. A layer that runs every s-th frame has T // s
    rows."""

    x: Floats  # (T, features), normalized
    results: Mapping[str, Floats]  # layer's name → (runs, values)
    states: Mapping[str, Floats]  # part's name (h0, c0, past0 …) → (runs, values), after each run

    @property
    def scores(self) -> Floats:
        """(runs, outputs): the last layer's results, before pooling and the output activation."""
        return list(self.results.values())[-1]


def walk(
    model: Model, x: Floats, begin: Mapping[str, Floats] | None = None
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Normalized frames x (T, B, features) through every layer: results by the layer's name and states by the part's,
    each (runs, B, values). From a fresh state, or from `begin`: part's name → (B, values), as of whole strides.

    A model that begins anew after so many frames does; from `begin` on there are no more than are left until then."""
    if begin is None and 0 < model.anew < len(x):
        return _anew(model, x)
    results: dict[str, Floats] = {INPUT: x}
    states: dict[str, Floats] = {}
    for at in model.road:
        state = None if begin is None else {part.letter: begin[name] for name, part in at.parts}
        flow = results[at.takes]
        if isinstance(at.layer, Joining) and at.other is not None:
            results[at.name] = at.layer.join(flow, at.source, results[at.joins], at.other)
            continue
        run = at.layer.forward(flow, at.source, state)
        results[at.name] = run.result
        states |= {name: run.states[part.letter] for name, part in at.parts}
    del results[INPUT]
    return results, states


def _anew(model: Model, x: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """`walk` through one window after another; those that are whole lie side by side."""
    window, (frames, batch, features) = model.anew, x.shape
    count = frames // window
    side_by_side = x[: count * window].reshape(count, window, batch, features).swapaxes(0, 1)
    found = walk(model, side_by_side.reshape(window, count * batch, features))

    def behind(values: Floats) -> Floats:
        parts = values.reshape(len(values), count, batch, *values.shape[2:]).swapaxes(0, 1)
        return parts.reshape(-1, batch, *values.shape[2:])

    results, states = ({name: behind(values) for name, values in each.items()} for each in found)
    if frames % window:
        rest = walk(model, x[count * window :])
        for whole, more in zip((results, states), rest):
            whole |= {name: np.concatenate([whole[name], values]) for name, values in more.items()}
    return results, states


def until_anew(anew: int, begun: int, frames: int) -> Iterator[slice]:
    """Stretches of `frames` that follow `begun` ones, up to each place where a model begins anew, as it does after
    every `anew`; all in one where it never does (0)."""
    start, stop = 0, frames if not anew else min(anew - begun % anew, frames)
    yield slice(start, stop)
    while stop < frames:
        start, stop = stop, min(stop + anew, frames)
        yield slice(start, stop)


def _check(model: Model, sequence: NDArray[Any], place: int) -> None:
    if sequence.ndim != 2 or 0 in sequence.shape or sequence.shape[1] != model.features:
        raise ValueError(f"sequence {place}: shape {sequence.shape}, expected (frames, {model.features})")


def forward(model: Model, sequence: NDArray[Any], dtype: DTypeLike = np.float64) -> Trace:
    """Run one sequence of raw frames (T, features), computing in `dtype`; normalization included."""
    _check(model, sequence, 0)
    mean, std = model.normalize.mean.astype(dtype), model.normalize.std.astype(dtype)
    x = (sequence.astype(dtype)[:, None] - mean) / std
    results, states = walk(model, x)
    first = {name: value[:, 0] for name, value in results.items()}
    return Trace(x[:, 0], first, {name: value[:, 0] for name, value in states.items()})


class FloatStream:
    """One signal through the float model, `LONG` frames at a time; the state is carried from call to call."""

    def __init__(self, model: Model, dtype: DTypeLike = np.float32):
        self._model, self._dtype = model, dtype
        self._states: dict[str, Floats] | None = None
        self._taken = 0  # frames, of whole strides
        self._waiting = np.empty((0, model.features), np.float32)  # frames of a stride that is not full yet

    def push(self, frames: NDArray[Any]) -> Floats:
        """Raw frames (T, features) → scores (rows, outputs), a row after every stride."""
        _check(self._model, frames, 0)
        step = max(LONG // self._model.stride, 1) * self._model.stride
        found = [self._push(frames[start : start + step]) for start in range(0, len(frames), step)]
        return np.concatenate(found)

    def _push(self, frames: NDArray[Any]) -> Floats:
        model = self._model
        joined = np.concatenate([self._waiting, frames])
        whole = len(joined) // model.stride * model.stride
        self._waiting = joined[whole:]
        if not whole:
            return np.empty((0, model.outputs), self._dtype)
        mean, std = model.normalize.mean.astype(self._dtype), model.normalize.std.astype(self._dtype)
        x = (joined[:whole].astype(self._dtype)[:, None] - mean) / std
        found = []
        for stretch in until_anew(model.anew, self._taken, whole):
            results, states = walk(model, x[stretch], self._states)
            found.append(results[model.road[-1].name][:, 0])
            self._states = {name: values[-1].copy() for name, values in states.items()}
            self._taken += stretch.stop - stretch.start
            if model.anew and self._taken % model.anew == 0:
                self._states = None
        return found[0] if len(found) == 1 else np.concatenate(found)


def by_length(lengths: Sequence[int], batch: int) -> Iterator[NDArray[np.int64]]:
    """Places of sequences in groups of at most `batch`, of like length, so that little is padded."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    for start in range(0, len(order), batch):
        yield order[start : start + batch]


def scores(
    model: Model, sequences: Sequence[NDArray[Any]], dtype: DTypeLike = np.float32, batch: int = 64
) -> list[Floats]:
    """Scores (T // stride, outputs) of each raw sequence (T, features), every one from a fresh state."""
    mean, std = model.normalize.mean.astype(dtype), model.normalize.std.astype(dtype)
    for place, sequence in enumerate(sequences):
        _check(model, sequence, place)
    lengths = np.array([len(sequence) for sequence in sequences])
    results: dict[int, Floats] = {}
    for place in np.flatnonzero(lengths > LONG).tolist():
        results[place] = FloatStream(model, dtype).push(sequences[place])
    short = np.flatnonzero(lengths <= LONG)
    for group in by_length(lengths[short].tolist(), batch):
        places = short[group]
        flow: Floats = np.zeros((len(sequences[places[-1]]), len(places), model.features), dtype)
        for row, place in enumerate(places):
            flow[: len(sequences[place]), row] = (sequences[place].astype(dtype) - mean) / std
        found = walk(model, flow)[0][model.road[-1].name]
        for row, place in enumerate(places):
            results[int(place)] = found[: len(sequences[place]) // model.stride, row]
    return [results[place] for place in range(len(sequences))]


def answers(scores: Floats, answer: Answer) -> Floats:
    """The rows (emitted, outputs) that a stream emits while `scores` (T, outputs) pass: one after every `hop`.

    `answer` counts in rows of scores: `Model.run_answer`. Pooled scores, before the output activation; none
    when `hop` is 0.
    """
    return Emitter(answer, scores.shape[1]).push(scores)


class Emitter:
    """Answers of a stream whose scores come part by part."""

    def __init__(self, answer: Answer, outputs: int):
        """answer: counts in rows of scores."""
        self._answer = answer
        self._seen = 0  # rows of scores
        self._sums = np.zeros((1, outputs))  # of all rows before each of the newest of a window, and before the next
        self._recent = np.empty((0, outputs))  # the newest rows of a window, or the largest scores of all

    def push(self, scores: Floats) -> Floats:
        """The rows (emitted, outputs) that are emitted while `scores` (T, outputs) pass."""
        answer, before = self._answer, self._seen
        self._seen += len(scores)
        hop = answer.hop or self._seen + 1  # none
        ends = np.arange((before // hop + 1) * hop, self._seen + 1, hop)
        if answer.pooling == "last":
            return scores[ends - before - 1]
        further = np.cumsum(np.concatenate([self._sums[-1:], scores]), axis=0, dtype=np.float64)
        sums = np.concatenate([self._sums[:-1], further])
        first = self._seen + 1 - len(sums)  # how many rows the oldest sum is of
        self._sums = sums[-(answer.window + 1) :].copy()
        frames = np.minimum(ends, answer.window or self._seen)
        earlier: NDArray[np.float64] | float = sums[ends - frames - first] if answer.window else 0.0
        means = (sums[ends - first] - earlier) / frames[:, None]
        if answer.pooling == "mean+max":
            means = (means + self._most(scores)[ends - before - 1]) / 2
        found: Floats = means.astype(scores.dtype)
        return found

    def _most(self, scores: Floats) -> NDArray[np.float64]:
        """(T, outputs): the largest scores of the window that ends with each row of `scores` (T, outputs)."""
        rows = np.concatenate([self._recent, scores])
        window = self._answer.window
        most = _running_max(rows, window) if window else np.maximum.accumulate(rows, axis=0)
        self._recent = rows[-(window - 1) or len(rows) :].copy() if window else most[-1:].copy()
        return most[len(rows) - len(scores) :]


def _running_max(rows: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """(T, n): the maximum over the newest `window` of rows (T, n) as of each; over fewer where there are no more."""
    most, width = rows, 1
    while width < min(window, len(rows)):
        step = min(width, window - width)
        most = np.concatenate([most[:step], np.maximum(most[step:], most[:-step])])
        width += step
    return most


def final_answer(scores: Floats, answer: Answer) -> Floats:
    """What a stream answers (outputs,) when asked after all of `scores` (T, outputs), T at least 1.

    `answer` counts in rows of scores: `Model.run_answer`. With a window, the stream holds sums over blocks of `hop`
    frames: between two emissions the mean covers the block begun and the window's newest complete
    blocks but one; right after an emission it is the emitted row.
    """
    if not len(scores):
        raise ValueError("scores: no frames, expected at least one")
    if answer.pooling == "last":
        last: Floats = scores[-1]
        return last
    frames = len(scores)
    if answer.window:
        begun = frames % answer.hop
        frames = min(frames, begun + answer.window - (answer.hop if begun else 0))
    found = scores[-frames:].mean(axis=0, dtype=np.float64)
    if answer.pooling == "mean+max":
        found = (found + scores[-frames:].max(axis=0)) / 2
    pooled: Floats = found.astype(scores.dtype)
    return pooled


def activate(scores: Floats, activation: OutputActivation) -> Floats:
    """Scores (…, outputs) → probabilities (softmax over outputs, or sigmoid of each), or as they are."""
    if activation == "softmax":
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
        return probabilities
    return sigmoid(scores) if activation == "sigmoid" else scores
