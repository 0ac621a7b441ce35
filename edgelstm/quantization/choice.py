"""What ranges leave out, and how far features get scales of their own: chosen by the least error of int8's scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.model import Model, Ranges
from edgelstm.quantization import reference
from edgelstm.quantization.features import Features
from edgelstm.quantization.lstm import CELL_MARGIN
from edgelstm.quantization.mixed import mixture_of
from edgelstm.quantization.quantize import quantize
from edgelstm.quantization.tails import Tails
from edgelstm.road import INPUT

SHARES = (0.0, 1e-4, 1e-3)
"""Of a quantity's values beyond either end of its range."""

EXPONENTS = (0.0, 0.25, 0.5, 1.0)
"""How far features have scales of their own: see `Features.span`."""

FEWEST = 1000
"""Frames below which nothing is chosen: the ends as they are, and one scale for all features."""

NEARLY = 1.15
"""Of candidates whose error is within this of the least, the plainest is chosen: signals to come are not quite those
of calibration, and narrow ranges are the first to suffer."""

PIECE, FRAMES, ROWS, FEWEST_PIECES = 128, 4096, 1 << 20, 4
"""Frames of a piece; the most that are compared; and the most rows of gates and results that this computes, which for
large models leaves fewer frames, but so many pieces. Many short pieces tell more of the signals than few long ones,
and are computed side by side: their number takes chance out of the choice."""


MOST_OF_CELL = (1024, 256, 64, 16)
"""Where a cell that leaves the first of them may saturate."""

LARGEST_CELL = MOST_OF_CELL[0] / CELL_MARGIN
"""That int8 holds with its margin."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What calibration saw."""

    features: Features
    results: Mapping[str, Tails]  # layer's name → of all its results
    cells: Mapping[str, tuple[float, float]]  # part of a state whose range int8 needs → smallest and largest
    kept: tuple[str, ...] = ()  # layers that stay in float32 whatever the ranges are,
    int16: tuple[str, ...] = ()  # and that have 16-bit weights

    def ranges(self, share: float, exponent: float) -> Ranges:
        """`share` of the values of features and results lies beyond either end; of scores and cells none."""
        x, factors = self.features.span(share, exponent)
        last = list(self.results)[-1]
        spans = {"x": x}
        for name, tails in self.results.items():
            (low,), (high,) = tails.ends(0.0 if name == last else share)
            spans[name] = float(low), float(high)
        return Ranges({**spans, **self.cells}, factors, self.kept, self.int16)


def choose(model: Model, seen: Seen, sequences: Sequence[NDArray[np.float32]]) -> Ranges:
    """The ranges under which int8's scores over pieces of raw `sequences` without glitches are nearest to float's."""
    best = seen.ranges(0.0, 0.0)
    if sum(map(len, sequences)) < FEWEST:
        return best
    pieces = [seen.features.clipped(piece) for piece in _sample(model, sequences)]
    wanted = forward.scores(model, pieces)
    plain = replace(model, covariances={})

    def error(ranges: Ranges) -> float:
        """Mean over frames of the error's length: what a rare event costs counts, but not by its square."""
        found = reference.scores(quantize(replace(plain, ranges=ranges)), pieces)
        return math.fsum(float(np.linalg.norm(one - other, axis=1).sum()) for one, other in zip(found, wanted))

    exponents = EXPONENTS if model.features > 1 and INPUT in mixture_of(model).codes else EXPONENTS[:1]
    candidates = [seen.ranges(share, exponent) for share in SHARES for exponent in exponents]
    try:
        errors = [error(ranges) for ranges in candidates]
    except ValueError:  # it cannot be quantized, which is for `quantize` to say to those who ask
        return candidates[0]
    return next(ranges for ranges, found in zip(candidates, errors) if found <= NEARLY * min(errors))


def bound_cells(model: Model, ranges: Ranges, sequence: NDArray[np.float32]) -> Ranges:
    """`ranges` in which cells beyond what int8 holds are bounded as scores over a raw `sequence` without glitches
    suffer least: tanh has long been ±1 there, and a coarse cell costs all units."""
    cells = {part for at in model.road for part, _ in at.parts if part in ranges.spans}
    beyond = [name for name in cells if ranges.largest(name) > LARGEST_CELL]
    if not beyond:
        return ranges
    wanted, plain = forward.scores(model, [sequence])[0], replace(model, covariances={})

    def bounded(most: float) -> Ranges:
        spans = {name: (max(low, -most), min(high, most)) for name, (low, high) in ranges.spans.items()}
        return replace(ranges, spans={**ranges.spans, **{name: spans[name] for name in beyond}})

    def error(found: Ranges) -> float:
        return float(np.linalg.norm(reference.scores(quantize(replace(plain, ranges=found)), [sequence])[0] - wanted))

    candidates = [bounded(most / CELL_MARGIN) for most in MOST_OF_CELL]
    errors = [error(candidate) for candidate in candidates]
    return candidates[errors.index(min(errors))]


def _sample(model: Model, sequences: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Pieces of `PIECE` frames, evenly over all sequences, as many as the work allows."""
    length = max(PIECE // model.stride, 1) * model.stride
    pieces = [
        sequence[start : start + length]
        for sequence in sequences
        for start in range(0, len(sequence), length)
        if len(sequence) - start >= model.stride
    ]
    rows = sum(layer.b.size if hasattr(layer, "b") else 0 for layer in model.layers)
    frames = max(min(ROWS // max(rows, 1), FRAMES), FEWEST_PIECES * length)
    every = max(sum(map(len, pieces)) / frames, 1.0)
    return [pieces[int(n * every)] for n in range(int(len(pieces) / every))]
