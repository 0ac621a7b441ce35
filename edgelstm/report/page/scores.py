"""Labels that are said one by one, scores over time, and symbols of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgelstm.page.charts import Band, Line, lines
from edgelstm.page.markup import Markup, cards, table, tag
from edgelstm.report.page.drawn import chart
from edgelstm.report.page.labels import label_table, left_out
from edgelstm.report.page.text import number, sign, way
from edgelstm.report.record import Chart, Course, EventCounts, Numbers, Result, TagFigures

_HALF_MARK = 0.006  # of a threshold


def tag_sections(results: Sequence[Result]) -> list[Markup]:
    counted = [(way(result), result.tags) for result in results if result.tags]
    first = counted[0]
    return [
        tag("h2", "Labels"),
        label_table([(name, found.rows) for name, found in counted]),
        *left_out(first[1].rows_left_out, "labels"),
        tag("h2", "Other thresholds"),
        tag("p", f"What each would come to with {first[0]}; the mark is the one that is used.", class_="soft"),
        cards(_curve(row) for row in first[1].rows),
    ]


def _curve(row: TagFigures) -> Markup:
    curve = row.curve
    if curve is None:
        return Markup("")

    def points(values: Sequence[float | None], at: Numbers) -> list[tuple[float, float]]:
        return [(x, y) for x, y in zip(at, values) if y is not None]

    drawn = [
        Line(name, style, points(values, curve.thresholds))
        for name, style, values in (
            ("precision", "one", curve.precision),
            ("recall", "two", curve.recall),
            ("F1", "three", curve.f1),
        )
    ]
    band = Band("", "event", row.threshold - _HALF_MARK, row.threshold + _HALF_MARK)
    return lines(row.label, drawn, span=(-0.03, 1.03), bands=[band])


def event_sections(results: Sequence[Result], sample_rate: float) -> list[Markup]:
    """Scores along recordings: float32 and int8 in one chart, from fresh states and streamed."""
    found = []
    for streamed, heading in ((False, "Scores"), (True, "Scores, streamed")):
        counted = [result.events for result in results if result.events and result.streamed == streamed]
        if not counted:
            continue
        about = "In units of the threshold: from 1 on it is an alarm."
        found += [tag("h2", heading), tag("p", about, class_="soft"), cards(_courses(counted, sample_rate))]
        found += left_out(counted[0].courses_left_out, "recordings")
    return found


def _courses(counted: Sequence[EventCounts], sample_rate: float) -> list[Markup]:
    first, *others = counted
    drawn = []
    for n, one in enumerate(first.courses):
        courses = list(one.chart.courses)
        courses += [replace(course, manner="int8") for other in others for course in other.courses[n].chart.courses]
        drawn.append(chart(_with(one.chart, courses), sample_rate, one.title, height=150))
    return drawn


def _with(found: Chart, courses: Sequence[Course]) -> Chart:
    return replace(found, courses=tuple(courses))


def symbol_sections(results: Sequence[Result]) -> list[Markup]:
    counted = [(way(result), result.symbols) for result in results if result.symbols]
    first, others = counted[0], counted[1:]
    of_others = [{row.symbol: row.bits for row in found.rows} for _, found in others]
    rows = [
        [
            sign(row.symbol),
            f"{row.count:,}",
            number(row.bits),
            *(number(found.get(row.symbol)) for found in of_others),
        ]
        for row in first[1].rows
    ]
    header = ["symbol", "count", f"bits, {first[0]}", *(f"bits, {name}" for name, _ in others)]
    more = f" {first[1].rows_left_out:,} more are not shown." if first[1].rows_left_out else ""
    return [
        tag("h2", "Symbols"),
        tag("p", f"Those that cost the most altogether, and what each costs on average.{more}", class_="soft"),
        table(header, rows),
    ]
