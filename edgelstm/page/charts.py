"""Charts as inline SVG. They are drawn for a phone's width and grow with their card; colours are the style's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.page.axes import RIGHT, WIDTH, Label, grid_y, linear, logarithmic, padded, ticks_x
from edgelstm.page.markup import Markup, tag

Points = Sequence[tuple[float, float]]
Legend = Sequence[tuple[str, str]]  # (name, style)

_LEFT = 52
_LEAST_SPAN = 0.02  # of an axis, as a share of its values


def plain_label(value: float) -> str:
    """A tick of four digits: 0.25, 1500, 2e+06."""
    return f"{value:.4g}"


@dataclass(frozen=True)
class Line:
    """One course: (x, y), x rising, with the class that colours it. Those of one name share a legend entry."""

    name: str
    style: str
    points: Points


@dataclass(frozen=True)
class Band:
    """A stretch of x that is shaded from top to bottom."""

    name: str
    style: str
    start: float
    end: float


def lines(
    title: str,
    courses: Sequence[Line],
    *,
    x: Label = plain_label,
    y: Label = plain_label,
    span: tuple[float, float] | None = None,
    log: bool = False,
    bands: Sequence[Band] = (),
    limit: float | None = None,
    height: int = 130,
) -> Markup:
    """Courses over one another. Nothing where there are fewer than two points.

    x, y: labels of ticks. span: of the y axis, else what the points reach. log: y is logarithmic, and positive.
    limit: a line across, which is always seen.
    """
    courses = [line for line in courses if line.points]
    if max((len(line.points) for line in courses), default=0) < 2:
        return Markup("")
    at = [place for line in courses for place, _ in line.points]
    values = [value for line in courses for _, value in line.points] + ([] if limit is None else [limit])
    top, bottom = 8, height + 8
    low, high = span or (min(values), max(values)) if log else span or padded(values, _LEAST_SPAN)
    of_y = logarithmic(low, high, bottom, top, y) if log else linear(low, high, bottom, top, y)
    of_x = linear(min(at), max(at), _LEFT, WIDTH - RIGHT, x)
    drawn = [_band(band, of_x.place(band.start), of_x.place(band.end), top, bottom) for band in bands]
    drawn += [grid_y(of_y, _LEFT), ticks_x(of_x, bottom)]
    for line in courses:
        places = " ".join(f"{of_x.place(a):.1f},{of_y.place(b):.1f}" for a, b in line.points)
        drawn.append(tag("polyline", points=places, class_=f"line {line.style}"))
    named = [(line.name, line.style) for line in courses] + [(band.name, band.style) for band in bands]
    if limit is not None:
        place = f"{of_y.place(limit):.1f}"
        drawn.append(tag("line", x1=_LEFT, x2=WIDTH - RIGHT, y1=place, y2=place, class_="rule"))
    legend = dict.fromkeys(one for one in named if one[0])
    return figure(title, bottom + 22, drawn, list(legend))


def _band(band: Band, start: float, end: float, top: float, bottom: float) -> Markup:
    return tag(
        "rect",
        x=f"{start:.1f}",
        y=top,
        width=f"{max(end - start, 1.0):.1f}",
        height=bottom - top,
        class_=f"band {band.style}",
    )


@dataclass(frozen=True)
class Dots:
    """A cloud of points."""

    name: str
    style: str
    points: Points


def scatter(title: str, clouds: Sequence[Dots], *, diagonal: bool = False) -> Markup:
    """Points on two linear axes. diagonal: both axes are the same, and a line shows where they are equal."""
    xs = [x for cloud in clouds for x, _ in cloud.points]
    ys = [y for cloud in clouds for _, y in cloud.points]
    if not xs:
        return Markup("")
    top, bottom = 8, 218
    across, up = (padded(xs + ys), padded(xs + ys)) if diagonal else (padded(xs), padded(ys))
    of_x = linear(*across, _LEFT, WIDTH - RIGHT, plain_label)
    of_y = linear(*up, bottom, top, plain_label)
    drawn = [grid_y(of_y, _LEFT), ticks_x(of_x, bottom)]
    if diagonal:
        low, high = across
        ends = {"x1": of_x.place(low), "y1": of_y.place(low), "x2": of_x.place(high), "y2": of_y.place(high)}
        drawn.append(tag("line", **{name: f"{place:.1f}" for name, place in ends.items()}, class_="rule"))
    for cloud in clouds:
        drawn += [
            tag("circle", cx=f"{of_x.place(x):.1f}", cy=f"{of_y.place(y):.1f}", r="1.8", class_=f"dot {cloud.style}")
            for x, y in cloud.points
        ]
    return figure(title, bottom + 22, drawn, [(cloud.name, cloud.style) for cloud in clouds])


def counts(title: str, edges: Sequence[float], sets: Sequence[tuple[str, str, Sequence[int]]]) -> Markup:
    """Histograms over one another: edges (n + 1), and of each set (name, style, counts (n))."""
    most = max((count for _, _, found in sets for count in found), default=0)
    if not most:
        return Markup("")
    top, bottom = 8, 138
    of_x = linear(edges[0], edges[-1], _LEFT, WIDTH - RIGHT, plain_label)
    of_y = linear(0, most, bottom, top, plain_label)
    drawn = [grid_y(of_y, _LEFT), ticks_x(of_x, bottom)]
    for _, style, found in sets:
        outline = [(edges[0], 0.0)]
        for start, end, count in zip(edges, edges[1:], found):
            outline += [(start, count), (end, count)]
        places = " ".join(f"{of_x.place(a):.1f},{of_y.place(b):.1f}" for a, b in [*outline, (edges[-1], 0.0)])
        drawn.append(tag("polyline", points=places, class_=f"line {style}"))
    return figure(title, bottom + 22, drawn, [(name, style) for name, style, _ in sets])


@dataclass(frozen=True)
class Bar:
    name: str
    parts: Sequence[tuple[str, float]]  # (style, value), the longest first; they begin at the same place
    label: str


def bars(title: str, rows: Sequence[Bar], legend: Legend) -> Markup:
    """Bars from 0. Long names stand above theirs, short ones beside."""
    most = max((value for row in rows for _, value in row.parts), default=0.0) or 1.0
    is_above = any(len(row.name) > 14 for row in rows)
    left, height, room = (12, 40, 70) if is_above else (88, 24, 118)
    drawn = []
    for n, row in enumerate(rows):
        y = height * n + 4
        if is_above:
            drawn.append(tag("text", shortened(row.name, 52), x=left, y=y + 12, class_="name"))
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
    return figure(title, height * len(rows) + 8, drawn, legend)


def figure(title: str, height: float, drawn: Sequence[Markup], legend: Legend) -> Markup:
    """A drawing of `WIDTH` and `height` with its caption, and what its colours mean."""
    keys = [tag("span", tag("i", class_=style), name) for name, style in legend]
    svg = tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=title)
    return tag("figure", tag("figcaption", title), svg, tag("p", *keys, class_="legend") if keys else Markup(""))


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
