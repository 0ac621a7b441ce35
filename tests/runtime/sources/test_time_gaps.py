"""Gaps by the times in lines: of any unit, of dates; clocks that are too coarse say nothing."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.runtime.sources.text import TextSource
from edgelstm.runtime.sources.time_gaps import TimeGaps

RATE = 50.0


def gaps(text, **more):
    form = FrameFormat(1, ("x",), sample_rate=RATE, has_time_gaps=True, **more)
    source = TextSource(io.BytesIO(text.encode()), "x", form)
    found = []
    for frame in source:
        gap = source.take_gap()
        found.append((float(frame[0]), gap and gap.seconds, gap is not None))
    return found


@given(
    st.sampled_from([("time_s", 1.0), ("time_ms", 1e-3), ("time_us", 1e-6), ("time", 1.0), ("t", 1e-3)]),
    st.lists(st.integers(1, 40), min_size=2, max_size=30),
    st.integers(0, 10_000),
)
def test_what_is_missing_is_counted_in_frames(column, steps, first):
    """Times are those of whole frames, some of which are left out; the first two are there."""
    name, unit = column
    checked, frame = TimeGaps(name, RATE), first
    assert checked.add(frame / RATE / unit) is None
    for step in (1, *steps):
        frame += step
        gap = checked.add(frame / RATE / unit)
        assert round(gap.seconds * RATE) == step - 1 if gap else step == 1


def test_dates_tell_gaps_and_steps_back_have_no_length():
    lines = (
        "2026-01-01T00:00:00.00Z,1\n2026-01-01T00:00:00.02Z,2\n2026-01-01T00:00:01.04Z,3\n2026-01-01T00:00:00Z,4\n"
    )
    assert gaps("time,x\n" + lines) == [(1, None, False), (2, None, False), (3, 1.0, True), (4, None, True)]


def test_a_coarse_clock_says_nothing():
    lines = "".join(f"{n // 50},{n}\n" for n in range(200))
    assert not any(is_gap for _, _, is_gap in gaps("time,x\n" + lines))


def test_without_being_asked_nothing_is_missing():
    source = TextSource(io.BytesIO(b"time,x\n0,1\n9,2\n"), "x", FrameFormat(1, ("x",), sample_rate=RATE))
    assert len(list(source)) == 2
    assert source.take_gap() is None


@pytest.mark.parametrize("head", ["", "time,y,x\n"])
def test_columns_that_somebody_names(head):
    text = head + "0,7,1\n0.02,8,2\n0.1,9,3\n"
    assert gaps(text, columns=("time", "y", "x")) == [(1, None, False), (2, None, False), (3, 0.06, True)]


def test_columns_that_are_not_the_models_are_refused():
    with pytest.raises(ValueError, match=r"^x line 1: no column 'x'"):
        gaps("0,7,1\n", columns=("time", "y", "z"))
    with pytest.raises(ValueError, match=r"^x line 1: 2 columns, expected 3"):
        gaps("0,7\n", columns=("time", "y", "x"))


@pytest.mark.parametrize(
    "times",
    [
        ("0,00", "0,02", "1,04"),
        ("0", "0,02", "1,04"),
        ("2026-01-01 10:00:00,00", "2026-01-01 10:00:00,02", "2026-01-01 10:00:01,04"),
        ("1.1.2026 10:00:00,00", "1.1.2026 10:00:00,02", "1.1.2026 10:00:01,04"),
    ],
)
@pytest.mark.parametrize("values", [("1,5", "2,5", "3,5"), ("1", "2", "3")])
@pytest.mark.parametrize("columns", [(), ("time", "x")])
def test_times_have_the_decimal_comma_that_values_have(times, values, columns):
    text = "" if columns else "time;x\n"
    text += "".join(f"{time};{value}\n" for time, value in zip(times, values, strict=True))
    assert [gap for _, *gap in gaps(text, columns=columns)] == [[None, False], [None, False], [1.0, True]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("time,x\n0,1\n,2\n", "^x line 3, column time: empty: no time"),
        ("time,x\n0,1\nsoon,2\n", "^x line 3, column time: 'soon' is no time .*, expected a number or a date"),
        ("time,x\n5/1/2026,1\n", "^x line 2, column time: '5/1/2026' is no time"),
        ("time;x\n0.4;1.5\n0,6;1.5\n", r"^x line 3, column time: '0,6' \(with a decimal point: '0.6'\) is no time"),
        ('{"time": 0, "x": 1}\n{"x": 2}\n', "^x line 2, column time: empty: no time"),
        ('{"time": [0], "x": 1}\n', r"^x line 1, column time: \[0\] is no time"),
    ],
)
def test_what_is_no_time_is_an_error_and_no_gap(text, problem):
    with pytest.raises(ValueError, match=problem):
        gaps(text)


@pytest.mark.parametrize("column", ["time_s", "time", "t", "time_ms"])
@pytest.mark.parametrize("damaged", ["1e300", "1e308", "1e18"])
def test_one_damaged_time_moves_nothing_behind_it(column, damaged):
    unit = 1e-3 if column == "time_ms" else 1.0
    times = [f"{n / RATE / unit!r}" for n in range(6)]
    times[1] = times[3] = damaged
    lines = "".join(f"{time},{n}\n" for n, time in enumerate(times))
    found = gaps(f"{column},x\n{lines}", missing="gap")
    assert found == [(0, None, False), (2, 0.02, True), (4, 0.02, True), (5, None, False)]


def test_a_clock_that_was_set_far_ahead_is_a_gap_of_unknown_length():
    lines = "".join(f"{time},{n}\n" for n, time in enumerate([0, 0.02, 1.7e9, 1.7e9 + 0.02, 1.7e9 + 0.04]))
    found = gaps(f"time_s,x\n{lines}", missing="gap")
    assert found == [(0, None, False), (1, None, False), (3, None, True), (4, None, False)]
