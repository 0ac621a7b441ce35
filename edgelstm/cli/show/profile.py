"""Profiles as text: a column for each model of each board, as many side by side as the screen takes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgelstm.cli.show import style, text
from edgelstm.cli.show.board import cores, known, memory, moment
from edgelstm.devices.machine.conditions import highest
from edgelstm.devices.machine.usage import grown
from edgelstm.devices.profiling.histogram import SPREAD, figure
from edgelstm.devices.units import NONE, show_decimal, show_figure, show_hertz, show_size, show_time
from edgelstm.records import Unavailable

if TYPE_CHECKING:
    from edgelstm.devices import Report
    from edgelstm.devices.profiling.measure import Latency, Phase
    from edgelstm.devices.profiling.report import Run, Verdict

_CELL = 11
_MOST_POINTS = 12  # of a soak's course

Rows = list[tuple[str, str]]


def table(reports: Sequence[Report], columns: int | None = None) -> str:
    """Boards, then a column for each of their models, in a screen `columns` wide (the terminal's, at least 80)."""
    several = len(reports) > 1
    lines = [line for report in reports for line in _board(report)]
    pairs = [(report.board, run) for report in reports for run in report.runs]
    inputs = "; ".join(dict.fromkeys(run.input for _, run in pairs))
    lines.append(text.paragraph(inputs, f"{'input':<12}", " " * 12))
    cells = [_column(run, board.name if several else None) for board, run in pairs]
    screen = columns or shutil.get_terminal_size((text.WIDTH, 24)).columns
    lines += ["", text.columns(cells, max(screen, text.WIDTH))]
    for _, run in pairs:
        lines += _course(run)
    left_out = [one for report in reports for one in report.skipped]
    lines += [text.paragraph(f"{one.file}: not measured: {one.reason}") for one in left_out]
    kept = [_kept(run, verdict) for _, run in pairs for verdict in run.budget if verdict.holds]
    return "\n".join([*lines, *([""] if kept else []), *(text.paragraph(line, style.passed("")) for line in kept)])


def breaches(reports: Sequence[Report]) -> list[str]:
    """One line for each budget that was broken, or that nobody can tell was kept."""
    several = len(reports) > 1
    return [
        f"{run.model.file}{f' on {report.board.name}' if several else ''}: {_found(verdict)}, from {verdict.source}"
        for report in reports
        for run in report.runs
        for verdict in run.budget
        if not verdict.holds
    ]


def _board(report: Report) -> list[str]:
    board, runs = report.board, report.runs
    line = f"{board.name}: {cores(board)}, {memory(board)}, {board.architecture}"
    lines = [text.paragraph(line + (", a virtual machine" if board.virtual is True else ""))]
    if board.emulated is True:
        lines.append("EMULATED: times mean nothing here, and memory is in part the emulator's")
    during = [point.moment.conditions for run in runs for point in run.latency.steady.intervals[-1:]]
    told = [("before", runs[0].before), *(("during", one) for one in during[-1:]), ("after", runs[-1].after)]
    moments = [(when, moment(conditions)) for when, conditions in told]
    if len({found for _, found in moments}) == 1:
        moments = [("throughout", moments[0][1])]
    return [*lines, text.named(moments, width=12)]


def _column(run: Run, board: str | None) -> Rows:
    """(name, value) of each line of the table; every run has the same names."""
    model, latency = run.model, run.latency
    kernel = model.kernel if isinstance(model.kernel, str) else NONE
    stages = {stage.name: stage.memory.resident for stage in run.stages}
    last = run.stages[-1]
    usage = last.usage
    answer = NONE if isinstance(model.answer, Unavailable) else model.answer.words
    return [
        *([("", _shortened(board))] if board is not None else []),
        ("", _shortened(model.file)),
        ("precision, kernel", f"{model.precision}, {kernel}"),
        ("engine", model.engine),
        ("file", show_size(model.size)),
        ("open, make a stream", f"{show_time(1000 * run.open_ms)}, {show_time(run.stream_us)}"),
        ("first frame, warm-up p50", f"{show_time(latency.first_us)}, {show_time(latency.warm_up.p50_us)}"),
        *_phases(latency),
        *_sharing(run),
        ("memory at start", show_size(run.stages[0].memory.resident)),
        ("  + model opened", _more(stages, "model opened", "start")),
        ("  + stream made", _more(stages, "stream made", "model opened")),
        ("  growth after warm-up", show_size(run.growth)),
        ("  peak, shared fairly", f"{show_size(last.memory.peak)}, {show_size(last.memory.proportional)}"),
        ("faults: minor, major", f"{usage.minor_faults:,}, {usage.major_faults:,}"),
        ("answers", answer),
        ("one stream, its state", f"{show_size(model.stream_bytes)}, {show_size(model.state_bytes)}"),
    ]


def _sharing(run: Run) -> Rows:
    """Of all runs of a plan, or of none."""
    if isinstance(run.sharing, Unavailable):
        return []
    several, one = show_time(run.sharing.p50_us), show_time(run.sharing.alone_p50_us)
    return [(f"  {run.sharing.threads} threads, 1 in turns", f"{several}, {one}")]


def _phases(latency: Latency) -> Rows:
    phases = [("flat out", latency.flat), ("paced", latency.paced), ("soak", latency.soak)]
    found = [(name, phase) for name, phase in phases if not isinstance(phase, Unavailable)]

    def row(name: str, values: list[str]) -> tuple[str, str]:
        return name, "".join(f" {value:>{_CELL - 1}}" for value in values)

    spreads = [phase.spread for _, phase in found]
    return [
        row("a frame", [_title(name, phase) for name, phase in found]),
        *(row(f"  {name}", [show_time(figure(spread, field)) for spread in spreads]) for name, field in SPREAD),
        row("  frames", [f"{spread.frames:,}" for spread in spreads]),
        row("  deadlines missed", [_pacing(phase, "misses") for _, phase in found]),
        row("  woken late: p50", [_pacing(phase, "p50_us") for _, phase in found]),
        row("  woken late: max", [_pacing(phase, "max_us") for _, phase in found]),
        row("  a second can take", [f"{phase.frames_per_second:,.0f}" for _, phase in found]),
        ("  the clock's share", show_time(latency.overhead_us)),
    ]


def _title(name: str, phase: Phase) -> str:
    return name if isinstance(phase.pacing, Unavailable) or name == "soak" else show_hertz(phase.pacing.rate)


def _pacing(phase: Phase, figure: str) -> str:
    pacing = phase.pacing
    if isinstance(pacing, Unavailable):
        return ""
    if figure == "misses":
        return f"{pacing.misses:,}"
    return NONE if isinstance(pacing.late, Unavailable) else show_time(getattr(pacing.late, figure))


def _course(run: Run) -> list[str]:
    """A soak, thinned to what a screen takes; the JSON and the page have all of it."""
    soak = run.latency.soak
    if isinstance(soak, Unavailable):
        return []
    step = -(-len(soak.intervals) // _MOST_POINTS)
    lines = ["", f"{run.model.file}, soaking"]
    header = ("until", "frames", "p50", "p99", "max", "missed", "resident", "°C", "MHz")
    rows = [header]
    for point in soak.intervals[step - 1 :: step]:
        conditions = point.moment.conditions
        rows.append(
            (
                f"{point.end_s:,.0f} s",
                f"{point.spread.frames:,}",
                show_time(point.spread.p50_us),
                show_time(point.spread.p99_us),
                show_time(point.spread.max_us),
                "" if isinstance(soak.pacing, Unavailable) else f"{point.misses:,}",
                show_size(point.moment.memory.resident),
                show_decimal(highest(conditions.temperature_c), 1),
                show_decimal(highest(conditions.clock_mhz), 0),
            )
        )
    return [*lines, text.table(rows[0], rows[1:])]


def _kept(run: Run, verdict: Verdict) -> str:
    return f"{run.model.file}: {_found(verdict)}"


def _found(verdict: Verdict) -> str:
    found, unit = verdict.found, verdict.unit
    shown = known(found) if isinstance(found, Unavailable) else show_figure(found, unit)
    return f"{verdict.name} {shown}, budget {show_figure(verdict.limit, unit)}"


def _more(stages: dict[str, int | Unavailable], now: str, before: str) -> str:
    none = Unavailable("not measured")
    return show_size(grown(stages.get(before, none), stages.get(now, none)))


def _shortened(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"
