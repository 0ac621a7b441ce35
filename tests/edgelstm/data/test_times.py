"""Laws of time stamps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data import store
from edgelstm.data.times import fill_values, number_times, open_holes, places_about, read_timing, text_times


@given(
    st.integers(8, 200),
    st.sampled_from((0.01, 1.0, 50.0, 64.0, 16000.0)),
    st.floats(-1e6, 1e6),
    st.data(),
)
def test_dropped_frames_are_the_holes(frames: int, rate: float, start: float, data: st.DataObject) -> None:
    """Regular stamps with a few inside taken away: rate and holes are found again, and filling makes them whole."""
    dropped = data.draw(st.sets(st.integers(1, frames - 2), max_size=frames // 8))
    kept = np.array([n for n in range(frames) if n not in dropped])
    timing = read_timing(start + kept / rate)
    assert np.isclose(timing.rate, rate, rtol=1e-4)
    assert not timing.back
    assert not timing.repeated
    parts = np.array_split(kept[:, None].astype(float), data.draw(st.integers(1, 4)))
    values = np.concatenate(list(open_holes(parts, timing.holes)))
    places = places_about(timing.holes, len(kept))
    assert len(values) == frames
    np.testing.assert_array_equal(np.flatnonzero(places < 0), sorted(dropped))
    np.testing.assert_allclose(fill_values(values, "interpolate")[:, 0], range(frames))


@given(st.permutations(range(20)))
def test_order_is_found_again(order: list[int]) -> None:
    stamps = np.array(order, float)
    timing = read_timing(stamps)
    np.testing.assert_array_equal(stamps if timing.order is None else stamps[timing.order], range(20))
    assert timing.back == int((np.diff(stamps) < 0).sum())


def test_coarse_stamps_tell_the_rate_by_their_span() -> None:
    timing = read_timing(np.floor(np.arange(500) / 50))  # whole seconds at 50 frames per second
    assert abs(timing.rate - 50) < 6
    assert not timing.holes


def test_units_and_epochs() -> None:
    seconds = np.array([1.0, 1.5])
    np.testing.assert_allclose(number_times(seconds * 1000, 1e-3), seconds)
    now = 1.7e9 + seconds
    for factor in (1, 1e3, 1e6, 1e9):
        np.testing.assert_allclose(np.diff(number_times(now * factor)), [0.5], rtol=1e-3)
    np.testing.assert_allclose(text_times(["2024-03-01 00:00", "2024-02-29T23:59:59Z", "1970-01-02"])[2], 86400)
    assert np.diff(text_times(["2024-02-28 23:00", "2024-02-29 00:00"])) == [3600]


def test_stamps_that_are_there_twice_are_counted() -> None:
    timing = read_timing(np.array([*range(50), 49, 20], float) / 10)
    assert (timing.repeated, timing.back, timing.rate) == (2, 1, 10)
    assert read_timing(np.zeros(9)).repeated == 8


@given(st.lists(st.one_of(st.none(), st.floats(-10, 10)), min_size=1, max_size=40), st.integers(16, 200))
def test_values_are_filled_as_numpy_fills_them_at_once(values: list[float | None], held: int) -> None:
    """Whatever part of a column is looked at together."""
    column = np.array([np.nan if value is None else value for value in values])
    frames = np.stack([column, column[::-1]], axis=1)
    at, known = np.arange(len(column)), np.isfinite(column)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "CHUNK", held)
        line, held_on = fill_values(frames, "interpolate"), fill_values(frames, "hold")
    if not known.any():
        assert np.isnan(line).all()
        return
    expected = np.interp(at, at[known], column[known])
    np.testing.assert_allclose(line[:, 0], expected, atol=1e-12)
    np.testing.assert_allclose(line[::-1, 1], expected, atol=1e-12)  # a line is the same from behind
    for place, value in enumerate(held_on[:, 0].tolist()):
        before = column[: place + 1][known[: place + 1]]
        assert value == (before[-1] if len(before) else column[known][0])
