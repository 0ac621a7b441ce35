"""Reports as one page of HTML: self-contained, without scripts, for a phone as for a screen.

A report may come from a board that nobody vouches for; `edgelstm.page` sees to it that it cannot write on the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgelstm.devices.profiling.histogram import figure
from edgelstm.devices.profiling.measure import Phase
from edgelstm.devices.profiling.page.charts import Range, ranges
from edgelstm.devices.profiling.page.run import budget_row, run_section
from edgelstm.devices.profiling.report import Report, Run
from edgelstm.devices.units import NONE, show_number, show_size, show_time
from edgelstm.page.charts import Bar, bars
from edgelstm.page.document import document
from edgelstm.page.markup import Markup, join, table, tag
from edgelstm.records import Unavailable

_PERCENTILES = (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p99_9_us"), ("max", "max_us"))


@dataclass(frozen=True)
class Quality:
    """How good the model is that was run, as its own report says."""

    figure: str  # accuracy, RMSE …
    fresh: str  # its value, each recording from a fresh state
    streamed: str | None
    data: str  # that it was judged on
    page: str  # where that report is: a link that is relative to this page


def page(reports: Sequence[Report], qualities: Mapping[str, Quality] | None = None) -> str:
    """The whole page for at least one report. qualities: SHA-256 of a file that was run → what is known of it."""
    named = _named(reports)
    boards = "board" if len(reports) == 1 else "boards"
    models = "model" if len(named) == 1 else "models"
    body = [
        tag("h1", "What a frame costs"),
        tag(
            "p",
            f"{len(named)} {models} on {len(reports)} {boards}, measured "
            + ", ".join(dict.fromkeys(report.measured_at[:16].replace("T", " ") for report in reports))
            + " UTC. Times are those of a call from Python, a frame in hand to the answer.",
            class_="soft",
        ),
        *_warnings(reports),
        tag("h2", "Side by side"),
        _summary(named, qualities or {}),
        *_skipped(reports),
        tag("div", *_comparison(named), class_="cards"),
        *_budgets(named),
        *(run_section(name, report, run) for name, report, run in named),
        _footer(),
    ]
    names = ", ".join(dict.fromkeys(name for name, _, _ in named))
    return document(f"EdgeLSTM profile: {names}", body)


def _named(reports: Sequence[Report]) -> list[tuple[str, Report, Run]]:
    """Each run with a name that tells it from the others: its file, its board, and when that is not enough, when."""
    pairs = [(report, run) for report in reports for run in report.runs]
    names = [run.model.file for _, run in pairs]
    if len(reports) > 1:
        names = [f"{name} · {report.board.name}" for name, (report, _) in zip(names, pairs)]
        counts = Counter(names)
        names = [
            f"{name} · {report.measured_at[:16].replace('T', ' ')}" if counts[name] > 1 else name
            for name, (report, _) in zip(names, pairs)
        ]
    marks = [" (emulated)" if report.board.emulated is True else "" for report, _ in pairs]
    return [(name + mark, report, run) for name, mark, (report, run) in zip(names, marks, pairs)]


def _warnings(reports: Sequence[Report]) -> list[Markup]:
    return [
        tag(
            "p",
            f"{report.board.name} is emulated: its times mean nothing, and its memory is in part the emulator's.",
            class_="warning",
        )
        for report in reports
        if report.board.emulated is True
    ]


def _summary(named: Sequence[tuple[str, Report, Run]], qualities: Mapping[str, Quality]) -> Markup:
    columns: list[tuple[str, Callable[[Run], str]]] = [
        ("p50", lambda run: _figure(run.latency.flat, "p50_us")),
        ("p99", lambda run: _figure(run.latency.flat, "p99_us")),
        ("max", lambda run: _figure(run.latency.flat, "max_us")),
        ("p50 paced", lambda run: _figure(run.latency.paced, "p50_us")),
        ("p99 paced", lambda run: _figure(run.latency.paced, "p99_us")),
        ("missed", lambda run: _missed(run.latency.paced)),
        ("resident", lambda run: show_size(run.stages[-1].memory.resident)),
        ("stream", lambda run: show_size(run.model.stream_bytes)),
        ("engine", lambda run: run.model.engine),
        ("precision", lambda run: run.model.precision),
    ]
    known = [qualities.get(run.model.sha256) for _, _, run in named]
    scores = ["score", "streamed", "score on"] if any(known) else []
    rows: list[list[str | Markup]] = [
        [name, *(_scores(quality) if scores else []), *(show(run) for _, show in columns)]
        for (name, _, run), quality in zip(named, known)
    ]
    return table(["", *scores, *(title for title, _ in columns)], rows)


def _scores(quality: Quality | None) -> list[str | Markup]:
    if quality is None:
        return [NONE] * 3
    link = tag("a", f"{quality.figure} {quality.fresh}", href=quality.page)
    return [link, quality.streamed or NONE, quality.data]


def _figure(phase: Phase | Unavailable, field: str) -> str:
    return NONE if isinstance(phase, Unavailable) else show_time(figure(phase.spread, field))


def _missed(phase: Phase | Unavailable) -> str:
    if isinstance(phase, Unavailable) or isinstance(phase.pacing, Unavailable):
        return NONE
    return f"{show_number(phase.pacing.misses)} of {show_number(phase.spread.frames)}"


def _skipped(reports: Sequence[Report]) -> list[Markup]:
    return [
        tag("p", f"{one.file} on {report.board.name} was not measured: {one.reason}", class_="soft")
        for report in reports
        for one in report.skipped
    ]


def _comparison(named: Sequence[tuple[str, Report, Run]]) -> list[Markup]:
    legend = [("from p50 (large) over p99 and p99.9 to the slowest", "one")]
    cards = []
    for title, part in (("Flat out", "flat"), ("Paced like the sensor", "paced")):
        rows = []
        for name, _, run in named:
            phase = getattr(run.latency, part)
            if not isinstance(phase, Unavailable):
                rows.append(Range(name, "one" if part == "flat" else "two", _marks(phase)))
        if rows:
            key = [(text, "one" if part == "flat" else "two") for text, _ in legend]
            cards.append(tag("div", ranges(f"{title}: time of a frame", rows, key), class_="card"))
    memory = [
        Bar(
            name,
            [
                (style, float(count))
                for style, count in (
                    ("three", run.stages[-1].memory.resident),
                    ("one", run.stages[-1].memory.proportional),
                )
                if not isinstance(count, Unavailable)
            ],
            show_size(run.stages[-1].memory.resident),
        )
        for name, _, run in named
    ]
    legend = [("resident", "three"), ("its share, where pages are shared", "one")]
    return [*cards, tag("div", bars("Memory of the process", memory, legend), class_="card")]


def _marks(phase: Phase) -> list[tuple[str, float]]:
    marks = [(name, figure(phase.spread, field)) for name, field in _PERCENTILES]
    return [(name, time) for name, time in marks if not isinstance(time, Unavailable)]


def _budgets(named: Sequence[tuple[str, Report, Run]]) -> list[Markup]:
    rows = [budget_row(name, verdict) for name, _, run in named for verdict in run.budget]
    header = ["", "figure", "", "found", "budget", "from"]
    return [tag("h2", "Budgets"), table(header, rows)] if rows else []


def _footer() -> Markup:
    return tag(
        "footer",
        join(
            [
                tag(
                    "p", "p99: of a hundred frames, ninety-nine took at most so long (0.4 % accurate, never too low)."
                ),
                tag("p", "Jitter: the standard deviation of the times, and p99 − p50."),
                tag(
                    "p",
                    "Missed: the answer was not there when the next frame was due. Woken late: from due to awake.",
                ),
                tag("p", "Resident: memory with shared pages counted fully. Share: shared pages divided by sharers."),
            ]
        ),
    )
