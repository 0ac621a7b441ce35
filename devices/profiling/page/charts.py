"""Charts as inline SVG. They are drawn for a phone's width and grow with their card; colours are the style's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgelstm.devices.profiling.page.markup import Markup, join, tag
from edgelstm.devices.units import show_time

WIDTH = 360
_RIGHT = 12
_MOST_POINTS = 240
_DURATIONS = ((7200.0, "h", 3600.0), (180.0, "min", 60.0), (0.0, "s", 1.0))  # from so many seconds on
_LEAST_SPAN = 0.05  # of an axis, as a share of its values: what hardly moves shall look so
_LEAST = 1e-3  # µs: where a logarithmic axis begins at the latest


@dataclass(frozen=True)
class Axis:
    """Values → places. `ticks` are (value, label)."""

    place: Callable[[float], float]
    ticks: list[tuple[float, str]]


def logarithmic(low: float, high: float, start: float, end: float) -> Axis:
    """Of times in µs, with a tick at each power of ten, and at 2 and 5 between where there are few."""
    low, high = max(low, _LEAST), max(high, _LEAST)
    if high < low * 1.5:
        low, high = low / 1.5, high * 1.5
    bottom, top = math.log10(low), math.log10(high)
    steps = (1, 2, 5) if top - bottom < 1.6 else (1,)
    every = max(1, math.ceil((top - bottom) / 7))
    ticks = [
        (factor * 10.0**power, _short(factor * 10.0**power))
        for power in range(math.floor(bottom), math.ceil(top) + 1)
        for factor in steps
        if power % every == 0 and low <= factor * 10.0**power <= high
    ]
    return Axis(lambda value: start + (end - start) * (math.log10(max(value, low)) - bottom) / (top - bottom), ticks)


def linear(low: float, high: float, start: float, end: float, label: Callable[[float], str]) -> Axis:
    """With three to six round ticks."""
    if not high > low:
        high = low + max(abs(low), 1.0) * 0.1
    step = _round_step((high - low) / 4)
    first = math.ceil(low / step - 1e-9)
    ticks = [(n * step, label(n * step)) for n in range(first, math.floor(high / step + 1e-9) + 1)]
    return Axis(lambda value: start + (end - start) * (value - low) / (high - low), ticks)


@dataclass(frozen=True)
class Line:
    """One course: (seconds, value) with the class that colours it."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


def courses(title: str, lines: Sequence[Line], *, log: bool, label: Callable[[float], str]) -> Markup:
    """Values over time. Nothing where there are fewer than two moments."""
    lines = [Line(line.name, line.style, _thinned(line.points)) for line in lines if line.points]
    times = [time for line in lines for time, _ in line.points]
    if not lines or max(len(line.points) for line in lines) < 2:
        return Markup("")
    values = [value for line in lines for _, value in line.points]
    top, bottom, left = 10, 140, 52
    if log:
        y = logarithmic(min(values), max(values), bottom, top)
    else:
        middle, least = (max(values) + min(values)) / 2, _LEAST_SPAN * max(map(abs, values))
        half = max((max(values) - min(values)) * 0.6, least / 2)
        y = linear(middle - half, middle + half, bottom, top, label)
    unit, share = next((unit, share) for least, unit, share in _DURATIONS if max(times) >= least)
    x = linear(0.0, max(times) / share, left, WIDTH - _RIGHT, lambda value: f"{value:.3g} {unit}")
    drawn = [_grid_y(y, left), _ticks_x(x, bottom)]
    for line in lines:
        places = " ".join(f"{x.place(time / share):.1f},{y.place(value):.1f}" for time, value in line.points)
        drawn.append(tag("polyline", points=places, class_=f"line {line.style}"))
    return _figure(title, bottom + 22, drawn, [(line.name, line.style) for line in lines])


@dataclass(frozen=True)
class Counts:
    """A distribution: (from µs, to µs, share of all frames) of each step."""

    name: str
    style: str
    steps: Sequence[tuple[float, float, float]]


def histogram(title: str, sets: Sequence[Counts]) -> Markup:
    """Shares of frames by time, both axes logarithmic: rare slow frames must show."""
    low = min(step[0] for one in sets for step in one.steps)
    high = max(step[1] for one in sets for step in one.steps)
    least = min(step[2] for one in sets for step in one.steps)
    top, bottom, left = 10, 150, 54
    x = logarithmic(low, high, left, WIDTH - _RIGHT)
    floor = math.floor(math.log10(least) - 0.01)

    def height(share: float) -> float:
        return bottom - (bottom - top) * (math.log10(share) - floor) / -floor

    drawn: list[Markup] = []
    for power in range(floor + 1, 1, max(1, -floor // 4)):
        y = height(10.0**power)
        drawn.append(tag("line", x1=left, x2=WIDTH - _RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        drawn.append(tag("text", f"{100 * 10.0**power:g} %", x=left - 5, y=f"{y + 3.5:.1f}", class_="tick end"))
    drawn.append(_ticks_x(x, bottom))
    for one in reversed(sets):  # the first is drawn last, over the others
        for start, end, share in _merged(one.steps, x):
            place, width = x.place(start), max(1.2, x.place(end) - x.place(start))
            y = height(share)
            about = f"{show_time(start)} to {show_time(end)}: {100 * share:.3g} %"
            drawn.append(
                tag(
                    "rect",
                    tag("title", f"{one.name}, {about}"),
                    x=f"{place:.1f}",
                    y=f"{y:.1f}",
                    width=f"{width:.1f}",
                    height=f"{max(0.5, bottom - y):.1f}",
                    class_=f"area {one.style}",
                )
            )
    return _figure(title, bottom + 22, drawn, [(one.name, one.style) for one in sets])


@dataclass(frozen=True)
class Range:
    """A row of the comparison: from the median over further percentiles to the slowest."""

    name: str
    style: str
    marks: Sequence[tuple[str, float]]  # (p50, 1.2), …, rising


def ranges(title: str, rows: Sequence[Range], legend: Sequence[tuple[str, str]]) -> Markup:
    """Rows on one logarithmic axis; a name stands above its row, where a phone has room for it."""
    times = [time for row in rows for _, time in row.marks]
    left, height, top = 12, 32, 6
    bottom = top + height * len(rows)
    x = logarithmic(min(times), max(times), left, WIDTH - 16)
    drawn = [_ticks_x(x, bottom, top)]
    for n, row in enumerate(rows):
        y = top + height * n + 22
        first, last = x.place(row.marks[0][1]), x.place(row.marks[-1][1])
        drawn.append(tag("text", _cut(row.name, 52), x=left, y=y - 9, class_="name"))
        drawn.append(tag("line", x1=f"{first:.1f}", x2=f"{last:.1f}", y1=y, y2=y, class_=f"line {row.style}"))
        for place, (mark, time) in enumerate(row.marks):
            about = tag("title", f"{row.name}: {mark} {show_time(time)}")
            radius = 5 if place == 0 else 3
            drawn.append(tag("circle", about, cx=f"{x.place(time):.1f}", cy=y, r=radius, class_=f"dot {row.style}"))
    return _figure(title, bottom + 22, drawn, legend)


@dataclass(frozen=True)
class Bar:
    name: str
    parts: Sequence[tuple[str, float]]  # (style, value), the longest first; they begin at the same place
    label: str


def bars(title: str, rows: Sequence[Bar], legend: Sequence[tuple[str, str]]) -> Markup:
    """Bars from 0. Long names stand above theirs, short ones beside."""
    most = max((value for row in rows for _, value in row.parts), default=0.0) or 1.0
    is_above = any(len(row.name) > 14 for row in rows)
    left, height, room = (12, 40, 70) if is_above else (88, 24, 118)
    drawn = []
    for n, row in enumerate(rows):
        y = height * n + 4
        if is_above:
            drawn.append(tag("text", _cut(row.name, 52), x=left, y=y + 12, class_="name"))
            y += 16
        else:
            drawn.append(tag("text", row.name, x=left - 6, y=y + 13, class_="tick end"))
        for place, (style, value) in enumerate(row.parts):
            length = (WIDTH - left - room) * max(0.0, value) / most
            thick = 16 - 8 * place
            drawn.append(
                tag(
                    "rect",
                    x=left,
                    y=y + 1 + 4 * place,
                    width=f"{max(length, 0.5):.1f}",
                    height=thick,
                    class_=f"bar {style}",
                )
            )
        longest = max((value for _, value in row.parts), default=0.0)
        place_x = left + (WIDTH - left - room) * max(0.0, longest) / most + 6
        drawn.append(tag("text", row.label, x=f"{place_x:.1f}", y=y + 13, class_="tick"))
    return _figure(title, height * len(rows) + 8, drawn, legend)


def _figure(title: str, height: float, drawn: Sequence[Markup], legend: Sequence[tuple[str, str]]) -> Markup:
    keys = [tag("span", tag("i", class_=style), name) for name, style in legend]
    svg = tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=title)
    return tag("figure", tag("figcaption", title), svg, tag("p", *keys, class_="legend") if keys else Markup(""))


def _grid_y(axis: Axis, left: float) -> Markup:
    parts = []
    for value, label in axis.ticks:
        y = f"{axis.place(value):.1f}"
        parts.append(tag("line", x1=left, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", label, x=left - 5, y=f"{axis.place(value) + 3.5:.1f}", class_="tick end"))
    return join(parts)


def _ticks_x(axis: Axis, bottom: float, top: float | None = None) -> Markup:
    parts = []
    for value, label in axis.ticks:
        x = f"{axis.place(value):.1f}"
        parts.append(tag("line", x1=x, x2=x, y1=bottom if top is None else top, y2=bottom + 4, class_="grid"))
        anchor = "end" if axis.place(value) > WIDTH - 24 else "middle"
        parts.append(
            tag("text", label, x=WIDTH - 2 if anchor == "end" else x, y=bottom + 16, class_=f"tick {anchor}")
        )
    return join(parts)


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """At most `_MOST_POINTS`: of each group the largest value, so that no peak is lost."""
    step = -(-len(points) // _MOST_POINTS)
    if step == 1:
        return points
    return [max(points[n : n + step], key=lambda point: point[1]) for n in range(0, len(points), step)]


def _merged(steps: Sequence[tuple[float, float, float]], axis: Axis) -> list[tuple[float, float, float]]:
    """Steps that fall on the same half unit of the drawing are one."""
    merged: list[tuple[float, float, float]] = []
    for start, end, share in steps:
        if merged and axis.place(end) - axis.place(merged[-1][0]) < 0.5:
            merged[-1] = (merged[-1][0], end, merged[-1][2] + share)
        else:
            merged.append((start, end, share))
    return merged


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-12)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def _short(time: float) -> str:
    """A tick: 10 µs, 1 ms."""
    for most, unit, share in ((1e3, "µs", 1.0), (1e6, "ms", 1e3)):
        if time < most:
            return f"{time / share:g} {unit}"
    return f"{time / 1e6:g} s"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
