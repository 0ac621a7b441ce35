"""Columns with times against the sample rate: both rates or the lines, in one remark."""

import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.runtime.sources.timing import LINES_AFTER, TimeCheck, time_column

CASES = Path(__file__).parents[4] / "shared" / "cases"


def remark_on(times, rate=50.0, column="time"):
    check = TimeCheck(column, rate)
    for line, time in enumerate(times, 2):
        check.add(line, time)
    return check.remark()


def regular(count=60, rate=50.0, start=0.0, unit=1.0):
    return [f"{(start + n / rate) / unit:.9f}" for n in range(count)]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("hundred_hz", ["column time: 100 frames per second, the model's rate is 50"]),
        ("gap_and_disorder", ["30 s missing before line 62", "0.08 s back at line 22"]),
    ],
)
def test_the_cases(case, said):
    path = CASES / f"{case}.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    told = []
    form = FrameFormat(6, ("ax", "ay", "az", "wx", "wy", "wz"), sample_rate=50.0)
    with open_source("file", str(path), form, told.append) as source:
        assert len(list(source)) == 100
    (remark,) = told
    assert all(part in remark for part in said)
    assert len(remark.removeprefix(str(path))) < 120


@given(
    rate=st.floats(0.01, 1e4),
    start=st.floats(0, 1e5),
    unit=st.sampled_from(
        [("time", 1), ("time_ms", 1e-3), ("timestamp [us]", 1e-6), ("seconds", 1), ("t (ns)", 1e-9)]
    ),
    off=st.floats(0.2, 5),
)
def test_a_rate_is_told_when_it_is_another(rate, start, unit, off):
    column, size = unit
    times = [(start * 0.01 / rate + n / rate) / size for n in range(40)]
    assert remark_on(times, rate, column) is None
    remark = remark_on(times, rate * off, column)
    if abs(1 / off - 1) < 0.049:
        assert remark is None
    elif abs(1 / off - 1) > 0.051:
        assert remark == f"{rate:.4g} frames per second, the model's rate is {rate * off:.4g}"


@example(seed=399, gaps=[])  # jitter alone puts the first twenty 5 % off the rate
@given(seed=st.integers(0, 999), gaps=st.lists(st.integers(2, 120), max_size=4, unique=True))
def test_every_hole_is_told_at_its_line(seed, gaps):
    noise = random.Random(seed)
    time, times = 0.0, []
    for line in range(2, 125):
        time += 0.02 * noise.uniform(0.8, 1.2) + (0.5 if line in gaps and line > 2 else 0)
        times.append(time)
    holes = [line for line in sorted(gaps) if line > 2]
    remark = remark_on(times)
    assert (remark is None) == (not holes)
    for line in holes[:3]:
        assert f"before line {line}" in remark


def test_a_line_out_of_place_is_one_and_a_clock_that_begins_anew_is_one():
    times = regular()
    times[30], times[31] = times[31], times[30]
    assert remark_on(times) == "0.02 s back at line 33"
    assert remark_on(regular() + regular()) == "1.18 s back at line 62"


@pytest.mark.parametrize(
    "times",
    [
        [str(n) for n in range(60)],  # a count of frames
        [str(n // 50) for n in range(200)],  # a clock of whole seconds
        ["12:30"] * 60,
        ["yesterday"] * 60,
        ["nan"] * 60,
        ["1e999"] * 60,
        [None] * 60,
        [10**400] * 60,
        [True] * 60,
        regular(4),
        [f"{n * 20 + n % 2}" for n in range(60)],  # milliseconds, rounded
        [f"2026-03-29T01:59:{59 + n / 50 - 60 * (n >= 50):09.6f}" for n in range(50)],
    ],
)
def test_what_tells_nothing_is_passed_over(times):
    assert remark_on(times) is None


def test_dates_are_seconds():
    times = [f"2026-01-01T00:{n // 60:02}:{n % 60:02}+01:00" for n in range(90)]
    assert remark_on(times) == "1 frames per second, the model's rate is 50"


def test_without_a_rate_holes_are_told_all_the_same():
    times = regular()
    del times[40:50]
    assert remark_on(times, rate=0.0, column="time_s") == "0.2 s missing before line 42"


def test_it_is_told_soon_after_it_was_found_and_once(tmp_path):
    """A live stream has no end."""
    times = regular(600)
    del times[100:103]
    del times[320:330]
    path = tmp_path / "frames.ndjson"
    path.write_text("".join(f'{{"time": {time}, "x": 1}}\n' for time in times))
    told = []
    with open_source("file", str(path), FrameFormat(1, ("x",), sample_rate=50.0), told.append) as source:
        seen = [len(told) for _ in source]
    assert seen.count(0) == 100 + LINES_AFTER
    assert told == [f"{path}: column time: 0.06 s missing before line 101"]


@pytest.mark.parametrize("names", [["x", "timer"], ["t1"], ["times"], [], ["datum"], ["x-time"]])
def test_other_columns_are_no_times(names):
    assert time_column(names) is None


def test_a_feature_is_no_column_of_times(tmp_path):
    path = tmp_path / "frames.csv"
    path.write_text("time,x\n" + "".join(f"{n},1\n" for n in range(40)))
    told = []
    with open_source("file", str(path), FrameFormat(2, ("time", "x"), sample_rate=50.0), told.append) as source:
        assert len(list(source)) == 40
    assert not told


def test_holes_are_told_of_times_with_decimal_commas(tmp_path):
    lines = [f"{n / 50 + 10 * (n > 40):.2f};{n}.5" for n in range(60)]
    path = tmp_path / "x.csv"
    path.write_text("time;x\n" + "\n".join(lines).replace(".", ","))
    told = []
    with open_source("file", str(path), FrameFormat(1, ("x",), sample_rate=50.0), told.append) as source:
        assert len(list(source)) == 60
    assert told == [f"{path}: column time: 10 s missing before line 43"]
