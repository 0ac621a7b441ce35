"""Charts of times and of what rises over them, in the manner of `edgelstm.page.charts`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgelstm.devices.units import show_time
from edgelstm.page.axes import RIGHT, WIDTH, Axis, grid_y, linear, logarithmic, ticks_x
from edgelstm.page.charts import figure, shortened
from edgelstm.page.markup import Markup, tag

_MOST_POINTS = 240
_DURATIONS = ((7200.0, "h", 3600.0), (180.0, "min", 60.0), (0.0, "s", 1.0))  # from so many seconds on
_LEAST_SPAN = 0.05  # of an axis, as a share of its values: what hardly moves shall look so
_LEAST = 1e-3  # µs: where a logarithmic axis begins at the latest


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
        y = _of_times(min(values), max(values), bottom, top)
    else:
        middle, least = (max(values) + min(values)) / 2, _LEAST_SPAN * max(map(abs, values))
        half = max((max(values) - min(values)) * 0.6, least / 2)
        y = linear(middle - half, middle + half, bottom, top, label)
    unit, share = next((unit, share) for least, unit, share in _DURATIONS if max(times) >= least)
    x = linear(0.0, max(times) / share, left, WIDTH - RIGHT, lambda value: f"{value:.3g} {unit}")
    drawn = [grid_y(y, left), ticks_x(x, bottom)]
    for line in lines:
        places = " ".join(f"{x.place(time / share):.1f},{y.place(value):.1f}" for time, value in line.points)
        drawn.append(tag("polyline", points=places, class_=f"line {line.style}"))
    return figure(title, bottom + 22, drawn, [(line.name, line.style) for line in lines])


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
    x = _of_times(low, high, left, WIDTH - RIGHT)
    floor = math.floor(math.log10(least) - 0.01)

    def height(share: float) -> float:
        return bottom - (bottom - top) * (math.log10(share) - floor) / -floor

    drawn: list[Markup] = []
    for power in range(floor + 1, 1, max(1, -floor // 4)):
        y = height(10.0**power)
        drawn.append(tag("line", x1=left, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        drawn.append(tag("text", f"{100 * 10.0**power:g} %", x=left - 5, y=f"{y + 3.5:.1f}", class_="tick end"))
    drawn.append(ticks_x(x, bottom))
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
    return figure(title, bottom + 22, drawn, [(one.name, one.style) for one in sets])


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
    x = _of_times(min(times), max(times), left, WIDTH - 16)
    drawn = [ticks_x(x, bottom, top)]
    for n, row in enumerate(rows):
        y = top + height * n + 22
        first, last = x.place(row.marks[0][1]), x.place(row.marks[-1][1])
        drawn.append(tag("text", shortened(row.name, 52), x=left, y=y - 9, class_="name"))
        drawn.append(tag("line", x1=f"{first:.1f}", x2=f"{last:.1f}", y1=y, y2=y, class_=f"line {row.style}"))
        for place, (mark, time) in enumerate(row.marks):
            about = tag("title", f"{row.name}: {mark} {show_time(time)}")
            radius = 5 if place == 0 else 3
            drawn.append(tag("circle", about, cx=f"{x.place(time):.1f}", cy=y, r=radius, class_=f"dot {row.style}"))
    return figure(title, bottom + 22, drawn, legend)


def _of_times(low: float, high: float, start: float, end: float) -> Axis:
    """A logarithmic axis of times in µs."""
    return logarithmic(max(low, _LEAST), max(high, _LEAST), start, end, _short)


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


def _short(time: float) -> str:
    """A tick: 10 µs, 1 ms."""
    for most, unit, share in ((1e3, "µs", 1.0), (1e6, "ms", 1e3)):
        if time < most:
            return f"{time / share:g} {unit}"
    return f"{time / 1e6:g} s"
