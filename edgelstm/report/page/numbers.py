"""Numbers that are told: errors by output and by how far ahead, and what was told beside what came."""

from __future__ import annotations

from collections.abc import Sequence

from edgelstm.page.charts import Dots, Line, counts, lines, scatter
from edgelstm.page.markup import Markup, cards, table, tag
from edgelstm.plain import in_unit
from edgelstm.report.page.labels import left_out
from edgelstm.report.page.text import Clock, number, share, way
from edgelstm.report.record import OutputCounts, OutputFigures, Result

_NAMES = {"rmse": "RMSE", "mae": "MAE", "pinball_loss": "pinball loss", "level": "level", "below": "share below"}
_STYLES = ("one", "one dashed", "four", "four dashed")
_OF_GUESSES = ("two", "three", "five")


def outputs_sections(results: Sequence[Result], sample_rate: float) -> list[Markup]:
    counted = [(way(result), result.outputs) for result in results if result.outputs]
    fresh = [(way(result), result.outputs) for result in results if result.outputs and not result.streamed]
    found = [tag("h2", "Errors"), _table(counted)]
    if counted[0][1].rows[0].guesses:
        about = "A skill of 100 % is perfect, 0 % is no better than the guess."
        found += [tag("h2", "Beside simple guesses"), tag("p", about, class_="soft"), _guesses(counted)]
    found += left_out(counted[0][1].rows_left_out, "outputs")
    by_step = _by_step(counted, sample_rate)
    if any(by_step):
        found += [tag("h2", "Error by how far ahead"), cards(by_step)]
    told = [chart for n in range(len(counted[0][1].rows)) for chart in _told(fresh, n)]
    if any(told):
        about = "Some answers, evenly chosen; on the line, what was told is what came."
        found += [tag("h2", "Told beside what came"), tag("p", about, class_="soft"), cards(told)]
    return found


def _table(counted: Sequence[tuple[str, OutputCounts]]) -> Markup:
    error = counted[0][1].error
    first = counted[0][1].rows
    others = [name for name in first[0].figures if name != error]
    header = [
        _NAMES.get(error, error),
        *(name for name, _ in counted),
        *(f"{_NAMES.get(name, name)}, {counted[0][0]}" for name in others),
        "deviation of the truth",
        "answers",
    ]
    rows = [
        [
            _named(row),
            *(number(found.rows[n].figures.get(error)) for _, found in counted),
            *((share if name in ("level", "below") else number)(row.figures[name]) for name in others),
            number(row.deviation),
            f"{row.count:,}",
        ]
        for n, row in enumerate(first)
    ]
    return table(header, rows)


def _guesses(counted: Sequence[tuple[str, OutputCounts]]) -> Markup:
    """Errors of simple guesses, and how much better each precision is."""
    error, first = counted[0][1].error, counted[0][1].rows
    guesses = list(first[0].guesses)
    header = [
        "",
        *(f"{_NAMES.get(error, error)} of {guess}" for guess in guesses),
        *(f"skill against {guess}, {name}" for guess in guesses for name, _ in counted[:2]),
    ]
    rows = [
        [
            _named(row),
            *(number(row.guesses[guess]) for guess in guesses),
            *(share(found.rows[n].skills[guess]) for guess in guesses for _, found in counted[:2]),
        ]
        for n, row in enumerate(first)
    ]
    return table(header, rows)


def _named(row: OutputFigures) -> str:
    return in_unit(row.output, row.unit)


def _by_step(counted: Sequence[tuple[str, OutputCounts]], sample_rate: float) -> list[Markup]:
    """A chart for each column that is told more than one step ahead."""
    first, error = counted[0][1].rows, counted[0][1].error
    found = []
    for column in dict.fromkeys(row.column for row in first):
        places = [n for n, row in enumerate(first) if row.column == column]
        if len({first[n].ahead for n in places}) < 2 or len({first[n].ahead for n in places}) < len(places):
            continue
        clock = Clock(sample_rate, max(first[n].ahead for n in places))
        drawn = [
            Line(name, style, _points([found.rows[n] for n in places], error, clock))
            for (name, found), style in zip(counted, _STYLES)
        ]
        for guess, style in zip(first[0].guesses, _OF_GUESSES):
            points = [(clock.time(first[n].ahead), first[n].guesses[guess]) for n in places]
            drawn.append(Line(guess, style, [(at, value) for at, value in points if value is not None]))
        named = in_unit(column, first[places[0]].unit)
        found.append(lines(f"{_NAMES.get(error, error)} of {named}", drawn, x=clock.label))
    return found


def _points(rows: Sequence[OutputFigures], error: str, clock: Clock) -> list[tuple[float, float]]:
    values = [(clock.time(row.ahead), row.figures.get(error)) for row in rows]
    return [(at, value) for at, value in values if value is not None]


def _told(fresh: Sequence[tuple[str, OutputCounts]], n: int) -> list[Markup]:
    """Of one output: dots of what was told over what came, and how the differences lie."""
    row = fresh[0][1].rows[n]
    if len(row.truth) < 2:
        return []
    name = in_unit(row.output, row.unit)
    styles = ("one", "two", "three", "four")
    clouds = [
        Dots(of, style, list(zip(found.rows[n].truth, found.rows[n].told)))
        for (of, found), style in zip(fresh, styles)
    ]
    residuals = counts(f"told − came, {name}", row.edges, [(fresh[0][0], "one", row.residuals)])
    return [scatter(f"told over came, {name}", clouds, diagonal=True), residuals]
