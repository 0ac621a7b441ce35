"""Recordings side by side in pieces: all of each, in its order, in columns that never widen."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from counts import times
from edgelstm.training.lanes import Piece, steps, walk


@settings(max_examples=times(60, 1000), deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=12).filter(any),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 8),
    st.integers(0, 3),
)
def test_every_frame_is_walked_over_once_and_in_order(
    lengths: list[int], rows: int, stride: int, columns: int, seed: int
) -> None:
    frames, sizes = rows * stride, np.array(lengths) + stride
    batches = list(walk(sizes, frames, stride, columns, np.random.default_rng(seed)))
    assert len(batches) == steps(sizes, frames, stride, columns)
    widths = [len(batch) for batch in batches]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] <= columns
    walked: dict[int, list[Piece]] = {place: [] for place in range(len(sizes))}
    for column in range(widths[0]):
        before = None
        for batch in batches:
            if column >= len(batch):
                break
            piece = batch[column]
            assert 0 < piece.stop - piece.start <= frames
            assert (piece.stop - piece.start) % stride == 0
            if not piece.begins:  # it goes on where the one before ended, after a whole piece
                assert before is not None
                assert (piece.place, piece.start) == (before.place, before.stop)
                assert before.stop - before.start == frames
            walked[piece.place].append(piece)
            before = piece
    for place, size in enumerate(sizes.tolist()):
        found = sorted((piece.start, piece.stop) for piece in walked[place])
        assert [start for start, _ in found] == [0, *(stop for _, stop in found[:-1])]
        assert found[-1][1] == size // stride * stride


def test_one_long_recording_fills_all_columns() -> None:
    batches = list(walk(np.array([10_000]), 50, 1, 8, np.random.default_rng(0)))
    assert {len(batch) for batch in batches} == {8}
    assert len(batches) == 25
    assert [sum(piece.begins for piece in batch) for batch in batches] == [8, *[0] * 24]
