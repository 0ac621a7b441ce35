"""Figures as people read them, on a screen and on a page."""

from __future__ import annotations

from edgelstm.devices.record import Missing

NONE = "–"

SPREAD = (
    ("p50", "p50_us"),
    ("p90", "p90_us"),
    ("p99", "p99_us"),
    ("p99.9", "p99_9_us"),
    ("max", "max_us"),
    ("jitter: deviation", "deviation_us"),
    ("jitter: p99 − p50", "tail_us"),
)
"""(what people call it, the field of `Spread`), in the order in which they read it."""


def microseconds(time: float | Missing) -> str:
    """Three digits and the unit that suits them: 4.12 µs, 35.0 µs, 1.20 ms."""
    if isinstance(time, Missing):
        return NONE
    for most, unit, share in ((1e3, "µs", 1.0), (1e6, "ms", 1e3)):
        if abs(time) < most * 0.9995:
            return f"{_three(time / share)} {unit}"
    return f"{_three(time / 1e6)} s"


def size(count: float | Missing) -> str:
    """Bytes: 1,234 B, 12.3 KiB, 38.7 MiB."""
    if isinstance(count, Missing):
        return NONE
    for most, unit, share in ((10_000, "B", 1), (10_000 * 2**10, "KiB", 2**10), (1e15, "MiB", 2**20)):
        if abs(count) < most:
            return f"{count:,.0f} B" if share == 1 else f"{count / share:,.1f} {unit}"
    return f"{count:.3g} B"


def number(value: float | Missing) -> str:
    if isinstance(value, Missing):
        return NONE
    return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"


def in_unit(figure: float | Missing, unit: str) -> str:
    """A budget's figure: time, bytes, or a plain number."""
    return {"µs": microseconds, "B": size}.get(unit, number)(figure)


def highest(values: dict[str, float] | Missing, form: str = ".1f") -> str:
    """The largest of several sensors."""
    return NONE if isinstance(values, Missing) or not values else format(max(values.values()), form)[:20]


def _three(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{value:,.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"
