"""The part of the page about one model on one board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgelstm.devices.machine.conditions import Conditions, highest
from edgelstm.devices.machine.detect import Board
from edgelstm.devices.profiling.histogram import FEWEST, SPREAD, figure
from edgelstm.devices.profiling.measure import Interval, Phase
from edgelstm.devices.profiling.page.charts import Counts, Line, courses, histogram
from edgelstm.devices.profiling.proven import show_agreement
from edgelstm.devices.profiling.report import Report, Run, Verdict
from edgelstm.devices.units import NONE, show_decimal, show_figure, show_hertz, show_number, show_size, show_time
from edgelstm.page.charts import Bar, bars
from edgelstm.page.markup import Markup, facts, table, tag
from edgelstm.records import Unavailable

T = TypeVar("T")

_STYLES = {"flat": "one", "paced": "two", "soak": "three"}
_NAMES = {"flat": "flat out", "paced": "paced", "soak": "soak"}


def run_section(name: str, report: Report, run: Run) -> Markup:
    phases = [(part, phase) for part in _STYLES if not isinstance(phase := getattr(run.latency, part), Unavailable)]
    longest, course = max(phases, key=lambda one: one[1].seconds)
    cards = [
        _facts(report.board, run),
        *_distributions(phases),
        _percentiles(phases),
        *_courses(_NAMES[longest], course.intervals),
        _stages(run),
        _conditions(run, course.intervals),
    ]
    return tag(
        "section",
        tag("h2", name),
        tag("div", *(tag("div", card, class_="card") for card in cards if card), class_="cards"),
    )


def budget_row(name: str, verdict: Verdict) -> list[str | Markup]:
    found, unit = verdict.found, verdict.unit
    return [
        name,
        verdict.name,
        tag("span", "kept", class_="good") if verdict.holds else tag("span", "broken", class_="bad"),
        f"unknown: {found.reason}" if isinstance(found, Unavailable) else show_figure(found, unit),
        show_figure(verdict.limit, unit),
        verdict.source,
    ]


def _facts(board: Board, run: Run) -> Markup:
    model = run.model
    cores = " + ".join(f"{kind.count} × {_text(kind.name)}" for kind in board.cores)
    virtual = ", a virtual machine" if board.virtual is True else ""
    emulated = ", emulated: times mean nothing" if board.emulated is True else ""
    rows = [
        ("board", f"{board.name}{virtual}{emulated}"),
        ("cores", f"{cores}, {board.architecture}"),
        ("system", f"{_text(board.system)}, {board.kernel}, Python {board.python}"),
        ("engine", f"{model.engine}, {model.precision}, kernel {_text(model.kernel)}"),
        ("file", f"{show_size(model.size)}, SHA-256 {model.sha256[:12]}"),
        ("agrees", show_agreement(model.agrees)),
        ("frames", run.input),
        ("core", f"pinned to {run.core}" if isinstance(run.core, int) else run.core.reason),
        ("open, stream", f"{show_time(1000 * run.open_ms)}, {show_time(run.stream_us)}"),
        *([] if isinstance(run.sharing, Unavailable) else [("threads", run.sharing.words)]),
        (
            "first frame",
            f"{show_time(run.latency.first_us)}, warm-up p50 {show_time(run.latency.warm_up.p50_us)}",
        ),
        ("answers", _text(model.answer if isinstance(model.answer, Unavailable) else model.answer.words)),
        ("stream", f"{show_size(model.stream_bytes)}, of which state {show_size(model.state_bytes)}"),
        ("clock's share", f"{show_time(run.latency.overhead_us)} of each time"),
    ]
    return Markup(tag("h3", "Model and board") + facts(rows))


def _distributions(phases: Sequence[tuple[str, Phase]]) -> list[Markup]:
    sets = [
        Counts(_NAMES[part], _STYLES[part], _shares(phase)) for part, phase in phases if phase.spread.frames >= FEWEST
    ]
    return [histogram("Latency distribution (share of frames)", sets)] if sets else []


def _shares(phase: Phase) -> list[tuple[float, float, float]]:
    steps = phase.distribution
    return [
        (low, high, count / phase.spread.frames) for low, high, count in zip(steps.from_us, steps.to_us, steps.counts)
    ]


def _each(figures: Sequence[T | Unavailable], show: Callable[[T], str]) -> list[str]:
    return [NONE if isinstance(one, Unavailable) else show(one) for one in figures]


def _percentiles(phases: Sequence[tuple[str, Phase]]) -> Markup:
    spreads = [phase.spread for _, phase in phases]
    pacings = [phase.pacing for _, phase in phases]
    rows: list[list[str | Markup]] = [
        [name, *(show_time(figure(spread, field)) for spread in spreads)] for name, field in SPREAD
    ]
    rows.append(["frames", *(show_number(spread.frames) for spread in spreads)])
    if any(not isinstance(pacing, Unavailable) for pacing in pacings):
        late = [pacing if isinstance(pacing, Unavailable) else pacing.late for pacing in pacings]
        rows += [
            ["rate", *_each(pacings, lambda one: show_hertz(one.rate))],
            ["deadlines missed", *_each(pacings, lambda one: show_number(one.misses))],
            ["of these, too slow", *_each(pacings, lambda one: show_number(one.slow))],
            ["woken late: p50", *_each(late, lambda one: show_time(one.p50_us))],
            ["woken late: max", *_each(late, lambda one: show_time(one.max_us))],
        ]
    return Markup(tag("h3", "Time of a frame") + table(["", *(_NAMES[part] for part, _ in phases)], rows))


def _courses(name: str, intervals: Sequence[Interval]) -> list[Markup]:
    """What rises while it runs: latency, memory, temperature, and the clock that falls."""

    def line(title: str, style: str, figure: Callable[[Interval], float | Unavailable]) -> Line:
        found = [(point.end_s, figure(point)) for point in intervals]
        return Line(title, style, [(time, value) for time, value in found if not isinstance(value, Unavailable)])

    latency = [
        line("p50", "one", lambda point: point.spread.p50_us),
        line("p99", "two", lambda point: point.spread.p99_us),
    ]
    slowest = [line("the slowest frame", "three", lambda point: point.spread.max_us)]
    heat = [line("the hottest zone", "two", lambda point: _largest(point.moment.conditions.temperature_c))]
    clock = [line("the fastest core", "one", lambda point: _largest(point.moment.conditions.clock_mhz))]
    power = [line("the largest sensor", "three", lambda point: _largest(point.moment.conditions.power_w))]
    memory = [line("resident", "three", lambda point: _float(point.moment.memory.resident))]
    return [
        courses(f"Latency over time, {name}", latency, log=True, label=show_time),
        courses(f"Slowest frame, {name}", slowest, log=True, label=show_time),
        courses(f"Temperature, {name}", heat, log=False, label=lambda value: f"{value:.3g} °C"),
        courses(f"Clock, {name}", clock, log=False, label=lambda value: f"{value / 1000:.3g} GHz"),
        courses(f"Power, {name}", power, log=False, label=lambda value: f"{value:.3g} W"),
        courses(f"Memory over time, {name}", memory, log=False, label=show_size),
    ]


def _stages(run: Run) -> Markup:
    rows = []
    for stage in run.stages:
        memory = stage.memory
        parts = [("three", memory.resident), ("one", memory.proportional)]
        known = [(style, float(count)) for style, count in parts if not isinstance(count, Unavailable)]
        rows.append(Bar(stage.name, known, f"{show_size(memory.resident)}, {show_size(memory.proportional)}"))
    legend = [("resident", "three"), ("its share, where pages are shared", "one")]
    header = ["", "faults: minor", "major", "preempted"]
    faults: list[list[str | Markup]] = [
        [
            stage.name,
            show_number(stage.usage.minor_faults),
            show_number(stage.usage.major_faults),
            show_number(stage.usage.preemptions),
        ]
        for stage in run.stages
    ]
    return Markup(bars("Memory by stage", rows, legend) + table(header, faults))


def _conditions(run: Run, intervals: Sequence[Interval]) -> Markup:
    moments = [("before", run.before)]
    if intervals:
        moments.append(("at worst", _worst([point.moment.conditions for point in intervals])))
    moments.append(("after", run.after))
    figures: list[tuple[str, Callable[[Conditions], str]]] = [
        ("clock, MHz", lambda now: show_decimal(highest(now.clock_mhz), 0)),
        ("governor", lambda now: _text(now.governor)),
        ("temperature, °C", lambda now: show_decimal(highest(now.temperature_c), 1)),
        ("power, W", lambda now: show_decimal(highest(now.power_w), 2)),
        ("load", lambda now: NONE if isinstance(now.load, Unavailable) else f"{now.load:.3g}"),
    ]
    rows: list[list[str | Markup]] = [[name, *(show(now) for _, now in moments)] for name, show in figures]
    throttling = facts((name, _throttling(now)) for name, now in moments)
    listed = table(["", *(name for name, _ in moments)], rows)
    return Markup(tag("h3", "Clock, temperature") + listed + tag("h3", "Throttling") + throttling)


def _worst(course: Sequence[Conditions]) -> Conditions:
    """Of all moments of a run: the lowest clock of the fastest core, the highest temperature, every throttling."""

    def extreme(name: str, choose: Callable[[list[float]], float]) -> dict[str, float] | Unavailable:
        found = [_largest(getattr(now, name)) for now in course]
        values = [value for value in found if not isinstance(value, Unavailable)]
        return {"": choose(values)} if values else Unavailable("no sensor")

    throttling = [now.throttling for now in course if not isinstance(now.throttling, Unavailable)]
    words = dict.fromkeys(word for one in throttling for word in one)
    loads = [now.load for now in course if not isinstance(now.load, Unavailable)]
    return Conditions(
        clock_mhz=extreme("clock_mhz", min),
        governor=course[-1].governor,
        temperature_c=extreme("temperature_c", max),
        throttling=tuple(words) if throttling else Unavailable("not known"),
        power_w=extreme("power_w", max),
        load=max(loads) if loads else Unavailable("not known"),
    )


def _throttling(now: Conditions) -> str:
    return NONE if isinstance(now.throttling, Unavailable) else ", ".join(now.throttling) or "none"


def _text(value: str | Unavailable) -> str:
    return NONE if isinstance(value, Unavailable) else value


def _float(value: int | Unavailable) -> float | Unavailable:
    return value if isinstance(value, Unavailable) else float(value)


def _largest(values: dict[str, float] | Unavailable) -> float | Unavailable:
    if isinstance(values, Unavailable) or not values:
        return Unavailable("no sensor")
    return max(values.values())
