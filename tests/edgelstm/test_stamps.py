"""Time stamps: streams and recordings find the same columns, and read the same from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data.columns import Roles, find_roles
from edgelstm.data.options import DEFAULTS
from edgelstm.data.read import read_recordings
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.stamps import calendar_seconds, date_seconds, is_time, unit_of_time

UNITS = {
    "time": None,
    "Time ": None,
    "timestamp": None,
    "time stamp": None,
    "date_time": None,
    "datetime": None,
    "date": None,
    "t": None,
    "ts": None,
    "t [ms]": 1e-3,
    "time_ms": 1e-3,
    "time (us)": 1e-6,
    "timestamp_ns": 1e-9,
    "seconds": 1.0,
    "sec": 1.0,
    "time [s]": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanosec": 1e-9,
    "seconds [ms]": 1e-3,
    "time [h]": 3600.0,
    "time_h": 3600.0,
    "Time (hours)": 3600.0,
    "time_min": 60.0,
    "t [min]": 60.0,
    "timestamp [days]": 86400.0,
    "Zeit": None,
    "Zeit [s]": 1.0,
}


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_a_stream_and_a_reader_of_recordings_go_by_the_same_name(
    name: str, unit: float | None, tmp_path: Path
) -> None:
    """100 frames per second by the stamps; the stream is told that they are 50."""
    assert is_time(name)
    assert unit_of_time(name) == unit
    assert find_roles([name.strip(), "x"], Roles()).time == name.strip()
    path = tmp_path / "r.csv"
    lines = [f"{n * 0.01 / (unit or 1):.9g},{n % 7}" for n in range(50)]
    path.write_text("\n".join([f"{name},x", *lines]) + "\n")
    assert read_recordings(path).sample_rate == pytest.approx(100)
    if unit is None:  # a stream takes that by which the rates are nearest
        return
    said: list[str] = []
    with open_source("file", str(path), FrameFormat(1, ("x",), "auto", 50.0), said.append) as source:
        assert len(list(source)) == 50
    assert said == [f"{path}: column {name.strip()}: 100 frames per second, the model's rate is 50"]


@pytest.mark.parametrize(
    "name", ["temperature", "x", "ms", "update", "times", "time_of_flight", "tension [s]", "t2", "hour", "t_min"]
)
def test_other_columns_are_none(name: str) -> None:
    assert not is_time(name)
    assert find_roles([name, "x"], Roles()).time == ""


def test_the_unit_of_a_column_that_somebody_named_is_known(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("clock_ms,x\n" + "".join(f"{n * 10},{n}\n" for n in range(30)))
    options = replace(DEFAULTS, roles=Roles(time="clock_ms"))
    assert read_recordings(path, options).sample_rate == pytest.approx(100)


@pytest.mark.parametrize(
    ("name", "step"), [("hours", 3600), ("hour", 3600), ("minutes", 60), ("day", 86400), ("t_min", 60), ("x_h", 3600)]
)
def test_hours_and_days_that_somebody_named_are_none_of_seconds(tmp_path: Path, name: str, step: float) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"{name},x\n" + "".join(f"{n},{n % 7}\n" for n in range(30)))
    assert 1 / read_recordings(path, replace(DEFAULTS, roles=Roles(time=name))).sample_rate == pytest.approx(step)
    path.write_text(f"{name},x\n" + "".join(f"{20240501 + n},{n % 7}\n" for n in range(30)))
    assert 1 / read_recordings(path, replace(DEFAULTS, roles=Roles(time=name))).sample_rate == 86400


def test_dates_are_utc_unless_they_name_a_zone() -> None:
    assert date_seconds("1970-01-02") == 86400
    assert date_seconds(" 1970-01-01T01:00:00+01:00 ") == 0
    for wrong in ("", "today", "12", "1970-13-01"):
        assert date_seconds(wrong) is None, wrong


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31)))
def test_dates_are_known_as_they_are_written_elsewhere(when: datetime) -> None:
    when = when.replace(microsecond=0)
    seconds = when.replace(tzinfo=UTC).timestamp()
    assert date_seconds(f"{when:%Y/%m/%d %H:%M:%S}") == seconds
    assert date_seconds(f"{when.day}.{when.month}.{when.year} {when.hour}:{when:%M:%S}") == seconds
    assert date_seconds(f"{when:%d.%m.%Y}") == seconds - seconds % 86400
    assert date_seconds(f"{when:%Y-%m}") == when.replace(day=1, hour=0, minute=0, second=0, tzinfo=UTC).timestamp()
    assert calendar_seconds(float(f"{when:%Y%m%d%H%M%S}")) == seconds
    assert calendar_seconds(float(f"{when:%Y%m%d}")) == seconds - seconds % 86400


def test_what_could_be_two_dates_or_none_is_no_date() -> None:
    for text in ("5/1/2024", "31.02.2024", "2024/13/01", "1.5", "1.5.24", "2024/01/01 25:00"):
        assert date_seconds(text) is None, text
    for number in (20241301.0, 20240101.5, 1714521600.0, 1714521600000.0, 0.0, -20240101.0, math.nan):
        assert calendar_seconds(number) is None, number


@pytest.mark.parametrize("written", ["%Y%m%d", "%d.%m.%Y", "%Y/%m/%d"])
def test_days_are_days_for_recordings_and_for_streams(tmp_path: Path, written: str) -> None:
    path = tmp_path / "r.csv"
    days = [datetime(2023, 12, 20) + timedelta(days=n) for n in range(40)]
    path.write_text("date,x\n" + "".join(f"{day.strftime(written)},{n % 7}\n" for n, day in enumerate(days)))
    assert 1 / read_recordings(path).sample_rate == 86400
    for rate, remarks in ((1 / 86400, 0), (1 / 3600, 1)):
        said: list[str] = []
        with open_source("file", str(path), FrameFormat(1, ("x",), "auto", rate), said.append) as source:
            assert len(list(source)) == 40
        assert len(said) == remarks, said


def test_a_count_that_passes_a_date_stays_a_count(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("t,x\n" + "".join(f"{20240120 + n},{n}\n" for n in range(40)))
    assert read_recordings(path).sample_rate == 1


def test_repeated_stamps_are_told_by_both(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("time,x\n" + "".join(f"{n / 50},{n}\n" for n in sorted([*range(60), 30])))
    found = read_recordings(path).recordings[0]
    assert found.notes == ("time stands still 1 time; all frames stay",)
    assert len(found.frames) == 61
    said: list[str] = []
    with open_source("file", str(path), FrameFormat(1, ("x",), "auto", 50.0), said.append) as source:
        assert len(list(source)) == 61
    assert said == [f"{path}: column time: the same time again at line 33"]


MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(3, 9), st.sampled_from((str, str.upper)))
def test_months_may_have_names(when: datetime, letters: int, written: Callable[[str], str]) -> None:
    """English ones, whole or their first three letters, whatever language the machine speaks."""
    when = when.replace(microsecond=0)
    seconds = when.replace(tzinfo=UTC).timestamp()
    whole = MONTHS[when.month - 1]
    month = whole[:3] if letters == 3 else whole
    clock = f"{when.hour}:{when:%M:%S}"
    half = f"{(when.hour + 11) % 12 + 1}:{when:%M:%S} {'am' if when.hour < 12 else 'PM'}"
    year = f"{when.year:04}"
    for text in (
        f"{when.day}-{month}-{year} {clock}",
        f"{when.day:02} {month} {year} {half}",
        f"{month} {when.day}, {year} {half}",
        f"{year}-{month}-{when.day:02}T{clock}",
        f"Fri, {when.day} {month} {year} {clock} GMT",
    ):
        assert date_seconds(written(text)) == seconds, text
    assert date_seconds(f"{when.day}-{month}-{year}") == seconds - seconds % 86400


@pytest.mark.parametrize(
    "text",
    [
        "12-Jam-2024",
        "31-Feb-2024",
        "12-Jan-24",
        "Jan 2024",
        "12-Jan-2024 13:05 PM",
        "12-Jan-2024 25:00",
        "12 janvier 2024",
    ],
)
def test_what_is_no_date_with_a_month_is_none(text: str) -> None:
    assert date_seconds(text) is None
