"""The integer model in plain numpy: slow, and the answer that every engine must give.

Equations and rounding are in `docs/integer-arithmetic.md`; the primitives in `fixed_point`; each kind of layer has
its own in the file of its name. Several sequences run side by side as a batch; rows do not touch each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.forward import LONG, by_length, until_anew
from edgelstm.model import Model
from edgelstm.quantization.affine import Codes
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.exact import clamp
from edgelstm.quantization.float_layer import FloatWalker
from edgelstm.quantization.layer import Values, Walker
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.road import INPUT

Taken = Codes | NDArray[np.float32]
"""Frames as a model's first layer takes them."""

MOST_NORMALIZED = 1e6
"""Standard deviations that frames are held to, where they are float32."""


def quantize_frames(quantized: QuantizedModel, frames: NDArray[np.float32]) -> Codes:
    """Raw float32 frames (…, features) → int8, or int16 where the model takes that. Three float32 roundings, then
    ties to even."""
    centred = frames.astype(np.float32) - quantized.input_mean
    scaled = centred * quantized.input_scale + quantized.input_offset
    return quantized.input.codes(np.rint(scaled))


def taken_frames(quantized: QuantizedModel, frames: NDArray[np.float32]) -> Taken:
    """Raw float32 frames (…, features) as the first layer takes them."""
    if not quantized.float_input:
        return quantize_frames(quantized, frames)
    scaled = (frames.astype(np.float32) - quantized.input_mean) * quantized.input_scale
    return clamp(scaled, -MOST_NORMALIZED, MOST_NORMALIZED)


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that a run computed, for one sequence of T frames. A layer that runs every s-th frame has T // s
    rows."""

    x: Taken  # (T, features)
    results: Mapping[str, NDArray[Any]]  # layer's name → (runs, values), but for the last: int8 codes, or float32
    states: Mapping[str, NDArray[Any]]  # part's name (h0, c0, past0 …) → (runs, values), after each run
    sums: NDArray[np.int32]  # (runs, outputs): the last layer's; of one in float32 none
    scores: NDArray[np.float32]  # (runs, outputs)


class IntegerStream:
    """One signal through the integer model; the state is carried from call to call."""

    def __init__(self, quantized: QuantizedModel):
        self.quantized = quantized
        self.reset()

    def reset(self) -> None:
        self._rows = _Rows(self.quantized, 1)

    def push(self, frames: NDArray[np.float32]) -> Trace:
        """Raw frames (T, features)."""
        return self.push_quantized(taken_frames(self.quantized, frames))

    def scores(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (T // stride, outputs) of raw frames (T, features), computed `LONG` frames at a time."""
        parts = [frames[start : start + LONG] for start in range(0, len(frames), LONG)]
        return np.concatenate([self.push(part).scores for part in parts])

    def push_quantized(self, x: Taken) -> Trace:
        """Frames (T, features) as the first layer takes them."""
        return self._rows.push(x[:, None])[0]


class _Rows:
    """Sequences side by side, their states carried from call to call."""

    def __init__(self, quantized: QuantizedModel, batch: int):
        self._quantized, self._batch = quantized, batch
        self._walkers = _walkers(quantized, batch)
        self._taken = 0  # frames

    def push(self, x: Taken) -> list[Trace]:
        """x (T, batch, features) → one trace per row of the batch."""
        anew, found = self._quantized.model.anew, []
        for stretch in until_anew(anew, self._taken, len(x)):
            if anew and self._taken % anew == 0:
                self._walkers = _walkers(self._quantized, self._batch)
            found.append(_run(self._quantized, self._walkers, x[stretch]))
            self._taken += stretch.stop - stretch.start
        return found[0] if len(found) == 1 else [_joined(row) for row in zip(*found)]


def _walkers(quantized: QuantizedModel, batch: int) -> list[Walker]:
    """One for each layer, but the last where its sums become scores."""
    placed = zip(quantized.layers, quantized.model.road)
    return [layer.walker(batch, at.source) for layer, at in placed if layer is not quantized.layers[-1]]


def _run(quantized: QuantizedModel, walkers: list[Walker], x: Taken) -> list[Trace]:
    """x (T, batch, features) → one trace per row of the batch."""
    values: dict[str, Values] = {INPUT: x if quantized.float_input else x.astype(np.int64)}
    states: dict[str, NDArray[Any]] = {}
    road = quantized.model.road
    for at, layer, walker in zip(road, quantized.layers, walkers):
        flow = layer.entering(values[at.takes])
        if isinstance(walker, FloatWalker) and at.joins:
            run = walker.join(flow, values[at.joins])
        else:
            run = walker.run(flow)
        values[at.name] = run.result
        states |= {name: run.states[part.letter] for name, part in at.parts}
    sums, scores = _scores(quantized, values[road[-1].takes])
    results = {
        at.name: values[at.name] if layer.gives_floats else values[at.name].astype(np.int8)
        for at, layer in zip(road[:-1], quantized.layers)
    }

    def row(values: Mapping[str, NDArray[Any]], b: int) -> dict[str, NDArray[Any]]:
        return {name: value[:, b] for name, value in values.items()}

    batch = range(x.shape[1])
    return [Trace(x[:, b], row(results, b), row(states, b), sums[:, b], scores[:, b]) for b in batch]


def _joined(parts: Sequence[Trace]) -> Trace:
    """One behind the other."""

    def of_all(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def by_name(name: str) -> dict[str, NDArray[Any]]:
        return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in getattr(parts[0], name)}

    return Trace(of_all("x"), by_name("results"), by_name("states"), of_all("sums"), of_all("scores"))


def _scores(quantized: QuantizedModel, before: Values) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The last layer's sums and scores, (runs, batch, outputs) each, from what it takes."""
    last, at = quantized.layers[-1], quantized.model.road[-1]
    if isinstance(last, QuantizedDense):
        sums = last.sums(last.entering(before)).astype(np.int32)
        return sums, sums.astype(np.float32) * last.score_scales
    scores: NDArray[np.float32] = last.walker(before.shape[1], at.source).run(before).result
    return np.empty((*scores.shape[:2], 0), np.int32), scores


def traces(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int = 64
) -> Iterator[tuple[int, Trace]]:
    """(place, trace) of each raw sequence (T, features), every one from a fresh state, in any order.

    Sequences of like length run side by side; shorter ones are padded behind their end, which they never see.
    """
    for places in by_length([len(sequence) for sequence in sequences], batch):
        x = np.zeros((len(sequences[places[-1]]), len(places), quantized.model.features), quantized.input_type)
        for row, place in enumerate(places):
            x[: len(sequences[place]), row] = taken_frames(quantized, sequences[place])
        for place, trace in zip(map(int, places), _Rows(quantized, len(places)).push(x)):
            yield place, _up_to(trace, quantized.model, len(sequences[place]))


def _up_to(trace: Trace, model: Model, frames: int) -> Trace:
    """Of the first `frames` frames."""
    runs = {at.name: frames // at.stride for at in model.road}
    runs |= {name: frames // at.stride for at in model.road for name, _ in at.parts}
    last = frames // model.stride
    return Trace(
        trace.x[:frames],
        {name: values[: runs[name]] for name, values in trace.results.items()},
        {name: values[: runs[name]] for name, values in trace.states.items()},
        trace.sums[:last],
        trace.scores[:last],
    )


def scores(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int = 64
) -> list[NDArray[np.float32]]:
    """Scores (T // stride, outputs) of each raw sequence (T, features), every one from a fresh state."""
    lengths = np.array([len(sequence) for sequence in sequences])
    long, short = np.flatnonzero(lengths > LONG).tolist(), np.flatnonzero(lengths <= LONG).tolist()
    found = {place: IntegerStream(quantized).scores(sequences[place]) for place in long}
    for place, trace in traces(quantized, [sequences[n] for n in short], batch):
        found[short[place]] = trace.scores
    return [found[place] for place in range(len(sequences))]


def final_states(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int = 64
) -> list[dict[str, NDArray[Any]]]:
    """The parts of the state by name, (values,) each, as of each layer's newest run in each raw sequence
    (T, features), which is at least as long as the model's stride."""
    found = {
        place: {name: values[-1] for name, values in trace.states.items()}
        for place, trace in traces(quantized, sequences, batch)
    }
    return [found[place] for place in range(len(sequences))]
