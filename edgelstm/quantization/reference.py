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

from edgelstm.forward import LONG, by_length
from edgelstm.model import Model
from edgelstm.quantization.affine import Codes
from edgelstm.quantization.layer import Int64, Walker
from edgelstm.quantization.quantized_model import QuantizedModel


def quantize_frames(quantized: QuantizedModel, frames: NDArray[np.float32]) -> Codes:
    """Raw float32 frames (…, features) → int8, or int16 where the model takes that. Three float32 roundings, then
    ties to even."""
    centred = frames.astype(np.float32) - quantized.input_mean
    scaled = centred * quantized.input_scale + quantized.input_offset
    return quantized.input.codes(np.rint(scaled))


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that a run computed, for one sequence of T frames. A layer that runs every s-th frame has T // s
    rows."""

    x: Codes  # (T, features)
    results: Mapping[str, NDArray[np.int8]]  # layer's name → (runs, values), but for the last
    states: Mapping[str, NDArray[Any]]  # part's name (h0, c0, past0 …) → (runs, values), after each run
    sums: NDArray[np.int32]  # (runs, outputs): the last layer's
    scores: NDArray[np.float32]  # (runs, outputs)


class IntegerStream:
    """One signal through the integer model; the state is carried from call to call."""

    def __init__(self, quantized: QuantizedModel):
        self.quantized = quantized
        self.reset()

    def reset(self) -> None:
        self._walkers = _walkers(self.quantized, 1)

    def push(self, frames: NDArray[np.float32]) -> Trace:
        """Raw frames (T, features)."""
        return self.push_quantized(quantize_frames(self.quantized, frames))

    def scores(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (T // stride, outputs) of raw frames (T, features), computed `LONG` frames at a time."""
        parts = [frames[start : start + LONG] for start in range(0, len(frames), LONG)]
        return np.concatenate([self.push(part).scores for part in parts])

    def push_quantized(self, x: Codes) -> Trace:
        """Quantized frames (T, features)."""
        return _run(self.quantized, self._walkers, x[:, None])[0]


def _walkers(quantized: QuantizedModel, batch: int) -> list[Walker]:
    """One for each layer but the last, whose sums become scores."""
    placed = zip(quantized.layers[:-1], quantized.model.road)
    return [layer.walker(batch, at.source) for layer, at in placed]


def _run(quantized: QuantizedModel, walkers: list[Walker], x: Codes) -> list[Trace]:
    """x (T, batch, features) → one trace per row of the batch."""
    flow: Int64 = x.astype(np.int64)
    results: dict[str, NDArray[np.int8]] = {}
    states: dict[str, NDArray[Any]] = {}
    for at, walker in zip(quantized.model.road, walkers):
        run = walker.run(flow)
        flow = run.result
        results[at.name] = flow.astype(np.int8)
        states |= {name: run.states[part.letter] for name, part in at.parts}
    sums = quantized.last.sums(flow).astype(np.int32)
    scores = sums.astype(np.float32) * quantized.last.score_scales

    def row(values: Mapping[str, NDArray[Any]], b: int) -> dict[str, NDArray[Any]]:
        return {name: value[:, b] for name, value in values.items()}

    batch = range(x.shape[1])
    return [Trace(x[:, b], row(results, b), row(states, b), sums[:, b], scores[:, b]) for b in batch]


def traces(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int = 64
) -> Iterator[tuple[int, Trace]]:
    """(place, trace) of each raw sequence (T, features), every one from a fresh state, in any order.

    Sequences of like length run side by side; shorter ones are padded behind their end, which they never see.
    """
    for places in by_length([len(sequence) for sequence in sequences], batch):
        x = np.zeros(
            (len(sequences[places[-1]]), len(places), quantized.model.features), f"i{quantized.input.bits // 8}"
        )
        for row, place in enumerate(places):
            x[: len(sequences[place]), row] = quantize_frames(quantized, sequences[place])
        for place, trace in zip(map(int, places), _run(quantized, _walkers(quantized, len(places)), x)):
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
