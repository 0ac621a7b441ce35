"""Times and sizes as people write them: `2ms`, `4KiB`, `90s`. A number and its unit, nothing between or around."""

from __future__ import annotations

import math
import re

_MICROSECONDS = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
_BYTES = {"B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def microseconds(text: str) -> float:
    """`2ms` → 2000.0. ValueError for anything but a number with us, ms or s."""
    return _read(text, _MICROSECONDS, "a time such as 800us, 2ms or 1.5s")


def byte_count(text: str) -> float:
    """`4KiB` → 4096.0. KB is refused: some mean 1,000 by it, some 1,024."""
    return _read(text, _BYTES, "a size such as 768B, 4KiB or 20MiB")


def seconds(text: str) -> float:
    """`10m` → 600.0."""
    return _read(text, _SECONDS, "a duration such as 90s, 10m or 1h")


def _read(text: str, units: dict[str, float], expected: str) -> float:
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([A-Za-zµ]+)", text)
    if match is None or match[2] not in units:
        raise ValueError(f"{text[:40]!r}, expected {expected}")
    number = float(match[1]) * units[match[2]]
    if not math.isfinite(number) or number > 1e18:
        raise ValueError(f"{text[:40]!r} is too large, expected {expected}")
    return number
