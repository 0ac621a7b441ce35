"""The parts of the page that depend on what the model tells."""

from __future__ import annotations

from collections.abc import Sequence

from edgelstm.page.markup import Markup, cards, tag
from edgelstm.page.style import SHADES
from edgelstm.report.page.labels import label_table, left_out
from edgelstm.report.page.numbers import outputs_sections
from edgelstm.report.page.scores import event_sections, symbol_sections, tag_sections
from edgelstm.report.page.text import way
from edgelstm.report.record import ClassCounts, ModelReport, Result

_NARROW = 8  # classes, whose confusion fits a card


def sections(report: ModelReport) -> list[Markup]:
    """Of whatever the results have."""
    results = report.results
    found: list[Markup] = []
    if any(result.classes for result in results):
        found += _class_sections(results)
    if any(result.tags for result in results):
        found += tag_sections(results)
    if any(result.outputs for result in results):
        found += outputs_sections(results, report.about.sample_rate)
    if any(result.events for result in results):
        found += event_sections(results, report.about.sample_rate)
    if any(result.symbols for result in results):
        found += symbol_sections(results)
    return found


def _class_sections(results: Sequence[Result]) -> list[Markup]:
    counted = [(way(result), result.classes) for result in results if result.classes]
    first = counted[0]
    confusions = [_confusion(name, found) for name, found in counted]
    is_narrow = len(first[1].labels) <= _NARROW
    return [
        tag("h2", "Classes"),
        label_table([(name, found.rows) for name, found in counted]),
        *left_out(first[1].rows_left_out, "classes"),
        tag("h2", "Decisions"),
        tag("p", "A row is what is true, a column what was decided, by the numbers of the rows.", class_="soft"),
        cards(confusions) if is_narrow else tag("div", *confusions),
    ]


def _confusion(name: str, found: ClassCounts) -> Markup:
    """Shaded by the share of a row: right ones in one colour, wrong ones in another."""
    header = [name, *(str(n + 1) for n in range(len(found.labels)))]
    body = []
    for n, (label, row) in enumerate(zip(found.labels, found.confusion)):
        whole = max(sum(row), 1)
        cells = [tag("th", f"{n + 1} {label}", scope="row")]
        for place, count in enumerate(row):
            shade = min(SHADES, -(-SHADES * count // whole))
            kind = "heat" if place == n else "miss"
            text = f"{count:,}" if count else "·"
            cells.append(tag("td", text, class_=f"{kind}{shade}" if shade else None))
        body.append(tag("tr", *cells))
    head = tag("tr", *(tag("th", cell, scope="col") for cell in header))
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body), class_="dense"), class_="scroll")
