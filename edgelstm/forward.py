"""The float reference: what a model's equations say, in numpy.

Every engine is measured against this. `forward` shows every layer of one sequence; `scores` evaluates many
sequences at once. Both start from h = c = 0, as a stream does after a reset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.layers.layer import Floats, sigmoid
from edgelstm.model import Answer, Model, OutputActivation


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


def walk(model: Model, x: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Normalized frames x (T, B, features) through every layer: results by the layer's name and states by the part's,
    each (runs, B, values)."""
    results: dict[str, Floats] = {}
    states: dict[str, Floats] = {}
    flow = x
    for at in model.road:
        run = at.layer.forward(flow, at.source)
        results[at.name] = flow = run.result
        states |= {name: run.states[part.letter] for name, part in at.parts}
    return results, states


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
    results: dict[int, Floats] = {}
    for places in by_length([len(sequence) for sequence in sequences], batch):
        flow: Floats = np.zeros((len(sequences[places[-1]]), len(places), model.features), dtype)
        for row, place in enumerate(places):
            flow[: len(sequences[place]), row] = (sequences[place].astype(dtype) - mean) / std
        found = walk(model, flow)[0][model.road[-1].name]
        for row, place in enumerate(places):
            results[int(place)] = found[: len(sequences[place]) // model.stride, row]
    return [results[place] for place in range(len(sequences))]


def _mean_of_last(sums: NDArray[np.float64], end: int, frames: int) -> NDArray[np.float64]:
    """Mean of the `frames` rows before `end`, from running sums that start with a row of zeros."""
    mean: NDArray[np.float64] = (sums[end] - sums[end - frames]) / frames
    return mean


def answers(scores: Floats, answer: Answer) -> Floats:
    """The rows (emitted, outputs) that a stream emits while `scores` (T, outputs) pass: one after every `hop`.

    `answer` counts in rows of scores: `Model.run_answer`. Pooled scores, before the output activation; none
    when `hop` is 0.
    """
    ends = list(range(answer.hop, len(scores) + 1, answer.hop)) if answer.hop else []
    if answer.pooling == "last":
        return scores[[end - 1 for end in ends]]
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0, dtype=np.float64)])
    rows = [_mean_of_last(sums, end, min(end, answer.window or end)) for end in ends]
    return np.array(rows, dtype=scores.dtype).reshape(-1, scores.shape[1])


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
    mean: Floats = scores[-frames:].mean(axis=0, dtype=np.float64).astype(scores.dtype)
    return mean


def activate(scores: Floats, activation: OutputActivation) -> Floats:
    """Scores (…, outputs) → probabilities (softmax over outputs, or sigmoid of each), or as they are."""
    if activation == "softmax":
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
        return probabilities
    return sigmoid(scores) if activation == "sigmoid" else scores
