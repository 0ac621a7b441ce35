"""Frames to test on that are in recordings which train, too: left out of the test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.overlaps import Shared, overlaps
from edgelstm.data.pieces import Cut, Piece, Pieces

LEAST = 64
"""Frames of a part of a test that are worth judging, where others were left out of it."""

Spans = list[tuple[int, int]]  # frames, from one on and up to another


@dataclass(frozen=True)
class Leak:
    """What of a test was found in what trains."""

    frames: int  # that test, and train elsewhere
    pair: tuple[int, int]  # a recording that holds some of them to test on, and one that trains on them; places
    rest: Dataset | None  # the test without them; None where nothing is left of it


def find_leak(train: Dataset, test: Dataset, least: int, shared: Sequence[Shared] | None = None) -> Leak | None:
    """What of `test` trains in `train`, both of the same recordings; None where nothing does. Of what is left, pieces
    of fewer than `least` frames are left out, too. shared: what these recordings share, where that is known."""
    assert isinstance(train.sequences, Cut)  # both are parts of a data set
    assert isinstance(test.sequences, Cut)
    trained, tested = _spans(train.sequences.pieces), test.sequences.pieces
    tests = set(tested.places.tolist())
    found: dict[int, Spans] = defaultdict(list)
    pair = None
    for one in overlaps(test.sequences.arrays) if shared is None else shared:
        for place, other, spans in _both_ways(one, trained):
            if place in tests and (hit := [span for span in spans if _meets(tested, place, span)]):
                found[place] += hit
                pair = pair or (place, other)
    if pair is None:
        return None
    left = [
        (n, start - piece.start, stop - piece.start)
        for n, piece in enumerate(tested)
        for start, stop in _without((piece.start, piece.stop), sorted(found[piece.place]))
    ]
    lost = test.frames - sum(stop - start for _, start, stop in left)
    rest = [Piece(n, start, stop) for n, start, stop in left if stop - start >= least]
    return Leak(lost, pair, test.pieces(rest) if rest else None)


def _spans(pieces: Pieces) -> dict[int, Spans]:
    """Of each place."""
    found: dict[int, Spans] = defaultdict(list)
    for piece in pieces:
        found[piece.place].append((piece.start, piece.stop))
    return found


def together(shared: Iterable[Shared], count: int) -> NDArray[np.int64]:
    """(recordings,): the first of those that each of so many shares frames with, itself or by way of others."""
    first = np.arange(count)
    for pair in shared:
        one, other = sorted((int(first[pair.place]), int(first[pair.other])))
        first[first == other] = one
    return first


def _both_ways(shared: Shared, trained: dict[int, Spans]) -> Iterator[tuple[int, int, Spans]]:
    """(place, place that trains, frames of the first that train there)."""
    one, other, start, frames = shared.place, shared.other, shared.start, shared.frames
    here = [(max(a, 0) + start, min(b, frames) + start) for a, b in trained.get(one, ())]
    there = [(max(a - start, 0), min(b - start, frames)) for a, b in trained.get(other, ())]
    yield other, one, [(a, b) for a, b in here if a < b]
    yield one, other, [(a, b) for a, b in there if a < b]


def _meets(pieces: Pieces, place: int, span: tuple[int, int]) -> bool:
    meets = (pieces.places == place) & (pieces.starts < span[1]) & (pieces.stops > span[0])
    return bool(np.any(meets))


def _without(span: tuple[int, int], others: Spans) -> Iterator[tuple[int, int]]:
    """What of `span` lies in none of the others, which are in order."""
    start, stop = span
    for a, b in others:
        if start < min(a, stop):
            yield start, min(a, stop)
        start = max(start, b)
    if start < stop:
        yield start, stop
