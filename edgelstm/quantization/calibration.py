"""Calibration: run the float model over real signals, and choose what int8 is to hold of each quantity.

1. Features alone: glitches are told apart, and frames are bounded to what is left (`features.py`).
2. The float model over these frames: the ends of every layer's results, how far cells go, and the covariances of what
   meets the weights (`observing.py`).
3. Sequences one after another in long streams: how far cells go where nothing resets them.
4. What ranges leave out, how far features get scales of their own, and where cells saturate that leave what int8
   holds, by the least error of int8's scores (`choice.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.pieces import Cut, even_pieces
from edgelstm.forward import by_length, walk
from edgelstm.hearing import behind, ear_of, features_of, in_front
from edgelstm.layers import LogMel
from edgelstm.layers.layer import Floats
from edgelstm.model import Model, Ranges
from edgelstm.quantization.choice import LARGEST_CELL, Seen, bound_cells, choose
from edgelstm.quantization.features import Features, see_features
from edgelstm.quantization.keeping import Precisions, chosen, refused
from edgelstm.quantization.observing import Observer, Run
from edgelstm.quantization.quantize import check_holds

PIECE = 1 << 14
"""Longest run of frames from a fresh state, and about how many frames are computed side by side: longer sequences are
seen in pieces, which bounds the memory."""

FRAMES = 1 << 18
"""About how many frames are seen, evenly chosen where there are more."""

COVARIANCE_FRAMES = 1 << 15
"""About how many frames covariances are taken over, evenly chosen."""

STREAM, STREAMS = 1 << 13, 8
"""Longest stream of sequences one after another, in frames, and how many of them side by side."""

LONG_RUN = 1 << 11
"""Frames over which it is measured where cells saturate best, should they leave what int8 holds."""

Signals = Sequence[NDArray[np.float32]]


def calibrate(
    model: Model,
    sequences: Signals,
    kept: Sequence[str] | None = None,
    int16: Sequence[str] = (),
    most_error: float | None = None,
) -> Model:
    """`model` with ranges and covariances as raw `sequences` show them (each (frames, features), a fresh state for
    each). `kept`, `int16`: layers that stay in float32 and those that have 16-bit weights, by name; without `kept`
    those that `keeping` chooses where some layers are in float32 anyway, by `most_error` where that is given.

    Whole sequences and long ones: a cell grows for many frames, and a range taken from a short beginning
    saturates it later. ValueError without a sequence of the model's stride or more, and for layers that int8 does not
    hold.
    """
    check_holds(model)
    ear = ear_of(model)
    if ear is not None:  # whole numbers are what they are: what comes behind it is calibrated
        return _calibrated_behind(model, ear, sequences, kept, int16, most_error)
    pieces = _chosen(sequences, model.stride)
    if not pieces:
        raise ValueError(f"calibration: no sequences, expected at least one of {model.stride} frames or more")
    features = see_features(model.normalize, pieces)
    frames = sum(map(len, pieces))
    observer, every = Observer(model, frames), max(frames // COVARIANCE_FRAMES, 1)
    for place, run in _runs(model, pieces, features):
        observer.see(run)
        if place % every == 0:
            observer.see_columns(run)
    streams = _streams(pieces)
    for _, run in _runs(model, streams, features):
        observer.see_cells(run)
    cells = {name: (max(low, -LARGEST_CELL), min(high, LARGEST_CELL)) for name, (low, high) in observer.cells.items()}
    seen = Seen(features, observer.results, cells)
    given = None if kept is None else Precisions(tuple(kept), tuple(int16))
    must = refused(replace(model, ranges=seen.ranges(0.0, 0.0))) if given is None else given
    ranges = choose(model, replace(seen, kept=must.kept, int16=must.int16), pieces)
    ranges = replace(ranges, spans={**ranges.spans, **observer.cells})
    longest = max((*streams, *pieces), key=len)[:LONG_RUN]
    ranges = bound_cells(model, ranges, features.clipped(longest))
    made = replace(model, ranges=ranges, covariances=observer.covariances())
    if given is not None:
        return made
    return chosen(made, [features.clipped(piece) for piece in pieces], most_error).of(made)


def _calibrated_behind(
    model: Model,
    ear: LogMel,
    sequences: Signals,
    kept: Sequence[str] | None,
    int16: Sequence[str],
    most_error: float | None,
) -> Model:
    inner = replace(behind(replace(model, examples=(), unseen=())), ranges=None)
    features = features_of(ear, sequences)
    found = in_front(ear, calibrate(inner, features, kept, int16, most_error))
    assert found.ranges is not None
    low, high = np.min([x.min(axis=0) for x in features], axis=0), np.max([x.max(axis=0) for x in features], axis=0)
    # What leaves the ear is rounded to 16 bits: nothing has to be cut off.
    ends = float(((low - ear.mean) / ear.std).min()), float(((high - ear.mean) / ear.std).max())
    ranges = Ranges(
        {**found.ranges.spans, model.road[0].name: ends}, kept=found.ranges.kept, int16=found.ranges.int16
    )
    return replace(
        found, ranges=ranges, examples=model.examples, unseen=model.unseen, unseen_truth=model.unseen_truth
    )


def _chosen(sequences: Signals, stride: int) -> list[NDArray[np.float32]]:
    """The sequences in pieces of a stride or more and of at most `PIECE` frames; of many, evenly chosen, `FRAMES`
    together."""
    length = max(PIECE // stride, 1) * stride
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    pieces = even_pieces(lengths, length, stride, FRAMES)
    return [np.asarray(piece, np.float32) for piece in Cut(sequences, pieces)]


def _streams(pieces: Signals) -> list[NDArray[np.float32]]:
    """Sequences one after another, as a stream that nothing resets sees them; none where there is only one."""
    lanes = min(STREAMS, len(pieces) // 2)
    return [_begun(pieces[first::lanes], STREAM) for first in range(lanes)]


def _begun(pieces: Signals, frames: int) -> NDArray[np.float32]:
    """The first frames of all pieces one after another."""
    taken = []
    for piece in pieces:
        taken.append(piece[:frames])
        frames -= len(taken[-1])
        if not frames:
            break
    return np.concatenate(taken)


def _runs(model: Model, pieces: Signals, features: Features) -> Iterator[tuple[int, Run]]:
    """(place, what the float model makes of it from a fresh state) of each piece without glitches; those of like
    length are computed side by side."""
    normalize = model.normalize
    longest = max((len(piece) for piece in pieces), default=1)
    strides = {at.name: at.stride for at in model.road}
    strides |= {name: at.stride for at in model.road for name, _ in at.parts}

    def of_row(found: Mapping[str, Floats], row: int, frames: int) -> dict[str, Floats]:
        return {name: values[: frames // strides[name], row] for name, values in found.items()}

    for places in by_length([len(piece) for piece in pieces], max(PIECE // longest, 1)):
        x = np.zeros((len(pieces[places[-1]]), len(places), model.features), np.float32)
        for row, place in enumerate(places):
            x[: len(pieces[place]), row] = (features.clipped(pieces[place]) - normalize.mean) / normalize.std
        results, states = walk(model, x)
        for row, place in enumerate(places):
            frames = len(pieces[place])
            yield int(place), Run(x[:frames, row], of_row(results, row, frames), of_row(states, row, frames))
