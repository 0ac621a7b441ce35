"""A page on events: which threshold makes how many false ones an hour, and misses how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgelstm.judging.false_events import Point
from edgelstm.page.charts import Band, Line, lines
from edgelstm.page.document import document
from edgelstm.page.markup import Markup, cards, table, tag
from edgelstm.plain import counted
from edgelstm.report.page.text import number, share

_HALF_MARK = 0.004  # of the share that is missed


@dataclass(frozen=True)
class LabelPoints:
    """What is drawn of one label: all points, by rising thresholds, and the one of them that was chosen."""

    points: Sequence[Point]
    best: Point


def false_events_page(model: str, data: str, found: Mapping[str, LabelPoints], most: float) -> str:
    """The whole page. model, data: their names. most: false events an hour that were allowed, drawn as a line."""
    body = [
        tag("h1", f"{model}: events"),
        tag("p", f"On {data}, one stream through all recordings, as deployed.", class_="soft"),
        tag(
            "p",
            "False events an hour over the share of recordings that were missed, a point for each threshold. The "
            "mark is the chosen one, the line what was allowed. No false event is drawn as half of one.",
            class_="soft",
        ),
        cards(_curve(label, one, most) for label, one in found.items()),
        *(part for label, one in found.items() for part in _table(label, one, most)),
    ]
    return document(f"EdgeLSTM events: {model}", body)


def _curve(label: str, found: LabelPoints, most: float) -> Markup:
    """Logarithmic: low thresholds have hundreds of times what anybody would bear."""
    drawn = [(one.misses, max(one.false, 0.5) / one.hours) for one in found.points]
    at = found.best.misses
    return lines(
        label,
        [Line("", "one", drawn)],
        x=share,
        y=number,
        log=True,
        bands=[Band("", "event", at - _HALF_MARK, at + _HALF_MARK)],
        limit=most or None,
        height=170,
    )


def _table(label: str, found: LabelPoints, most: float) -> list[Markup]:
    best = found.best
    of_it = f"{counted(best.recordings, 'recording')} of it, {number(float(f'{best.hours:.3g}'))} h of others."
    rows = [
        [number(one.threshold), share(one.misses), number(one.false_an_hour), "chosen" if one is best else ""]
        for one in found.points
    ]
    return [
        tag("h2", label),
        tag("p", of_it, class_="soft"),
        *(
            [tag("p", f"No threshold has at most {number(most)} false events an hour.", class_="warning")]
            if best.false_an_hour > most
            else []
        ),
        table(["threshold", "missed", "false an hour", ""], rows),
    ]
