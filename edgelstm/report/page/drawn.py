"""Charts of a record as charts of a page."""

from __future__ import annotations

from edgelstm.page.charts import Band, Line, lines
from edgelstm.page.markup import Markup
from edgelstm.plain import in_unit
from edgelstm.report.page.text import Clock
from edgelstm.report.record import Chart, Course

HUES = ("one", "two", "three", "four", "five")
_MANNERS = {"float": "", "int8": " dashed", "truth": "", "plain": " thin"}


def chart(found: Chart, sample_rate: float, title: str = "", *, height: int = 110) -> Markup:
    """Courses over time. Colours tell courses apart, and dashes are int8."""
    ends = [place for course in found.courses for place in (course.at[:1] + course.at[-1:])]
    if not ends:
        return Markup("")
    clock = Clock(sample_rate, max(ends) - min(ends))
    told = {course.name for course in found.courses if course.manner == "float"}
    dashed = any(course.manner == "int8" and course.name in told for course in found.courses)
    drawn = [
        Line(
            "" if course.manner == "int8" and course.name in told else course.name,
            _style(course),
            [(clock.time(at), value) for at, value in zip(course.at, course.values)],
        )
        for course in found.courses
    ]
    bands = [
        Band(
            stretch.name,
            stretch.hue if stretch.hue in ("event", "alarm") else HUES[int(stretch.hue)],
            clock.time(max(stretch.first, min(ends))),
            clock.time(min(stretch.last + 1, max(ends))),
        )
        for stretch in found.stretches
        if stretch.last >= min(ends) and stretch.first <= max(ends)
    ]
    named = title or in_unit(found.title, found.unit)
    named += ", int8 dashed" if dashed else ""
    span = (-0.03, 1.03) if found.unit == "probability" else None
    return lines(named, drawn, x=clock.label, bands=bands, limit=found.limit, span=span, height=height)


def _style(course: Course) -> str:
    return "truth" if course.manner == "truth" else HUES[course.hue] + _MANNERS[course.manner]
