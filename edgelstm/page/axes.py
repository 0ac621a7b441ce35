"""Values → places in a drawing, with ticks at round values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgelstm.page.markup import Markup, join, tag

WIDTH = 360
"""Of every drawing: a phone's; it grows with its card."""

RIGHT = 12
"""What is left free on the right."""

_FEW_TICKS, _MOST_TICKS = 1.6, 7  # powers of ten

Label = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """Values → places. `ticks` are (value, label)."""

    place: Callable[[float], float]
    ticks: list[tuple[float, str]]


def logarithmic(low: float, high: float, start: float, end: float, label: Label) -> Axis:
    """Of positive values, with a tick at each power of ten, and at 2 and 5 between where there are few."""
    if high < low * 1.5:
        low, high = low / 1.5, high * 1.5
    bottom, top = math.log10(low), math.log10(high)
    steps = (1, 2, 5) if top - bottom < _FEW_TICKS else (1,)
    every = max(1, math.ceil((top - bottom) / _MOST_TICKS))
    ticks = [
        (factor * 10.0**power, label(factor * 10.0**power))
        for power in range(math.floor(bottom), math.ceil(top) + 1)
        for factor in steps
        if power % every == 0 and low <= factor * 10.0**power <= high
    ]
    return Axis(lambda value: start + (end - start) * (math.log10(max(value, low)) - bottom) / (top - bottom), ticks)


def linear(low: float, high: float, start: float, end: float, label: Label) -> Axis:
    """With three to six round ticks."""
    if not high > low:
        high = low + max(abs(low), 1.0) * 0.1
    step = _round_step((high - low) / 4)
    first = math.ceil(low / step - 1e-9)
    ticks = [(n * step, label(n * step)) for n in range(first, math.floor(high / step + 1e-9) + 1)]
    return Axis(lambda value: start + (end - start) * (value - low) / (high - low), ticks)


def padded(values: list[float], least_span: float = 0.0) -> tuple[float, float]:
    """The ends of an axis that shows all of `values`, with a little room. least_span: as a share of the values: what
    hardly moves shall look so."""
    low, high = min(values), max(values)
    middle = (high + low) / 2
    half = max((high - low) * 0.55, least_span * max(abs(low), abs(high)) / 2)
    return middle - half, middle + half


def grid_y(axis: Axis, left: float) -> Markup:
    """Lines at the ticks of an axis that stands, and their labels left of it."""
    parts = []
    for value, label in axis.ticks:
        y = f"{axis.place(value):.1f}"
        parts.append(tag("line", x1=left, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", label, x=left - 5, y=f"{axis.place(value) + 3.5:.1f}", class_="tick end"))
    return join(parts)


def ticks_x(axis: Axis, bottom: float, top: float | None = None) -> Markup:
    """Marks at the ticks of an axis that lies at `bottom`, lines from `top` on where that is given."""
    parts = []
    for value, label in axis.ticks:
        x = f"{axis.place(value):.1f}"
        parts.append(tag("line", x1=x, x2=x, y1=bottom if top is None else top, y2=bottom + 4, class_="grid"))
        anchor = "end" if axis.place(value) > WIDTH - 24 else "middle"
        place = WIDTH - 2 if anchor == "end" else x
        parts.append(tag("text", label, x=place, y=bottom + 16, class_=f"tick {anchor}"))
    return join(parts)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-12)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
