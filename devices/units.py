"""Times and sizes as people write and read them.

Read, they are a number and its unit, nothing between or around: `2ms`, `4KiB`, `90s`. Shown, they have three digits
and the unit that suits them.
"""

from __future__ import annotations

import math
import re

from edgelstm.records import Unavailable

NONE = "–"
"""Stands for a figure that could not be had."""

_MICROSECONDS = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
_BYTES = {"B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_time(text: str) -> float:
    """Microseconds: `2ms` → 2000.0. ValueError for anything but a number with us, ms or s."""
    return _read(text, _MICROSECONDS, "a time such as 800us, 2ms or 1.5s (units: us, ms, s)")


def parse_size(text: str) -> float:
    """Bytes: `4KiB` → 4096.0. KB is refused: some mean 1,000 by it, some 1,024."""
    return _read(text, _BYTES, "a size such as 768B, 4KiB or 20MiB")


def parse_duration(text: str) -> float:
    """Seconds: `10m` → 600.0."""
    return _read(text, _SECONDS, "a duration such as 90s, 10m or 1h")


def show_time(time: float | Unavailable) -> str:
    """Three digits and the unit that suits them: 4.12 µs, 35.0 µs, 1.20 ms."""
    if isinstance(time, Unavailable):
        return NONE
    for most, unit, share in ((1e3, "µs", 1.0), (1e6, "ms", 1e3)):
        if abs(time) < most * 0.9995:
            return f"{_three(time / share)} {unit}"
    return f"{_three(time / 1e6)} s"


def show_duration(seconds: float) -> str:
    """What people wait for: 1.20 ms, 35.0 s, 2.00 min, 99.0 h, 14.0 days."""
    for most, unit, share in ((120, "", 1), (7200, "min", 60), (172_800, "h", 3600), (math.inf, "days", 86_400)):
        if abs(seconds) < most:
            return f"{_three(seconds / share)} {unit}" if unit else show_time(1e6 * seconds)
    return NONE


def show_rate(rate: float) -> str:
    """Frames per second; of slow ones what lies between two: 50 frames per second, a frame every 10.0 s."""
    if rate < 1:
        return f"a frame every {show_duration(1 / rate)}"
    return f"{_four(rate)} frame{'' if rate == 1 else 's'} per second"


def show_hertz(rate: float) -> str:
    """The same where there is little room: 50 Hz, every 1.00 h."""
    return f"{_four(rate)} Hz" if rate >= 0.01 else f"every {show_duration(1 / rate)}"


def show_size(count: float | Unavailable) -> str:
    """Bytes: 1,234 B, 12.3 KiB, 38.7 MiB."""
    if isinstance(count, Unavailable):
        return NONE
    for most, unit, share in ((10_000, "B", 1), (10_000 * 2**10, "KiB", 2**10), (1e15, "MiB", 2**20)):
        if abs(count) < most:
            return f"{count:,.0f} B" if share == 1 else f"{count / share:,.1f} {unit}"
    return f"{count:.3g} B"


def show_number(value: float | Unavailable) -> str:
    if isinstance(value, Unavailable):
        return NONE
    return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"


def show_figure(figure: float | Unavailable, unit: str) -> str:
    """A budget's figure: time, bytes, or a plain number."""
    return {"µs": show_time, "B": show_size}.get(unit, show_number)(figure)


def show_decimal(value: float | Unavailable, digits: int) -> str:
    return NONE if isinstance(value, Unavailable) else f"{value:.{digits}f}"[:20]


def _read(text: str, units: dict[str, float], expected: str) -> float:
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([A-Za-zµ]+)", text)
    if match is None or match[2] not in units:
        raise ValueError(f"{text[:40]!r}, expected {expected}")
    number = float(match[1]) * units[match[2]]
    if not math.isfinite(number) or number > 1e18:
        raise ValueError(f"{text[:40]!r} is too large, expected {expected}")
    return number


def _four(rate: float) -> str:
    return f"{rate:,.0f}" if 1000 <= rate < 1e7 else f"{rate:.4g}"


def _three(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{value:,.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"
