"""Events over thresholds: which makes how many false ones an hour, and misses how much; in a report, or as a page."""

from __future__ import annotations

from edgelstm.page.charts import Band, Line, lines
from edgelstm.page.document import document
from edgelstm.page.markup import Markup, cards, table, tag
from edgelstm.plain import counted
from edgelstm.report.page.text import number, share
from edgelstm.report.record import FalseEvents, WatchedLabel

_HALF_MARK = 0.004  # of the share that is missed
_MOST_TABLES = 24


def false_events_page(model: str, found: FalseEvents) -> str:
    """The whole page. model: its name."""
    return document(f"EdgeLSTM events: {model}", [tag("h1", f"{model}: events"), *_parts(found, "h2")])


def false_events_section(found: FalseEvents | None) -> list[Markup]:
    """What a model's report says of them; nothing where it does not know."""
    return [] if found is None else [tag("h2", "False events"), *_parts(found, "h3")]


def _parts(found: FalseEvents, heading: str) -> list[Markup]:
    mark = "The mark is the threshold that was chosen"
    limit = "" if found.most is None else ", the line what was allowed"
    return [
        tag("p", f"On {found.data}, one stream through all recordings, as deployed.", class_="soft"),
        tag(
            "p",
            f"False events an hour over the share of recordings that were missed, a point for each threshold. {mark}"
            f"{limit}. No false event is drawn as half of one.",
            class_="soft",
        ),
        cards(_curve(one, found.most) for one in found.labels),
        *(part for one in found.labels[:_MOST_TABLES] for part in _table(one, found.most, heading)),
    ]


def _curve(found: WatchedLabel, most: float | None) -> Markup:
    """Logarithmic: low thresholds have hundreds of times what anybody would bear."""
    drawn = [(one.misses, max(one.false, 0.5) / one.hours) for one in found.points]
    marks = []
    if found.chosen is not None and found.chosen < len(found.points):
        at = found.points[found.chosen].misses
        marks = [Band("", "event", at - _HALF_MARK, at + _HALF_MARK)]
    return lines(
        found.label,
        [Line("", "one", drawn)],
        x=share,
        y=number,
        log=True,
        bands=marks,
        limit=most or None,
        height=170,
    )


def _table(found: WatchedLabel, most: float | None, heading: str) -> list[Markup]:
    first = found.points[0]
    of_it = f"{counted(first.recordings, 'recording')} of it, {number(float(f'{first.hours:.3g}'))} h of others."
    rows = [
        [number(one.threshold), share(one.misses), number(one.false_an_hour), "chosen" * (place == found.chosen)]
        for place, one in enumerate(found.points)
    ]
    breaks = most is not None and min(one.false_an_hour for one in found.points) > most
    return [
        tag(heading, found.label),
        tag("p", of_it, class_="soft"),
        *(
            [tag("p", f"No threshold has at most {number(most)} false events an hour.", class_="warning")]
            if breaks
            else []
        ),
        table(["threshold", "missed", "false an hour", ""], rows),
    ]
