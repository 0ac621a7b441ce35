"""Which layers of a mixed model get more than int8: as few weights as it takes for its scores to be near float's.

Each layer is tried alone in int8, all others in float32: errors of several layers add up about as their squares do.
Those of most error for their weights get 16 bits, and float32 where that is not enough.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Joining
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.quantization.float_layer import FloatLayer
from edgelstm.quantization.layer import Values
from edgelstm.quantization.mixed import mixture, only_moves
from edgelstm.quantization.quantize import quantize
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.quantization.reference import taken_frames
from edgelstm.road import INPUT

MOST_ERROR = 0.005
"""Of int8's scores against float's, over the scores' variation, both by their squares: 46 dB. Signals to come are
not those of calibration, and streams are longer."""

MOST_ERROR_OF_DIRECTION = 0.05
"""The same of a vector that is compared by its cosines: these are off by half the error's square."""

FEWEST = 1000
"""Frames below which nothing is chosen."""

PIECE, FRAMES, MOST_PIECES, SIDE_BY_SIDE = 1 << 11, 1 << 13, 64, 16
"""Frames of a piece, of all pieces together, how many of these there are, and how many are computed side by side: few
and long ones, as a stream is."""


@dataclass(frozen=True)
class Precisions:
    """Names of layers that have more than int8."""

    kept: tuple[str, ...] = ()  # float32
    int16: tuple[str, ...] = ()

    def of(self, model: Model) -> Model:
        assert model.ranges is not None
        return replace(model, ranges=replace(model.ranges, kept=self.kept, int16=self.int16))


def chosen(model: Model, sequences: Sequence[NDArray[np.float32]], most_error: float | None = None) -> Precisions:
    """From raw `sequences` without glitches, each from a fresh state; int8 for all where no layer of `model`, which
    has ranges, is in float32 anyway. `most_error` in place of the two above."""
    names = _candidates(model)
    if not names or sum(map(len, sequences)) < FEWEST:
        return refused(model)
    judge = _Judge(model, sequences)
    usual = MOST_ERROR_OF_DIRECTION if model.gives_direction else MOST_ERROR
    most = usual if most_error is None else most_error
    weights = {at.name: at.layer.weights for at in model.road}
    alone = {name: judge.error(set(names) - {name}) for name in names}
    wider = _fewest(alone, weights, most)
    kept: set[str] = set()
    while judge.error(kept, wider) > most and (len(wider) < len(names) or wider != kept):
        narrow = set(names) - wider
        if narrow:
            wider |= {max(narrow, key=lambda name: alone[name])}
        else:
            kept |= {max(wider - kept, key=lambda name: judge.error(set(names) - {name}, {name}))}
    found = (tuple(name for name in names if name in some) for some in (kept, wider - kept))
    return Precisions(*found)


def refused(model: Model) -> Precisions:
    """With 16 bits for the layers of a mixed model, which has ranges, that int8 cannot be made of by themselves, or
    float32 where these cannot either; int8 for all where all others are in integers, too: then that is for `quantize`
    to say."""
    names = _candidates(model)
    plain = replace(model, covariances={})

    def are_refused(some: Sequence[str], bits: int) -> list[str]:
        every = set(names)
        return [name for name in some if not _can_be(plain, every - {name}, {name} if bits == 16 else ())]

    wider = are_refused(names, 8)
    kept = are_refused(wider, 16)
    return Precisions(tuple(kept), tuple(name for name in wider if name not in kept))


def _can_be(model: Model, kept: Collection[str], int16: Collection[str]) -> bool:
    try:
        quantize(_with(model, kept, int16))
    except ValueError:
        return False
    return True


def can_choose(model: Model) -> bool:
    """Whether some layers of `model` could be in integers while others never are."""
    return bool(_candidates(model))


def _candidates(model: Model) -> list[str]:
    """Layers that could be in integers; none where all others are, too."""
    integers = mixture(model.road).integers
    alike = all(at.name in integers or only_moves(at) for at in model.road)
    return [] if alike else [at.name for at in model.road if at.name in integers]


def _fewest(alone: Mapping[str, float], weights: Mapping[str, int], most: float) -> set[str]:
    """Names without which the errors of the others together are at most `most`."""

    def together(kept: Collection[str]) -> float:
        return math.hypot(*(error for name, error in alone.items() if name not in kept))

    kept: set[str] = set()
    for name in sorted(alone, key=lambda name: -(alone[name] ** 2) / weights[name]):
        if together(kept) > most:
            kept.add(name)
    for name in sorted(kept, key=lambda name: -weights[name]):
        if together(kept - {name}) <= most:
            kept.remove(name)
    return kept


class _Judge:
    def __init__(self, model: Model, sequences: Sequence[NDArray[np.float32]]):
        self.model, self.pieces = model, _pieces(sequences, model.stride)
        floats = quantize(_with(model, _candidates(model)))
        self.wanted = [self._scores(floats, piece) for piece in self.pieces]
        every = np.concatenate([one.reshape(-1, one.shape[-1]) for one in self.wanted]).astype(np.float64)
        self.variation = float(np.linalg.norm(every - every.mean(axis=0)))

    def error(self, kept: Collection[str], int16: Collection[str] = ()) -> float:
        """Of the scores with these layers in float32 and in 16 bits; infinite where the others cannot be int8."""
        try:
            quantized = quantize(_with(self.model, kept, int16))
        except ValueError:
            return math.inf
        off = [self._scores(quantized, piece) - wanted for piece, wanted in zip(self.pieces, self.wanted)]
        error = math.hypot(*(float(np.linalg.norm(one.astype(np.float64))) for one in off))
        return error / self.variation if self.variation > 0 else error

    def _scores(self, quantized: QuantizedModel, frames: NDArray[np.float32]) -> Floats:
        """Of raw frames (T, B, features) from a fresh state. Layers in float32 as numpy computes them fastest."""
        x = taken_frames(quantized, frames)
        values: dict[str, Values] = {INPUT: x if quantized.float_input else x.astype(np.int64)}
        road = self.model.road
        for at, layer in zip(road, quantized.layers):
            flow = values[at.takes]
            if isinstance(at.layer, Joining) and at.other is not None:
                values[at.name] = at.layer.join(flow, at.source, values[at.joins], at.other)
            elif isinstance(layer, FloatLayer):
                values[at.name] = at.layer.forward(flow, at.source).result
            else:
                scores = at is road[-1]
                made = replace(layer, gives_floats=True) if scores else layer
                values[at.name] = made.walker(frames.shape[1], at.source).run(made.entering(flow)).result
        found: Floats = values[road[-1].name]
        return found


def _with(model: Model, kept: Collection[str], int16: Collection[str] = ()) -> Model:
    """In float32 where a layer is named as both."""
    return Precisions(tuple(kept), tuple(name for name in int16 if name not in kept)).of(model)


def _pieces(sequences: Sequence[NDArray[np.float32]], stride: int) -> list[NDArray[np.float32]]:
    """(T, B, features) each: pieces of like length side by side, evenly over all sequences, cut to the shortest."""
    length = max(PIECE // stride, 1) * stride
    cut = [
        one[start : start + length][: (len(one) - start) // stride * stride]
        for one in sequences
        for start in range(0, len(one), length)
        if len(one) - start >= stride
    ]
    cut = sorted((piece for piece in cut if len(piece)), key=len)
    every = max(sum(map(len, cut)) / FRAMES, len(cut) / MOST_PIECES, 1.0)
    some = [cut[int((n + 0.5) * every)] for n in range(int(len(cut) / every))] or cut[-1:]
    groups = [some[start : start + SIDE_BY_SIDE] for start in range(0, len(some), SIDE_BY_SIDE)]
    return [np.stack([piece[: len(group[0])] for piece in group], axis=1) for group in groups]
