"""Arrays that lie in a file once they are large, and pieces of sequences: the same as arrays in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data import store
from edgelstm.data.pieces import Cut, Piece, Pieces, even_pieces
from edgelstm.data.store import Growing, chunked, every_nth, is_finite, select_columns

FULL = Path("/dev/full")


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little is held in memory that everything lies in files."""
    monkeypatch.setattr(store, "HELD", 100)
    monkeypatch.setattr(store, "CHUNK", 64)


@pytest.mark.usefixtures("little")
def test_rows_that_came_in_chunks_are_one_array() -> None:
    rng = np.random.default_rng(1)
    wanted = rng.normal(size=(50, 3)).astype(np.float32)
    growing = Growing((3,), np.float32)
    for part in np.split(wanted, [0, 1, 7, 30]):
        growing.add(part)
    found = growing.done()
    np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0
    np.testing.assert_array_equal(np.concatenate(list(chunked(found))), wanted)
    one, other = select_columns([found[:20], found[20:]], [2, 0])
    np.testing.assert_array_equal(np.concatenate([one, other]), wanted[:, [2, 0]])
    np.testing.assert_array_equal(store.in_rows(found, (3,), np.float32), wanted)
    np.testing.assert_array_equal(store.in_rows(found.T, (), np.float64), wanted.T.ravel())


@pytest.mark.usefixtures("little")
def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    growing = Growing((4,), np.float64)
    growing.add(np.zeros((100, 4)))
    assert not list(tmp_path.iterdir())
    assert growing.done().shape == (100, 4)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.usefixtures("little")
def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "scratch_file", lambda: FULL.open("wb", buffering=0))
    with pytest.raises(OSError, match="set TMPDIR to a folder with more room"):
        Growing((4,), np.float64).add(np.zeros((100, 4)))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 30))
def test_every_nth_row_of_arrays_is_that_of_all_their_rows(lengths: list[int], most: int) -> None:
    arrays = np.split(np.arange(sum(lengths))[:, None], np.cumsum(lengths)[:-1])
    every = -(-sum(lengths) // most)
    np.testing.assert_array_equal(every_nth(arrays, most), np.concatenate(arrays)[::every])


@given(st.lists(st.sampled_from([0.0, 1.0, -1e30, np.nan, np.inf, -np.inf]), max_size=5))
def test_finite_is_what_numpy_calls_finite(values: list[float]) -> None:
    assert is_finite(np.array(values, np.float32)) == np.isfinite(values).all()


@given(st.data())
def test_pieces_of_pieces_are_pieces(data: st.DataObject) -> None:
    arrays = [np.arange(n * 10, n * 10 + length)[:, None] for n, length in enumerate((7, 2, 9))]
    lengths = [len(array) for array in arrays]

    def draw(lengths: list[int]) -> list[Piece]:
        found = []
        for place in data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=5)):
            start = data.draw(st.integers(0, lengths[place] - 2))
            found.append(Piece(place, start, data.draw(st.integers(start + 2, lengths[place]))))
        return found

    outer = draw(lengths)
    inner = draw([piece.stop - piece.start for piece in outer])
    found = Cut(Cut(arrays, Pieces.of(outer)), Pieces.of(inner))
    plain = [arrays[piece.place][piece.start : piece.stop] for piece in outer]
    wanted = [plain[piece.place][piece.start : piece.stop] for piece in inner]
    assert [x.tolist() for x in found] == [x.tolist() for x in wanted]
    assert [x.tolist() for x in found[1:]] == [x.tolist() for x in wanted[1:]]
    assert list(Pieces.of(inner)) == inner


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(1, 12), st.integers(1, 12), st.integers(1, 400)
)
def test_even_pieces_are_all_or_about_as_many_as_were_asked_for(
    lengths: list[int], piece: int, least: int, most: int
) -> None:
    least = min(least, piece)
    found = list(even_pieces(np.array(lengths), piece, least, most))
    every = list(even_pieces(np.array(lengths), piece, least, 10_000))
    covered = [(p.place, row) for p in every for row in range(p.start, p.stop)]
    assert len(covered) == len(set(covered))
    for place, length in enumerate(lengths):
        rest = length % piece
        assert sum(at == place for at, _ in covered) == length - (rest if rest < least else 0)
    assert all(least <= p.stop - p.start <= piece for p in every)
    assert set(found) <= set(every)
    assert len(found) == (len(every) if len(covered) <= most else int(len(every) * most / len(covered)))
