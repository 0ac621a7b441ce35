"""The float reference: what a model's equations say, in numpy.

Every engine is measured against this. `forward` shows every layer of one sequence; `scores` evaluates many
sequences at once. Both start from h = c = 0, as a stream does after a reset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.model import LSTM, Answer, Dense, Model, OutputActivation

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that a run computed, for one sequence of T frames."""

    x: Floats  # (T, features), normalized
    h: tuple[Floats, ...]  # per LSTM layer (T, H)
    c: tuple[Floats, ...]  # per LSTM layer (T, H)
    dense: tuple[Floats, ...]  # per dense layer (T, outputs), after its activation

    @property
    def scores(self) -> Floats:
        """(T, outputs): the last dense layer's results, before pooling and the output activation."""
        return self.dense[-1]


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), by tanh: it cannot overflow."""
    half = z.dtype.type(0.5)
    return np.tanh(z * half) * half + half


def _lstm(layer: LSTM, x: Floats) -> tuple[Floats, Floats]:
    """x (T, B, inputs) → h and c, each (T, B, H)."""
    frames, batch, _ = x.shape
    H = layer.units
    R, b = layer.R.astype(x.dtype).T, layer.b.astype(x.dtype)
    z = x @ layer.W.astype(x.dtype).T + b
    h, c = np.empty((frames, batch, H), x.dtype), np.empty((frames, batch, H), x.dtype)
    h_old, c_old = np.zeros((batch, H), x.dtype), np.zeros((batch, H), x.dtype)
    for t in range(frames):
        gates = z[t] + h_old @ R
        i, f, o = (sigmoid(gates[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
        c[t] = f * c_old + i * np.tanh(gates[:, 2 * H : 3 * H])
        h[t] = o * np.tanh(c[t])
        h_old, c_old = h[t], c[t]
    return h, c


def _dense(layer: Dense, x: Floats) -> Floats:
    y: Floats = x @ layer.W.astype(x.dtype).T + layer.b.astype(x.dtype)
    return np.maximum(y, y.dtype.type(0)) if layer.activation == "relu" else y


def _check(model: Model, sequence: NDArray[Any], place: int) -> None:
    if sequence.ndim != 2 or 0 in sequence.shape or sequence.shape[1] != model.features:
        raise ValueError(f"sequence {place}: shape {sequence.shape}, expected (frames, {model.features})")


def forward(model: Model, sequence: NDArray[Any], dtype: DTypeLike = np.float64) -> Trace:
    """Run one sequence of raw frames (T, features), computing in `dtype`; normalization included."""
    _check(model, sequence, 0)
    mean, std = model.normalize.mean.astype(dtype), model.normalize.std.astype(dtype)
    x = (sequence.astype(dtype)[:, None] - mean) / std
    hs, cs, dense = [], [], []
    flow = x
    for layer in model.lstms:
        flow, c = _lstm(layer, flow)
        hs.append(flow[:, 0])
        cs.append(c[:, 0])
    for part in model.head:
        flow = _dense(part, flow)
        dense.append(flow[:, 0])
    return Trace(x[:, 0], tuple(hs), tuple(cs), tuple(dense))


def by_length(lengths: Sequence[int], batch: int) -> Iterator[NDArray[np.int64]]:
    """Places of sequences in groups of at most `batch`, of like length, so that little is padded."""
    order = np.argsort(np.asarray(lengths), kind="stable")
    for start in range(0, len(order), batch):
        yield order[start : start + batch]


def scores(
    model: Model, sequences: Sequence[NDArray[Any]], dtype: DTypeLike = np.float32, batch: int = 64
) -> list[Floats]:
    """Scores (T, outputs) of each raw sequence (T, features), every one from a fresh state."""
    mean, std = model.normalize.mean.astype(dtype), model.normalize.std.astype(dtype)
    for place, sequence in enumerate(sequences):
        _check(model, sequence, place)
    results: dict[int, Floats] = {}
    for places in by_length([len(sequence) for sequence in sequences], batch):
        flow: Floats = np.zeros((len(sequences[places[-1]]), len(places), model.features), dtype)
        for row, place in enumerate(places):
            flow[: len(sequences[place]), row] = (sequences[place].astype(dtype) - mean) / std
        for layer in model.lstms:
            flow = _lstm(layer, flow)[0]
        for part in model.head:
            flow = _dense(part, flow)
        for row, place in enumerate(places):
            results[int(place)] = flow[: len(sequences[place]), row]
    return [results[place] for place in range(len(sequences))]


def _mean_of_last(sums: NDArray[np.float64], end: int, frames: int) -> NDArray[np.float64]:
    """Mean of the `frames` rows before `end`, from running sums that start with a row of zeros."""
    mean: NDArray[np.float64] = (sums[end] - sums[end - frames]) / frames
    return mean


def answers(scores: Floats, answer: Answer) -> Floats:
    """The rows (emitted, outputs) that a stream emits while `scores` (T, outputs) pass: one after every `hop`.

    Pooled scores, before the output activation. None when `hop` is 0.
    """
    ends = list(range(answer.hop, len(scores) + 1, answer.hop)) if answer.hop else []
    if answer.pooling == "last":
        return scores[[end - 1 for end in ends]]
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0, dtype=np.float64)])
    rows = [_mean_of_last(sums, end, min(end, answer.window or end)) for end in ends]
    return np.array(rows, dtype=scores.dtype).reshape(-1, scores.shape[1])


def final_answer(scores: Floats, answer: Answer) -> Floats:
    """What a stream answers (outputs,) when asked after all of `scores` (T, outputs), T at least 1.

    With a window, the stream holds sums over blocks of `hop` frames: between two emissions the mean covers the
    block begun and the window's newest complete blocks but one; right after an emission it is the emitted row.
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
    mean: Floats = scores[-frames:].mean(axis=0, dtype=np.float64).astype(scores.dtype)
    return mean


def activate(scores: Floats, activation: OutputActivation) -> Floats:
    """Scores (…, outputs) → probabilities (softmax over outputs, or sigmoid of each), or as they are."""
    if activation == "softmax":
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
        return probabilities
    return sigmoid(scores) if activation == "sigmoid" else scores
