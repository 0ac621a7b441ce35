"""Time stamps in tables: which column has them, what it counts, what a cell says. The standard library only.

Whatever reads times goes by these rules: a stream on a board, and recordings to train on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
"""Unit in lower case → seconds."""

_LONG = {
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}

_PREFIXES = {"milli": 1e-3, "micro": 1e-6, "nano": 1e-9}
_ALL_UNITS = UNITS | _LONG
_UNIT = rf"[ _\[(]+(?P<unit>{'|'.join(_ALL_UNITS)})[\])]?"
_NAME = re.compile(
    r"(?:date[ _]?time|time[ _]?stamp|date|time|zeitstempel|(?:uhr)?zeit|ts|t|"
    r"(?P<prefix>milli|micro|nano)?(?P<seconds>sec(?:ond)?s?))"
    rf"(?:{_UNIT})?"
)
_SHORT_NAME = re.compile(rf"ts?[ _]+(?:{'|'.join(_LONG)})")  # t_min is the least of temperatures
_WRITTEN = re.compile(  # as many write them; not month/day/year, which nothing tells from day/month/year
    r"(?:(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})|(?P<first>\d{1,2})\.(?P<middle>\d{1,2})\.(?P<last>\d{4}))"
    r"(?:[ T]+(?P<hour>\d{1,2})(?P<rest>:.*))?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = "uary|ruary|ch|il|e|y|ust|t|tember|ober|ember"  # what may follow the three letters
_NAME_OF_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})(?:{_LONG_MONTHS})?\.?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +)?"
_TIME = (
    r"(?:[ T,:]+(?P<hour>\d{1,2})(?P<rest>:\d\d(?::\d\d(?:\.\d+)?)?)?(?: ?(?P<half>[ap])\.?m\.?)?)?"
    r"(?:Z| ?UTC| ?GMT)?"
)
_NAMED = (  # 12-Jan-2024 13:05 and 12 January 2024; Jan 12, 2024 1:05 PM; 2024-Jan-12
    re.compile(
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[-/ .]+{_NAME_OF_MONTH}[-/ ,]+(?P<year>\d{{4}}){_TIME}", re.I | re.ASCII
    ),
    re.compile(rf"{_WEEKDAY}{_NAME_OF_MONTH}[- ]+(?P<day>\d{{1,2}}),?[- ]+(?P<year>\d{{4}}){_TIME}", re.I | re.ASCII),
    re.compile(rf"(?P<year>\d{{4}})[-/ ]{_NAME_OF_MONTH}[-/ ](?P<day>\d{{1,2}}){_TIME}", re.I | re.ASCII),
)
_MONTH = re.compile(r"\d{4}[-/]\d{2}", re.ASCII)
_END = re.compile(rf".*{_UNIT}|(?P<whole>{'|'.join(_LONG)})")


_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d(?:[.,]\d+)?))?(?: ?(?P<half>[ap])\.?m\.?)?",
    re.I | re.ASCII,
)

_HALVES = re.compile(rf"(?P<date>[\d./-]+)[ T,]+(?P<clock>{_CLOCK.pattern})", re.I | re.ASCII)


def clock_seconds(cell: str) -> float | None:
    """Seconds since midnight of a time of the day, of no day: 13:00, 13:00:00.5, 1:00 PM; None for any other."""
    match = _CLOCK.fullmatch(cell.strip())
    hour = None if match is None else _hour(match)
    if match is None or hour is None:
        return None
    return 3600 * hour + 60 * int(match["minute"]) + float((match["second"] or "0").replace(",", "."))


def _hour(match: re.Match[str]) -> int | None:
    """From 0 to 23, of a clock of 24 hours or of two halves; None where there is no such hour."""
    hour = int(match["hour"])
    if not match["half"]:
        return hour if hour < 24 else None
    return hour % 12 + 12 * (match["half"].lower() == "p") if 1 <= hour <= 12 else None


def is_day(cell: str) -> bool:
    """Whether it is a date without a time of the day."""
    return ":" not in cell and date_seconds(cell) is not None


def joined(one: str, other: str) -> str:
    """A date and a time of the day, in either order, as the time stamp that they are together; else `one`."""
    for day, clock in ((one, other), (other, one)):
        if clock_seconds(clock) is not None and is_day(day):
            return f"{day.strip()} {clock.strip()}"
    return one


def is_time(column: str) -> bool:
    """Whether a column has the name of one with times: time, timestamp, datetime, t, seconds, time_ms, Uhrzeit, …

    Hours and days alone are not: they may be those of a clock or a calendar."""
    name = _plain(column)
    return _NAME.fullmatch(name) is not None and _SHORT_NAME.fullmatch(name) is None


def may_be_half(column: str) -> bool:
    """Whether a column has the name of one that may hold half of a time, its day or its clock. A datum is any value,
    unless it holds days beside times of the day."""
    return is_time(column) or _plain(column) == "datum"


def unit_of_time(column: str) -> float | None:
    """Seconds that each of what a column with times counts takes, as its name says; None where it does not."""
    name = _plain(column)
    match = _NAME.fullmatch(name)
    if match is not None and match["unit"] is None and match["seconds"] is not None:
        return _PREFIXES.get(match["prefix"] or "", 1.0)
    if match is None:
        match = _END.fullmatch(name)  # one that somebody named, such as clock_ms or hours
        unit = match and (match["unit"] or match["whole"])
    else:
        unit = match["unit"]
    return _ALL_UNITS[unit] if unit else None


def may_be_dates(unit: float | None) -> bool:
    """Whether numbers in a column with that `unit` may be dates by their digits: 20240501 in one called "day" is."""
    return unit is None or unit > 1


def date_seconds(cell: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 text such as 2024-05-01 13:00, or of 2024/5/1 13:00, 1.5.2024 13:00,
    1-May-2024 13:00 or May 1, 2024 1:00 PM, in UTC where it names no zone; of the first day of a month, 2024-05. None
    for any other: 5/1/2024 could be of January or of May."""
    text = cell.strip()
    if _MONTH.fullmatch(text):
        text = f"{text[:4]}-{text[5:]}-01"
    elif match := _WRITTEN.fullmatch(text):
        year, month, day = (
            match["year"] or match["last"],
            match["month"] or match["middle"],
            match["day"] or match["first"],
        )
        text = f"{year}-{month:0>2}-{day:0>2}"
        if match["hour"]:
            text += f" {match['hour']:0>2}{match['rest']}"
    elif named := next((match for pattern in _NAMED if (match := pattern.fullmatch(text))), None):
        text = _of_named_month(named)
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return _of_halves(text)


def _of_halves(text: str) -> float | None:
    """Of a date and a clock of two halves: 2024-05-01 1:00 PM."""
    match = _HALVES.fullmatch(text)
    if match is None:
        return None
    day, seconds = date_seconds(match["date"]), clock_seconds(match["clock"])
    return None if day is None or seconds is None else day + seconds


def _of_named_month(match: re.Match[str]) -> str:
    """The date in ISO 8601; no date where its hour is none."""
    text = f"{match['year']}-{_MONTHS.index(match['month'].lower()) + 1:02}-{match['day']:0>2}"
    if not match["hour"]:
        return text
    hour = _hour(match)
    return "" if hour is None else f"{text} {hour:02}{match['rest'] or ':00'}"


def calendar_seconds(number: float) -> float | None:
    """Seconds since 1970 of a number with the digits of a date, 20240501, or of a date and a time, 20240501130000;
    None for any other, and outside of the years 1900 to 2100."""
    if not (19000101 <= number < 21010101 or 19000101000000 <= number < 21010101000000) or number != int(number):
        return None
    digits = str(int(number))
    return date_seconds(digits if len(digits) == 8 else f"{digits[:8]}T{digits[8:]}")


def _plain(column: str) -> str:
    return column.strip().lower()
