"""The integer model in plain numpy: slow, and the answer that every engine must give.

Equations and rounding are in `docs/integer-arithmetic.md`; the primitives in `fixed_point`. Several sequences
run side by side as a batch; rows of a batch do not touch each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.quantization.fixed_point import (
    clip8,
    clip16,
    multiplier_from_real,
    multiply_by_quantized_multiplier,
    rounding_shift_right,
    sigmoid16,
    tanh16,
)
from edgelstm.quantization.scheme import (
    GATE_FRACTION_BITS,
    Affine,
    QuantizedDense,
    QuantizedLSTM,
    QuantizedModel,
)

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Multipliers:
    """One real factor per row as (mantissa, shift): see `fixed_point.multiplier_from_real`."""

    mantissa: NDArray[np.int32]  # (rows,)
    shift: NDArray[np.int32]  # (rows,)

    @classmethod
    def from_reals(cls, reals: NDArray[np.floating[Any]]) -> Multipliers:
        pairs = np.array([multiplier_from_real(float(real)) for real in reals], np.int32).reshape(-1, 2)
        return cls(pairs[:, 0].copy(), pairs[:, 1].copy())

    def apply(self, sums: Int64) -> Int64:
        """`sums` (…, rows) scaled row by row."""
        return multiply_by_quantized_multiplier(sums, self.mantissa, self.shift)


def gate_multipliers(scale: NDArray[np.float32], x: Affine) -> Multipliers:
    """From sums of int8 products to gate pre-activations in Q3.12. Formed in float32, in this order."""
    return Multipliers.from_reals((scale * x.scale) / np.float32(2.0**-GATE_FRACTION_BITS))


def hidden_multiplier(hidden: Affine) -> tuple[int, int]:
    """From o·tanh(c), a product of two Q0.15 numbers, to int8 h. Rounded to float32, as TFLite does."""
    return multiplier_from_real(float(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15)))


def dense_multipliers(layer: QuantizedDense) -> Multipliers:
    """From int32 sums to the layer's int8 results."""
    effective = layer.input.scale.astype(np.float64) * layer.W_scale.astype(np.float64)
    return Multipliers.from_reals(effective / float(layer.output.scale))


def score_scales(layer: QuantizedDense) -> NDArray[np.float32]:
    """(outputs,) float32 factors from the last layer's int32 sums to scores."""
    return layer.input.scale * layer.W_scale


def quantize_frames(quantized: QuantizedModel, frames: NDArray[np.float32]) -> NDArray[np.int8]:
    """Raw float32 frames (…, features) → int8. Two float32 roundings, then ties to even."""
    scaled = frames.astype(np.float32) * quantized.input_scale + quantized.input_offset
    codes: NDArray[np.int8] = np.clip(np.rint(scaled), -128, 127).astype(np.int8)
    return codes


def _product(weights: NDArray[np.int8], x: Int64, zero_point: int) -> Int64:
    """weights · (x - zero_point). Exact: the sums of a row stay below 2^53."""
    return ((x - zero_point).astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)


class _LSTMState:
    """One layer and its state over a batch."""

    def __init__(self, layer: QuantizedLSTM, batch: int):
        self.layer = layer
        self.W_multipliers = gate_multipliers(layer.W_scale, layer.input)
        self.R_multipliers = gate_multipliers(layer.R_scale, layer.hidden)
        self.h_multiplier = hidden_multiplier(layer.hidden)
        self.h: Int64 = np.full((batch, layer.units), layer.hidden.zero_point, np.int64)
        self.c: Int64 = np.zeros((batch, layer.units), np.int64)

    def run(self, x: Int64) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        """x (T, batch, inputs) int8 values → h (T, batch, H), c (T, batch, H)."""
        layer = self.layer
        sums = _product(layer.W, x, layer.input.zero_point) + layer.bias
        from_input = clip16(self.W_multipliers.apply(sums))
        hs = np.empty((*x.shape[:2], layer.units), np.int8)
        cs = np.empty_like(hs, np.int16)
        for t, pre in enumerate(from_input):
            recurrent = self.R_multipliers.apply(_product(layer.R, self.h, layer.hidden.zero_point))
            i, f, g, o = np.split(clip16(pre + recurrent), 4, axis=-1)
            kept = rounding_shift_right(sigmoid16(f) * self.c, 15)
            # i·g is Q0.30; c has -cell_exponent fraction bits.
            written = rounding_shift_right(sigmoid16(i) * tanh16(g, 3), 30 + layer.cell_exponent)
            self.c = clip16(kept + written)
            product = sigmoid16(o) * tanh16(self.c, 15 + layer.cell_exponent)
            self.h = clip8(multiply_by_quantized_multiplier(product, *self.h_multiplier) + layer.hidden.zero_point)
            hs[t], cs[t] = self.h, self.c
        return hs, cs


def _dense_sums(layer: QuantizedDense, x: Int64) -> Int64:
    return _product(layer.W, x, layer.input.zero_point) + layer.bias


def _hidden_dense(layer: QuantizedDense, x: Int64) -> Int64:
    y = clip8(dense_multipliers(layer).apply(_dense_sums(layer, x)) + layer.output.zero_point)
    return np.maximum(y, layer.output.zero_point) if layer.activation == "relu" else y


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that a run computed, for one sequence of T frames."""

    x: NDArray[np.int8]  # (T, features)
    h: tuple[NDArray[np.int8], ...]  # per LSTM layer (T, H)
    c: tuple[NDArray[np.int16], ...]  # per LSTM layer (T, H)
    sums: NDArray[np.int32]  # (T, outputs): the last layer's
    scores: NDArray[np.float32]  # (T, outputs)


class IntegerStream:
    """One signal through the integer model; the state is carried from call to call."""

    def __init__(self, quantized: QuantizedModel):
        self.quantized = quantized
        self.reset()

    def reset(self) -> None:
        self._layers = [_LSTMState(layer, 1) for layer in self.quantized.lstms]

    def push(self, frames: NDArray[np.float32]) -> Trace:
        """Raw frames (T, features)."""
        return self.push_quantized(quantize_frames(self.quantized, frames))

    def push_quantized(self, x: NDArray[np.int8]) -> Trace:
        """Quantized frames (T, features)."""
        return _run(self.quantized, self._layers, x[:, None])[0]


def _run(quantized: QuantizedModel, layers: list[_LSTMState], x: NDArray[np.int8]) -> list[Trace]:
    """x (T, batch, features) → one trace per row of the batch."""
    flow = x.astype(np.int64)
    hs, cs = [], []
    for layer in layers:
        h, c = layer.run(flow)
        hs.append(h)
        cs.append(c)
        flow = h.astype(np.int64)
    for dense in quantized.head[:-1]:
        flow = _hidden_dense(dense, flow)
    sums = _dense_sums(quantized.head[-1], flow).astype(np.int32)
    scores = sums.astype(np.float32) * score_scales(quantized.head[-1])
    return [
        Trace(x[:, b], tuple(h[:, b] for h in hs), tuple(c[:, b] for c in cs), sums[:, b], scores[:, b])
        for b in range(x.shape[1])
    ]


def _batches(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int
) -> Iterator[tuple[int, Trace]]:
    """(place, trace) of each raw sequence (T, features), every one from a fresh state, in any order.

    Sequences of like length run side by side; shorter ones are padded behind their end, which they never see.
    """
    by_length = sorted(range(len(sequences)), key=lambda place: len(sequences[place]))
    for start in range(0, len(by_length), batch):
        places = by_length[start : start + batch]
        x = np.zeros((len(sequences[places[-1]]), len(places), quantized.model.features), np.int8)
        for row, place in enumerate(places):
            x[: len(sequences[place]), row] = quantize_frames(quantized, sequences[place])
        layers = [_LSTMState(layer, len(places)) for layer in quantized.lstms]
        yield from zip(places, _run(quantized, layers, x))


def scores(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int = 64
) -> list[NDArray[np.float32]]:
    """Scores (T, outputs) of each raw sequence (T, features), every one from a fresh state."""
    found = {place: trace.scores[: len(sequences[place])] for place, trace in _batches(quantized, sequences, batch)}
    return [found[place] for place in range(len(sequences))]


def final_states(
    quantized: QuantizedModel, sequences: Sequence[NDArray[np.float32]], batch: int = 64
) -> list[list[tuple[NDArray[np.int8], NDArray[np.int16]]]]:
    """(h, c) of each layer, (H,) each, after each raw sequence (T, features)."""
    found = {}
    for place, trace in _batches(quantized, sequences, batch):
        end = len(sequences[place]) - 1
        found[place] = [(h[end], c[end]) for h, c in zip(trace.h, trace.c)]
    return [found[place] for place in range(len(sequences))]
