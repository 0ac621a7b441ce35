"""Time stamps in tables: which column has them, what it counts, what a cell says. The standard library only.

Whatever reads times goes by these rules: a stream on a board, and recordings to train on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
"""Unit in lower case → seconds."""

_PREFIXES = {"milli": 1e-3, "micro": 1e-6, "nano": 1e-9}
_UNIT = rf"[ _\[(]+(?P<unit>{'|'.join(UNITS)})[\])]?"
_NAME = re.compile(
    r"(?:date[ _]?time|time[ _]?stamp|date|time|ts|t|(?P<prefix>milli|micro|nano)?(?P<seconds>sec(?:ond)?s?))"
    rf"(?:{_UNIT})?"
)
_END = re.compile(rf".*{_UNIT}")


def is_time(column: str) -> bool:
    """Whether a column has the name of one with times: time, timestamp, datetime, t, seconds, time_ms, …"""
    return _NAME.fullmatch(_plain(column)) is not None


def unit_of_time(column: str) -> float | None:
    """Seconds that each of what a column with times counts takes, as its name says; None where it does not."""
    name = _plain(column)
    match = _NAME.fullmatch(name)
    if match is not None and match["unit"] is None and match["seconds"] is not None:
        return _PREFIXES.get(match["prefix"] or "", 1.0)
    match = match or _END.fullmatch(name)  # one that somebody named, such as clock_ms
    return UNITS[match["unit"]] if match is not None and match["unit"] else None


def date_seconds(cell: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 text such as 2024-05-01 13:00, in UTC where it names no zone; None for any
    other."""
    try:
        date = datetime.fromisoformat(cell.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return None


def _plain(column: str) -> str:
    return column.strip().lower()
