"""A model's report as one page of HTML. Everything in it is in the record that it is made of."""

from __future__ import annotations

from edgelstm.page.charts import Line, lines
from edgelstm.page.document import document
from edgelstm.page.markup import Markup, cards, table, tag
from edgelstm.plain import counted
from edgelstm.report.page.about import about_section, costs_section, subtitle
from edgelstm.report.page.false_events import false_events_section
from edgelstm.report.page.kinds import sections
from edgelstm.report.page.labels import left_out
from edgelstm.report.page.recordings import recordings
from edgelstm.report.page.text import NONE, epoch, number, share, show, small_share, way
from edgelstm.report.record import ModelReport


def page(report: ModelReport) -> str:
    """The whole page."""
    remarks = dict.fromkeys(remark for result in report.results for remark in result.remarks)
    body = [
        tag("h1", report.about.name),
        tag("p", subtitle(report), class_="soft"),
        _headlines(report),
        *(tag("p", remark, class_="warning") for remark in remarks),
        *(tag("p", note, class_="soft") for note in report.notes),
        *costs_section(report),
        tag("h2", "Figures"),
        _figures(report),
        *_lacking(report),
        *_training(report),
        *sections(report),
        *false_events_section(report.false_events),
        *_groups(report),
        *_ranges(report),
        *recordings(report),
        *about_section(report),
        _footer(),
    ]
    return document(f"EdgeLSTM report: {report.about.name}", body)


def _headlines(report: ModelReport) -> Markup:
    parts = []
    for result in report.results:
        headline = result.figures[0]
        about = f"{headline.name} of {result.answers:,}"
        parts.append(tag("div", tag("span", way(result)), tag("b", show(headline)), tag("span", about)))
    return tag("div", *parts, class_="figures")


def _figures(report: ModelReport) -> Markup:
    results = report.results
    rows = [
        [figure.name, *(show(result.figures[n]) if n < len(result.figures) else NONE for result in results)]
        for n, figure in enumerate(results[0].figures)
    ]
    return table(["", *map(way, results)], [*rows, ["answers", *(f"{result.answers:,}" for result in results)]])


def _lacking(report: ModelReport) -> list[Markup]:
    return [
        tag("p", f"{one.precision}{', streamed' if one.streamed else ''}: none: {one.why}", class_="soft")
        for one in report.lacking
    ]


def _training(report: ModelReport) -> list[Markup]:
    epochs = report.epochs
    if not epochs:
        return [tag("h2", "Training"), tag("p", f"How it went is not known: {report.no_epochs}", class_="soft")]
    loss = [
        Line("loss", "one", [(each.number, each.loss) for each in epochs]),
        Line(
            "held out",
            "two",
            [(each.number, each.validation_loss) for each in epochs if each.validation_loss is not None],
        ),
    ]
    score = [(float(each.number), each.score) for each in epochs if each.score is not None]
    rate = [(float(each.number), each.rate) for each in epochs if each.rate is not None]
    name, is_share = (report.score.name, report.score.is_share) if report.score else ("score", False)
    best = [each.number for each in epochs if each.best]
    kept = (
        f"Kept are the weights of epoch {best[-1]} of {len(epochs)}" if best else f"{counted(len(epochs), 'epoch')}"
    )
    shown = [
        lines("Loss", loss, x=epoch),
        lines(f"{name}, held out", [Line(name, "two", score)], x=epoch, y=share if is_share else number),
        lines("Rate of learning, at the epoch's end", [Line("", "three", rate)], x=epoch),
    ]
    seconds = sum(each.seconds for each in epochs)
    return [
        tag("h2", "Training"),
        tag("p", f"{kept}; it took {number(round(seconds, 1))} s.", class_="soft"),
        cards(shown) if any(shown) else _one_epoch(report),
    ]


def _one_epoch(report: ModelReport) -> Markup:
    only = report.epochs[0]
    rows = [["loss", number(only.loss)], ["held out", number(only.validation_loss)]]
    return table(["", "epoch 1"], rows)


def _groups(report: ModelReport) -> list[Markup]:
    groups = report.groups
    if groups is None:
        return []
    shape = groups.figure

    def shown(value: float | None) -> str:
        return share(value) if shape.is_share else number(value)

    rows = [[row.group, f"{row.answers:,}", *map(shown, row.values)] for row in groups.rows]
    unit = f" [{shape.unit}]" if shape.unit else ""
    return [
        tag("h2", "Groups"),
        table(["", "answers", *(f"{shape.name}{unit}, {column}" for column in groups.columns)], rows),
        *left_out(groups.rows_left_out, "groups"),
    ]


def _ranges(report: ModelReport) -> list[Markup]:
    ranges = report.ranges
    if ranges is None:
        return [tag("h2", "Ranges of int8"), tag("p", f"None: {report.no_ranges}", class_="soft")]
    rows = [[row.quantity, number(row.low), number(row.high), small_share(row.at_the_ends)] for row in ranges.rows]
    about = (
        "What the integers hold of each quantity, after normalization, as calibration chose it; and the share of "
        f"values that lie at an end of it, over {counted(ranges.frames, 'frame')} of these data."
    )
    return [
        tag("h2", "Ranges of int8"),
        tag("p", about, class_="soft"),
        table(["", "lowest", "highest", "values at the ends"], rows),
    ]


def _footer() -> Markup:
    return tag(
        "footer",
        tag(
            "p",
            "float32 and int8: the model's .elstm files in the C core; int8 is exactly what a board computes.",
        ),
        tag("p", "Fresh: each recording or window from a fresh state. Streamed: one state through all recordings."),
        tag("p", "Everything on this page is in report.json."),
    )
